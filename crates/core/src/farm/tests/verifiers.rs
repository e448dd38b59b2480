//! Verifiers that lie, and what comes of it.

use super::{World, node};
use crate::id::{NodeId, VerificationId};
use crate::job::JobStatus;
use crate::node::Role;
use crate::task::ReceiptStatus;
use crate::verification::{Outcome, Purpose};

const WORKER: u8 = 1;
const VERIFIERS: [u8; 5] = [3, 4, 5, 6, 7];

fn world() -> World {
    let mut world = World::new();
    world.join(WORKER, &[Role::Worker]);
    for n in VERIFIERS {
        world.join(n, &[Role::Verifier]);
    }
    let job = world.submit("1-40");
    world.inspect(job);
    world
}

/// What a verifier answers: the outcome, and whether its pictures are the right ones.
type Answer<'a> = dyn Fn(u8, &World, VerificationId) -> (Outcome, bool) + 'a;

fn run(world: &mut World, answer: &Answer) {
    for _ in 0..4_000 {
        let rendered = world.render(WORKER);
        let held = VERIFIERS.into_iter().filter_map(|n| Some((n, world.verification_of(n)?)));
        let held = held.min_by_key(|(_, id)| *id);
        if let Some((n, id)) = held {
            let (outcome, same) = answer(n, world, id);
            let command = world.judged_as(n, id, outcome, same);
            world.ok(command);
        } else if rendered == 0 {
            return;
        }
    }
}

fn suspended(world: &World, n: u8) -> bool {
    world.farm.node(node(n)).unwrap().suspended.is_some()
}

#[test]
fn two_that_show_garbage_convict_nobody_and_are_found_out() {
    let mut world = world();
    run(&mut world, &|n, _, _| match n {
        3 | 4 => (Outcome::Rejected, false),
        _ => (Outcome::Accepted, true),
    });
    let job = world.farm.jobs().next().unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(world.farm.node(node(WORKER)).unwrap().record.frames_rejected, 0);
    assert!(suspended(&world, 3) && suspended(&world, 4));
    assert!(VERIFIERS[2..].iter().all(|n| !suspended(&world, *n)));
}

#[test]
fn one_that_always_says_yes_is_found_out_by_canaries_and_second_opinions() {
    let mut world = world();
    // The worker forges every frame; verifier 3 shows what the worker delivered.
    let answer = |n: u8, world: &World, id: VerificationId| {
        let canary = world.farm.verification(id).unwrap().purpose == Purpose::Canary;
        match (n, canary) {
            (3, false) => (Outcome::Accepted, false),
            (3, true) => (Outcome::Rejected, false),
            (_, true) => (Outcome::Accepted, true),
            (_, false) => (Outcome::Rejected, true),
        }
    };
    run(&mut world, &answer);
    let accepted = world.farm.receipts(crate::id::JobId(1));
    let accepted = accepted.filter(|receipt| receipt.status == ReceiptStatus::Accepted).count();
    assert_eq!(accepted, 0, "nothing that was forged stays accepted");
    let record = world.farm.node(node(3)).unwrap().record;
    let missed = record.verifications_minority + record.canaries_failed;
    assert!(record.verifications == 0 || missed > 0, "{record:?}");
}

#[test]
fn canaries_are_among_the_tasks_and_honest_verifiers_pass_them() {
    let mut world = world();
    world.farm.policy.verifiers.canary_rate = 0.3;
    run(&mut world, &|_, _, _| (Outcome::Accepted, true));
    let canaries = world.farm.verifications.values().filter(|v| v.purpose == Purpose::Canary);
    let canaries: Vec<_> = canaries.collect();
    assert!(canaries.len() > 3, "{}", canaries.len());
    for canary in canaries {
        let Some(verdict) = canary.verdict() else { continue };
        let earlier = world.farm.verifications(canary.receipt);
        let earlier = earlier.filter(|v| v.purpose.judges_receipt());
        let judges: Vec<NodeId> = earlier.filter_map(|v| Some(v.verdict()?.verifier)).collect();
        assert!(!judges.contains(&verdict.verifier), "it had seen that receipt before");
    }
    assert!(VERIFIERS.iter().all(|n| !suspended(&world, *n)));
}

#[test]
fn a_verifier_that_fails_canaries_is_suspended_and_its_word_taken_back() {
    let mut world = world();
    world.farm.policy.verifiers.canary_rate = 0.6;
    world.farm.policy.verifiers.second_rate = 0.4;
    world.farm.policy.verifiers.probation = 0;
    let answer = |n: u8, world: &World, id: VerificationId| match (
        n,
        world.farm.verification(id).unwrap().purpose,
    ) {
        (3, Purpose::Canary) => (Outcome::Rejected, false),
        _ => (Outcome::Accepted, true),
    };
    run(&mut world, &answer);
    assert!(suspended(&world, 3), "{:?}", world.farm.node(node(3)));
    let job = world.farm.jobs().next().unwrap();
    assert_eq!(job.status, JobStatus::Completed);
    let reopened = world.farm.receipts(job.id).filter(|receipt| receipt.reopened).count();
    assert!(reopened > 0, "what was accepted on its word alone was opened again");
}

#[test]
fn a_worker_convicted_by_liars_is_restored_when_they_are_found_out() {
    let mut world = world();
    // Two who agree on the same wrong pictures until the worker is convicted; then one fails.
    let convicted = |world: &World| world.farm.node(node(WORKER)).unwrap().record.frames_rejected;
    run(&mut world, &|n, world, _| match n {
        _ if convicted(world) > 0 => (Outcome::Accepted, true),
        _ => (Outcome::Rejected, true),
    });
    assert!(convicted(&world) > 0);
    let liars: Vec<NodeId> = world
        .farm
        .convicted
        .iter()
        .flat_map(|id| world.farm.opinions(*id, |v| v.purpose.judges_receipt()).rejected_by)
        .collect();
    let lost = world.farm.node(node(WORKER)).unwrap().record;
    for liar in &liars {
        let record = |node: &mut crate::node::Node| node.record.canaries_failed = 100;
        world.farm.record(*liar, record);
        world.farm.suspend_if_false(*liar, world.now, &mut Vec::new());
    }
    let back = world.farm.node(node(WORKER)).unwrap();
    assert_eq!(back.record.frames_rejected, 0);
    assert!(back.record.credit_withheld >= lost.credit_withheld + lost.credit_forfeited);
    assert_eq!(back.record.credit_forfeited, 0);
    assert_eq!(back.suspended, None);
}

/// A canary's known pictures are those of which two verifiers agree, not those of one that accepts anything.
#[test]
fn one_that_accepts_by_its_control_is_no_measure_for_others() {
    let mut world = world();
    world.farm.policy.verifiers.canary_rate = 0.3;
    world.farm.policy.verifiers.second_rate = 0.5;
    // Verifier 3 accepts everything, with pictures that nobody else shows.
    run(&mut world, &|n, world, id| {
        let canary = world.farm.verification(id).unwrap().purpose == Purpose::Canary;
        match (n, canary) {
            (3, false) => (Outcome::Accepted, false),
            (3, true) => (Outcome::Rejected, false),
            _ => (Outcome::Accepted, true),
        }
    });
    assert!(suspended(&world, 3), "{:?}", world.farm.node(node(3)));
    for receipt in world.farm.receipts(crate::id::JobId(1)) {
        let Some(known) = world.farm.known_answer(receipt.id) else { continue };
        let known = world.farm.verification(known).unwrap().verdict().unwrap();
        assert_ne!(known.verifier, node(3));
    }
}
