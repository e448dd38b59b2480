//! Rejected, or given up: what becomes of the frames, of the rest of the lease and of the worker.

use super::{Effect, Farm, Reply, Row};
use crate::id::{JobId, NodeId, ReceiptId};
use crate::job::FrameStatus;
use crate::refusal::Refusal;
use crate::task::ReceiptStatus;
use crate::time::Time;

impl Farm {
    /// Rejects a receipt and with it every frame of its lease that is not accepted, for somebody else to render.
    ///
    /// What the worker delivered before is opened again, unless it is settled.
    pub(super) fn reject(
        &mut self,
        receipt_id: ReceiptId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        self.unaccept(receipt_id, effects);
        let Some(receipt) = self.receipts.get(&receipt_id) else { return };
        let (job, node, lease) = (receipt.job, receipt.node, receipt.statement.lease);
        let number = receipt.statement.frame;
        let receipts: Vec<ReceiptId> =
            self.by_lease.get(&lease).into_iter().flat_map(|f| f.values()).copied().collect();
        self.tell_wrong(job, number, reason, now, effects);
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
            self.frame_again(job, of_lease, reason, now, effects);
        }
        if let Some(job) = self.jobs.get_mut(&job) {
            job.excluded.insert(node);
        }
        self.mark(Row::Job(job));
        self.end_leases_of(node, job, effects);
        self.punish(receipt_id, node, rejected, effects);
        self.check_under_way(node);
        for weak in self.weak.get(&node).cloned().unwrap_or_default() {
            self.reopen(weak, self.policy.probes_max, now, effects);
        }
        self.end_if_over(job, now, effects);
    }

    /// Writes a rejection into the worker's record and takes the credit that was withheld.
    fn punish(
        &mut self,
        receipt_id: ReceiptId,
        node: NodeId,
        rejected: u64,
        effects: &mut Vec<Effect>,
    ) {
        let suspend_at = self.policy.rejections_suspend;
        let of_node = |id: &&ReceiptId| self.receipts.get(id).is_some_and(|r| r.node == node);
        let convictions = self.convicted.iter().filter(of_node).count();
        let too_many = convictions >= self.policy.convictions_suspend;
        effects.push(Effect::NodeChanged(node));
        let mut forfeited = 0;
        self.record(node, |node| {
            let record = &mut node.record;
            record.frames_rejected += rejected;
            record.rejections_in_row += 1;
            record.verified_in_row = 0;
            forfeited = std::mem::take(&mut record.credit_withheld);
            record.credit_forfeited = record.credit_forfeited.saturating_add(forfeited);
            if record.rejections_in_row >= suspend_at && node.suspended.is_none() {
                node.suspended =
                    Some(format!("{} leases in a row were rejected", record.rejections_in_row));
            }
            if too_many && node.suspended.is_none() {
                node.suspended = Some(format!("{convictions} leases of a day were rejected"));
            }
        });
        if let Some(receipt) = self.receipts.get_mut(&receipt_id) {
            receipt.forfeited = forfeited;
            self.mark(Row::Receipt(receipt_id));
        }
    }

    /// Has everything checked that a worker has sent and that wasn't drawn.
    fn check_under_way(&mut self, node: NodeId) {
        let of_node = (node, ReceiptId(0))..=(node, ReceiptId(u64::MAX));
        let ids: Vec<ReceiptId> = self.undrawn.range(of_node).map(|undrawn| undrawn.1).collect();
        for id in ids {
            let Some(receipt) = self.receipts.get_mut(&id) else { continue };
            if receipt.status != ReceiptStatus::Verifying || receipt.check.checked {
                self.undrawn.remove(&(node, id));
                continue;
            }
            receipt.check.rate = 1.0;
            let lease = receipt.statement.lease;
            self.mark(Row::Receipt(id));
            self.unsettled.insert(lease);
        }
    }

    fn end_leases_of(&mut self, node: NodeId, job: JobId, effects: &mut Vec<Effect>) {
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
        job: JobId,
        number: i32,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let attempts_max = self.policy.attempts_max;
        let Some(frame) = self.frames.get_mut(&job).and_then(|f| f.get_mut(&number)) else {
            return;
        };
        frame.attempts += 1;
        let status = if frame.attempts >= attempts_max {
            let text = format!("{attempts_max} attempts came to nothing; the last: {reason}");
            self.tell_wrong(job, number, &text, now, effects);
            FrameStatus::Failed(text)
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
        let (job, node, number) = (receipt.job, receipt.node, receipt.statement.frame);
        let lease = receipt.statement.lease;
        self.undrawn.remove(&(node, id));
        self.mark(Row::Receipt(id));
        self.drop_verifications(id, effects);
        self.set_frame(job, number, FrameStatus::Waiting, effects);
        self.unsettled.insert(lease);
    }

    pub(super) fn give_up_receipt(
        &mut self,
        id: ReceiptId,
        reason: &str,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.receipts.get(&id) else { return };
        let (job, number) = (receipt.job, receipt.statement.frame);
        self.withdraw(id, reason, effects);
        self.frame_again(job, number, reason, now, effects);
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
        if let Some(claim) = self.open_claim(id) {
            if blame {
                self.uphold(claim, reason, now, effects);
            } else {
                self.leave_undecided(claim, reason, now, effects);
            }
            return Ok(Reply::Done);
        }
        self.open_receipt(id)?;
        if blame {
            self.reject(id, reason, now, effects);
        } else {
            // It may have gone because it saw which tiles are asked for. Nobody is blamed for a dropped
            // link, but who doesn't deliver what it signed is watched from the beginning again.
            let worker = self.receipts.get(&id).map(|receipt| receipt.node);
            if let Some(worker) = worker {
                self.record(worker, |node| node.record.verified_in_row = 0);
            }
            self.give_up_receipt(id, reason, now, effects);
        }
        Ok(Reply::Done)
    }
}
