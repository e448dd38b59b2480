//! Jobs: submitted, inspected, ended, tried again.

use super::{Effect, Farm, Reply, Row};
use crate::id::JobId;
use crate::inspection;
use crate::job::{Frame, FrameStatus, Job, JobStatus, Submission};
use crate::limits::NAME_BYTES_MAX;
use crate::refusal::{Refusal, RefusalCode};
use crate::scene::{PreviewFacts, SceneFacts};
use crate::task::{ReceiptStatus, TaskStatus};
use crate::time::Time;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Farm {
    pub(super) fn submit(
        &mut self,
        submission: Submission,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if let Some(job) = self.submissions.get(&submission.submission_id) {
            return Ok(Reply::Job(*job));
        }
        check_name(&submission.name)?;
        if !self.engines.contains(&submission.engine) {
            let offered: Vec<_> = self.engines.iter().map(ToString::to_string).collect();
            return Err(Refusal::new(
                RefusalCode::EngineUnknown,
                format!("the engine {} is not offered here", submission.engine),
            )
            .with_hint(format!("offered: {}", offered.join(", "))));
        }
        self.check_jobs_of(&submission.user)?;
        if !submission.allow.wait_for_workers {
            self.check_worker_there(&submission)?;
        }
        let id = JobId(self.new_id());
        self.submissions.insert(submission.submission_id, id);
        let job = Job {
            id,
            submission,
            submitted_at: now,
            ended_at: None,
            status: JobStatus::Inspecting { crashes: 0 },
            inspected: None,
            landmarks: Vec::new(),
            render_ms_sum: 0,
            render_ms_count: 0,
            excluded: BTreeSet::new(),
            verification_px: 0,
            messages: Vec::new(),
            wrong_told: false,
        };
        self.jobs.insert(id, job);
        self.index_job(id, None);
        self.mark(Row::Job(id));
        effects.push(Effect::Inspect(id));
        effects.push(Effect::JobChanged(id));
        Ok(Reply::Job(id))
    }

    fn check_jobs_of(&self, user: &str) -> Result<(), Refusal> {
        let (unfinished, most) = (self.queue.unfinished(user), self.policy.jobs_per_user_max);
        if most == 0 || unfinished < most {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::JobsTooMany,
            format!("{user} has {unfinished} jobs that are not over, and may have {most}"),
        )
        .with_hint(
            "wait until one is over, cancel one, or submit the frames of several as one job",
        ))
    }

    /// Sets a job's status and keeps the indices. `ended_at`: when it came to its end, if it did.
    pub(super) fn set_job(&mut self, id: JobId, status: JobStatus, ended_at: Option<Time>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let before = std::mem::replace(&mut job.status, status);
        job.ended_at = ended_at;
        self.index_job(id, Some(&before));
        self.note_end(id);
        if let Some(at) = ended_at.filter(|_| !before.is_over()) {
            self.tell_end(id, at);
        }
        self.mark(Row::Job(id));
    }

    fn check_worker_there(&self, submission: &Submission) -> Result<(), Refusal> {
        // Only if none counts is it looked for among those that are suspended, and may be forgiven.
        let counts = self.ready.workers_with(&submission.engine).0 > 0;
        let there = |presence: &crate::node::Presence| {
            presence.hello.roles.contains(&crate::node::Role::Worker)
                && presence.hello.engines.contains(&submission.engine)
        };
        if counts || self.presence.values().any(there) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalCode::NoSuitableWorker,
            format!("no worker that has {} is connected", submission.engine),
        )
        .with_hint("start one with `candela worker --join TICKET`, or submit with --wait"))
    }

    pub(super) fn inspected(
        &mut self,
        job_id: JobId,
        facts: SceneFacts,
        preview: Option<PreviewFacts>,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let job = self.job_mut(job_id)?;
        check_inspecting(job)?;
        match inspection::decide(&job.submission, facts, preview) {
            Err(refusals) => self.set_job(job_id, JobStatus::Refused(refusals), Some(now)),
            Ok((inspected, frames)) => {
                job.inspected = Some(Arc::new(inspected));
                job.landmarks = frames.landmarks();
                for number in frames.iter() {
                    let frame = Frame {
                        job: job_id,
                        number,
                        status: FrameStatus::Waiting,
                        attempts: 0,
                        crashed_on: BTreeSet::new(),
                        last_error: None,
                    };
                    self.count_left(job_id, None, Some(&frame.status));
                    self.frames.entry(job_id).or_default().insert(number, frame);
                    self.waiting.entry(job_id).or_default().insert(number);
                    self.mark(Row::Frame(job_id, number));
                }
                self.set_job(job_id, JobStatus::Active, None);
                self.mark(Row::Inspection(job_id));
            }
        }
        effects.push(Effect::JobChanged(job_id));
        Ok(Reply::Done)
    }

    pub(super) fn inspection_failed(
        &mut self,
        job_id: JobId,
        refusals: Vec<Refusal>,
        text: String,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let tries = self.policy.inspections_max;
        let job = self.job_mut(job_id)?;
        let crashes = check_inspecting(job)? + 1;
        if !refusals.is_empty() {
            self.set_job(job_id, JobStatus::Refused(refusals), Some(now));
        } else if crashes >= tries {
            let refusal = Refusal::new(
                RefusalCode::SceneCrashesEngine,
                format!(
                    "{} fell over {crashes} times while looking at the scene; its last words: {text}",
                    job.submission.engine
                ),
            )
            .with_hint("open the file in that Blender and render a small frame; no worker was blamed");
            self.set_job(job_id, JobStatus::Refused(vec![refusal]), Some(now));
        } else {
            self.set_job(job_id, JobStatus::Inspecting { crashes }, None);
            effects.push(Effect::Inspect(job_id));
        }
        effects.push(Effect::JobChanged(job_id));
        Ok(Reply::Done)
    }

    pub(super) fn cancel(
        &mut self,
        job_id: JobId,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let job = self.job_mut(job_id)?;
        match job.status {
            JobStatus::Cancelled => return Ok(Reply::Done),
            JobStatus::Inspecting { .. } | JobStatus::Active => {}
            _ => return Err(wrong_state(job, "cancelled")),
        }
        self.set_job(job_id, JobStatus::Cancelled, Some(now));
        effects.push(Effect::JobChanged(job_id));
        let leased: Vec<_> = self.queue.tasks(job_id).collect();
        for task in leased {
            self.return_task(task, effects);
        }
        let open: Vec<_> = self
            .receipts(job_id)
            .filter(|r| matches!(r.status, ReceiptStatus::Storing | ReceiptStatus::Verifying))
            .map(|r| r.id)
            .collect();
        for receipt in open {
            self.withdraw(receipt, "the job was cancelled", effects);
        }
        Ok(Reply::Done)
    }

    pub(super) fn retry(
        &mut self,
        job_id: JobId,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let job = self.job_mut(job_id)?;
        if !matches!(job.status, JobStatus::Failed | JobStatus::Cancelled) {
            return Err(wrong_state(job, "tried again"));
        }
        if job.inspected.is_none() {
            self.set_job(job_id, JobStatus::Inspecting { crashes: 0 }, None);
            effects.push(Effect::Inspect(job_id));
        } else {
            self.set_job(job_id, JobStatus::Active, None);
        }
        let numbers: Vec<i32> =
            self.frames.get(&job_id).into_iter().flatten().map(|f| *f.0).collect();
        for number in numbers {
            let Some(frame) = self.frames.get_mut(&job_id).and_then(|f| f.get_mut(&number)) else {
                continue;
            };
            if matches!(frame.status, FrameStatus::Failed(_)) {
                frame.attempts = 0;
                frame.crashed_on.clear();
                self.set_frame(job_id, number, FrameStatus::Waiting, effects);
            }
        }
        effects.push(Effect::JobChanged(job_id));
        self.end_if_over(job_id, now, effects);
        Ok(Reply::Done)
    }

    /// Tasks that are under way stay with their workers; the next worker goes by the new order.
    pub(super) fn prioritise(
        &mut self,
        job_id: JobId,
        priority: i32,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let job = self.job_mut(job_id)?;
        if job.status.is_over() {
            return Err(wrong_state(job, "moved"));
        }
        if std::mem::replace(&mut job.submission.priority, priority) != priority {
            self.queue.set_priority(job_id, priority);
            self.mark(Row::Job(job_id));
            effects.push(Effect::JobChanged(job_id));
        }
        Ok(Reply::Done)
    }

    /// Completes or fails a job of which nothing is left to do.
    pub(super) fn end_if_over(&mut self, job_id: JobId, now: Time, effects: &mut Vec<Effect>) {
        let active = self.jobs.get(&job_id).is_some_and(|job| job.status == JobStatus::Active);
        if !active {
            return;
        }
        let (unfinished, failed) = self.left.get(&job_id).copied().unwrap_or_default();
        if unfinished > 0 {
            return;
        }
        let status = if failed > 0 { JobStatus::Failed } else { JobStatus::Completed };
        self.set_job(job_id, status, Some(now));
        effects.push(Effect::JobChanged(job_id));
    }

    /// Ends a task before all its frames came: they go back to the job. Nobody is blamed here.
    pub(super) fn return_task(&mut self, task_id: crate::id::TaskId, effects: &mut Vec<Effect>) {
        let Some(task) = self.tasks.get_mut(&task_id) else { return };
        let TaskStatus::Leased(lease) = &task.status else { return };
        let (lease_id, node) = (lease.id, lease.node);
        task.status = TaskStatus::Returned;
        let (job, frames) = (task.job, task.frames.clone());
        self.drop_lease(lease_id, node);
        self.mark(Row::Task(task_id));
        effects.push(Effect::Revoke(node, lease_id));
        for frame in frames {
            self.set_frame(job, frame, FrameStatus::Waiting, effects);
        }
    }
}

fn check_inspecting(job: &Job) -> Result<u32, Refusal> {
    match job.status {
        JobStatus::Inspecting { crashes } => Ok(crashes),
        _ => Err(wrong_state(job, "inspected")),
    }
}

fn wrong_state(job: &Job, what: &str) -> Refusal {
    Refusal::new(
        RefusalCode::WrongState,
        format!("job {} is {} and can't be {what}", job.id, job.status.word()),
    )
}

/// Names are shown to people: not empty, not long, no control characters.
///
/// # Errors
/// A refusal that says so.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::new(
            RefusalCode::NameNotAllowed,
            format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters"),
        ));
    }
    Ok(())
}
