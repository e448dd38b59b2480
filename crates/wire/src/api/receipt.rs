//! Receipts and how they were verified, with the evidence.
//!
//! What a worker or a verifier could misuse is told only once the receipt is decided: verification is blind.

use super::NodeRef;
use candela_core::task::ReceiptStatus;
use candela_core::verification::{Outcome, ProbeCounts, Purpose};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// Durable; the manager's storage pulls the output.
    Storing,
    /// Stored; being verified.
    Verifying,
    /// Verified.
    Accepted,
    /// Verified and found wrong.
    Rejected,
    /// Of no use any more, without a verdict.
    Withdrawn,
}

impl From<ReceiptStatus> for ReceiptState {
    fn from(status: ReceiptStatus) -> Self {
        match status {
            ReceiptStatus::Storing => ReceiptState::Storing,
            ReceiptStatus::Verifying => ReceiptState::Verifying,
            ReceiptStatus::Accepted => ReceiptState::Accepted,
            ReceiptStatus::Rejected => ReceiptState::Rejected,
            ReceiptStatus::Withdrawn => ReceiptState::Withdrawn,
        }
    }
}

/// What a judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// The frame is what the scene defines.
    Accepted,
    /// It isn't.
    Rejected,
    /// More probes are needed.
    Undecided,
}

impl From<Outcome> for OutcomeName {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => OutcomeName::Accepted,
            Outcome::Rejected => OutcomeName::Rejected,
            Outcome::Undecided => OutcomeName::Undecided,
        }
    }
}

/// Why a verification task exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PurposeName {
    /// The receipt's next probes.
    Probe,
    /// A second opinion.
    Confirm,
    /// Tiles of a frame that a user claims to be wrong.
    Claim,
    /// A second opinion on such tiles.
    ClaimConfirm,
    /// A check of the verifier. Never shown while it can be recognised.
    Canary,
}

impl From<Purpose> for PurposeName {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Probe => PurposeName::Probe,
            Purpose::Confirm => PurposeName::Confirm,
            Purpose::Claim => PurposeName::Claim,
            Purpose::ClaimConfirm => PurposeName::ClaimConfirm,
            Purpose::Canary => PurposeName::Canary,
        }
    }
}

/// How far a verification task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationState {
    /// Waiting for a verifier.
    Queued,
    /// A verifier has it.
    Leased,
    /// It was answered and judged.
    Judged,
    /// Not needed any more.
    Dropped,
}

/// What the verification of a receipt said, in short: all its rounds together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictSummary {
    /// What the judgement says.
    pub outcome: OutcomeName,
    /// One sentence for people.
    pub reason: String,
    /// Who verified, each once.
    pub verifiers: Vec<NodeRef>,
    /// Rounds that were judged.
    pub rounds: usize,
    /// Probes of all rounds.
    pub probes: usize,
    /// Pixels that could tell a right frame from a wrong one, of all probes.
    pub informative: u64,
    /// Those of them that agree.
    pub informative_agree: u64,
    /// Other judged pixels, compared with the replica directly.
    pub direct: u64,
    /// Those of them that agree.
    pub direct_agree: u64,
    /// Probability of so much disagreement, or more, of an honest worker; of the last round.
    pub reject_p: f64,
    /// Probability of so little disagreement, or less, of the nearest cheat; of the last round.
    pub accept_p: f64,
}

/// What was counted on one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeInfo {
    /// Its first column in the frame, in pixels from the left.
    pub x: u32,
    /// Its first row, in pixels from the top.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pixels that replica and control tell apart, judged.
    pub informative: u64,
    /// Those of them that agree.
    pub informative_agree: u64,
    /// Other judged pixels, compared with the replica directly.
    pub direct: u64,
    /// Those of them that agree.
    pub direct_agree: u64,
    /// Pixels left out because two replicas differ at or near them.
    pub unstable: u64,
}

impl From<&ProbeCounts> for ProbeInfo {
    fn from(probe: &ProbeCounts) -> Self {
        ProbeInfo {
            x: probe.region.x0,
            y: probe.region.y0,
            width: probe.region.size().width,
            height: probe.region.size().height,
            informative: probe.counts.informative_judged,
            informative_agree: probe.counts.informative_agree,
            direct: probe.counts.direct_judged,
            direct_agree: probe.counts.direct_agree,
            unstable: probe.counts.unstable + probe.counts.near_unstable,
        }
    }
}

/// What was decided on one verification task, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictInfo {
    /// What the judgement says.
    pub outcome: OutcomeName,
    /// Who rendered the replicas.
    pub verifier: NodeRef,
    /// One sentence for people.
    pub reason: String,
    /// Hash of the signed report: replicas and controls of all its probes.
    pub evidence_hash: Option<String>,
    /// Hash of the worker's tiles that they were compared with.
    pub worker_tiles_hash: Option<String>,
    /// Share of judged pixels that may disagree between honest workers: upper bound.
    pub floor: f64,
    /// Probability of so much disagreement, or more, under the floor.
    pub reject_p: f64,
    /// Probability of so little disagreement, or less, from the nearest cheat.
    pub accept_p: f64,
    /// Whether the manager found it itself, rather than in the verifier's pictures.
    pub found_by_manager: bool,
    /// Whether the output was held against a development of the layers.
    pub developed: bool,
    /// When it was judged.
    pub judged_at_ms: u64,
    /// What was counted.
    pub probes: Vec<ProbeInfo>,
}

/// A verification task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerificationInfo {
    /// Its number.
    pub id: u64,
    /// Why it exists.
    pub purpose: PurposeName,
    /// How far it is.
    pub status: VerificationState,
    /// Number of its probes.
    pub probes: u32,
    /// Whether each replica is rendered twice.
    pub second_replica: bool,
    /// The verdict; none before the receipt is decided.
    pub verdict: Option<VerdictInfo>,
}

/// A worker's signed statement about one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptInfo {
    /// Its number.
    pub id: u64,
    /// How far it is.
    pub status: ReceiptState,
    /// Who signed.
    pub worker: NodeRef,
    /// When it came.
    pub received_at_ms: u64,
    /// How long the frame took, in seconds.
    pub render_s: f64,
    /// What it was rendered on.
    pub device: String,
    /// The build that rendered it.
    pub engine: String,
    /// Most memory that the engine used.
    pub peak_memory_bytes: u64,
    /// Hash of the layers; none before the receipt is decided.
    pub layers_hash: Option<String>,
    /// Hash of the output; none before the receipt is decided.
    pub output_hash: Option<String>,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    /// Verification tasks that failed without an answer.
    pub failed_tries: u32,
    /// Whether it was checked itself, rather than vouched for by the checked frames of its lease;
    /// none before the receipt is decided.
    pub checked: Option<bool>,
    /// The share of frames that the worker's standing asked to check when it came, from 0 to 1.
    pub check_rate: f64,
    /// Whether it was accepted once and then opened again.
    pub reopened: bool,
    /// What its worker gets for it, in thousands of path-traced samples.
    pub credit: u64,
    /// Its verification tasks, the oldest first.
    pub verifications: Vec<VerificationInfo>,
}
