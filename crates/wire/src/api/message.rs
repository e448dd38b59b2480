//! What a webhook is sent.

use super::{JobSummary, RefusalInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of a webhook: something happened with a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageInfo {
    /// `job_completed`, `job_failed`, `job_refused`, `job_cancelled`, or `frame_wrong`: for the first
    /// time a frame of the job was rejected, or given up.
    pub event: String,
    /// The message's number, the same at every attempt: who has seen it before may ignore it.
    pub delivery: u64,
    /// When it happened.
    pub at_ms: u64,
    /// The job, as it is when the message is sent.
    pub job: JobSummary,
    /// The job's page, if the owner of the manager said where the page is.
    pub url: Option<String>,
    /// The frame that is wrong.
    pub frame: Option<i32>,
    /// Why it is.
    pub reason: Option<String>,
    /// Why the scene can't be rendered as it is.
    pub refusals: Vec<RefusalInfo>,
}
