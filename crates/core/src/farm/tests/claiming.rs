//! Bad result claims: what may be claimed, by whom how often, and what the verdict does.

use super::{World, node};
use crate::claim::ClaimStatus;
use crate::farm::{Command, Reply};
use crate::id::{ClaimId, JobId};
use crate::job::{FrameStatus, JobStatus};
use crate::node::Role;
use crate::task::ReceiptStatus;
use crate::verification::{Outcome, Purpose};

fn done() -> (World, JobId) {
    let mut world = World::new();
    world.join(1, &[Role::Worker]);
    world.join(2, &[Role::Worker]);
    for n in [3, 4, 5, 6] {
        world.join(n, &[Role::Verifier]);
    }
    let job = world.submit("1-12");
    world.inspect(job);
    for _ in 0..100 {
        if world.render(1) + world.render(2) + world.verify_frames(&|_| Outcome::Accepted) == 0 {
            break;
        }
    }
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    (world, job)
}

fn claim(world: &mut World, job: JobId, frame: i32) -> Result<ClaimId, String> {
    let (user, comment) = ("ada".to_owned(), "the lamp is missing".to_owned());
    match world.apply(Command::Claim { job, frame, user, comment }) {
        Ok(Reply::Claim(id)) => Ok(id),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.code.as_str().to_owned()),
    }
}

#[test]
fn a_claim_has_the_whole_frame_verified_and_is_dismissed_if_it_holds() {
    let (mut world, job) = done();
    let id = claim(&mut world, job, 3).unwrap();
    let receipt = world.farm.claim_of(id).unwrap().receipt;
    let parts = world.farm.verifications(receipt).filter(|v| v.purpose == Purpose::Claim);
    let tiles: u32 = parts.map(|part| part.probes).sum();
    assert_eq!(tiles, 10 * 6, "all tiles of 640 × 360 pixels");
    world.verify_frames(&|_| Outcome::Accepted);
    let claim = world.farm.claim_of(id).unwrap();
    assert!(matches!(claim.status, ClaimStatus::Dismissed(_)), "{claim:?}");
    assert_eq!(world.farm.frame(job, 3).unwrap().status, FrameStatus::Accepted(receipt));
}

#[test]
fn a_claim_that_is_right_has_the_frame_rendered_again_and_the_worker_pays() {
    let (mut world, job) = done();
    let id = claim(&mut world, job, 3).unwrap();
    let receipt = world.farm.claim_of(id).unwrap().receipt;
    let worker = world.farm.receipt_of(receipt).unwrap().node;
    let found = |frame| if frame == 3 { Outcome::Rejected } else { Outcome::Accepted };
    world.verify_frames(&found);
    let claim = world.farm.claim_of(id).unwrap();
    assert!(matches!(claim.status, ClaimStatus::Upheld(_)), "{claim:?}");
    assert_eq!(world.farm.receipt_of(receipt).unwrap().status, ReceiptStatus::Rejected);
    assert!(world.farm.node(worker).unwrap().record.credit_forfeited > 0);
    let judges: Vec<_> = world
        .farm
        .verifications(receipt)
        .filter_map(|v| Some((v.purpose.is_claim(), v.verdict()?.verifier)))
        .collect();
    let saw = |node| judges.iter().any(|(claim, judge)| !claim && *judge == node);
    assert!(judges.iter().all(|(claim, judge)| !claim || !saw(*judge)), "{judges:?}");
    for _ in 0..20 {
        world.render(1);
        world.render(2);
        world.verify_frames(&|_| Outcome::Accepted);
    }
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Completed);
    let FrameStatus::Accepted(again) = world.farm.frame(job, 3).unwrap().status else { panic!() };
    assert_ne!(world.farm.receipt_of(again).unwrap().node, worker);
}

#[test]
fn what_cannot_be_claimed() {
    let (mut world, job) = done();
    let code = |world: &mut World, frame| claim(world, job, frame).unwrap_err();
    assert_eq!(code(&mut world, 99), "no_such_frame");
    assert_eq!(claim(&mut world, JobId(77), 1).unwrap_err(), "no_such_job");
    claim(&mut world, job, 1).unwrap();
    assert_eq!(code(&mut world, 1), "claim_there");
    for frame in 2..=4 {
        claim(&mut world, job, frame).unwrap();
    }
    assert_eq!(code(&mut world, 5), "claims_too_many", "four are open");
    world.verify_frames(&|_| Outcome::Accepted);
    for frame in 5..=8 {
        claim(&mut world, job, frame).unwrap();
    }
    world.verify_frames(&|_| Outcome::Accepted);
    for frame in 9..=10 {
        claim(&mut world, job, frame).unwrap();
    }
    world.verify_frames(&|_| Outcome::Accepted);
    assert_eq!(code(&mut world, 11), "claims_too_many", "ten were dismissed today");
    world.now = world.now.plus_ms(24 * 3_600_000);
    claim(&mut world, job, 11).unwrap();
    let long = Command::Claim { job, frame: 12, user: "ada".into(), comment: "x".repeat(5_000) };
    assert_eq!(world.apply(long).unwrap_err().code.as_str(), "message_not_allowed");
}

#[test]
fn a_frame_whose_layers_are_gone_is_rendered_again_and_nobody_pays() {
    let (mut world, job) = done();
    let id = claim(&mut world, job, 3).unwrap();
    let receipt = world.farm.claim_of(id).unwrap().receipt;
    let reason = "the worker let it go".to_owned();
    world.ok(Command::BlobsLost { receipt, blame: false, reason });
    assert!(matches!(world.farm.claim_of(id).unwrap().status, ClaimStatus::Undecided(_)));
    let frame = &world.farm.frame(job, 3).unwrap().status;
    assert!(matches!(frame, FrameStatus::Waiting | FrameStatus::InTask(_)), "{frame:?}");
    assert_eq!(world.farm.job(job).unwrap().status, JobStatus::Active);
    for n in [1, 2] {
        assert_eq!(world.farm.node(node(n)).unwrap().record.credit_forfeited, 0);
    }
}
