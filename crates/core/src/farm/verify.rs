//! From a receipt to a verdict: probes, more probes, second opinions, and what follows.

use super::{Effect, Farm, Reply, Row};
use crate::id::{NodeId, ReceiptId, VerificationId};
use crate::job::FrameStatus;
use crate::refusal::{Refusal, RefusalCode};
use crate::task::ReceiptStatus;
use crate::time::Time;
use crate::verification::{Outcome, Purpose, Verdict, VerificationStatus, VerificationTask};

impl Farm {
    pub(super) fn output_stored(
        &mut self,
        receipt_id: ReceiptId,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let receipt = self.open_receipt(receipt_id)?;
        if receipt.status != ReceiptStatus::Storing {
            return Ok(Reply::Done);
        }
        receipt.status = ReceiptStatus::Verifying;
        let (job, number) = (receipt.job, receipt.statement.frame);
        self.mark(Row::Receipt(receipt_id));
        effects.push(Effect::FrameChanged(job, number));
        self.verify(receipt_id, Purpose::Probe, 0, self.policy.probes_first);
        Ok(Reply::Done)
    }

    /// Queues a verification task of `probes` probes from position `first` on.
    fn verify(&mut self, receipt_id: ReceiptId, purpose: Purpose, first: u32, probes: u32) {
        let Some(receipt) = self.receipts.get(&receipt_id) else { return };
        let job = receipt.job;
        let repeatable = self
            .jobs
            .get(&job)
            .and_then(|job| job.inspected.as_ref())
            .is_some_and(|inspected| inspected.preview.unrepeatable_share == 0.0);
        let id = VerificationId(self.new_id());
        let verification = VerificationTask {
            id,
            receipt: receipt_id,
            job,
            purpose,
            first_probe: first,
            probes,
            second_replica: !repeatable || purpose == Purpose::Confirm,
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
        self.set_verification(id, VerificationStatus::Judged(verdict));
        self.record(verifier, |node| node.record.verifications += 1);
        if let Some(job) = self.jobs.get_mut(&verification.job) {
            job.verification_px = job.verification_px.saturating_add(rendered_px);
            self.mark(Row::Job(verification.job));
        }
        self.decide(&verification, outcome, &reason, now, effects);
        effects.push(Effect::JobChanged(verification.job));
        Ok(Reply::Done)
    }

    /// What follows from one verdict: a failed probe is not yet a conviction, two against one decide.
    fn decide(
        &mut self,
        verification: &VerificationTask,
        outcome: Outcome,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let receipt = verification.receipt;
        let next = verification.first_probe + verification.probes;
        let probes_max = self.policy.probes_max;
        match (verification.purpose, outcome) {
            (Purpose::Probe, Outcome::Accepted) => self.accept(receipt, now, effects),
            (Purpose::Probe, Outcome::Undecided) if next < probes_max => {
                self.verify(receipt, Purpose::Probe, next, next.min(probes_max - next));
            }
            (Purpose::Probe, Outcome::Rejected | Outcome::Undecided) => {
                self.verify(receipt, Purpose::Confirm, 0, next);
            }
            (Purpose::Confirm, _) => {
                let (accepting, rejecting) = self.opinions(receipt);
                if rejecting.len() >= 2 {
                    self.blame_minority(&accepting);
                    self.reject(receipt, reason, now, effects);
                } else if accepting.len() >= 2 {
                    self.blame_minority(&rejecting);
                    self.accept(receipt, now, effects);
                } else if self.rounds.get(&receipt).is_some_and(|rounds| rounds.len() > 12) {
                    self.give_up_receipt(receipt, "no two verifiers agree on it", now, effects);
                } else {
                    self.verify(receipt, Purpose::Confirm, 0, next);
                }
            }
        }
    }

    /// Who said accepted and who said rejected; of probe rounds only the last counts.
    fn opinions(&self, receipt: ReceiptId) -> (Vec<NodeId>, Vec<NodeId>) {
        let (mut accepting, mut rejecting) = (Vec::new(), Vec::new());
        for id in self.rounds.get(&receipt).into_iter().flatten() {
            let Some(verification) = self.verifications.get(id) else { continue };
            let VerificationStatus::Judged(verdict) = &verification.status else { continue };
            match verdict.outcome {
                Outcome::Accepted => accepting.push(verdict.verifier),
                Outcome::Rejected => rejecting.push(verdict.verifier),
                Outcome::Undecided => {}
            }
        }
        (accepting, rejecting)
    }

    fn blame_minority(&mut self, minority: &[NodeId]) {
        for node in minority {
            self.record(*node, |node| node.record.verifications_minority += 1);
        }
    }

    fn accept(&mut self, receipt_id: ReceiptId, now: Time, effects: &mut Vec<Effect>) {
        let Some(receipt) = self.receipts.get_mut(&receipt_id) else { return };
        receipt.status = ReceiptStatus::Accepted;
        let (job, node, number) = (receipt.job, receipt.node, receipt.statement.frame);
        self.mark(Row::Receipt(receipt_id));
        effects.push(Effect::NodeChanged(node));
        self.record(node, |node| {
            node.record.frames_accepted += 1;
            node.record.rejections_in_row = 0;
        });
        let frame = self.frames.get(&job).and_then(|frames| frames.get(&number));
        let crashed_on = frame.map(|frame| frame.crashed_on.clone()).unwrap_or_default();
        for crashed in crashed_on.into_iter().filter(|crashed| *crashed != node) {
            // The scene renders elsewhere, so the crash was the worker's.
            self.record(crashed, |node| node.record.crashes += 1);
        }
        self.set_frame(job, number, FrameStatus::Accepted(receipt_id), effects);
        self.end_if_over(job, now, effects);
    }

    /// Rejects a receipt and with it every frame of its lease that is not accepted, for somebody else to render.
    fn reject(
        &mut self,
        receipt_id: ReceiptId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.receipts.get(&receipt_id) else { return };
        let (job, node, lease) = (receipt.job, receipt.node, receipt.statement.lease);
        let number = receipt.statement.frame;
        let receipts: Vec<ReceiptId> =
            self.by_lease.get(&lease).into_iter().flat_map(|f| f.values()).copied().collect();
        let mut rejected = 0;
        for id in receipts {
            let Some(receipt) = self.receipts.get_mut(&id) else { continue };
            if !matches!(receipt.status, ReceiptStatus::Storing | ReceiptStatus::Verifying) {
                continue;
            }
            receipt.status = ReceiptStatus::Rejected;
            receipt.reason = Some(if id == receipt_id {
                reason.to_owned()
            } else {
                format!("frame {number} of the same lease was rejected")
            });
            rejected += 1;
            let of_lease = receipt.statement.frame;
            self.mark(Row::Receipt(id));
            self.drop_verifications(id, effects);
            self.frame_again(job, of_lease, reason, effects);
        }
        if let Some(job) = self.jobs.get_mut(&job) {
            job.excluded.insert(node);
        }
        self.mark(Row::Job(job));
        self.end_leases_of(node, job, effects);
        let suspend_at = self.policy.rejections_suspend;
        effects.push(Effect::NodeChanged(node));
        self.record(node, |node| {
            node.record.frames_rejected += rejected;
            node.record.rejections_in_row += 1;
            if node.record.rejections_in_row >= suspend_at && node.suspended.is_none() {
                node.suspended = Some(format!(
                    "{} leases in a row were rejected",
                    node.record.rejections_in_row
                ));
            }
        });
        self.end_if_over(job, now, effects);
    }

    fn end_leases_of(&mut self, node: NodeId, job: crate::id::JobId, effects: &mut Vec<Effect>) {
        let leases = self.leases_of.get(&node).cloned().unwrap_or_default();
        let tasks: Vec<_> =
            leases.iter().filter_map(|lease| self.leased.get(lease)).copied().collect();
        for task in tasks {
            if self.tasks.get(&task).is_some_and(|task| task.job == job) {
                self.return_task(task, effects);
            }
        }
    }

    /// A frame has to be rendered again, unless it was tried too often.
    fn frame_again(
        &mut self,
        job: crate::id::JobId,
        number: i32,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let attempts_max = self.policy.attempts_max;
        let Some(frame) = self.frames.get_mut(&job).and_then(|f| f.get_mut(&number)) else {
            return;
        };
        frame.attempts += 1;
        let status = if frame.attempts >= attempts_max {
            FrameStatus::Failed(format!(
                "{attempts_max} attempts came to nothing; the last: {reason}"
            ))
        } else {
            FrameStatus::Waiting
        };
        self.set_frame(job, number, status, effects);
    }

    /// Ends a receipt without a verdict; its frame is rendered again if the job goes on.
    pub(super) fn withdraw(&mut self, id: ReceiptId, reason: &str, effects: &mut Vec<Effect>) {
        let Some(receipt) = self.receipts.get_mut(&id) else { return };
        receipt.status = ReceiptStatus::Withdrawn;
        receipt.reason = Some(reason.to_owned());
        let (job, number) = (receipt.job, receipt.statement.frame);
        self.mark(Row::Receipt(id));
        self.drop_verifications(id, effects);
        self.set_frame(job, number, FrameStatus::Waiting, effects);
    }

    fn give_up_receipt(
        &mut self,
        id: ReceiptId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.receipts.get(&id) else { return };
        let (job, number) = (receipt.job, receipt.statement.frame);
        self.withdraw(id, reason, effects);
        self.frame_again(job, number, reason, effects);
        self.end_if_over(job, now, effects);
    }

    pub(super) fn blobs_lost(
        &mut self,
        id: ReceiptId,
        blame: bool,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        self.open_receipt(id)?;
        if blame {
            self.reject(id, reason, now, effects);
        } else {
            self.give_up_receipt(id, reason, now, effects);
        }
        Ok(Reply::Done)
    }

    pub(super) fn verification_failed(
        &mut self,
        node: NodeId,
        id: VerificationId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let receipt_id = self.held_verification(node, id)?.receipt;
        let tries_max = self.policy.verification_tries_max;
        self.requeue_verification(id);
        if let Some(presence) = self.presence.get_mut(&node) {
            presence.rest_until = now.plus_ms(1_000);
        }
        let Some(receipt) = self.receipts.get_mut(&receipt_id) else { return Ok(Reply::Done) };
        receipt.failed_tries += 1;
        let too_often = receipt.failed_tries >= tries_max;
        self.mark(Row::Receipt(receipt_id));
        if too_often {
            let reason = format!("verifiers failed {tries_max} times; the last said: {reason}");
            self.give_up_receipt(receipt_id, &reason, now, effects);
        }
        Ok(Reply::Done)
    }

    /// A receipt on which nothing was decided yet.
    fn open_receipt(&mut self, id: ReceiptId) -> Result<&mut crate::task::Receipt, Refusal> {
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

    fn drop_verifications(&mut self, receipt: ReceiptId, effects: &mut Vec<Effect>) {
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
            VerificationStatus::Leased { node, .. } => {
                self.verifications_of.entry(*node).or_default().insert(id);
            }
            VerificationStatus::Judged(_) | VerificationStatus::Dropped => {}
        }
        verification.status = status;
        self.mark(Row::Verification(id));
    }
}
