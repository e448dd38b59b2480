//! Bad result claims: a user says that an accepted frame is not what the scene defines.

use crate::id::{ClaimId, JobId, ReceiptId};
use crate::time::Time;

/// How far a claim is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimStatus {
    /// The whole frame is being verified.
    Open,
    /// The frame was wrong: it is rendered again, and the worker pays.
    Upheld(String),
    /// The frame is what the scene defines: the user pays.
    Dismissed(String),
    /// It could not be found out: nobody pays, and the frame is rendered again.
    Undecided(String),
}

impl ClaimStatus {
    /// The word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ClaimStatus::Open => "open",
            ClaimStatus::Upheld(_) => "upheld",
            ClaimStatus::Dismissed(_) => "dismissed",
            ClaimStatus::Undecided(_) => "undecided",
        }
    }

    /// Why, once it is decided.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            ClaimStatus::Open => None,
            ClaimStatus::Upheld(reason)
            | ClaimStatus::Dismissed(reason)
            | ClaimStatus::Undecided(reason) => Some(reason),
        }
    }
}

/// A bad result claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its number.
    pub id: ClaimId,
    /// The job.
    pub job: JobId,
    /// The frame.
    pub frame: i32,
    /// What had been accepted for it.
    pub receipt: ReceiptId,
    /// Who claims.
    pub user: String,
    /// What is wrong, in the user's words; may be empty.
    pub comment: String,
    /// When.
    pub made_at: Time,
    /// When it was decided.
    pub ended_at: Option<Time>,
    /// How far it is.
    pub status: ClaimStatus,
}
