//! Jobs that came to their end long ago are forgotten, with everything that belongs to them.
//!
//! A job goes out of memory at once, and its own row with it; the rows of its frames, tasks, receipts,
//! verification tasks and claims follow, some with each tick, so that no commit is large. If the
//! manager ends in between, rows are left whose job isn't there: they are taken for what they are when
//! they are loaded. What nodes did for the job stays in their records.

use super::{Farm, Row};
use crate::claim::ClaimStatus;
use crate::id::{JobId, ReceiptId};
use crate::task::ReceiptStatus;
use crate::time::Time;
use crate::verification::VerificationStatus;
use std::collections::BTreeSet;

/// Rows deleted by one command at most; no further job is begun with while so many are left. Few in
/// tests, so that there jobs don't go at once either.
pub(super) const ROWS_MAX: usize = if cfg!(test) { 8 } else { 1_000 };

/// After this time it is looked again at a job that could not be forgotten yet.
const AGAIN_MS: u64 = 3_600_000;

impl Farm {
    /// Writes down when a job is to be forgotten, or that it isn't over.
    pub(super) fn note_end(&mut self, id: JobId) {
        let ended = self.jobs.get(&id).filter(|job| job.status.is_over());
        match ended.and_then(|job| self.forgotten_at(job.ended_at?)) {
            Some(at) => self.forgetting.set(id, at),
            None => self.forgetting.clear(id),
        }
    }

    /// When something is forgotten that ended at that time; none if nothing ever is.
    fn forgotten_at(&self, ended_at: Time) -> Option<Time> {
        let keep_ms = self.policy.keep_jobs_ms;
        // What may be opened again has to be there.
        (keep_ms > 0).then(|| ended_at.plus_ms(keep_ms.max(self.policy.reopen_ms)).plus_ms(1))
    }

    /// Forgets what is due, and deletes some of the rows.
    pub(super) fn forget_jobs(&mut self, now: Time) {
        while self.leftovers.len() < ROWS_MAX {
            let Some(job) = self.forgetting.ring(now) else { break };
            match self.kept_until(job, now) {
                Some(at) => self.forgetting.set(job, at),
                None => self.forget(job),
            }
        }
        for _ in 0..ROWS_MAX {
            let Some(row) = self.leftovers.pop_first() else { break };
            self.mark(row);
        }
    }

    /// Until when a job that is over is kept all the same: something of it is under way, or a claim
    /// ended later than the job.
    fn kept_until(&self, id: JobId, now: Time) -> Option<Time> {
        let under_way = self.queue.tasks(id).next().is_some()
            || self.receipts(id).any(|receipt| {
                matches!(receipt.status, ReceiptStatus::Storing | ReceiptStatus::Verifying)
                    || self.is_asked_about(receipt.id)
            });
        if under_way {
            return Some(now.plus_ms(AGAIN_MS));
        }
        let claims = self.receipts(id).filter_map(|receipt| self.claim_on(receipt.id));
        let last = claims.filter_map(|claim| claim.ended_at).max()?;
        self.forgotten_at(last).filter(|at| *at > now)
    }

    /// Whether a claim on a receipt is open, or a verification task of it, a canary too.
    fn is_asked_about(&self, receipt: ReceiptId) -> bool {
        let open = self.claim_on(receipt).is_some_and(|claim| claim.status == ClaimStatus::Open);
        let asked = |status: &VerificationStatus| {
            matches!(status, VerificationStatus::Queued | VerificationStatus::Leased { .. })
        };
        open || self.verifications(receipt).any(|verification| asked(&verification.status))
    }

    fn forget(&mut self, id: JobId) {
        let Some(job) = self.jobs.remove(&id) else { return };
        self.mark(Row::Job(id));
        self.mark(Row::Inspection(id));
        self.submissions.remove(&job.submission.submission_id);
        self.waiting.remove(&id);
        self.untold.remove(&id);
        self.left.remove(&id);
        for receipt in self.receipts_of.remove(&id).unwrap_or_default() {
            self.forget_receipt(receipt);
        }
        for task in self.tasks_of.remove(&id).unwrap_or_default() {
            self.tasks.remove(&task);
            self.leftovers.insert(Row::Task(task));
        }
        for number in self.frames.remove(&id).unwrap_or_default().into_keys() {
            self.leftovers.insert(Row::Frame(id, number));
        }
    }

    fn forget_receipt(&mut self, id: ReceiptId) {
        self.discount_between(id);
        for verification in self.rounds.remove(&id).unwrap_or_default() {
            self.verifications.remove(&verification);
            self.leftovers.insert(Row::Verification(verification));
        }
        if let Some(claim) = self.claimed.remove(&id) {
            self.claims.remove(&claim);
            self.leftovers.insert(Row::Claim(claim));
        }
        self.convicted.remove(&id);
        self.known.remove(&id);
        self.leftovers.insert(Row::Receipt(id));
        let Some(receipt) = self.receipts.remove(&id) else { return };
        self.undrawn.remove(&(receipt.node, id));
        self.not_weak(receipt.node, id);
        let lease = receipt.statement.lease;
        if let Some(frames) = self.by_lease.get_mut(&lease) {
            frames.remove(&receipt.statement.frame);
            if frames.is_empty() {
                self.by_lease.remove(&lease);
            }
        }
    }
}

impl super::Rows {
    /// Takes out the rows of jobs that are not there: those that were still to be deleted.
    pub(super) fn take_leftovers(&mut self) -> BTreeSet<Row> {
        let jobs: BTreeSet<JobId> = self.jobs.iter().map(|job| job.id).collect();
        let there = |job: &JobId| jobs.contains(job);
        let mut left = BTreeSet::new();
        let frames = self.frames.extract_if(.., |frame| !there(&frame.job));
        left.extend(frames.map(|frame| Row::Frame(frame.job, frame.number)));
        let tasks = self.tasks.extract_if(.., |task| !there(&task.job));
        left.extend(tasks.map(|task| Row::Task(task.id)));
        let receipts = self.receipts.extract_if(.., |receipt| !there(&receipt.job));
        left.extend(receipts.map(|receipt| Row::Receipt(receipt.id)));
        let verifications = self.verifications.extract_if(.., |v| !there(&v.job));
        left.extend(verifications.map(|verification| Row::Verification(verification.id)));
        let claims = self.claims.extract_if(.., |claim| !there(&claim.job));
        left.extend(claims.map(|claim| Row::Claim(claim.id)));
        left
    }
}
