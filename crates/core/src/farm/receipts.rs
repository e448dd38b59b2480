//! What workers answer: frames rendered, frames failed, leases declined.

use super::{Effect, Farm, Fault, Reply, Row};
use crate::id::{JobId, LeaseId, NodeId, ReceiptId, TaskId};
use crate::job::FrameStatus;
use crate::limits::{ENGINE_TEXT_BYTES_MAX, OUTPUT_BYTES_MAX};
use crate::refusal::{Refusal, RefusalCode};
use crate::task::{Check, Receipt, ReceiptStatus, Statement, TaskStatus};
use crate::time::Time;

/// A worker that declined or whose own disk or engine failed gets no offer for this long.
const REST_MS: u64 = 10_000;

impl Farm {
    pub(super) fn receipt(
        &mut self,
        node: NodeId,
        statement: Statement,
        signature: [u8; 64],
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if let Some(known) = self.known_receipt(node, &statement)? {
            return Ok(Reply::Receipt(known));
        }
        let task_id = self.held_task(node, statement.lease)?;
        let job_id = self.check_statement(task_id, &statement)?;
        let id = ReceiptId(self.new_id());
        let credit = self.credit_of(job_id);
        let (lease, number) = (statement.lease, statement.frame);
        if let Some(job) = self.jobs.get_mut(&job_id) {
            job.render_ms_sum = job.render_ms_sum.saturating_add(statement.render_ms);
            job.render_ms_count += 1;
            self.mark(Row::Job(job_id));
        }
        self.charge(task_id, job_id, statement.render_ms, now);
        let receipt = Receipt {
            id,
            job: job_id,
            node,
            statement,
            signature,
            received_at: now,
            status: ReceiptStatus::Storing,
            reason: None,
            failed_tries: 0,
            // Drawn once its output is stored.
            check: Check { rate: 1.0, draw: 0.0, checked: true },
            credit,
            forfeited: 0,
            accepted_at: None,
            reopened: false,
        };
        self.receipts.insert(id, receipt);
        self.by_lease.entry(lease).or_default().insert(number, id);
        self.receipts_of.entry(job_id).or_default().insert(id);
        self.mark(Row::Receipt(id));
        self.set_frame(job_id, number, FrameStatus::Received(id), effects);
        self.take_out(task_id, number);
        effects.push(Effect::StoreOutput(id));
        effects.push(Effect::JobChanged(job_id));
        Ok(Reply::Receipt(id))
    }

    /// Charges a frame's time to its user. The worker states the time: no more than has passed since its
    /// lease counts.
    fn charge(&mut self, task: TaskId, job_id: JobId, render_ms: u64, now: Time) {
        let given_at = self.tasks.get(&task).and_then(|task| match &task.status {
            TaskStatus::Leased(lease) => Some(lease.given_at),
            _ => None,
        });
        let passed_ms = given_at.map_or(0, |given_at| now.since_ms(given_at));
        self.queue.served(job_id, render_ms.min(passed_ms));
    }

    /// The receipt of the same frame of the same lease, if it came before: sent twice is sent once.
    fn known_receipt(
        &self,
        node: NodeId,
        statement: &Statement,
    ) -> Result<Option<ReceiptId>, Refusal> {
        let known = self.by_lease.get(&statement.lease).and_then(|f| f.get(&statement.frame));
        let Some(receipt) = known.and_then(|id| self.receipts.get(id)) else { return Ok(None) };
        if receipt.node == node && receipt.statement == *statement {
            return Ok(Some(receipt.id));
        }
        Err(Refusal::new(
            RefusalCode::ReceiptConflicts,
            format!("another receipt for frame {} of this lease is there", statement.frame),
        ))
    }

    fn check_statement(&self, task_id: TaskId, statement: &Statement) -> Result<JobId, Refusal> {
        let refuse = |code, text: String| Err(Refusal::new(code, text));
        let Some(task) = self.tasks.get(&task_id) else { return Err(stale(statement.lease)) };
        if statement.task != task_id || !task.frames.contains(&statement.frame) {
            return refuse(
                RefusalCode::FrameNotInLease,
                format!("frame {} is not in this lease", statement.frame),
            );
        }
        let Some(job) = self.jobs.get(&task.job) else { return Err(stale(statement.lease)) };
        if statement.engine != job.submission.engine || statement.scene != job.submission.scene {
            return refuse(
                RefusalCode::EngineMismatch,
                format!(
                    "the task is for {} and another scene or engine was stated",
                    job.submission.engine
                ),
            );
        }
        if statement.output_bytes == 0 || statement.output_bytes > OUTPUT_BYTES_MAX {
            return refuse(
                RefusalCode::TooLarge,
                format!(
                    "an output has 1 to {OUTPUT_BYTES_MAX} bytes, not {}",
                    statement.output_bytes
                ),
            );
        }
        Ok(job.id)
    }

    /// The task of a lease, if that node holds it.
    pub(super) fn held_task(&self, node: NodeId, lease: LeaseId) -> Result<TaskId, Refusal> {
        let held = self.leases_of.get(&node).is_some_and(|leases| leases.contains(&lease));
        self.leased.get(&lease).copied().filter(|_| held).ok_or_else(|| stale(lease))
    }

    /// Takes a received or failed frame out of its task; the task is done with its last frame.
    fn take_out(&mut self, task_id: TaskId, number: i32) {
        let Some(task) = self.tasks.get_mut(&task_id) else { return };
        task.frames.remove(&number);
        if task.frames.is_empty()
            && let TaskStatus::Leased(lease) = &task.status
        {
            let (lease, node) = (lease.id, lease.node);
            task.status = TaskStatus::Done;
            self.drop_lease(lease, node);
        }
        self.mark(Row::Task(task_id));
    }

    pub(super) fn lease_declined(
        &mut self,
        node: NodeId,
        lease: LeaseId,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let task = self.held_task(node, lease)?;
        self.rest(node, now, REST_MS);
        self.return_task(task, effects);
        Ok(Reply::Done)
    }

    #[expect(clippy::too_many_arguments, reason = "mirrors the command's fields")]
    pub(super) fn frame_failed(
        &mut self,
        node: NodeId,
        lease: LeaseId,
        number: i32,
        fault: Fault,
        mut text: String,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let task_id = self.held_task(node, lease)?;
        let job_id = match self.tasks.get(&task_id) {
            Some(task) if task.frames.contains(&number) => task.job,
            _ => {
                return Err(Refusal::new(
                    RefusalCode::FrameNotInLease,
                    format!("frame {number} is not in this lease"),
                ));
            }
        };
        truncate(&mut text, ENGINE_TEXT_BYTES_MAX);
        let (crash_workers, attempts_max) = (self.policy.crash_workers, self.policy.attempts_max);
        let mut give_up = None;
        if let Some(frame) = self.frames.get_mut(&job_id).and_then(|f| f.get_mut(&number)) {
            frame.last_error = Some(text.clone());
            if fault == Fault::Engine {
                frame.attempts += 1;
                frame.crashed_on.insert(node);
                let followed = frame.crashed_on.len() >= crash_workers;
                if followed || frame.attempts >= attempts_max {
                    give_up = Some(text);
                }
            }
        }
        if fault == Fault::Worker {
            self.rest(node, now, REST_MS);
        }
        // The rest of the task goes on; the frame itself goes back, to somebody else first.
        if let Some(text) = &give_up {
            self.tell_wrong(job_id, number, text, now, effects);
        }
        let after = give_up.map_or(FrameStatus::Waiting, FrameStatus::Failed);
        if fault == Fault::Worker {
            self.return_task(task_id, effects);
        } else {
            self.take_out(task_id, number);
        }
        self.set_frame(job_id, number, after, effects);
        effects.push(Effect::JobChanged(job_id));
        self.end_if_over(job_id, now, effects);
        Ok(Reply::Done)
    }
}

pub(super) fn stale(lease: LeaseId) -> Refusal {
    Refusal::new(RefusalCode::LeaseStale, format!("the lease {lease} is over, or is not yours"))
}

/// Cuts a text at a character's border.
pub(super) fn truncate(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let mut at = bytes_max;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
    }
}
