//! Bad result claims as people see them.

use super::{NodeRef, VerificationInfo};
use candela_core::claim::ClaimStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

impl ClaimState {
    /// The word for it, as it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ClaimState::Open => "open",
            ClaimState::Upheld => "upheld",
            ClaimState::Dismissed => "dismissed",
            ClaimState::Undecided => "undecided",
        }
    }
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

/// A bad result claim with the verdicts on its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClaimDetail {
    /// The claim, in short.
    #[serde(flatten)]
    pub claim: ClaimInfo,
    /// Who delivered the frame.
    pub worker: NodeRef,
    /// The verification tasks of the frame's parts, the oldest first; their verdicts are told once
    /// the claim is decided.
    pub verifications: Vec<VerificationInfo>,
}

/// What a claim on a frame would cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimTerms {
    /// Pixels that verifiers render for it at least: replicas and controls of the whole frame.
    pub render_px: u64,
    /// Claims of one user within a day, at most.
    pub day_max: usize,
    /// Of these so many may be dismissed; then no more until the day is over.
    pub dismissed_day_max: usize,
}

/// Which claims are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClaimsQuery {
    /// Only claims before this one: `next` of the page before.
    #[serde(default)]
    pub before: Option<u64>,
    /// Entries at most.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Claims, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimsPage {
    /// The claims.
    pub items: Vec<ClaimInfo>,
    /// Ask with `before` for what follows; none at the end.
    pub next: Option<u64>,
}

/// Which picture of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureName {
    /// The worker's pixels.
    Delivered,
    /// The verifier's, with the scene's seed.
    Replica,
    /// Where and how far the two differ.
    Difference,
}

impl PictureName {
    /// All of them, in the order in which they are shown.
    pub const ALL: [PictureName; 3] =
        [PictureName::Delivered, PictureName::Replica, PictureName::Difference];

    /// The word for it, as it is sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            PictureName::Delivered => "delivered",
            PictureName::Replica => "replica",
            PictureName::Difference => "difference",
        }
    }
}
