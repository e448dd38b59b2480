//! Error rates, measured on simulated tasks with fixed seeds: honest workers and cheats, in clumps.
//!
//! A task has five frames of 1280 × 720 pixels, the top third of them sky. For each frame probes are
//! drawn by [`probe_order`] from its noise map, and judged with those of the frames before by
//! [`judge_frame`], as the network does: five probes, then ten and twenty while the verdict is
//! undecided. A task is caught as soon as one of its frames is rejected. `cargo test -p
//! candela-proof --test simulation -- --nocapture` prints the table.

mod model;

use candela_core::id::BlobHash;
use candela_core::layers::{ProbeGrid, Region, Size};
use candela_proof::agreement::TileCounts;
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Progress, Verdict};
use candela_proof::key::{NoiseMap, VerificationKey, probe_order};
use model::{Cell, Dice};

const TASKS: u64 = 400;
const FRAMES: i32 = 5;
const SIZE: Size = Size { width: 1280, height: 720 };
const SKY_ROWS: u32 = 240;

/// What a worker does in one task: the rectangle that it forges in each frame, if any, and how it
/// changes a cell.
type Worker<'a> = &'a dyn Fn(Cell, &mut Dice) -> Cell;

#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    rejected: u64,
    undecided: u64,
    frames: u64,
    frames_of_one_round: u64,
    probes: u64,
}

/// One row of the table.
struct Row<'a> {
    what: &'a str,
    floor: NoiseFloor,
    probes_first: u32,
    /// The forged rectangle of a frame.
    forged: &'a dyn Fn(&mut Dice) -> Option<Region>,
    worker: Worker<'a>,
    /// Whether each replica is rendered twice.
    repeated: bool,
}

impl Row<'_> {
    fn simulate(&self) -> Tally {
        let mut tally = Tally::default();
        for task in 0..TASKS {
            match self.task(task, &mut tally) {
                Verdict::Accepted => tally.accepted += 1,
                Verdict::Rejected => tally.rejected += 1,
                Verdict::Undecided => tally.undecided += 1,
            }
        }
        let share = |part: u64, of: u64| 100.0 * part as f64 / of as f64;
        println!(
            "{:46} accepted {:4} rejected {:4} undecided {:4}  probes a frame {:5.2}  one round {:5.1} %",
            self.what,
            tally.accepted,
            tally.rejected,
            tally.undecided,
            tally.probes as f64 / tally.frames as f64,
            share(tally.frames_of_one_round, tally.frames),
        );
        tally
    }

    /// The task's verdict: that of its first frame that isn't accepted.
    fn task(&self, task: u64, tally: &mut Tally) -> Verdict {
        let mut dice = Dice(task * 1_000_003 + 17);
        let key = VerificationKey(*blake3::hash(&task.to_le_bytes()).as_bytes());
        let mut others: Vec<TileCounts> = Vec::new();
        for frame in 0..FRAMES {
            let (verdict, counts) = self.frame(frame, &key, &others, tally, &mut dice);
            if verdict != Verdict::Accepted {
                return verdict;
            }
            others.extend(counts);
        }
        Verdict::Accepted
    }

    fn frame(
        &self,
        frame: i32,
        key: &VerificationKey,
        others: &[TileCounts],
        tally: &mut Tally,
        dice: &mut Dice,
    ) -> (Verdict, Vec<TileCounts>) {
        let grid = ProbeGrid { size: SIZE };
        let forged = (self.forged)(dice);
        let layers = BlobHash([frame as u8; 32]);
        let mut order = probe_order(key, frame, &layers, grid, Some(&noise()));
        let policy = FramePolicy::for_probes(self.probes_first);
        let mut counts = Vec::new();
        let mut verdict = Verdict::Undecided;
        tally.frames += 1;
        for (round, doubled) in (1..).zip([1, 2, 4]) {
            while counts.len() < (doubled * self.probes_first) as usize {
                let region = grid.region(order.next().unwrap());
                let cell = (self.worker)(Cell::new(region, SKY_ROWS, dice), dice);
                counts.push(cell.forged(region, forged).counts(self.repeated));
            }
            let progress = Progress { round, probes_in_task: grid.len() as u64 };
            verdict = judge_frame(&counts, others, &self.floor, &policy, progress).verdict();
            if verdict != Verdict::Undecided {
                tally.frames_of_one_round += u64::from(round == 1);
                break;
            }
        }
        tally.probes += counts.len() as u64;
        (verdict, counts)
    }
}

/// No noise in the sky, as much everywhere else.
fn noise() -> NoiseMap {
    let values = vec![0.0, 1.0, 1.0];
    NoiseMap::new(Size { width: 1, height: 3 }, values).unwrap()
}

/// A rectangle of that share of the frame's area and of the frame's shape, somewhere in its rows.
fn rectangle(share: f64, rows: std::ops::Range<u32>, dice: &mut Dice) -> Option<Region> {
    let high = rows.end - rows.start;
    let height = ((f64::from(SIZE.height) * share.sqrt()) as u32).min(high);
    let width = (SIZE.pixels() as f64 * share / f64::from(height)) as u32;
    let x0 = dice.below((SIZE.width - width + 1) as usize) as u32;
    let y0 = rows.start + dice.below((high - height + 1) as usize) as u32;
    Some(Region { x0, y0, x1: x0 + width, y1: y0 + height })
}

fn none(_: &mut Dice) -> Option<Region> {
    None
}

fn honest<'a>(what: &'a str, floor: NoiseFloor, worker: Worker<'a>) -> Row<'a> {
    Row { what, floor, probes_first: 5, forged: &none, worker, repeated: false }
}

#[test]
fn honest_workers_are_accepted_in_one_round() {
    let (same, other) = (NoiseFloor::same_class(), NoiseFloor::other_class());
    let tally = honest("honest, same class", same, &|cell, _| cell).simulate();
    assert_eq!(tally.accepted, TASKS);
    assert!(tally.frames_of_one_round >= tally.frames * 98 / 100);
    let repeated =
        Row { repeated: true, ..honest("honest, same, two replicas", same, &|cell, _| cell) };
    assert_eq!(repeated.simulate().accepted, TASKS);
    let tight = NoiseFloor { disagree_share_upper: 1e-3, ..other };
    for (what, floor) in
        [("honest, 0.1 % wrong, floor 0.2 %", other), ("the same, floor 0.1 %", tight)]
    {
        let tally = honest(what, floor, &|cell, dice| cell.honest(1e-3, dice)).simulate();
        assert_eq!(tally.rejected, 0);
        assert!(tally.accepted >= TASKS * 99 / 100);
        assert!(tally.frames_of_one_round >= tally.frames * 98 / 100);
    }
    for probes_first in [3, 5] {
        let what = format!("honest, 0.1 % wrong, {probes_first} probes first");
        let row = honest(&what, other, &|cell, dice| cell.honest(1e-3, dice));
        let tally = Row { probes_first, ..row }.simulate();
        assert_eq!(tally.rejected, 0);
    }
}

#[test]
fn honest_workers_of_unrepeatable_scenes_are_not_rejected() {
    let floor = NoiseFloor::other_class();
    for odd in [0.001, 0.02, 0.5] {
        let what = format!("honest, 4 % of cells unstable, odd {odd}");
        let worker = |cell: Cell, dice: &mut Dice| cell.honest(1e-3, dice).panel(0.04, odd, dice);
        let tally = Row { repeated: true, ..honest(&what, floor, &worker) }.simulate();
        assert_eq!(tally.rejected, 0);
        assert!(tally.accepted >= TASKS * 95 / 100);
    }
}

#[test]
fn whole_frame_cheats_are_not_accepted() {
    let other = NoiseFloor::other_class();
    for (what, wrong) in [("another seed, 2 % agree", 0.98), ("fewer samples, 12 % agree", 0.88)] {
        let worker = |cell: Cell, dice: &mut Dice| cell.sampling(wrong, dice);
        let tally = honest(what, other, &worker).simulate();
        assert_eq!((tally.rejected, tally.frames), (TASKS, TASKS), "in the first frame");
        assert_eq!(tally.frames_of_one_round, TASKS);
    }
}

#[test]
fn small_cheats_are_caught_within_a_task() {
    let other = NoiseFloor::other_class();
    // What is left of it after 1.2 million pixels that agree.
    let learned = NoiseFloor { disagree_share_upper: 1e-4, ..other };
    let dispersed = |cell: Cell, dice: &mut Dice| cell.sampling(0.03, dice);
    assert_eq!(honest("3 % wrong, dispersed", other, &dispersed).simulate().rejected, TASKS);
    // How often clumps are missed is mostly how often no probe meets one.
    for (percent, edge_px, floor, caught_percent) in
        [(9, 16, other, 98), (3, 4, other, 85), (3, 4, learned, 93), (3, 16, other, 78)]
    {
        let share = f64::from(percent) / 100.0;
        let worker = |cell: Cell, dice: &mut Dice| cell.settings(share, edge_px, dice);
        let floor_percent = 100.0 * floor.disagree_share_upper;
        let what = format!("{percent} % wrong, blocks of {edge_px} px, floor {floor_percent} %");
        assert!(honest(&what, floor, &worker).simulate().rejected >= TASKS * caught_percent / 100);
    }
}

#[test]
fn a_forged_tenth_is_caught_within_a_task() {
    let floor = NoiseFloor::other_class();
    let honest_else = |cell: Cell, dice: &mut Dice| cell.honest(1e-3, dice);
    let caught = |what: &str, probes_first: u32, share: f64, rows: std::ops::Range<u32>| {
        let what = format!("{what}, {probes_first} probes first");
        let forged = |dice: &mut Dice| rectangle(share, rows.clone(), dice);
        let row = honest(&what, floor, &honest_else);
        Row { probes_first, forged: &forged, ..row }.simulate().rejected
    };
    assert!(caught("10 % forged, anywhere", 5, 0.1, 0..SIZE.height) >= TASKS * 94 / 100);
    assert!(
        caught("10 % forged, below the sky", 5, 0.1, SKY_ROWS..SIZE.height) >= TASKS * 94 / 100
    );
    // Only the even draws look there: 0.89^15 is a sixth.
    assert!(caught("10 % forged, in the sky", 5, 0.1, 0..SKY_ROWS) >= TASKS * 80 / 100);
    assert!(caught("10 % forged, anywhere", 3, 0.1, 0..SIZE.height) >= TASKS * 80 / 100);
    // What isn't promised, and is printed: (1 - share)^25 is a half.
    assert!(caught("3 % forged, anywhere", 5, 0.03, 0..SIZE.height) >= TASKS * 50 / 100);
}
