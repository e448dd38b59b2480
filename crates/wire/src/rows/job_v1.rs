//! A job without messages: how its row was written before it had any, which is still read, and what
//! proofs hold of it. Where a user wants to hear of a job is nobody else's business.

use candela_core::id::{BlobHash, EngineBuild, JobId, NodeId, SubmissionId};
use candela_core::job::{
    Allowances, FramesWanted, Inspected, Job, JobStatus, Overrides, Submission,
};
use candela_core::message::Notify;
use candela_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The version of such rows.
pub(crate) const VERSION: u8 = 3;

/// A job.
#[derive(Serialize, Deserialize)]
pub(crate) struct JobV1 {
    #[serde(with = "crate::mirror")]
    id: JobId,
    submission: SubmissionV1,
    #[serde(with = "crate::mirror")]
    submitted_at: Time,
    #[serde(with = "crate::mirror")]
    ended_at: Option<Time>,
    #[serde(with = "crate::mirror")]
    status: JobStatus,
    #[serde(with = "crate::mirror")]
    inspected: Option<Arc<Inspected>>,
    landmarks: Vec<i32>,
    render_ms_sum: u64,
    render_ms_count: u64,
    #[serde(with = "crate::mirror")]
    excluded: BTreeSet<NodeId>,
    verification_px: u64,
}

/// What was asked for.
#[derive(Serialize, Deserialize)]
struct SubmissionV1 {
    #[serde(with = "crate::mirror")]
    submission_id: SubmissionId,
    user: String,
    name: String,
    #[serde(with = "crate::mirror")]
    scene: BlobHash,
    main_file: String,
    #[serde(with = "crate::mirror")]
    frames: FramesWanted,
    #[serde(with = "crate::mirror")]
    engine: EngineBuild,
    #[serde(with = "crate::mirror")]
    overrides: Overrides,
    #[serde(with = "crate::mirror")]
    allow: Allowances,
    priority: i32,
}

impl From<&Job> for JobV1 {
    fn from(job: &Job) -> JobV1 {
        let job = job.clone();
        let submission = job.submission;
        JobV1 {
            id: job.id,
            submission: SubmissionV1 {
                submission_id: submission.submission_id,
                user: submission.user,
                name: submission.name,
                scene: submission.scene,
                main_file: submission.main_file,
                frames: submission.frames,
                engine: submission.engine,
                overrides: submission.overrides,
                allow: submission.allow,
                priority: submission.priority,
            },
            submitted_at: job.submitted_at,
            ended_at: job.ended_at,
            status: job.status,
            inspected: job.inspected,
            landmarks: job.landmarks,
            render_ms_sum: job.render_ms_sum,
            render_ms_count: job.render_ms_count,
            excluded: job.excluded,
            verification_px: job.verification_px,
        }
    }
}

impl From<JobV1> for Job {
    fn from(row: JobV1) -> Job {
        let submission = row.submission;
        Job {
            id: row.id,
            submission: Submission {
                submission_id: submission.submission_id,
                user: submission.user,
                name: submission.name,
                scene: submission.scene,
                main_file: submission.main_file,
                frames: submission.frames,
                engine: submission.engine,
                overrides: submission.overrides,
                allow: submission.allow,
                priority: submission.priority,
                notify: Notify::default(),
            },
            submitted_at: row.submitted_at,
            ended_at: row.ended_at,
            status: row.status,
            inspected: row.inspected,
            landmarks: row.landmarks,
            render_ms_sum: row.render_ms_sum,
            render_ms_count: row.render_ms_count,
            excluded: row.excluded,
            verification_px: row.verification_px,
            messages: Vec::new(),
            wrong_told: false,
        }
    }
}
