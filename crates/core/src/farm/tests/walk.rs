//! A seeded walk: random commands of honest, cheating, crashing and vanishing nodes.
//!
//! After each step the indices must be what a fresh load would build, and no accepted frame may change
//! unless it was opened again.

use super::stories::rows_of;
use super::{World, hello, node};
use crate::farm::{Command, Farm, Fault};
use crate::id::JobId;
use crate::job::{FrameStatus, JobStatus};
use crate::node::Role;
use crate::seed::Seed;
use crate::time::Time;
use crate::verification::Outcome;
use std::collections::BTreeMap;

const WORKERS: [u8; 4] = [1, 2, 5, 6];
const VERIFIERS: [u8; 3] = [3, 4, 7];
/// This worker cheats on every frame.
const CHEAT: u8 = 6;

pub(super) struct Dice(Seed, u64);

impl Dice {
    pub(super) fn new(seed: Seed) -> Dice {
        Dice(seed, 0)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.1 += 1;
        self.0.index("walk", self.1, n)
    }
}

pub(super) fn step(world: &mut World, dice: &mut Dice, crash_free: bool) {
    let worker = WORKERS[dice.below(WORKERS.len())];
    let verifier = VERIFIERS[dice.below(VERIFIERS.len())];
    // Refusals are part of the walk: stale answers are sent on purpose.
    match dice.below(if crash_free { 5 } else { 9 }) {
        0..=1 => {
            world.render(worker);
        }
        2..=3 => answer(world, verifier),
        4 => {
            for n in WORKERS {
                world.apply(heard(n)).ok();
            }
            for n in VERIFIERS {
                world.apply(heard(n)).ok();
            }
        }
        5 => {
            world.apply(Command::LinkLost(node(worker))).ok();
        }
        6 => {
            let role = if WORKERS.contains(&worker) { Role::Worker } else { Role::Verifier };
            world.apply(Command::Joined(Box::new(hello(worker, &[role])))).ok();
        }
        7 => {
            if let Some((_, lease, frames)) = world.held(worker) {
                let (node, text) = (node(worker), "boom".to_owned());
                let fault = if dice.below(2) == 0 { Fault::Engine } else { Fault::Worker };
                let frame = frames[dice.below(frames.len())];
                world.apply(Command::FrameFailed { node, lease, frame, fault, text }).ok();
            }
        }
        _ => {
            world.now = world.now.plus_ms(dice.below(20_000) as u64);
            world.apply(Command::Tick).ok();
            for n in VERIFIERS {
                world.apply(Command::Joined(Box::new(hello(n, &[Role::Verifier])))).ok();
            }
        }
    }
}

fn heard(n: u8) -> Command {
    Command::Heard { node: node(n), scenes_held: Default::default(), paused: false }
}

fn answer(world: &mut World, verifier: u8) {
    let Some(id) = world.verification_of(verifier) else { return };
    let receipt = world.farm.verification(id).unwrap().receipt;
    let worker = world.farm.receipt_of(receipt).unwrap().node;
    let outcome = if worker == node(CHEAT) { Outcome::Rejected } else { Outcome::Accepted };
    let command = world.judged(verifier, id, outcome);
    world.apply(command).ok();
}

fn check(world: &World, accepted: &mut BTreeMap<i32, FrameStatus>, job: JobId, what: &str) {
    for frame in world.farm.frames(job) {
        if let Some(before) = accepted.get(&frame.number) {
            let FrameStatus::Accepted(receipt) = before else { panic!("{before:?}") };
            let reopened = world.farm.receipt_of(*receipt).unwrap().reopened;
            assert!(
                before == &frame.status || reopened,
                "{what}: an accepted frame changed without being opened again"
            );
        }
        if let FrameStatus::Accepted(receipt) = frame.status {
            let by = world.farm.receipt_of(receipt).unwrap().node;
            assert_ne!(by, node(CHEAT), "{what}: a cheat was accepted");
            accepted.insert(frame.number, frame.status.clone());
        }
    }
    let farm = &world.farm;
    let loaded = Farm::load(farm.policy.clone(), farm.engines.clone(), rows_of(farm), Time(0));
    let waiting = |farm: &Farm| farm.waiting.get(&job).cloned().unwrap_or_default();
    assert_eq!(waiting(farm), waiting(&loaded), "{what}: waiting");
    assert_eq!(farm.leased, loaded.leased, "{what}: leases");
    assert_eq!(farm.leases_of, loaded.leases_of, "{what}: leases by node");
    assert_eq!(farm.verifications_queued, loaded.verifications_queued, "{what}: queue");
    assert_eq!(farm.verifications_of, loaded.verifications_of, "{what}: verifications by node");
    assert_eq!(farm.left, loaded.left, "{what}: what is left of a job");
    assert_eq!(farm.undrawn, loaded.undrawn, "{what}: without a check");
    assert_eq!(farm.deadlines, loaded.deadlines, "{what}: deadlines");
    assert_eq!(farm.answers_due, loaded.answers_due, "{what}: answers due");
    assert_eq!(farm.queue.open_jobs(), loaded.queue.open_jobs(), "{what}: open jobs");
    let under_way = |farm: &Farm| farm.queue.tasks(job).collect::<Vec<_>>();
    assert_eq!(under_way(farm), under_way(&loaded), "{what}: tasks under way");
    let of_user = |farm: &Farm| (farm.queue.unfinished("ada"), farm.queue.under_way("ada"));
    assert_eq!(of_user(farm), of_user(&loaded), "{what}: jobs and tasks of the user");
    let ready = loaded.with_presence_of(farm).ready;
    assert_eq!(farm.ready, ready, "{what}: who may be given work");
}

#[test]
fn a_job_completes_whatever_happens_on_the_way() {
    for seed in 0..12_u8 {
        let mut dice = Dice::new(Seed([seed; 32]));
        let mut world = World::new();
        for n in WORKERS {
            world.join(n, &[Role::Worker]);
        }
        for n in VERIFIERS {
            world.join(n, &[Role::Verifier]);
        }
        let job = world.submit("1-30");
        world.inspect(job);
        let mut accepted = BTreeMap::new();
        for n in 0..400 {
            step(&mut world, &mut dice, false);
            check(&world, &mut accepted, job, &format!("seed {seed}, step {n}"));
        }
        // Calm returns: everybody is there, and nothing fails any more.
        for round in 0..20 {
            for n in WORKERS {
                world.join(n, &[Role::Worker]);
            }
            for n in 0..60 {
                step(&mut world, &mut dice, true);
                check(&world, &mut accepted, job, &format!("seed {seed}, calm {round}, step {n}"));
            }
            world.apply(Command::Retry(job)).ok();
        }
        let counts = world.farm.frame_counts(job);
        let status = &world.farm.job(job).unwrap().status;
        assert_eq!(status, &JobStatus::Completed, "seed {seed}: {counts:?}");
    }
}
