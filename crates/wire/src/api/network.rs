//! The network as a whole.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Nodes of the network, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeCounts {
    /// That ever joined.
    pub known: usize,
    /// That are connected.
    pub connected: usize,
    /// Connected workers.
    pub workers: usize,
    /// Connected verifiers.
    pub verifiers: usize,
    /// That get no more work because of their record.
    pub suspended: usize,
    /// Connected, and paused by their owner.
    pub paused: usize,
    /// Tasks that the connected workers take at once.
    pub slots: usize,
    /// Tasks that they have.
    pub busy: usize,
}

/// Jobs of the network by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCounts {
    /// Scenes that are being looked at.
    pub inspecting: usize,
    /// Frames are waiting, rendered or verified.
    pub active: usize,
    /// Every frame is accepted.
    pub completed: usize,
    /// Frames could not be rendered.
    pub failed: usize,
    /// The scene can't be rendered as it is.
    pub refused: usize,
    /// Ended by their users.
    pub cancelled: usize,
}

/// What verification has come to, over all jobs that are remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerificationFigures {
    /// Pixels of all frames rendered by workers, the rejected ones too.
    pub rendered_px: u64,
    /// Pixels rendered for verification.
    pub verification_px: u64,
    /// The second in the first; none before the first frame is rendered.
    pub share: Option<f64>,
    /// Receipts that were accepted.
    pub receipts_accepted: usize,
    /// Receipts that were rejected.
    pub receipts_rejected: usize,
    /// Bad result claims that are being looked into.
    pub claims_open: usize,
    /// Claims that were right.
    pub claims_upheld: usize,
    /// Claims that were wrong.
    pub claims_dismissed: usize,
}

/// One minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkMinute {
    /// When it began.
    pub at_ms: u64,
    /// Frames that were accepted in it.
    pub frames_accepted: u64,
    /// Receipts that were rejected in it.
    pub receipts_rejected: u64,
}

/// The network as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NetworkInfo {
    /// Its nodes.
    pub nodes: NodeCounts,
    /// Its jobs, those that are remembered.
    pub jobs: JobCounts,
    /// Their frames.
    pub frames: super::FrameCounts,
    /// What verification has come to.
    pub verification: VerificationFigures,
    /// The last hour, minute by minute, the oldest first; it begins when this manager began to lead.
    pub history: Vec<NetworkMinute>,
}
