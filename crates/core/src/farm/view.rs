//! Reading the state: for the rows that are stored and for the people who watch.

use super::Farm;
use crate::claim::Claim;
use crate::id::{ClaimId, JobId, LeaseId, NodeId, ReceiptId, TaskId, VerificationId};
use crate::job::{Frame, FrameStatus, Job};
use crate::node::{Node, Presence};
use crate::task::{Receipt, Task};
use crate::verification::VerificationTask;

/// Frames of a job by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameCounts {
    /// All.
    pub all: usize,
    /// In no task.
    pub waiting: usize,
    /// With a worker.
    pub rendering: usize,
    /// Rendered, and not accepted yet.
    pub verifying: usize,
    /// Accepted.
    pub accepted: usize,
    /// Given up.
    pub failed: usize,
}

impl Farm {
    /// The next id, as it is stored.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// A job.
    #[must_use]
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// All jobs, the oldest first.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.values()
    }

    /// A frame of a job.
    #[must_use]
    pub fn frame(&self, job: JobId, number: i32) -> Option<&Frame> {
        self.frames.get(&job)?.get(&number)
    }

    /// The frames of a job in ascending order; none before the scene was inspected.
    pub fn frames(&self, job: JobId) -> impl Iterator<Item = &Frame> {
        self.frames.get(&job).into_iter().flat_map(|frames| frames.values())
    }

    /// Frames of a job by their state.
    #[must_use]
    pub fn frame_counts(&self, job: JobId) -> FrameCounts {
        let mut counts = FrameCounts::default();
        for frame in self.frames(job) {
            counts.all += 1;
            match frame.status {
                FrameStatus::Waiting => counts.waiting += 1,
                FrameStatus::InTask(_) => counts.rendering += 1,
                FrameStatus::Received(_) => counts.verifying += 1,
                FrameStatus::Accepted(_) => counts.accepted += 1,
                FrameStatus::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }

    /// A task.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    /// The task of a lease that is under way.
    #[must_use]
    pub fn task_of_lease(&self, lease: LeaseId) -> Option<&Task> {
        self.tasks.get(self.leased.get(&lease)?)
    }

    /// A receipt.
    #[must_use]
    pub fn receipt_of(&self, id: ReceiptId) -> Option<&Receipt> {
        self.receipts.get(&id)
    }

    /// All receipts of a job, the oldest first.
    pub fn receipts(&self, job: JobId) -> impl Iterator<Item = &Receipt> {
        let of_job = self.receipts_of.get(&job).into_iter().flatten();
        of_job.filter_map(|id| self.receipts.get(id))
    }

    /// All receipts of a lease, by their frames.
    pub fn receipts_of_lease(&self, lease: LeaseId) -> impl Iterator<Item = &Receipt> {
        let of_lease = self.by_lease.get(&lease).into_iter().flatten();
        of_lease.filter_map(|(_, id)| self.receipts.get(id))
    }

    /// A verification task.
    #[must_use]
    pub fn verification(&self, id: VerificationId) -> Option<&VerificationTask> {
        self.verifications.get(&id)
    }

    /// The verification tasks of a receipt, the oldest first.
    pub fn verifications(&self, receipt: ReceiptId) -> impl Iterator<Item = &VerificationTask> {
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        rounds.filter_map(|id| self.verifications.get(id))
    }

    /// A bad result claim.
    #[must_use]
    pub fn claim_of(&self, id: ClaimId) -> Option<&Claim> {
        self.claims.get(&id)
    }

    /// The claim on a receipt, if there was one.
    #[must_use]
    pub fn claim_on(&self, receipt: ReceiptId) -> Option<&Claim> {
        self.claims.get(self.claimed.get(&receipt)?)
    }

    /// The claims of a job, the oldest first.
    pub fn claims(&self, job: JobId) -> impl Iterator<Item = &Claim> {
        self.claims.values().filter(move |claim| claim.job == job)
    }

    /// All claims, the oldest first.
    pub fn all_claims(&self) -> impl DoubleEndedIterator<Item = &Claim> {
        self.claims.values()
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// All nodes that ever joined.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// What is known of a node that is connected, or whose link dropped a moment ago.
    #[must_use]
    pub fn presence(&self, id: NodeId) -> Option<&Presence> {
        self.presence.get(&id)
    }

    /// Tasks that a node has.
    #[must_use]
    pub fn tasks_of(&self, node: NodeId) -> Vec<TaskId> {
        let leases = self.leases_of.get(&node).into_iter().flatten();
        leases.filter_map(|lease| self.leased.get(lease)).copied().collect()
    }

    /// Verification tasks that a node has.
    #[must_use]
    pub fn verifications_held(&self, node: NodeId) -> Vec<VerificationId> {
        self.verifications_of.get(&node).into_iter().flatten().copied().collect()
    }
}
