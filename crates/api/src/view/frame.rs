//! Frames.

use super::{ProgressBoard, blob, claim, node_ref, receipt};
use candela_core::farm::Farm;
use candela_core::id::{JobId, NodeId};
use candela_core::job::{Frame, FrameStatus};
use candela_core::task::{Receipt, ReceiptStatus, TaskStatus};
use candela_wire::api::{FrameDetail, FrameSummary, Progress};
use std::collections::BTreeMap;

/// The frames of one job, with its receipts at hand.
pub(crate) struct Frames<'a> {
    farm: &'a Farm,
    job: JobId,
    receipts: BTreeMap<i32, Vec<&'a Receipt>>,
    progress: &'a ProgressBoard,
}

impl<'a> Frames<'a> {
    /// Looks through the receipts once; what follows is quick.
    pub(crate) fn new(farm: &'a Farm, job: JobId, progress: &'a ProgressBoard) -> Frames<'a> {
        let mut receipts: BTreeMap<i32, Vec<&Receipt>> = BTreeMap::new();
        for receipt in farm.receipts(job) {
            receipts.entry(receipt.statement.frame).or_default().push(receipt);
        }
        Frames { farm, job, receipts, progress }
    }

    /// A frame, in short.
    pub(crate) fn summary(&self, frame: &Frame) -> FrameSummary {
        let receipts = self.receipts.get(&frame.number).map_or(&[][..], Vec::as_slice);
        let rejected = receipts.iter().filter(|r| r.status == ReceiptStatus::Rejected).count();
        let last = match frame.status {
            FrameStatus::Received(id) | FrameStatus::Accepted(id) => self.farm.receipt_of(id),
            _ => None,
        };
        let accepted = last.filter(|_| matches!(frame.status, FrameStatus::Accepted(_)));
        let output = accepted.and_then(|receipt| blob::output_info(self.farm, self.job, receipt));
        FrameSummary {
            number: frame.number,
            status: (&frame.status).into(),
            worker: self.worker(frame, last).map(|node| node_ref(self.farm, node)),
            progress: self.progress(frame),
            render_s: last.map(|receipt| receipt.statement.render_ms as f64 / 1_000.0),
            output,
            receipt_id: last.map(|receipt| receipt.id.0),
            verdict: accepted.and_then(|r| receipt::verdict_summary(self.farm, r)),
            claim: last.and_then(|r| self.farm.claim_on(r.id)).map(|c| claim::info(self.farm, c)),
            attempts: frame.attempts,
            receipts_rejected: rejected,
            last_error: match &frame.status {
                FrameStatus::Failed(reason) => Some(reason.clone()),
                _ => frame.last_error.clone(),
            },
        }
    }

    /// A frame with all its receipts.
    pub(crate) fn detail(&self, frame: &Frame) -> FrameDetail {
        let receipts = self.receipts.get(&frame.number).map_or(&[][..], Vec::as_slice);
        FrameDetail {
            job_id: self.job.0,
            summary: self.summary(frame),
            receipts: receipts.iter().map(|r| receipt::info(self.farm, r)).collect(),
            claim_terms: match frame.status {
                FrameStatus::Accepted(id) => {
                    self.farm.receipt_of(id).and_then(|receipt| claim::terms(self.farm, receipt))
                }
                _ => None,
            },
            crashed_on: frame.crashed_on.iter().map(|node| node_ref(self.farm, *node)).collect(),
        }
    }

    fn worker(&self, frame: &Frame, receipt: Option<&Receipt>) -> Option<NodeId> {
        match frame.status {
            FrameStatus::InTask(task) => match &self.farm.task(task)?.status {
                TaskStatus::Leased(lease) => Some(lease.node),
                _ => None,
            },
            _ => receipt.map(|receipt| receipt.node),
        }
    }

    fn progress(&self, frame: &Frame) -> Option<Progress> {
        let FrameStatus::InTask(task) = frame.status else { return None };
        let TaskStatus::Leased(lease) = &self.farm.task(task)?.status else { return None };
        let progress = self.progress.get(&(lease.id, frame.number))?;
        Some(Progress { samples_done: progress.samples_done, samples: progress.samples })
    }
}
