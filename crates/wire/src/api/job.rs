//! Jobs as people see them.

use super::{AllowRequest, Format, NodeRef, OverridesRequest, RefusalInfo};
use candela_core::job::JobStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The scene is being looked at.
    Inspecting,
    /// Frames are waiting, rendered or verified.
    Active,
    /// Every frame is accepted.
    Completed,
    /// Frames could not be rendered; the accepted ones are kept.
    Failed,
    /// The scene can't be rendered as it is.
    Refused,
    /// The user ended it; the accepted frames are kept.
    Cancelled,
}

impl JobState {
    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Inspecting | JobState::Active)
    }

    /// The word for it, as it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            JobState::Inspecting => "inspecting",
            JobState::Active => "active",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Refused => "refused",
            JobState::Cancelled => "cancelled",
        }
    }
}

impl From<&JobStatus> for JobState {
    fn from(status: &JobStatus) -> Self {
        match status {
            JobStatus::Inspecting { .. } => JobState::Inspecting,
            JobStatus::Active => JobState::Active,
            JobStatus::Completed => JobState::Completed,
            JobStatus::Failed => JobState::Failed,
            JobStatus::Refused(_) => JobState::Refused,
            JobStatus::Cancelled => JobState::Cancelled,
        }
    }
}

/// Frames of a job by their state; all zero before the scene was inspected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FrameCounts {
    /// All.
    pub all: usize,
    /// In no task.
    pub waiting: usize,
    /// With a worker.
    pub rendering: usize,
    /// Rendered, and not accepted yet.
    pub verifying: usize,
    /// Accepted.
    pub accepted: usize,
    /// Given up.
    pub failed: usize,
}

/// A job, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobSummary {
    /// Its number.
    pub id: u64,
    /// What people call it.
    pub name: String,
    /// Who submitted it.
    pub user: String,
    /// How far it is.
    pub status: JobState,
    /// When it was submitted.
    pub submitted_at_ms: u64,
    /// When it came to its end.
    pub ended_at_ms: Option<u64>,
    /// Exact build that it is rendered with.
    pub engine: String,
    /// Higher goes first.
    pub priority: i32,
    /// Frames by their state.
    pub counts: FrameCounts,
    /// Mean time of a frame so far, in seconds; none before the first is received.
    pub frame_s: Option<f64>,
    /// Estimate of the time left, in seconds; none if nothing can be said yet, or the job is over.
    pub time_left_s: Option<f64>,
    /// What it waits for, if nothing goes on: for people.
    pub waits_for: Option<String>,
}

/// What the frames are rendered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenderInfo {
    /// Pixels per row of a frame.
    pub width_px: u32,
    /// Rows of a frame.
    pub height_px: u32,
    /// Samples per pixel, at most.
    pub samples: u32,
    /// The scene in the file.
    pub scene: String,
    /// The camera.
    pub camera: Option<String>,
    /// Whether Cycles replaces the scene's own render engine.
    pub force_cycles: bool,
    /// Format of the outputs.
    pub format: Format,
}

/// What verification costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerificationCost {
    /// Pixels rendered for verification so far.
    pub verification_px: u64,
    /// Pixels of all frames rendered by workers so far, the rejected ones too.
    pub rendered_px: u64,
    /// The first in the second; none before the first frame is rendered.
    pub share: Option<f64>,
}

/// A job with everything that is known of it but its frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// The job, in short.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// As it was submitted.
    pub submission_id: String,
    /// Hash of the scene's collection.
    pub scene_hash: String,
    /// Path of the .blend in the collection.
    pub main_file: String,
    /// Why the scene can't be rendered as it is.
    pub refusals: Vec<RefusalInfo>,
    /// What the user should know although it is no reason to refuse.
    pub notes: Vec<String>,
    /// What was set over the scene's own settings.
    pub overrides: OverridesRequest,
    /// What the submitter is content with.
    pub allow: AllowRequest,
    /// What the frames are rendered with; none before the scene was inspected.
    pub render: Option<RenderInfo>,
    /// Frames per second of the animation; none before the scene was inspected.
    pub fps: Option<f64>,
    /// What verification costs.
    pub verification: VerificationCost,
    /// Receipts that were rejected.
    pub receipts_rejected: usize,
    /// Workers that get no more of this job: they delivered a rejected frame.
    pub excluded: Vec<NodeRef>,
}
