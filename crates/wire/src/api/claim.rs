//! Bad result claims as people see them.

use candela_core::claim::ClaimStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// The whole frame is being verified.
    Open,
    /// The frame was wrong: it is rendered again, and the worker pays.
    Upheld,
    /// The frame is what the scene defines: the user pays.
    Dismissed,
    /// It could not be found out: nobody pays, and the frame is rendered again.
    Undecided,
}

impl From<&ClaimStatus> for ClaimState {
    fn from(status: &ClaimStatus) -> Self {
        match status {
            ClaimStatus::Open => ClaimState::Open,
            ClaimStatus::Upheld(_) => ClaimState::Upheld,
            ClaimStatus::Dismissed(_) => ClaimState::Dismissed,
            ClaimStatus::Undecided(_) => ClaimState::Undecided,
        }
    }
}

/// What a user says of an accepted frame.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// What is wrong, for those who look at it later.
    #[serde(default)]
    pub comment: String,
    /// Who claims.
    #[serde(default)]
    pub user: Option<String>,
}

/// A bad result claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimInfo {
    /// Its number.
    pub id: u64,
    /// The job.
    pub job_id: u64,
    /// The frame.
    pub frame: i32,
    /// The receipt that it is about.
    pub receipt_id: u64,
    /// Who claims.
    pub user: String,
    /// What is wrong, in the user's words.
    pub comment: String,
    /// When it was made.
    pub made_at_ms: u64,
    /// When it was decided.
    pub ended_at_ms: Option<u64>,
    /// How far it is.
    pub status: ClaimState,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// Tiles of the frame that were judged so far.
    pub tiles_judged: u32,
    /// Tiles of the frame.
    pub tiles: u32,
}
