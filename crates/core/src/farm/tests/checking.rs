//! How much is checked: a new worker's every frame, an established one's share, and what a turncoat gets.

use super::{World, node};
use crate::farm::Command;
use crate::id::JobId;
use crate::job::{FrameStatus, JobStatus};
use crate::node::Role;
use crate::task::ReceiptStatus;
use crate::verification::Outcome;

/// One worker with a record, verifiers of three owners, and a job that is not begun.
fn established() -> (World, JobId) {
    let mut world = World::new();
    world.join(1, &[Role::Worker]);
    for n in [3, 4, 5] {
        world.join(n, &[Role::Verifier]);
    }
    let job = world.submit("1-60");
    world.inspect(job);
    work(&mut world, &|_| Outcome::Accepted);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    let mut next = super::submission("1-200");
    next.submission_id.0 = [8; 16];
    let job = world.submit_this(next);
    world.inspect(job);
    (world, job)
}

fn work(world: &mut World, outcome: &dyn Fn(i32) -> Outcome) {
    for _ in 0..200 {
        if world.render(1) + world.verify_frames(outcome) == 0 {
            return;
        }
    }
}

#[test]
fn a_new_workers_frames_are_all_checked_and_an_established_ones_are_not() {
    let (mut world, job) = established();
    let first = world.farm.receipts(JobId(1)).take(20).filter(|r| r.check.checked).count();
    assert_eq!(first, 20, "the first frames in a row");
    work(&mut world, &|_| Outcome::Accepted);
    assert_eq!(world.farm.frame_counts(job).accepted, 200);
    let receipts: Vec<_> = world.farm.receipts(job).collect();
    let checked = receipts.iter().filter(|receipt| receipt.check.checked).count();
    assert!((10..=70).contains(&checked), "{checked} of 200");
    for receipt in &receipts {
        let (lease, check) = (receipt.statement.lease, receipt.check);
        assert!(check.checked || check.draw >= check.rate, "{receipt:?}");
        let of_lease = receipts.iter().filter(|other| other.statement.lease == lease);
        assert!(of_lease.clone().any(|r| r.check.checked), "somebody vouches for lease {lease}");
        for other in of_lease {
            assert!(receipt.check.checked || receipt.accepted_at >= other.accepted_at);
        }
    }
}

#[test]
fn a_lease_that_is_forged_as_a_whole_is_rejected_as_a_whole() {
    let (mut world, job) = established();
    work(&mut world, &|_| Outcome::Rejected);
    assert_eq!(world.farm.frame_counts(job).accepted, 0, "nothing of it was accepted");
    let record = world.farm.node(node(1)).unwrap().record;
    assert!(record.credit_forfeited > 0);
    assert_eq!(record.verified_in_row, 0);
    assert_eq!(world.farm.check_rate(node(1), 100), 1.0);
}

#[test]
fn a_turncoats_frames_are_opened_again() {
    let (mut world, job) = established();
    // Every ninth frame is forged.
    let forged = |frame: i32| frame % 9 == 0;
    let found = move |frame| if forged(frame) { Outcome::Rejected } else { Outcome::Accepted };
    work(&mut world, &found);
    let accepted_forgeries = world
        .farm
        .frames(job)
        .filter(|frame| matches!(frame.status, FrameStatus::Accepted(_)) && forged(frame.number))
        .count();
    assert_eq!(accepted_forgeries, 0, "all that were accepted before it was caught are gone");
    let reopened = world.farm.receipts(job).filter(|receipt| receipt.reopened);
    let (right, wrong): (Vec<_>, Vec<_>) = reopened.partition(|r| !forged(r.statement.frame));
    assert!(!right.is_empty());
    assert!(right.iter().all(|receipt| receipt.status == ReceiptStatus::Accepted));
    assert!(wrong.iter().all(|receipt| receipt.status == ReceiptStatus::Rejected));
}

#[test]
fn a_reopened_frame_brings_a_completed_job_back() {
    let (mut world, job) = established();
    work(&mut world, &|_| Outcome::Accepted);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    let mut next = super::submission("300");
    next.submission_id.0 = [7; 16];
    let other = world.submit_this(next);
    world.inspect(other);
    world.render(1);
    let weak: usize = world.farm.weak.values().map(|weak| weak.len()).sum();
    assert!(weak > 0);
    // The worker is caught in another job.
    let outcome = |frame| if frame == 300 { Outcome::Rejected } else { Outcome::Accepted };
    let mut active_again = false;
    for _ in 0..4_000 {
        active_again |= world.farm.job(job).unwrap().status == JobStatus::Active;
        if world.verify_one(&outcome) == 0 {
            break;
        }
    }
    assert!(active_again);
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed, "all were right");
}

#[test]
fn a_worker_that_goes_away_with_what_it_signed_is_not_blamed_and_checked_from_the_beginning() {
    let (mut world, job) = established();
    assert!(world.farm.check_rate(node(1), world.farm.credit_of(job)) < 1.0);
    world.render(1);
    let receipt = world.farm.receipts(job).next().unwrap().id;
    let reason = "the worker went away with the frame".to_owned();
    world.ok(Command::BlobsLost { receipt, blame: false, reason });
    let record = world.farm.node(node(1)).unwrap().record;
    assert_eq!((record.frames_rejected, record.credit_forfeited), (0, 0));
    assert_eq!(world.farm.check_rate(node(1), world.farm.credit_of(job)), 1.0);
}

#[test]
fn credit_is_withheld_then_earned_and_lost_with_a_rejection() {
    let (world, _) = established();
    let credit = world.farm.credit_of(JobId(1));
    assert_eq!(credit, 640 * 360 * 32 / 1_000);
    let record = world.farm.node(node(1)).unwrap().record;
    assert_eq!(record.credit_withheld, 20 * credit);
    assert_eq!(record.credit_earned, 40 * credit);
}

#[test]
fn time_lets_go_of_what_is_too_old_to_be_opened_again() {
    let (mut world, _) = established();
    assert!(world.farm.weak.values().next().is_some());
    world.now = world.now.plus_ms(world.farm.policy.reopen_ms + 1);
    world.ok(Command::Tick);
    assert!(world.farm.weak.values().next().is_none());
}

#[test]
fn a_conviction_has_what_was_accepted_before_judged_on_as_many_probes_as_are_ever_drawn() {
    let (mut world, job) = established();
    let found = |frame: i32| if frame % 9 == 0 { Outcome::Rejected } else { Outcome::Accepted };
    work(&mut world, &found);
    let probes_max = world.farm.policy.probes_max;
    let reopened = world.farm.receipts(job).filter(|receipt| receipt.reopened);
    let accepted: Vec<_> = reopened.filter(|r| r.status == ReceiptStatus::Accepted).collect();
    assert!(!accepted.is_empty());
    for receipt in accepted {
        assert_eq!(world.farm.probes_so_far(receipt.id), probes_max);
        assert!(world.farm.is_settled(receipt.id));
    }
}

#[test]
fn three_convictions_of_a_day_suspend_whatever_lies_between() {
    let (mut world, _) = established();
    world.farm.policy.rejections_suspend = 100;
    let found = |frame: i32| if frame % 29 == 0 { Outcome::Rejected } else { Outcome::Accepted };
    for n in 0..8 {
        let mut next = super::submission(&format!("{}-{}", 29 * n + 1, 29 * n + 29));
        next.submission_id.0 = [100 + n as u8; 16];
        let job = world.submit_this(next);
        world.inspect(job);
        work(&mut world, &found);
    }
    let node = world.farm.node(node(1)).unwrap();
    assert_eq!(node.suspended.as_deref(), Some("3 leases of a day were rejected"), "{node:?}");
}
