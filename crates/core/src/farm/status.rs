//! Frames change their status here, and with it what is waiting and what is left of a job.

use super::{Effect, Farm, Row};
use crate::id::JobId;
use crate::job::{FrameStatus, JobStatus};

impl Farm {
    /// Sets a frame's status and keeps the index of waiting frames.
    pub(super) fn set_frame(
        &mut self,
        job: JobId,
        number: i32,
        status: FrameStatus,
        effects: &mut Vec<Effect>,
    ) {
        let Some(frame) = self.frames.get_mut(&job).and_then(|frames| frames.get_mut(&number))
        else {
            return;
        };
        let before = std::mem::replace(&mut frame.status, status.clone());
        if status == FrameStatus::Waiting {
            let waiting = self.waiting.entry(job).or_default();
            waiting.insert(number);
            if waiting.len() == 1 {
                self.open_job(job);
            }
        } else if let Some(waiting) = self.waiting.get_mut(&job) {
            waiting.remove(&number);
            if waiting.is_empty() {
                self.waiting.remove(&job);
                self.queue.set_open(job, false);
            }
        }
        self.count_left(job, Some(&before), Some(&status));
        self.mark(Row::Frame(job, number));
        effects.push(Effect::FrameChanged(job, number));
    }

    fn open_job(&mut self, id: JobId) {
        let active = self.jobs.get(&id).is_some_and(|job| job.status == JobStatus::Active);
        self.queue.set_open(id, active);
    }

    /// Keeps the count of what is left of a job.
    pub(super) fn count_left(
        &mut self,
        job: JobId,
        from: Option<&FrameStatus>,
        to: Option<&FrameStatus>,
    ) {
        let (unfinished, failed) = self.left.entry(job).or_default();
        for (status, more) in [(to, true), (from, false)] {
            let count = match status {
                None | Some(FrameStatus::Accepted(_)) => continue,
                Some(FrameStatus::Failed(_)) => &mut *failed,
                Some(_) => &mut *unfinished,
            };
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
        }
    }
}
