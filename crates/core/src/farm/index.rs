//! The indices over the rows: built at the start, kept up by every change.

use super::Farm;
use crate::claim::ClaimStatus;
use crate::id::{NodeId, ReceiptId};
use crate::job::JobStatus;
use crate::task::{ReceiptStatus, TaskStatus};
use crate::time::Time;
use crate::verification::VerificationStatus;

impl Farm {
    pub(super) fn index(&mut self, now: Time) {
        for job in self.jobs.values() {
            self.submissions.insert(job.submission.submission_id, job.id);
            if !job.messages.is_empty() {
                self.untold.insert(job.id);
            }
            if !job.status.is_over() {
                let (submission, open) = (&job.submission, self.waiting.contains_key(&job.id));
                let (user, priority) = (&submission.user, submission.priority);
                self.queue.begin(job.id, user, &submission.engine, priority);
                self.queue.set_open(job.id, open && job.status == JobStatus::Active);
            }
        }
        for task in self.tasks.values() {
            self.tasks_of.entry(task.job).or_default().push(task.id);
            if let TaskStatus::Leased(lease) = &task.status {
                self.leased.insert(lease.id, task.id);
                self.leases_of.or_default(lease.node).insert(lease.id);
                self.absent.insert(lease.node, now);
                self.deadlines.set(task.id, lease.deadline.plus_ms(1));
                self.queue.begun(task.job, task.id);
            }
        }
        for receipt in self.receipts.values() {
            let frames = self.by_lease.entry(receipt.statement.lease).or_default();
            frames.insert(receipt.statement.frame, receipt.id);
            self.receipts_of.entry(receipt.job).or_default().insert(receipt.id);
            if receipt.status == ReceiptStatus::Verifying {
                self.unsettled.insert(receipt.statement.lease);
                if !receipt.check.checked {
                    self.undrawn.insert((receipt.node, receipt.id));
                }
            }
        }
        for claim in self.claims.values() {
            self.claimed.insert(claim.receipt, claim.id);
        }
        for verification in self.verifications.values() {
            self.rounds.entry(verification.receipt).or_default().push(verification.id);
            match &verification.status {
                VerificationStatus::Queued => {
                    self.verifications_queued.insert(verification.id);
                }
                VerificationStatus::Leased { node, given_at } => {
                    let due = given_at.plus_ms(self.policy.verification_ms_max).plus_ms(1);
                    self.answers_due.set(verification.id, due);
                    self.verifications_of.or_default(*node).insert(verification.id);
                    self.absent.insert(*node, now);
                }
                VerificationStatus::Judged(_) | VerificationStatus::Dropped => {}
            }
        }
        for node in self.absent.keys() {
            self.graces.set(*node, now.plus_ms(self.policy.grace_ms).plus_ms(1));
        }
        let over = self.jobs.values().filter(|job| job.status.is_over()).map(|job| job.id);
        for id in over.collect::<Vec<_>>() {
            self.note_end(id);
        }
        self.index_verdicts(now);
        self.count_all(super::ready::Ready::default());
    }

    fn index_verdicts(&mut self, now: Time) {
        let judged: Vec<_> = self
            .verifications
            .values()
            .filter_map(|v| Some((v.id, v.receipt, v.verdict()?.clone())))
            .collect();
        for (id, receipt, verdict) in judged {
            self.count_between(id, receipt, &verdict);
        }
        let settled: Vec<(ReceiptId, NodeId, bool, Time)> = self
            .receipts
            .values()
            .filter_map(|receipt| {
                let at = receipt.accepted_at.unwrap_or(receipt.received_at);
                match receipt.status {
                    ReceiptStatus::Accepted => Some((receipt.id, receipt.node, true, at)),
                    ReceiptStatus::Rejected => Some((receipt.id, receipt.node, false, at)),
                    _ => None,
                }
            })
            .collect();
        for (receipt, worker, accepted, at) in settled {
            let opinions = self.opinions(receipt, |v| v.purpose.judges_receipt());
            let recent = now.since_ms(at) <= self.policy.reopen_ms;
            if accepted && recent && !self.is_settled(receipt) {
                self.weak.or_default(worker).insert(receipt);
                self.ageing.set(receipt, at.plus_ms(self.policy.reopen_ms).plus_ms(1));
            }
            if !accepted && !opinions.rejecting.is_empty() && recent {
                self.convicted.insert(receipt);
            }
            if opinions.accepting.len() >= 2 || opinions.rejecting.len() >= 2 {
                self.keep_known(receipt);
            }
        }
    }

    /// Keeps a receipt whose verdict is known for canaries, and lets the oldest go.
    pub(super) fn keep_known(&mut self, receipt: ReceiptId) {
        self.known.insert(receipt);
        while self.known.len() > self.policy.verifiers.canaries_kept {
            self.known.pop_first();
        }
    }

    /// A receipt of that worker can't be opened again, or is open.
    pub(super) fn not_weak(&mut self, worker: NodeId, receipt: ReceiptId) {
        self.ageing.clear(receipt);
        if let Some(weak) = self.weak.get_mut(&worker) {
            weak.remove(&receipt);
            if weak.is_empty() {
                self.weak.remove(&worker);
            }
        }
    }

    /// Lets go of what is too old to be opened again.
    pub(super) fn forget_old(&mut self, now: Time) {
        while let Some(id) = self.ageing.ring(now) {
            let worker = self.receipts.get(&id).map(|receipt| receipt.node);
            if let Some(worker) = worker.filter(|_| self.is_too_old(id, now)) {
                self.not_weak(worker, id);
            }
        }
        // Ids grow with time, so only the first have to be looked at.
        while let Some(id) = self.convicted.first().copied().filter(|id| self.is_too_old(*id, now))
        {
            self.convicted.remove(&id);
        }
    }

    fn is_too_old(&self, receipt: ReceiptId, now: Time) -> bool {
        self.receipts.get(&receipt).is_none_or(|receipt| {
            let at = receipt.accepted_at.unwrap_or(receipt.received_at);
            now.since_ms(at) > self.policy.reopen_ms
        })
    }

    /// Whether a claim on this receipt is being looked at.
    pub(super) fn open_claim(&self, receipt: ReceiptId) -> Option<crate::id::ClaimId> {
        let claim = self.claims.get(self.claimed.get(&receipt)?)?;
        (claim.status == ClaimStatus::Open).then_some(claim.id)
    }
}
