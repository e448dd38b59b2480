//! Jobs and their frames: what a user submits, and how far it is.

use crate::frames::FrameSet;
use crate::id::{BlobHash, EngineBuild, JobId, NodeId, ReceiptId, SubmissionId, TaskId};
use crate::message::{Message, Notify};
use crate::refusal::Refusal;
use crate::scene::{PreviewFacts, SceneFacts};
use crate::settings::RenderSettings;
use crate::time::Time;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a user asks for, already checked at the edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Drawn by the submitter: the same submission sent twice is one job.
    pub submission_id: SubmissionId,
    /// Who submits.
    pub user: String,
    /// What people call it.
    pub name: String,
    /// The scene's collection.
    pub scene: BlobHash,
    /// Path of the .blend within the collection.
    pub main_file: String,
    /// Which frames.
    pub frames: FramesWanted,
    /// Exact build to render with.
    pub engine: EngineBuild,
    /// What is set over the scene's own settings.
    pub overrides: Overrides,
    /// What the submitter is content with.
    pub allow: Allowances,
    /// Higher goes first.
    pub priority: i32,
    /// Where the submitter wants to hear of it.
    pub notify: Notify,
}

/// The frames of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FramesWanted {
    /// The range of the scene itself.
    OfScene,
    /// These.
    These(FrameSet),
}

/// Settings that a submitter may give; what is none is the scene's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Percentage of the scene's resolution.
    pub percentage: Option<u32>,
    /// Samples per pixel.
    pub samples: Option<u32>,
    /// Name of the scene in the file.
    pub scene: Option<String>,
    /// Name of the camera.
    pub camera: Option<String>,
    /// Format of the outputs.
    pub format: Option<crate::settings::OutputFormat>,
}

/// What would be refused, unless the submitter says that it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowances {
    /// Go on although files are missing.
    pub missing_files: bool,
    /// Render with Cycles what is set to another render engine.
    pub force_cycles: bool,
    /// Wait if no suitable worker is connected.
    pub wait_for_workers: bool,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub enum JobStatus {
    /// The scene is being looked at.
    Inspecting {
        /// Inspections that have fallen over so far.
        crashes: u32,
    },
    /// Frames are waiting, rendered or verified.
    Active,
    /// Every frame is accepted.
    Completed,
    /// Frames could not be rendered; the accepted ones are kept.
    Failed,
    /// The scene can't be rendered as it is.
    Refused(Vec<Refusal>),
    /// The user ended it; the accepted frames are kept.
    Cancelled,
}

impl JobStatus {
    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self, JobStatus::Inspecting { .. } | JobStatus::Active)
    }

    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            JobStatus::Inspecting { .. } => "inspecting",
            JobStatus::Active => "active",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Refused(_) => "refused",
            JobStatus::Cancelled => "cancelled",
        }
    }
}

/// What inspection found, and the settings that follow from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// Facts about the scene.
    pub facts: SceneFacts,
    /// The preview's noise, for drawing probes; whether the scene is repeatable.
    pub preview: PreviewFacts,
    /// What every worker and verifier renders with.
    pub settings: RenderSettings,
    /// What the user should know although it is no reason to refuse.
    pub notes: Vec<String>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What was asked for.
    pub submission: Submission,
    /// When it was submitted.
    pub submitted_at: Time,
    /// When it came to its end.
    pub ended_at: Option<Time>,
    /// How far it is.
    pub status: JobStatus,
    /// There once the scene was inspected.
    pub inspected: Option<Arc<Inspected>>,
    /// Frames that go first and have not been given to a task yet.
    pub landmarks: Vec<i32>,
    /// Sum of the render times of received frames, in milliseconds.
    pub render_ms_sum: u64,
    /// Number of received frames in that sum.
    pub render_ms_count: u64,
    /// Workers that get no more of this job: they delivered a rejected frame.
    pub excluded: BTreeSet<NodeId>,
    /// Pixels rendered for verification so far.
    pub verification_px: u64,
    /// Messages that are still to be delivered.
    pub messages: Vec<Message>,
    /// Whether it was told that a frame came out wrong.
    pub wrong_told: bool,
}

impl Job {
    /// Mean time of a frame so far, in seconds; none before the first is received.
    #[must_use]
    pub fn frame_s(&self) -> Option<f64> {
        (self.render_ms_count > 0)
            .then(|| self.render_ms_sum as f64 / self.render_ms_count as f64 / 1000.0)
    }
}

/// How far a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameStatus {
    /// In no task.
    Waiting,
    /// In a task that a worker has.
    InTask(TaskId),
    /// Rendered and received; being stored or verified.
    Received(ReceiptId),
    /// Verified: the user may rely on it. Final.
    Accepted(ReceiptId),
    /// Given up, with the reason.
    Failed(String),
}

impl FrameStatus {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            FrameStatus::Waiting => "waiting",
            FrameStatus::InTask(_) => "rendering",
            FrameStatus::Received(_) => "verifying",
            FrameStatus::Accepted(_) => "accepted",
            FrameStatus::Failed(_) => "failed",
        }
    }
}

/// One frame of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The job it belongs to.
    pub job: JobId,
    /// Its number.
    pub number: i32,
    /// How far it is.
    pub status: FrameStatus,
    /// Attempts that came to nothing so far.
    pub attempts: u32,
    /// Workers on which the engine crashed at this frame.
    pub crashed_on: BTreeSet<NodeId>,
    /// The engine's own words from the last failed attempt.
    pub last_error: Option<String>,
}
