//! Accepted: by a check of its own, or because the checked frames of its lease vouch for it.
//!
//! A frame that isn't drawn for a check waits until its lease is over and every checked frame of it
//! was accepted; at least one is checked in every lease. So a worker that forges a whole lease has
//! nothing of it accepted, whatever its standing.

use super::{Effect, Farm, Reply, Row};
use crate::id::{JobId, LeaseId, ReceiptId};
use crate::job::{FrameStatus, JobStatus};
use crate::refusal::Refusal;
use crate::standing;
use crate::task::{Check, ReceiptStatus};
use crate::time::Time;
use crate::verification::{Purpose, probe_px};

impl Farm {
    pub(super) fn output_stored(
        &mut self,
        receipt_id: ReceiptId,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let check = self.draw_check(receipt_id);
        let receipt = self.open_receipt(receipt_id)?;
        if receipt.status != ReceiptStatus::Storing {
            return Ok(Reply::Done);
        }
        receipt.status = ReceiptStatus::Verifying;
        receipt.check = check;
        let (job, node, number) = (receipt.job, receipt.node, receipt.statement.frame);
        let lease = receipt.statement.lease;
        self.mark(Row::Receipt(receipt_id));
        effects.push(Effect::FrameChanged(job, number));
        if check.checked {
            self.verify(receipt_id, Purpose::Probe, 0, self.first_probes(job));
        } else {
            self.undrawn.insert((node, receipt_id));
        }
        self.unsettled.insert(lease);
        Ok(Reply::Done)
    }

    /// Whether a receipt is checked, by its worker's standing and by its draw.
    fn draw_check(&self, id: ReceiptId) -> Check {
        let all = Check { rate: 1.0, draw: 0.0, checked: true };
        let Some(receipt) = self.receipts.get(&id) else { return all };
        let Some(task) = self.tasks.get(&receipt.statement.task) else { return all };
        let rate = self.check_rate(receipt.node, receipt.credit);
        let draw = standing::draw(&task.key, receipt.statement.frame, &receipt.statement.layers);
        Check { rate, draw, checked: draw < rate }
    }

    /// The share of a worker's frames of that credit that is checked, from 0 to 1.
    #[must_use]
    pub fn check_rate(&self, worker: crate::id::NodeId, credit: u64) -> f64 {
        let record = self.nodes.get(&worker).map(|node| node.record).unwrap_or_default();
        self.policy.checking.rate(&record, credit)
    }

    /// What a frame of a job is worth, in thousands of path-traced samples.
    #[must_use]
    pub fn credit_of(&self, job: JobId) -> u64 {
        let inspected = self.jobs.get(&job).and_then(|job| job.inspected.as_ref());
        inspected.map_or(1, |inspected| {
            let samples = inspected.settings.samples.unwrap_or(inspected.facts.samples);
            standing::credit(inspected.settings.size, samples)
        })
    }

    /// Probes of the first verification task of a job's frames.
    #[must_use]
    pub fn first_probes(&self, job: JobId) -> u32 {
        let inspected = self.jobs.get(&job).and_then(|job| job.inspected.as_ref());
        let checking = &self.policy.checking;
        inspected.map_or(checking.probes_first, |i| {
            let repeats = i.preview.unrepeatable_share == 0.0;
            checking.probes(i.settings.size, probe_px(i.facts.adaptive_sampling, repeats))
        })
    }

    /// Settles every lease that may have become ready for it.
    pub(super) fn settle_leases(&mut self, now: Time, effects: &mut Vec<Effect>) {
        while let Some(lease) = self.unsettled.pop_first() {
            self.settle_lease(lease, now, effects);
        }
    }

    /// Accepts what waits in a lease that is over, if its checked frames vouch for it; has one checked if none does.
    fn settle_lease(&mut self, lease: LeaseId, now: Time, effects: &mut Vec<Effect>) {
        if self.leased.contains_key(&lease) {
            return;
        }
        let receipts: Vec<ReceiptId> =
            self.by_lease.get(&lease).into_iter().flat_map(|f| f.values()).copied().collect();
        let (mut waiting, mut vouched, mut late) = (Vec::new(), false, Vec::new());
        for id in receipts {
            let Some(receipt) = self.receipts.get(&id) else { continue };
            match receipt.status {
                ReceiptStatus::Storing => return,
                ReceiptStatus::Verifying if receipt.check.checked => return,
                // Its worker's standing may have fallen since it was drawn.
                ReceiptStatus::Verifying
                    if receipt.check.draw
                        < self.check_rate(receipt.node, receipt.credit).max(receipt.check.rate) =>
                {
                    late.push(id);
                }
                ReceiptStatus::Verifying => waiting.push((id, receipt.check.draw)),
                ReceiptStatus::Accepted => vouched |= receipt.check.checked,
                ReceiptStatus::Rejected | ReceiptStatus::Withdrawn => {}
            }
        }
        if !late.is_empty() {
            for id in late {
                self.check(id);
            }
            return;
        }
        if vouched {
            for (id, _) in waiting {
                self.accept(id, now, effects);
            }
            return;
        }
        let least = waiting.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((id, _)) = least {
            self.check(id);
        }
    }

    fn check(&mut self, id: ReceiptId) {
        let Some(receipt) = self.receipts.get_mut(&id) else { return };
        receipt.check.checked = true;
        let (job, node) = (receipt.job, receipt.node);
        self.undrawn.remove(&(node, id));
        self.mark(Row::Receipt(id));
        self.verify(id, Purpose::Probe, 0, self.first_probes(job));
    }

    pub(super) fn accept(&mut self, id: ReceiptId, now: Time, effects: &mut Vec<Effect>) {
        let Some(receipt) = self.receipts.get_mut(&id) else { return };
        receipt.status = ReceiptStatus::Accepted;
        receipt.accepted_at = Some(now);
        let (job, node, number) = (receipt.job, receipt.node, receipt.statement.frame);
        let (lease, credit) = (receipt.statement.lease, receipt.credit);
        self.undrawn.remove(&(node, id));
        // What is only found right again earns no new trust.
        let checked = receipt.check.checked && !receipt.reopened;
        self.mark(Row::Receipt(id));
        effects.push(Effect::NodeChanged(node));
        let withheld_frames = self.policy.checking.withheld_frames;
        self.record(node, |node| {
            let record = &mut node.record;
            record.frames_accepted += 1;
            record.rejections_in_row = 0;
            record.verified_in_row = record.verified_in_row.saturating_add(u32::from(checked));
            let withheld = record.credit_withheld.saturating_add(credit);
            let kept = withheld.min(withheld_frames.saturating_mul(credit));
            record.credit_withheld = kept;
            record.credit_earned = record.credit_earned.saturating_add(withheld - kept);
        });
        let opinions = self.opinions(id, |v| v.purpose.judges_receipt());
        if opinions.accepting.len() >= 2 {
            self.keep_known(id);
        }
        if !self.is_settled(id) {
            self.weak.or_default(node).insert(id);
            self.ageing.set(id, now.plus_ms(self.policy.reopen_ms).plus_ms(1));
        }
        let frame = self.frames.get(&job).and_then(|frames| frames.get(&number));
        let crashed_on = frame.map(|frame| frame.crashed_on.clone()).unwrap_or_default();
        for crashed in crashed_on.into_iter().filter(|crashed| *crashed != node) {
            // The scene renders elsewhere, so the crash was the worker's.
            self.record(crashed, |node| node.record.crashes += 1);
        }
        self.set_frame(job, number, FrameStatus::Accepted(id), effects);
        self.unsettled.insert(lease);
        self.end_if_over(job, now, effects);
    }

    /// Takes an acceptance back: the frame waits for a verdict again, and so does its credit.
    pub(super) fn unaccept(&mut self, id: ReceiptId, effects: &mut Vec<Effect>) {
        let Some(receipt) = self.receipts.get_mut(&id) else { return };
        if receipt.status != ReceiptStatus::Accepted {
            return;
        }
        receipt.status = ReceiptStatus::Verifying;
        receipt.accepted_at = None;
        receipt.reopened = true;
        receipt.check.checked = true;
        let (job_id, node, number) = (receipt.job, receipt.node, receipt.statement.frame);
        let credit = receipt.credit;
        self.mark(Row::Receipt(id));
        self.not_weak(node, id);
        self.record(node, |node| {
            let record = &mut node.record;
            record.frames_accepted = record.frames_accepted.saturating_sub(1);
            let from_withheld = record.credit_withheld.min(credit);
            record.credit_withheld -= from_withheld;
            record.credit_earned = record.credit_earned.saturating_sub(credit - from_withheld);
        });
        self.set_frame(job_id, number, FrameStatus::Received(id), effects);
        if let Some(job) = self.jobs.get(&job_id)
            && matches!(job.status, JobStatus::Completed | JobStatus::Failed)
        {
            self.set_job(job_id, JobStatus::Active, None);
        }
        effects.push(Effect::JobChanged(job_id));
    }

    /// Opens an accepted frame again: it is checked, and whoever has it is told.
    ///
    /// `probes`: so many at least. Where the worker was convicted of another frame, the few probes
    /// that a small forgery got past once are not asked again, but as many as are ever drawn.
    pub(super) fn reopen(
        &mut self,
        id: ReceiptId,
        probes: u32,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(receipt) = self.receipts.get(&id) else { return };
        let at = receipt.accepted_at.unwrap_or(Time(0));
        let job = receipt.job;
        let cancelled = self.jobs.get(&job).is_none_or(|j| j.status == JobStatus::Cancelled);
        let too_old = now.since_ms(at) > self.policy.reopen_ms;
        let under_claim = self.open_claim(id).is_some();
        if receipt.status != ReceiptStatus::Accepted || cancelled || too_old || under_claim {
            return;
        }
        self.unaccept(id, effects);
        let probed = self.probes_so_far(id);
        if probed == 0 {
            self.verify(id, Purpose::Probe, 0, self.first_probes(job).max(probes));
        } else {
            self.verify(id, Purpose::Confirm, 0, probed.max(probes));
        }
    }

    /// Whether two voices that are trusted found it right on as many probes as are ever drawn.
    pub(super) fn is_settled(&self, id: ReceiptId) -> bool {
        let probes_max = self.policy.probes_max;
        let opinions = self.opinions(id, |v| v.purpose.judges_receipt() && v.reach() >= probes_max);
        opinions.accepting.len() >= 2
    }
}
