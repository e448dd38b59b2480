//! What nodes send: frames, forged or not, and answers, true or not.

use super::behaviours::{VerifierKind, WorkerKind};
use super::scene;
use super::truth::{Forgery, Picture, Shown};
use super::world::World;
use candela_core::farm::{Command, Fault, Reply};
use candela_core::id::{JobId, LeaseId, ReceiptId, VerificationId};
use candela_core::job::FrameStatus;
use candela_core::task::TaskStatus;
use candela_core::time::Time;
use candela_core::verification::{Outcome, VerificationStatus, VerificationTask};

/// Honest answers of a patient saboteur before it begins.
const PATIENCE: u64 = 100;

/// A frame worth more than this is expensive, in thousands of path-traced samples.
const EXPENSIVE: u64 = 100_000;

impl World {
    /// A worker has rendered the next frame of a lease.
    pub(super) fn rendered(&mut self, at: usize, lease: LeaseId) {
        let node = self.nodes[at].id;
        let task = self
            .farm
            .task_of_lease(lease)
            .filter(|task| matches!(&task.status, TaskStatus::Leased(held) if held.node == node));
        let Some(task) = task.cloned() else {
            self.too_late(at, lease);
            return;
        };
        // It has forgotten the lease, and the manager knows or soon will.
        if !self.nodes[at].leases.contains(&lease) {
            return;
        }
        let Some(frame) = task.frames.first().copied() else { return };
        let kind = self.nodes[at].worker;
        if self.is_crash(kind) {
            let (fault, text) = (Fault::Engine, "the engine crashed".to_owned());
            self.apply(Command::FrameFailed { node, lease, frame, fault, text }).ok();
        } else {
            self.send(at, lease, &task, frame);
        }
        if self.farm.task_of_lease(lease).is_some() {
            self.render_next(at, task.job, lease);
        }
    }

    fn send(&mut self, at: usize, lease: LeaseId, task: &candela_core::task::Task, frame: i32) {
        let (node, job) = (self.nodes[at].id, task.job);
        let Some(scene) = self.farm.job(job).map(|job| job.submission.scene) else { return };
        let render_ms = self.work.get(&job).map_or(0, |work| work.frame_ms as u64);
        let layers = self.dice.bytes();
        let statement = scene::statement(task, lease, scene, frame, layers, render_ms);
        let forgery = self.forgery(at, job);
        let (statement, signature) = (Box::new(statement), [0; 64]);
        // What follows from the receipt may look at what is true of it, so that comes first.
        let id = ReceiptId(self.farm.next_id());
        if let Some(forgery) = forgery {
            self.truth.forge(id, forgery);
        }
        let reply = self.apply(Command::Receipt { node, statement, signature });
        debug_assert_eq!(reply, Ok(Reply::Receipt(id)));
        self.nodes[at].frames += 1;
        self.nodes[at].forged += u64::from(forgery.is_some());
    }

    /// Sends a frame of a lease that is over, as a node does that didn't hear of it in time.
    fn too_late(&mut self, at: usize, lease: LeaseId) {
        self.nodes[at].leases.remove(&lease);
        let some = self.farm.jobs().next_back().map(|job| (job.id, job.submission.scene));
        let Some((_, scene)) = some.filter(|_| self.dice.chance(0.2)) else { return };
        let task = candela_core::task::Task {
            id: candela_core::id::TaskId(lease.0.saturating_sub(1)),
            job: JobId(1),
            frames: [1].into(),
            status: TaskStatus::Returned,
            key: candela_core::task::VerificationKey([0; 32]),
        };
        let layers = self.dice.bytes();
        let statement = Box::new(scene::statement(&task, lease, scene, 1, layers, 1));
        let (node, signature) = (self.nodes[at].id, [0; 64]);
        let refused = self.apply(Command::Receipt { node, statement, signature }).is_err();
        self.tally.stale_receipts += u64::from(refused);
    }

    /// What a worker forges in its next frame.
    fn forgery(&mut self, at: usize, job: JobId) -> Option<Forgery> {
        let own = Picture::Own(self.dice.next());
        let node = &self.nodes[at];
        let whole = |picture| Forgery { picture, share: 1.0, slight: false, shared: false };
        let sometimes = |share: f64, draw: f64| (draw < share).then_some(whole(own));
        let draw = self.dice.unit();
        match node.worker {
            WorkerKind::Honest | WorkerKind::Withholds | WorkerKind::Crashes => None,
            WorkerKind::ForgesAll => Some(whole(own)),
            WorkerKind::HalfSamples => Some(whole(Picture::HalfSamples)),
            WorkerKind::Selective => sometimes(0.05, draw),
            WorkerKind::Turncoat { after, share } => {
                sometimes(share, draw).filter(|_| node.frames >= after)
            }
            WorkerKind::Expensive => (self.farm.credit_of(job) >= EXPENSIVE).then_some(whole(own)),
            WorkerKind::TenthOfArea => Some(Forgery { share: 0.1, ..whole(own) }),
            WorkerKind::Settings => Some(Forgery { share: 0.6, slight: true, ..whole(own) }),
            WorkerKind::Cartel => {
                (draw < 1.0 / 3.0).then_some(Forgery { shared: true, ..whole(own) })
            }
        }
    }

    /// The manager's storage has pulled a receipt's output, or could not.
    pub(super) fn stored(&mut self, receipt: ReceiptId) {
        let worker = self.farm.receipt_of(receipt).map(|receipt| receipt.node);
        let kind = worker.and_then(|id| self.at.get(&id)).map(|at| self.nodes[*at].worker);
        let command = if kind == Some(WorkerKind::Withholds) && self.dice.chance(0.5) {
            let reason = "the worker did not deliver what it signed".to_owned();
            Command::BlobsLost { receipt, blame: true, reason }
        } else {
            Command::OutputStored(receipt)
        };
        self.apply(command).ok();
    }

    /// A verifier answers.
    pub(super) fn answer(&mut self, at: usize, id: VerificationId) {
        let node = self.nodes[at].id;
        let Some(verification) = self.farm.verification(id).cloned() else { return };
        let held = matches!(verification.status, VerificationStatus::Leased { node: by, .. } if by == node);
        self.nodes[at].verifications.remove(&id);
        if !held && !self.dice.chance(0.2) {
            return;
        }
        let shown = self.shows(at, &verification);
        let mut outcome = self.truth.judge(&self.farm, &verification, shown);
        let canary = verification.purpose == candela_core::verification::Purpose::Canary;
        if self.nodes[at].verifier == VerifierKind::AlwaysYes {
            outcome = if canary { Outcome::Rejected } else { Outcome::Accepted };
        }
        let peers: Vec<(VerificationId, bool)> = self
            .farm
            .verifications(verification.receipt)
            .filter(|other| other.id != id && other.verdict().is_some())
            .filter_map(|other| Some((other, self.truth.shown(other.id)?)))
            .map(|(other, theirs)| (other.id, self.truth.same(&self.farm, other, shown, theirs)))
            .collect();
        self.truth.show(id, shown);
        let verdict = Box::new(scene::verdict(outcome, node, peers, Time(self.now)));
        let rendered_px = scene::rendered_px(&verification);
        let answer = self.apply(Command::Judged { verification: id, verdict, rendered_px });
        if answer.is_err() {
            self.tally.stale_answers += 1;
        } else {
            self.nodes[at].answers += 1;
        }
    }

    /// The pictures of a verifier's answer.
    fn shows(&mut self, at: usize, verification: &VerificationTask) -> Shown {
        let own = self.dice.next();
        let node = &self.nodes[at];
        Shown::One(match node.verifier {
            VerifierKind::Honest | VerifierKind::Late => Picture::True,
            VerifierKind::Garbage | VerifierKind::AlwaysYes => Picture::Own(own),
            VerifierKind::Replays => Picture::Own(at as u64),
            VerifierKind::Lazy => Picture::HalfSamples,
            VerifierKind::Cartel => return self.shows_of_cartel(verification),
            VerifierKind::Saboteur => Picture::Agreed,
            VerifierKind::PatientSaboteur if node.answers < PATIENCE => Picture::True,
            VerifierKind::PatientSaboteur => Picture::Agreed,
        })
    }

    /// A verifier is told scene and frame, not whose: it shows what its cartel last delivered for it.
    fn shows_of_cartel(&self, verification: &VerificationTask) -> Shown {
        let receipt = self.farm.receipt_of(verification.receipt);
        let frame =
            receipt.and_then(|receipt| self.farm.frame(verification.job, receipt.statement.frame));
        let now = frame.and_then(|frame| match frame.status {
            FrameStatus::Received(receipt) | FrameStatus::Accepted(receipt) => Some(receipt),
            _ => None,
        });
        let shared = now.filter(|id| self.truth.forgery(*id).is_some_and(|f| f.shared));
        shared.map_or(Shown::One(Picture::True), Shown::As)
    }
}
