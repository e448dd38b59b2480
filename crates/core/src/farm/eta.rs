//! When a job will be rendered, as far as that can be said: arithmetic over what was measured.

use super::Farm;
use super::queue::Rivals;
use crate::id::{EngineBuild, JobId};
use crate::job::JobStatus;
use crate::time::Time;

/// An estimate for a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eta {
    /// When its last frame is rendered. Verification follows, mostly within a minute.
    pub at: Time,
    /// Frames that are not rendered yet.
    pub frames_left: usize,
    /// Frames that are expected to be rendered at once, above 0; a fraction if workers are shared.
    pub slots: f64,
    /// Mean time of a frame so far, in seconds.
    pub frame_s: f64,
}

impl Farm {
    /// Slots of the connected verifiers that can run a build.
    #[must_use]
    pub fn verifier_slots(&self, engine: &EngineBuild) -> u64 {
        self.ready.verifiers(engine).map_or(0, |verifiers| verifiers.slots)
    }

    /// When a job's last frame will be rendered, if everything stays as it is.
    ///
    /// None if the job isn't active, before its first frame was measured, and while no worker is
    /// connected that can render it. Of the slots of such workers, those with tasks of higher
    /// priority are taken off; the rest is shared evenly by the users of the job's priority, and a
    /// user's share evenly by its jobs.
    #[must_use]
    pub fn eta(&self, job_id: JobId, now: Time) -> Option<Eta> {
        let job = self.jobs.get(&job_id).filter(|job| job.status == JobStatus::Active)?;
        let frame_s = job.frame_s()?;
        let submission = &job.submission;
        let of_task = |task| self.tasks.get(&task).map_or(0, |task| task.frames.len());
        let waiting = self.waiting.get(&job_id).map_or(0, |waiting| waiting.len());
        let with_workers: usize = self.queue.tasks(job_id).map(of_task).sum();
        let (_, slots) = self.ready.workers_with(&submission.engine);
        let rivals = self.queue.rivals(&submission.user, &submission.engine, submission.priority);
        let slots = share_of(slots, rivals, self.policy.tasks_per_user_max)?;
        Some(estimate(frame_s, waiting + with_workers, slots, now))
    }
}

/// The slots that one job can expect, above 0; none if there are none at all.
fn share_of(slots: u64, rivals: Rivals, tasks_per_user_max: usize) -> Option<f64> {
    if slots == 0 {
        return None;
    }
    // Tasks of higher priority end some time: one slot is left to be waited for.
    let free = slots.saturating_sub(rivals.tasks_before as u64).max(1) as f64;
    let of_user = free / rivals.users.max(1) as f64;
    let limit = if tasks_per_user_max > 0 { tasks_per_user_max as f64 } else { f64::INFINITY };
    Some(of_user.min(limit) / rivals.jobs.max(1) as f64)
}

/// Rounds, not a fraction: four frames on three slots take the time of two.
fn estimate(frame_s: f64, frames_left: usize, slots: f64, now: Time) -> Eta {
    let slots = slots.min(frames_left.max(1) as f64);
    let left_ms = (frames_left as f64 / slots).ceil() * frame_s * 1_000.0;
    Eta { at: now.plus_ms(left_ms.ceil() as u64), frames_left, slots, frame_s }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_gets_its_share_of_the_slots() {
        // slots, users, own jobs, tasks of higher priority, limit per user → slots of the job
        for (slots, users, jobs, tasks_before, limit, expected) in [
            (0, 1, 1, 0, 0, None),
            (10, 1, 1, 0, 0, Some(10.0)),
            (10, 2, 1, 0, 0, Some(5.0)),
            (10, 2, 2, 0, 0, Some(2.5)),
            (10, 1, 0, 0, 0, Some(10.0)),
            (10, 1, 1, 4, 0, Some(6.0)),
            (10, 2, 1, 50, 0, Some(0.5)),
            (10, 1, 1, 0, 3, Some(3.0)),
            (10, 1, 3, 0, 3, Some(1.0)),
        ] {
            let found = share_of(slots, Rivals { users, jobs, tasks_before }, limit);
            assert_eq!(found, expected, "{slots} slots, {users} users, {jobs} jobs");
        }
    }

    #[test]
    fn the_time_is_frames_over_slots() {
        // frame_s, frames left, slots → seconds from now
        for (frame_s, frames_left, slots, expected_s) in [
            (10.0, 100, 10.0, 100),
            (10.0, 5, 10.0, 10),
            (10.0, 4, 3.0, 20),
            (10.0, 0, 10.0, 0),
            (2.5, 3, 0.5, 15),
            (60.0, 1, 1.0, 60),
        ] {
            let eta = estimate(frame_s, frames_left, slots, Time(1_000));
            assert_eq!(eta.at, Time(1_000 + expected_s * 1_000), "{frames_left} × {frame_s} s");
            assert_eq!(eta.frames_left, frames_left);
        }
    }
}
