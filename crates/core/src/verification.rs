//! Verification tasks and their verdicts.

use crate::counts::TileCounts;
use crate::id::{BlobHash, JobId, NodeId, ReceiptId, VerificationId};
use crate::layers::TileIndex;
use crate::time::Time;

/// Why a verification task exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The receipt's next probes.
    Probe,
    /// A second opinion on probes that failed, each replica rendered twice, by somebody else if possible.
    Confirm,
}

/// How far a verification task is.
#[derive(Debug, Clone, PartialEq)]
pub enum VerificationStatus {
    /// Waiting for a verifier.
    Queued,
    /// A verifier has it.
    Leased {
        /// Who.
        node: NodeId,
        /// Since when.
        given_at: Time,
    },
    /// It was answered and judged.
    Judged(Verdict),
    /// Not needed any more, or it came to nothing.
    Dropped,
}

/// The unit leased to a verifier: some probes of one received frame.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationTask {
    /// Its number.
    pub id: VerificationId,
    /// What is verified.
    pub receipt: ReceiptId,
    /// The job.
    pub job: JobId,
    /// Why.
    pub purpose: Purpose,
    /// Position of its first probe in the order that follows from the key.
    pub first_probe: u32,
    /// Number of its probes.
    pub probes: u32,
    /// Whether each replica is rendered twice.
    pub second_replica: bool,
    /// How far it is.
    pub status: VerificationStatus,
}

/// What the judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The frame is what the scene defines.
    Accepted,
    /// It isn't.
    Rejected,
    /// More probes are needed.
    Undecided,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Undecided => "undecided",
        }
    }
}

/// What was counted on one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Which tile.
    pub tile: TileIndex,
    /// The counts.
    pub counts: TileCounts,
}

/// What was decided on one verification task, with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What the judgement says.
    pub outcome: Outcome,
    /// Who rendered the replicas.
    pub verifier: NodeId,
    /// The signed report's blob: replicas and controls of all its probes.
    pub evidence: Option<BlobHash>,
    /// Counts of this task's probes.
    pub probes: Vec<ProbeCounts>,
    /// Share of judged pixels that may disagree between honest workers: upper bound.
    pub floor: f64,
    /// Probability of so much disagreement, or more, under the floor.
    pub reject_p: f64,
    /// Probability of so little disagreement, or less, from the nearest cheat.
    pub accept_p: f64,
    /// One sentence for people.
    pub reason: String,
    /// When.
    pub judged_at: Time,
}
