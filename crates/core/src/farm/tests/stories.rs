//! The stories that matter, each told with as few commands as it needs.

use super::{World, hello, node};
use crate::farm::{Command, Effect, Farm, Fault, Reply, Row, Rows};
use crate::job::{FrameStatus, JobStatus};
use crate::node::Role;
use crate::task::{ReceiptStatus, TaskStatus};
use crate::time::Time;
use crate::verification::Outcome;
use std::collections::BTreeSet;

#[test]
fn honest_work_is_accepted_and_the_job_completes() {
    let (mut world, job) = World::busy("1-24");
    for _ in 0..100 {
        let rendered = world.render(1) + world.render(2);
        let judged = world.verify(|_| Outcome::Accepted);
        if rendered + judged == 0 {
            break;
        }
    }
    assert_eq!(world.farm.frame_counts(job).accepted, 24);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    assert_eq!(world.farm.receipts(job).count(), 24, "no frame is rendered twice");
}

#[test]
fn landmarks_go_first_alone_and_to_different_workers() {
    let (world, _) = World::busy("1-24");
    assert_eq!(world.held(1).map(|h| h.2.len()), Some(1));
    let first: BTreeSet<i32> =
        [1, 2].into_iter().filter_map(|n| world.held(n)).flat_map(|held| held.2).collect();
    assert_eq!(first, BTreeSet::from([1, 13]));
}

#[test]
fn tasks_aim_at_the_target_time_and_shrink_at_the_end() {
    let (mut world, _) = World::busy("1-100");
    world.render(1);
    world.render(2);
    world.render(1);
    let held = world.held(1).or_else(|| world.held(2)).unwrap();
    assert_eq!(held.2.len(), 12, "60 s in frames of 5 s: {held:?}");
    let mut lengths = Vec::new();
    for _ in 0..100 {
        lengths.push(world.render(1));
        lengths.push(world.render(2));
    }
    let lengths: Vec<_> = lengths.into_iter().filter(|length| *length > 0).collect();
    assert_eq!(lengths.last(), Some(&1), "{lengths:?}");
}

#[test]
fn a_cheat_is_rejected_by_two_opinions_and_its_frames_go_to_somebody_else() {
    let (mut world, job) = World::busy("1-24");
    let honest_only = |worker| {
        if worker == node(1) { Outcome::Rejected } else { Outcome::Accepted }
    };
    for _ in 0..100 {
        if world.render(1) + world.render(2) + world.verify(honest_only) == 0 {
            break;
        }
    }
    let farm = &world.farm;
    assert_eq!(farm.job(job).unwrap().status, JobStatus::Completed);
    for frame in farm.frames(job) {
        let FrameStatus::Accepted(receipt) = frame.status else { panic!("{frame:?}") };
        assert_eq!(farm.receipt_of(receipt).unwrap().node, node(2));
    }
    let rejected: Vec<_> =
        farm.receipts(job).filter(|r| r.status == ReceiptStatus::Rejected).collect();
    assert!(!rejected.is_empty());
    let judges: BTreeSet<_> = farm
        .verifications(rejected[0].id)
        .filter_map(|v| match &v.status {
            crate::verification::VerificationStatus::Judged(verdict) => Some(verdict.verifier),
            _ => None,
        })
        .collect();
    assert_eq!(judges.len(), 2, "the second opinion is somebody else's");
    assert!(farm.job(job).unwrap().excluded.contains(&node(1)));
    assert!(farm.node(node(1)).unwrap().record.frames_rejected >= 1);
}

#[test]
fn two_against_one_decide_and_the_minority_is_on_record() {
    let (mut world, job) = World::busy("1");
    let worker = if world.held(1).is_some() { 1 } else { 2 };
    world.render(worker);
    let mut first = None;
    for outcome in [Outcome::Rejected, Outcome::Accepted, Outcome::Accepted] {
        let (n, id) =
            [3, 4].into_iter().find_map(|n| Some((n, world.verification_of(n)?))).unwrap();
        first.get_or_insert(n);
        let command = world.judged(n, id, outcome);
        world.ok(command);
    }
    assert_eq!(world.farm.frame_counts(job).accepted, 1);
    let liar = world.farm.node(node(first.unwrap())).unwrap();
    assert_eq!(liar.record.verifications_minority, 1);
}

#[test]
fn a_verifier_never_checks_its_own_owners_work() {
    let mut world = World::new();
    world.join(1, &[Role::Worker]);
    let mut same_owner = hello(3, &[Role::Verifier]);
    same_owner.owner = hello(1, &[]).owner;
    world.ok(Command::Joined(Box::new(same_owner)));
    let job = world.submit("1");
    world.inspect(job);
    world.render(1);
    assert_eq!(world.verification_of(3), None);
    let waits_for = world.farm.waits_for(job).unwrap();
    assert!(waits_for.contains("verifier of another owner"), "{waits_for}");
    world.join(4, &[Role::Verifier]);
    assert!(world.verification_of(4).is_some());
}

#[test]
fn a_crash_that_follows_the_scene_to_three_workers_is_the_scenes() {
    let mut world = World::new();
    for n in 1..=3 {
        world.join(n, &[Role::Worker]);
    }
    let job = world.submit("5");
    world.inspect(job);
    let mut crashed_on = BTreeSet::new();
    while let Some(n) = (1..=3).find(|n| world.held(*n).is_some()) {
        let (_, lease, _) = world.held(n).unwrap();
        assert!(crashed_on.insert(n), "it goes to somebody else each time");
        let text = "fluid solver: abort".to_owned();
        world.ok(Command::FrameFailed {
            node: node(n),
            lease,
            frame: 5,
            fault: Fault::Engine,
            text,
        });
    }
    assert_eq!(crashed_on.len(), 3);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Failed);
    let frame = world.farm.frame(job, 5).unwrap();
    assert_eq!(frame.status, FrameStatus::Failed("fluid solver: abort".into()));
    for n in 1..=3 {
        assert_eq!(world.farm.node(node(n)).unwrap().record.crashes, 0, "nobody is blamed");
    }
}

#[test]
fn a_crash_on_one_worker_only_is_that_workers() {
    let (mut world, job) = World::busy("5");
    let n = if world.held(1).is_some() { 1 } else { 2 };
    let (_, lease, _) = world.held(n).unwrap();
    let text = "out of memory".to_owned();
    world.ok(Command::FrameFailed { node: node(n), lease, frame: 5, fault: Fault::Engine, text });
    world.render(3 - n);
    world.verify(|_| Outcome::Accepted);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    assert_eq!(world.farm.node(node(n)).unwrap().record.crashes, 1);
    assert_eq!(world.farm.node(node(3 - n)).unwrap().record.crashes, 0);
}

#[test]
fn a_dropped_link_counts_against_nobody_and_keeps_the_lease_within_the_grace_time() {
    let (mut world, job) = World::busy("5");
    let n = if world.held(1).is_some() { 1 } else { 2 };
    let held = world.held(n).unwrap();
    world.ok(Command::LinkLost(node(n)));
    world.now = world.now.plus_ms(10_000);
    world.ok(Command::Tick);
    let mut back = hello(n, &[Role::Worker]);
    back.leases.insert(held.1);
    world.ok(Command::Joined(Box::new(back)));
    assert_eq!(world.held(n), Some(held.clone()), "within the grace time it goes on");
    world.ok(Command::LinkLost(node(n)));
    world.ok(Command::Joined(Box::new(hello(3 - n, &[Role::Worker]))));
    for _ in 0..4 {
        world.now = world.now.plus_ms(9_000);
        let (node, scenes_held) = (node(3 - n), BTreeSet::new());
        world.ok(Command::Heard { node, scenes_held, paused: false });
        world.ok(Command::Tick);
    }
    assert_eq!(world.held(n), None);
    assert!(world.held(3 - n).is_some(), "after it somebody else has the frame");
    assert_eq!(world.farm.task(held.0).unwrap().status, TaskStatus::Returned);
    assert_eq!(world.farm.frame(job, 5).unwrap().attempts, 0);
}

#[test]
fn a_restarted_worker_gives_back_at_once_what_it_does_not_hold_any_more() {
    let (mut world, job) = World::busy("5");
    let n = if world.held(1).is_some() { 1 } else { 2 };
    let before = world.held(n).unwrap();
    world.ok(Command::Joined(Box::new(hello(n, &[Role::Worker]))));
    assert_eq!(world.farm.task(before.0).unwrap().status, TaskStatus::Returned);
    assert_eq!(world.farm.frame_counts(job).rendering, 1, "and the frame is leased again");
}

#[test]
fn receipts_sent_twice_are_one_and_stale_ones_are_refused() {
    let (mut world, _) = World::busy("5");
    let n = if world.held(1).is_some() { 1 } else { 2 };
    let (task, lease, _) = world.held(n).unwrap();
    let receipt = |node, frame| Command::Receipt {
        node,
        statement: Box::new(World::statement(task, lease, frame)),
        signature: [0; 64],
    };
    let code = |world: &mut World, command| world.apply(command).unwrap_err().code.as_str();
    assert_eq!(code(&mut world, receipt(node(3 - n), 5)), "lease_stale");
    assert_eq!(code(&mut world, receipt(node(n), 6)), "frame_not_in_lease");
    let first = world.ok(receipt(node(n), 5));
    assert_eq!(world.ok(receipt(node(n), 5)), first);
    let mut other = World::statement(task, lease, 5);
    other.layers.0[0] ^= 1;
    let command =
        Command::Receipt { node: node(n), statement: Box::new(other), signature: [0; 64] };
    assert_eq!(code(&mut world, command), "receipt_conflicts");
}

#[test]
fn what_was_stored_is_what_is_loaded() {
    let (mut world, _) = World::busy("1-24");
    world.render(1);
    let rows = rows_of(&world.farm);
    let loaded = Farm::load(world.farm.policy.clone(), world.farm.engines.clone(), rows, Time(0));
    let (a, b) = (&world.farm, &loaded);
    assert_eq!(a.jobs, b.jobs);
    assert_eq!(a.frames, b.frames);
    assert_eq!(a.leased, b.leased);
    assert_eq!(a.leases_of, b.leases_of);
    assert_eq!(a.by_lease, b.by_lease);
    assert_eq!(a.rounds, b.rounds);
    assert_eq!(a.verifications_queued, b.verifications_queued);
    assert_eq!(a.verifications_of, b.verifications_of);
    assert_eq!(a.submissions, b.submissions);
}

pub(super) fn rows_of(farm: &Farm) -> Rows {
    Rows {
        next_id: farm.next_id,
        jobs: farm.jobs.values().cloned().collect(),
        frames: farm.frames.values().flat_map(|frames| frames.values()).cloned().collect(),
        tasks: farm.tasks.values().cloned().collect(),
        receipts: farm.receipts.values().cloned().collect(),
        verifications: farm.verifications.values().cloned().collect(),
        nodes: farm.nodes.values().cloned().collect(),
        claims: farm.claims.values().cloned().collect(),
    }
}

#[test]
fn no_worker_is_said_at_once_unless_told_to_wait() {
    let mut world = World::new();
    let refused = world.apply(Command::Submit(Box::new(super::submission("1")))).unwrap_err();
    assert_eq!(refused.code.as_str(), "no_suitable_worker");
    let mut waiting = super::submission("1");
    waiting.allow.wait_for_workers = true;
    let Reply::Job(job) = world.ok(Command::Submit(Box::new(waiting.clone()))) else { panic!() };
    assert_eq!(world.ok(Command::Submit(Box::new(waiting))), Reply::Job(job), "sent twice is one");
    world.inspect(job);
    assert!(world.farm.waits_for(job).unwrap().contains("a worker that has blender-4.5.15"));
}

#[test]
fn an_inspection_that_crashes_is_tried_a_bounded_number_of_times() {
    let mut world = World::new();
    world.join(1, &[Role::Worker]);
    let job = world.submit("1");
    for _ in 0..3 {
        assert!(world.effects.contains(&Effect::Inspect(job)));
        world.effects.clear();
        let text = "SIGABRT".to_owned();
        world.ok(Command::InspectionFailed { job, refusals: Vec::new(), text });
    }
    let JobStatus::Refused(refusals) = &world.farm.job(job).unwrap().status else { panic!() };
    assert_eq!(refusals[0].code.as_str(), "scene_crashes_engine");
    assert!(refusals[0].message.contains("SIGABRT"));
}

#[test]
fn cancel_takes_everything_back_and_retry_goes_on() {
    let (mut world, job) = World::busy("1-4");
    world.render(1);
    world.ok(Command::Cancel(job));
    assert_eq!(world.held(1).or(world.held(2)), None);
    assert_eq!(world.verification_of(3).or(world.verification_of(4)), None);
    world.ok(Command::Retry(job));
    for _ in 0..20 {
        world.render(1);
        world.render(2);
        world.verify(|_| Outcome::Accepted);
    }
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
}

#[test]
fn only_what_changed_is_written() {
    let (mut world, job) = World::busy("1-24");
    world.farm.take_changed();
    let (task, lease, frames) = world.held(1).unwrap();
    let statement = Box::new(World::statement(task, lease, frames[0]));
    world.ok(Command::Receipt { node: node(1), statement, signature: [0; 64] });
    let changed = world.farm.take_changed();
    assert!(changed.contains(&Row::Frame(job, frames[0])));
    assert!(changed.contains(&Row::Task(task)));
    assert!(changed.len() <= 7, "{changed:?}");
}
