//! Every state × every command: what it answers, as one table that a change can't alter unseen.

use super::{World, facts, hello, node, preview, submission};
use crate::farm::{Command, Fault};
use crate::id::{JobId, LeaseId, ReceiptId, TaskId, VerificationId};
use crate::node::Role;
use crate::verification::Outcome;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A world in some state, and the ids that commands are tried with.
struct State {
    name: &'static str,
    world: World,
    job: JobId,
    held: (TaskId, LeaseId, i32),
    receipt: ReceiptId,
    verification: VerificationId,
    verifier: u8,
}

fn states() -> Vec<State> {
    let mut states = Vec::new();
    let mut keep = |name, world: &World, job| {
        let held = world.held(1).map_or((TaskId(0), LeaseId(0), 5), |h| (h.0, h.1, h.2[0]));
        let receipt = world.farm.receipts(job).last().map_or(ReceiptId(0), |r| r.id);
        let last = world.farm.verifications(receipt).last();
        let verification = last.map_or(VerificationId(0), |v| v.id);
        let verifier = if world.verification_of(4).is_some() { 4 } else { 3 };
        let world = world.clone();
        states.push(State { name, world, job, held, receipt, verification, verifier });
    };
    let mut world = World::new();
    keep("no job", &world, JobId(0));
    for (n, role) in [(1, Role::Worker), (3, Role::Verifier), (4, Role::Verifier)] {
        world.join(n, &[role]);
    }
    let job = world.submit("5");
    keep("inspecting", &world, job);
    let mut refused = world.clone();
    let mut no_camera = facts();
    no_camera.camera = None;
    let preview = Some(Box::new(preview()));
    refused.ok(Command::Inspected { job, facts: Box::new(no_camera), preview });
    keep("refused", &refused, job);
    world.inspect(job);
    keep("leased", &world, job);
    let mut cancelled = world.clone();
    cancelled.ok(Command::Cancel(job));
    keep("cancelled", &cancelled, job);
    let (task, lease, frames) = world.held(1).unwrap();
    let statement = Box::new(World::statement(task, lease, frames[0]));
    world.ok(Command::Receipt { node: node(1), statement, signature: [0; 64] });
    keep("storing", &world, job);
    let receipt = world.farm.receipts(job).last().unwrap().id;
    world.ok(Command::OutputStored(receipt));
    keep("verifying", &world, job);
    let mut rejected = world.clone();
    rejected.verify(|_| Outcome::Rejected);
    keep("rejected", &rejected, job);
    world.verify(|_| Outcome::Accepted);
    keep("completed", &world, job);
    states
}

fn commands(state: &State) -> Vec<(&'static str, Command)> {
    let (job, (task, lease, frame)) = (state.job, state.held);
    let (worker, verifier) = (node(1), node(state.verifier));
    let statement = Box::new(World::statement(task, lease, frame));
    vec![
        ("submit", Command::Submit(Box::new(submission("5")))),
        ("cancel", Command::Cancel(job)),
        ("retry", Command::Retry(job)),
        ("prioritise", Command::Prioritise { job, priority: 3 }),
        (
            "inspected",
            Command::Inspected {
                job,
                facts: Box::new(facts()),
                preview: Some(Box::new(preview())),
            },
        ),
        (
            "inspection failed",
            Command::InspectionFailed { job, refusals: Vec::new(), text: "abort".into() },
        ),
        ("joined", Command::Joined(Box::new(hello(1, &[Role::Worker])))),
        ("link lost", Command::LinkLost(worker)),
        ("heard", Command::Heard { node: worker, scenes_held: BTreeSet::new(), paused: false }),
        ("declined", Command::LeaseDeclined { node: worker, lease }),
        (
            "frame failed",
            Command::FrameFailed {
                node: worker,
                lease,
                frame,
                fault: Fault::Engine,
                text: "abort".into(),
            },
        ),
        ("receipt", Command::Receipt { node: worker, statement, signature: [0; 64] }),
        ("output stored", Command::OutputStored(state.receipt)),
        (
            "blobs lost",
            Command::BlobsLost { receipt: state.receipt, blame: true, reason: "not there".into() },
        ),
        ("judged", state.world.judged(state.verifier, state.verification, Outcome::Accepted)),
        (
            "verification failed",
            Command::VerificationFailed {
                node: verifier,
                verification: state.verification,
                reason: "no disk".into(),
            },
        ),
        ("told", Command::Told { job, message: crate::id::MessageId(1) }),
        ("tick", Command::Tick),
    ]
}

#[test]
fn every_state_times_every_command() {
    let mut table = String::new();
    for state in states() {
        for (name, command) in commands(&state) {
            let mut world = state.world.clone();
            let before = world.farm.clone();
            let answer = match world.apply(command) {
                Ok(_) => {
                    let job = world.farm.job(state.job);
                    let status = job.map_or("no job", |job| job.status.word());
                    let frame = world.farm.frame(state.job, 5).map_or("-", |f| f.status.word());
                    format!("job {status}, frame {frame}")
                }
                Err(refusal) => {
                    assert_eq!(
                        world.farm, before,
                        "{} × {name}: a refusal changes nothing",
                        state.name
                    );
                    format!("refused: {}", refusal.code)
                }
            };
            writeln!(table, "{:<12} {name:<20} {answer}", state.name).unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
