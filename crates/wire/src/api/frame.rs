//! Frames as people see them.

use super::{ClaimInfo, ClaimTerms, NodeRef, ReceiptInfo, VerdictSummary};
use candela_core::job::FrameStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameState {
    /// In no task.
    Waiting,
    /// With a worker.
    Rendering,
    /// Rendered and received; being stored or verified.
    Verifying,
    /// Verified: the user may rely on it. It is opened again only if its worker or its verifier turns out false.
    Accepted,
    /// Given up.
    Failed,
}

impl FrameState {
    /// The word for it, as it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FrameState::Waiting => "waiting",
            FrameState::Rendering => "rendering",
            FrameState::Verifying => "verifying",
            FrameState::Accepted => "accepted",
            FrameState::Failed => "failed",
        }
    }
}

impl From<&FrameStatus> for FrameState {
    fn from(status: &FrameStatus) -> Self {
        match status {
            FrameStatus::Waiting => FrameState::Waiting,
            FrameStatus::InTask(_) => FrameState::Rendering,
            FrameStatus::Received(_) => FrameState::Verifying,
            FrameStatus::Accepted(_) => FrameState::Accepted,
            FrameStatus::Failed(_) => FrameState::Failed,
        }
    }
}

/// The file that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputInfo {
    /// BLAKE3 hash of its bytes.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
    /// Path of its URL on the manager; works in a browser and stays valid.
    pub url: String,
    /// A name for the file, like `0012.png`.
    pub file_name: String,
    /// What it is, like `image/png`.
    pub media_type: String,
}

/// How far a worker is with a frame; not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Samples per pixel done.
    pub samples_done: u32,
    /// Samples per pixel in all; zero if the engine didn't say.
    pub samples: u32,
}

/// A frame, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrameSummary {
    /// Its number.
    pub number: i32,
    /// How far it is.
    pub status: FrameState,
    /// Who renders it, or rendered it.
    pub worker: Option<NodeRef>,
    /// How far the worker is, while it renders this frame.
    pub progress: Option<Progress>,
    /// How long it took its worker, in seconds.
    pub render_s: Option<f64>,
    /// The output; accepted frames only.
    pub output: Option<OutputInfo>,
    /// Its last receipt; of an accepted frame, the accepted one.
    pub receipt_id: Option<u64>,
    /// What the verification said; accepted frames only.
    pub verdict: Option<VerdictSummary>,
    /// The bad result claim on that receipt, if there was one.
    pub claim: Option<ClaimInfo>,
    /// Attempts that came to nothing so far.
    pub attempts: u32,
    /// Receipts for this frame that were rejected.
    pub receipts_rejected: usize,
    /// Why it was given up, or the engine's own words from the last failed attempt.
    pub last_error: Option<String>,
}

/// A frame with all its receipts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FrameDetail {
    /// Its job.
    pub job_id: u64,
    /// The frame, in short.
    #[serde(flatten)]
    pub summary: FrameSummary,
    /// All receipts, the oldest first, the rejected ones too.
    pub receipts: Vec<ReceiptInfo>,
    /// Workers on which the engine crashed at this frame.
    pub crashed_on: Vec<NodeRef>,
    /// What a bad result claim on it would cost; none if it can't be claimed.
    pub claim_terms: Option<ClaimTerms>,
}
