//! Which messages are to be delivered: they stand in their job's row until somebody says that they were.
//!
//! So a message is delivered at least once, whatever falls over in between.

use super::{Effect, Farm, Reply, Row};
use crate::id::{JobId, MessageId};
use crate::job::{Job, JobStatus};
use crate::limits::MESSAGE_REASON_BYTES_MAX;
use crate::message::{Message, Occasion};
use crate::refusal::Refusal;
use crate::time::Time;

impl Farm {
    /// The messages that are still to be delivered, and their jobs.
    pub fn messages(&self) -> impl Iterator<Item = (&Job, &Message)> {
        let jobs = self.untold.iter().filter_map(|id| self.jobs.get(id));
        jobs.flat_map(|job| job.messages.iter().map(move |message| (job, message)))
    }

    /// Tells of the end of a job.
    pub(super) fn tell_end(&mut self, id: JobId, at: Time) {
        let occasion = match self.jobs.get(&id).map(|job| &job.status) {
            Some(JobStatus::Completed) => Occasion::Completed,
            Some(JobStatus::Failed) => Occasion::Failed,
            Some(JobStatus::Refused(_)) => Occasion::Refused,
            Some(JobStatus::Cancelled) => Occasion::Cancelled,
            Some(JobStatus::Inspecting { .. } | JobStatus::Active) | None => return,
        };
        self.tell(id, occasion, at);
    }

    /// Tells that a frame came out wrong, for the first time in its job only.
    pub(super) fn tell_wrong(
        &mut self,
        id: JobId,
        frame: i32,
        reason: &str,
        at: Time,
        effects: &mut Vec<Effect>,
    ) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let wanted = job.submission.notify.channels().next().is_some();
        if !wanted || job.wrong_told || job.status != JobStatus::Active {
            return;
        }
        job.wrong_told = true;
        let mut reason = reason.to_owned();
        super::receipts::truncate(&mut reason, MESSAGE_REASON_BYTES_MAX);
        self.tell(id, Occasion::FrameWrong { frame, reason }, at);
        effects.push(Effect::JobChanged(id));
    }

    fn tell(&mut self, id: JobId, occasion: Occasion, at: Time) {
        let Some(job) = self.jobs.get(&id) else { return };
        let channels: Vec<_> = job.submission.notify.channels().collect();
        for channel in channels {
            let message =
                Message { id: MessageId(self.new_id()), channel, occasion: occasion.clone(), at };
            let Some(job) = self.jobs.get_mut(&id) else { return };
            // A job may end again and again while nobody can be reached; of each kind the last counts.
            let word = occasion.word();
            job.messages.retain(|old| (old.channel, old.occasion.word()) != (channel, word));
            job.messages.push(message);
            self.untold.insert(id);
        }
        self.mark(Row::Job(id));
    }

    /// A message was delivered, or given up. That it isn't there any more is no failure.
    pub(super) fn told(&mut self, id: JobId, message: MessageId) -> Result<Reply, Refusal> {
        let Some(job) = self.jobs.get_mut(&id) else { return Ok(Reply::Done) };
        let before = job.messages.len();
        job.messages.retain(|waiting| waiting.id != message);
        let (left, changed) = (!job.messages.is_empty(), job.messages.len() < before);
        if !left {
            self.untold.remove(&id);
        }
        if changed {
            self.mark(Row::Job(id));
        }
        Ok(Reply::Done)
    }
}
