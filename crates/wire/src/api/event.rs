//! What is pushed to those who watch.

use super::{FrameSummary, JobSummary, NodeInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A frame changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrameChanged {
    /// Its job.
    pub job_id: u64,
    /// How it is now.
    pub frame: FrameSummary,
}

/// One event: on the stream, its name is the `event` field and the rest is the `data` field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A job changed.
    Job(Box<JobSummary>),
    /// A frame changed.
    Frame(Box<FrameChanged>),
    /// A node changed.
    Node(Box<NodeInfo>),
    /// Events were lost, or the stream began: read again what you show.
    Reset,
}

/// The manager is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthInfo {
    /// `ok`.
    pub status: String,
    /// Version of the program.
    pub version: String,
}
