//! The jobs of a day: many small ones, few large ones, from users of three priorities.

use super::Config;
use super::fairness::Demand;
use super::nodes::{SLOTS_HERE, SPEED, other_engine};
use crate::network_sim::dice::Dice;
use crate::network_sim::scene;
use candela_core::id::{BlobHash, EngineBuild, JobId, LeaseId, ReceiptId};
use candela_core::layers::Size;

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) priority: i32,
    /// How much it submits.
    weight: f64,
    /// Its last scene, often rendered again.
    pub(super) last: Option<(BlobHash, f64)>,
    /// What it renders with.
    pub(super) engine: EngineBuild,
    /// What it wants.
    pub(super) demand: Demand,
}

/// How far a frame is, as the simulation knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) waits_since: u64,
    pub(super) held: Option<LeaseId>,
    pub(super) rendered_ms: u64,
    pub(super) accepted: Option<ReceiptId>,
}

/// A job and what it costs.
#[derive(Debug, Clone)]
pub(super) struct SimJob {
    pub(super) id: JobId,
    pub(super) user: usize,
    pub(super) engine: EngineBuild,
    pub(super) scene: BlobHash,
    pub(super) scene_mb: f64,
    /// Time of a frame on the average node.
    pub(super) frame_ms: f64,
    pub(super) count: usize,
    /// Frame 1 first; none before it was inspected, and after it is over.
    pub(super) notes: Vec<Note>,
    pub(super) waiting: usize,
    pub(super) active_at: u64,
    pub(super) begun: bool,
    pub(super) over: bool,
}

/// Frames of a job and milliseconds of each on the average node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) frames: usize,
    pub(super) frame_ms: f64,
}

/// Four of five are small, one of thirty is large and has most of the work. On a small farm all have
/// fewer frames, so that there are enough of them.
pub(super) fn draw_work(nodes: usize, dice: &mut Dice) -> Work {
    let draw = dice.unit();
    let (frames, frame_s) = if draw < 0.80 {
        (dice.log_between(1.0, 40.0), dice.log_between(20.0, 600.0))
    } else if draw < 0.97 {
        (dice.log_between(40.0, 400.0), dice.log_between(120.0, 2_400.0))
    } else {
        (dice.log_between(400.0, 4_000.0), dice.log_between(1_800.0, 4_500.0))
    };
    let share = (nodes as f64 / 1e5).clamp(0.01, 1.0).sqrt();
    Work { frames: (frames * share).max(1.0) as usize, frame_ms: frame_s * 1_000.0 }
}

/// Mean time between two jobs, so that the load is what was asked for.
pub(super) fn arrival_ms(config: &Config) -> f64 {
    let mut dice = Dice::new(1);
    let draws = 100_000;
    let work: f64 = (0..draws)
        .map(|_| draw_work(config.nodes, &mut dice))
        .map(|work| work.frames as f64 * work.frame_ms)
        .sum();
    let slots = config.nodes as f64 * SLOTS_HERE * SPEED;
    work / f64::from(draws) / (slots * config.load)
}

/// The rate of arrivals at a time over its mean of a day: least at 4 h, most at 16 h.
pub(super) fn day_curve(now_ms: u64) -> f64 {
    let hour = now_ms as f64 / 3.6e6;
    1.0 - 0.6 * ((hour - 4.0) / 24.0 * std::f64::consts::TAU).cos()
}

/// Draws the users: a few submit much, most little.
pub(super) fn users(nodes: usize, dice: &mut Dice) -> Vec<User> {
    // One of five stays with the older build: of each ten other ones.
    let one = |at: usize| User {
        engine: if at % 5 == at / 10 % 5 { other_engine() } else { scene::engine() },
        name: format!("user {at}"),
        priority: [0, 0, 0, 0, 0, 0, 0, 0, 1, -1][at % 10],
        weight: 1.0 / (1.0 + at as f64).powf(0.7),
        last: None,
        demand: Default::default(),
    };
    let mut users: Vec<User> = (0..(nodes / 300).max(12)).map(one).collect();
    dice.shuffle(&mut users);
    users
}

/// Draws who submits next.
pub(super) fn draw_user(users: &[User], dice: &mut Dice) -> usize {
    let all: f64 = users.iter().map(|user| user.weight).sum();
    let mut left = dice.unit() * all;
    let found = users.iter().position(|user| {
        left -= user.weight;
        left < 0.0
    });
    found.unwrap_or(0)
}

/// Draws a job of a user. Every third renders the user's last scene again.
pub(super) fn draw_job(nodes: usize, users: &mut [User], dice: &mut Dice) -> SimJob {
    let user = draw_user(users, dice);
    let again = users[user].last.filter(|_| dice.chance(0.33));
    let drawn = (BlobHash(dice.bytes()), dice.log_between(20.0, 4_000.0));
    let (scene, scene_mb) = again.unwrap_or(drawn);
    users[user].last = Some((scene, scene_mb));
    let engine = users[user].engine.clone();
    let work = draw_work(nodes, dice);
    SimJob {
        id: JobId(0),
        user,
        engine,
        scene,
        scene_mb,
        frame_ms: work.frame_ms,
        count: work.frames,
        notes: Vec::new(),
        waiting: 0,
        active_at: 0,
        begun: false,
        over: false,
    }
}

/// The size and samples of a frame of that cost; what a sample costs differs threefold each way.
pub(super) fn picture(frame_ms: f64, dice: &mut Dice) -> (Size, u32) {
    let size = Size { width: 1_280, height: 720 };
    let per_pixel = frame_ms / size.pixels() as f64 * dice.log_between(333.0, 3_000.0);
    let samples = (per_pixel * 20.0).clamp(1.0, f64::from(candela_core::limits::SAMPLES_MAX));
    (size, samples as u32)
}

/// All builds that jobs ask for.
pub(super) fn engines() -> [EngineBuild; 2] {
    [scene::engine(), other_engine()]
}
