//! From a receipt to a verdict: probes, more probes, second opinions.

use super::{Effect, Farm, Reply, Row};
use crate::counts::TileCounts;
use crate::id::{BlobHash, JobId, NodeId, ReceiptId, VerificationId};
use crate::refusal::{Refusal, RefusalCode};
use crate::standing;
use crate::task::ReceiptStatus;
use crate::time::Time;
use crate::verification::{
    Outcome, Purpose, Verdict, VerificationStatus, VerificationTask, class_of,
};

/// Scene and two classes of devices, and what was counted between them.
type Between = ((BlobHash, String, String), TileCounts);

impl Farm {
    /// Queues a verification task of `probes` regions from position `first` on.
    pub(super) fn verify(
        &mut self,
        receipt_id: ReceiptId,
        purpose: Purpose,
        first: u32,
        probes: u32,
    ) {
        let Some(receipt) = self.receipts.get(&receipt_id) else { return };
        let job = receipt.job;
        // Where somebody saw something wrong, what doesn't repeat is left out by looking twice.
        let rounds = self.rounds.get(&receipt_id).into_iter().flatten();
        let verdicts = rounds.filter_map(|id| self.verifications.get(id)?.verdict());
        let doubted = verdicts.into_iter().any(|verdict| verdict.outcome != Outcome::Accepted);
        let confirms = matches!(purpose, Purpose::Confirm | Purpose::ClaimConfirm);
        let id = VerificationId(self.new_id());
        let verification = VerificationTask {
            id,
            receipt: receipt_id,
            job,
            purpose,
            first_probe: first,
            probes,
            second_replica: !self.repeats(job) || (confirms && doubted),
            status: VerificationStatus::Queued,
        };
        self.verifications.insert(id, verification);
        self.rounds.entry(receipt_id).or_default().push(id);
        self.verifications_queued.insert(id);
        self.mark(Row::Verification(id));
    }

    pub(super) fn judged(
        &mut self,
        id: VerificationId,
        verdict: Verdict,
        rendered_px: u64,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let verification = self.held_verification(verdict.verifier, id)?.clone();
        let verifier = verdict.verifier;
        let outcome = verdict.outcome;
        let reason = verdict.reason.clone();
        self.count_between(id, verification.receipt, &verdict);
        self.set_verification(id, VerificationStatus::Judged(Box::new(verdict)));
        self.record(verifier, |node| node.record.verifications += 1);
        if let Some(job) = self.jobs.get_mut(&verification.job) {
            job.verification_px = job.verification_px.saturating_add(rendered_px);
            self.mark(Row::Job(verification.job));
        }
        match verification.purpose {
            Purpose::Probe | Purpose::Confirm => {
                self.decide(&verification, verifier, outcome, &reason, now, effects);
            }
            Purpose::Canary => self.canary_answered(verifier, outcome, now, effects),
            Purpose::Claim | Purpose::ClaimConfirm => {
                self.claim_answered(&verification, outcome, &reason, now, effects);
            }
        }
        effects.push(Effect::JobChanged(verification.job));
        Ok(Reply::Done)
    }

    /// What follows from one verdict: a failed probe is not yet a conviction.
    fn decide(
        &mut self,
        verification: &VerificationTask,
        verifier: NodeId,
        outcome: Outcome,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let receipt = verification.receipt;
        let next = verification.first_probe + verification.probes;
        let probes_max = self.policy.probes_max;
        match (verification.purpose, outcome) {
            (Purpose::Probe, Outcome::Accepted) => {
                if next < probes_max && self.is_of_suspended(receipt) {
                    self.verify(receipt, Purpose::Confirm, 0, probes_max);
                } else if self.needs_second(receipt, verifier) {
                    self.verify(receipt, Purpose::Confirm, 0, next);
                } else {
                    self.accept(receipt, now, effects);
                }
            }
            (Purpose::Probe, Outcome::Undecided) if next < probes_max => {
                self.verify(receipt, Purpose::Probe, next, next.min(probes_max - next));
            }
            (Purpose::Probe, Outcome::Rejected | Outcome::Undecided) => {
                self.verify(receipt, Purpose::Confirm, 0, next);
            }
            _ => self.weigh(receipt, next, reason, now, effects),
        }
    }

    /// Decides by opinions, or asks for one more.
    fn weigh(
        &mut self,
        receipt: ReceiptId,
        probes: u32,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        // Who looked at fewer probes may be right about those and still say nothing of the others.
        let covers = |v: &VerificationTask| {
            let rejects = v.verdict().is_some_and(|verdict| verdict.outcome == Outcome::Rejected);
            v.purpose.judges_receipt() && (rejects || v.reach() >= probes)
        };
        let all = self.opinions(receipt, |v| v.purpose.judges_receipt());
        let opinions = self.opinions(receipt, covers);
        let rejecting = opinions.rejecting.len();
        let doubted = rejecting > 0 || !opinions.alone.is_empty();
        let accepting = match opinions.accepting.len() {
            1 if !doubted => all.accepting.len(),
            covering => covering,
        };
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        let rounds = rounds.filter_map(|id| self.verifications.get(id));
        let rounds = rounds.filter(|v| v.purpose.judges_receipt()).count();
        if rejecting >= self.convicting(receipt) && rejecting > accepting {
            let mut wrong: Vec<NodeId> =
                opinions.accepted_by.iter().chain(&opinions.alone).copied().collect();
            wrong.extend(self.seen_otherwise(receipt, probes, &opinions.rejected_by));
            self.convicted.insert(receipt);
            self.keep_known(receipt);
            self.reject(receipt, reason, now, effects);
            self.hold_against(&opinions.rejected_by, &wrong, now, effects);
        } else if accepting >= 2 && accepting > rejecting {
            let wrong: Vec<NodeId> =
                opinions.rejected_by.iter().chain(&opinions.alone).copied().collect();
            self.accept(receipt, now, effects);
            self.hold_against(&opinions.accepted_by, &wrong, now, effects);
        } else if rounds > self.policy.verifiers.opinions_max {
            self.give_up_receipt(receipt, "no two verifiers agree on it", now, effects);
        } else {
            self.verify(receipt, Purpose::Confirm, 0, probes);
        }
    }

    /// Whether an accepting verdict gets a second opinion before it counts.
    fn needs_second(&self, receipt_id: ReceiptId, verifier: NodeId) -> bool {
        let Some(receipt) = self.receipts.get(&receipt_id) else { return false };
        let seen = self.owners_that_saw(receipt_id, |_| true);
        if self.verifying_owners(receipt_id).all(|owner| seen.contains(owner)) {
            return false;
        }
        let figures = &self.policy.verifiers;
        let record = self.nodes.get(&verifier).map(|node| node.record).unwrap_or_default();
        let statement = &receipt.statement;
        let drawn = self.tasks.get(&statement.task).is_some_and(|task| {
            let draw = standing::draw_second(&task.key, statement.frame, &statement.layers);
            draw < figures.second_rate
        });
        receipt.reopened || record.verifications_confirmed < figures.probation || drawn
    }

    /// Whether a receipt's worker was suspended after it was sent: then a few probes are not enough.
    fn is_of_suspended(&self, receipt: ReceiptId) -> bool {
        let worker = self.receipts.get(&receipt).and_then(|r| self.nodes.get(&r.node));
        worker.is_some_and(|worker| worker.suspended.is_some())
    }

    /// Probes of a receipt that were drawn so far.
    pub(super) fn probes_so_far(&self, receipt: ReceiptId) -> u32 {
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        let rounds = rounds.filter_map(|id| self.verifications.get(id));
        let rounds = rounds.filter(|v| v.purpose.judges_receipt());
        rounds.map(|v| v.first_probe + v.probes).max().unwrap_or(0)
    }

    /// Adds what was counted between two verifiers that saw the same to what is known of their classes.
    pub(super) fn count_between(
        &mut self,
        id: VerificationId,
        receipt: ReceiptId,
        verdict: &Verdict,
    ) {
        for (key, counts) in self.between(id, receipt, verdict) {
            *self.seen_between.entry(key).or_default() += counts;
        }
    }

    /// Takes what a receipt's verdicts added to it out again.
    pub(super) fn discount_between(&mut self, receipt: ReceiptId) {
        let verdicts = self.verifications(receipt).filter_map(|v| Some((v.id, v.verdict()?)));
        let added: Vec<_> =
            verdicts.flat_map(|(id, verdict)| self.between(id, receipt, verdict)).collect();
        for (key, counts) in added {
            let Some(seen) = self.seen_between.get_mut(&key) else { continue };
            *seen -= counts;
            if *seen == TileCounts::default() {
                self.seen_between.remove(&key);
            }
        }
    }

    /// What a verdict adds to what is known of classes.
    fn between(&self, id: VerificationId, receipt: ReceiptId, verdict: &Verdict) -> Vec<Between> {
        let Some(receipt) = self.receipts.get(&receipt) else { return Vec::new() };
        let scene = receipt.statement.scene;
        let peers = verdict.peers.iter().filter(|peer| peer.same && peer.verification != id);
        let added = peers.filter_map(|peer| {
            let other = self.verifications.get(&peer.verification)?.verdict()?;
            let classes = sorted(class_of(&verdict.device), class_of(&other.device));
            Some(((scene, classes.0, classes.1), peer.counts))
        });
        added.filter(|(_, counts)| *counts != TileCounts::default()).collect()
    }

    /// What was counted so far between verifiers of these classes that saw the same, on this scene.
    #[must_use]
    pub fn seen_between(&self, job: JobId, device: &str, other: &str) -> TileCounts {
        let Some(job) = self.jobs.get(&job) else { return Default::default() };
        let classes = sorted(class_of(device), class_of(other));
        let key = (job.submission.scene, classes.0, classes.1);
        self.seen_between.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn verification_failed(
        &mut self,
        node: NodeId,
        id: VerificationId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let verification = self.held_verification(node, id)?;
        let (receipt_id, purpose) = (verification.receipt, verification.purpose);
        let tries_max = self.policy.verification_tries_max;
        self.rest(node, now, 1_000);
        if purpose == Purpose::Canary {
            self.set_verification(id, VerificationStatus::Dropped);
            return Ok(Reply::Done);
        }
        self.requeue_verification(id);
        let Some(receipt) = self.receipts.get_mut(&receipt_id) else { return Ok(Reply::Done) };
        receipt.failed_tries += 1;
        let too_often = receipt.failed_tries >= tries_max;
        self.mark(Row::Receipt(receipt_id));
        if too_often {
            let reason = format!("verifiers failed {tries_max} times; the last said: {reason}");
            match self.open_claim(receipt_id) {
                Some(claim) => self.leave_undecided(claim, &reason, now, effects),
                None => self.give_up_receipt(receipt_id, &reason, now, effects),
            }
        }
        Ok(Reply::Done)
    }

    /// A receipt on which nothing was decided yet.
    pub(super) fn open_receipt(
        &mut self,
        id: ReceiptId,
    ) -> Result<&mut crate::task::Receipt, Refusal> {
        self.receipts
            .get_mut(&id)
            .filter(|r| matches!(r.status, ReceiptStatus::Storing | ReceiptStatus::Verifying))
            .ok_or_else(|| {
                Refusal::new(RefusalCode::WrongState, format!("nothing is open on receipt {id}"))
            })
    }

    fn held_verification(
        &self,
        node: NodeId,
        id: VerificationId,
    ) -> Result<&VerificationTask, Refusal> {
        let held = self.verifications_of.get(&node).is_some_and(|held| held.contains(&id));
        self.verifications.get(&id).filter(|_| held).ok_or_else(|| {
            Refusal::new(
                RefusalCode::VerificationStale,
                format!("the verification task {id} is over, or is not yours"),
            )
        })
    }

    pub(super) fn requeue_verification(&mut self, id: VerificationId) {
        self.set_verification(id, VerificationStatus::Queued);
    }

    pub(super) fn drop_verifications(&mut self, receipt: ReceiptId, effects: &mut Vec<Effect>) {
        for id in self.rounds.get(&receipt).cloned().unwrap_or_default() {
            let Some(verification) = self.verifications.get(&id) else { continue };
            match verification.status {
                VerificationStatus::Leased { node, .. } => {
                    effects.push(Effect::RevokeVerification(node, id));
                }
                VerificationStatus::Queued => {}
                VerificationStatus::Judged(_) | VerificationStatus::Dropped => continue,
            }
            self.set_verification(id, VerificationStatus::Dropped);
        }
    }

    /// Sets the status of a verification task and keeps the indices.
    pub(super) fn set_verification(&mut self, id: VerificationId, status: VerificationStatus) {
        let Some(verification) = self.verifications.get_mut(&id) else { return };
        match &verification.status {
            VerificationStatus::Queued => {
                self.verifications_queued.remove(&id);
            }
            VerificationStatus::Leased { node, .. } => {
                self.answers_due.clear(id);
                if let Some(held) = self.verifications_of.get_mut(node) {
                    held.remove(&id);
                    if held.is_empty() {
                        self.verifications_of.remove(node);
                    }
                }
            }
            VerificationStatus::Judged(_) | VerificationStatus::Dropped => {}
        }
        match &status {
            VerificationStatus::Queued => {
                self.verifications_queued.insert(id);
            }
            VerificationStatus::Leased { node, given_at } => {
                let limit_ms = self.policy.verification_ms_max;
                self.answers_due.set(id, given_at.plus_ms(limit_ms).plus_ms(1));
                self.verifications_of.or_default(*node).insert(id);
            }
            VerificationStatus::Judged(_) | VerificationStatus::Dropped => {}
        }
        let nodes = [&verification.status, &status].map(|status| match status {
            VerificationStatus::Leased { node, .. } => Some(*node),
            _ => None,
        });
        verification.status = status;
        self.mark(Row::Verification(id));
        for node in nodes.into_iter().flatten() {
            self.refresh(node);
        }
    }
}

/// A pair of classes in one order, whichever way round it comes.
fn sorted(a: &str, b: &str) -> (String, String) {
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    (a.to_owned(), b.to_owned())
}
