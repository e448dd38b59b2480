//! Verification tasks, what verifiers answered, and the verdicts.

use crate::counts::TileCounts;
use crate::id::{BlobHash, JobId, NodeId, ReceiptId, VerificationId};
use crate::layers::{PROBE_PX, Region};
use crate::time::Time;

/// What is added to the scene's seed for the control. Everybody's is the same, so that controls of two
/// verifiers can be compared.
pub const CONTROL_SEED: i32 = 7919;

/// With adaptive sampling a region's outer pixels differ from the frame's: so many are rendered around
/// it, and cut off. Measured on three scenes (`cargo xtask bench proof --margins`): 0.3 to 0.9 % of the
/// pixels differ without a margin, none with 2 pixels; twice that, to be careful.
pub const ADAPTIVE_MARGIN_PX: u32 = 4;

/// Why a verification task exists. A verifier is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The receipt's next probes.
    Probe,
    /// A second opinion on the same probes, each replica rendered twice, by another owner's verifier if there is one.
    Confirm,
    /// A canary: the verdict on the receipt is known, and the verifier's pictures are held against known ones.
    Canary,
    /// Tiles of a frame that a user claims to be wrong.
    Claim,
    /// A second opinion on such tiles.
    ClaimConfirm,
}

/// Pixels that are rendered for a probe: replica and control, and the replica again in scenes that don't repeat.
#[must_use]
pub fn probe_px(adaptive_sampling: bool, repeats: bool) -> u64 {
    let margin_px = if adaptive_sampling { ADAPTIVE_MARGIN_PX } else { 0 };
    let edge = u64::from(PROBE_PX + 2 * margin_px);
    edge * edge * if repeats { 2 } else { 3 }
}

impl Purpose {
    /// Whether it asks what a receipt is worth, by probes drawn from the key.
    #[must_use]
    pub fn judges_receipt(self) -> bool {
        matches!(self, Purpose::Probe | Purpose::Confirm)
    }

    /// Whether it belongs to a bad result claim: all tiles of the frame, row by row.
    #[must_use]
    pub fn is_claim(self) -> bool {
        matches!(self, Purpose::Claim | Purpose::ClaimConfirm)
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Purpose::Probe => "probe",
            Purpose::Confirm => "second opinion",
            Purpose::Canary => "canary",
            Purpose::Claim => "claim",
            Purpose::ClaimConfirm => "second opinion on a claim",
        }
    }
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
    Judged(Box<Verdict>),
    /// Not needed any more, or it came to nothing.
    Dropped,
}

/// The unit leased to a verifier: some regions of one received frame.
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
    /// Position of its first region: in the order that follows from the key, or of a claim in the
    /// order of the tiles.
    pub first_probe: u32,
    /// Number of its regions.
    pub probes: u32,
    /// Whether each replica is rendered twice.
    pub second_replica: bool,
    /// How far it is.
    pub status: VerificationStatus,
}

impl VerificationTask {
    /// How far the probes reach of which it is known what they show once it is judged.
    #[must_use]
    pub fn reach(&self) -> u32 {
        self.first_probe.saturating_add(self.probes)
    }

    /// The verdict, if there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.status {
            VerificationStatus::Judged(verdict) => Some(verdict),
            _ => None,
        }
    }
}

/// What the judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The frame is what the scene defines; of a canary: the pictures are the known ones.
    Accepted,
    /// It isn't; they aren't.
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

/// What was counted in one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Where in the frame.
    pub region: Region,
    /// The counts.
    pub counts: TileCounts,
}

/// The verifier's report as it was signed: who has it can show what the verifier stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedReport {
    /// The blob with replicas and controls.
    pub evidence: BlobHash,
    /// Its length.
    pub evidence_bytes: u64,
    /// Pixels that it says it rendered.
    pub rendered_px: u64,
    /// How long it says it took, in milliseconds.
    pub took_ms: u64,
    /// The verifier's signature.
    pub signature: [u8; 64],
}

/// How one answer compares with an earlier one to the same regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The earlier answer's verification task.
    pub verification: VerificationId,
    /// Whether both show the same pictures, as far as honest machines can differ.
    pub same: bool,
    /// What was counted between the two replicas.
    pub counts: TileCounts,
}

/// How much honest machines may disagree: upper bounds, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Share of the judged pixels.
    pub disagree_share: f64,
    /// Share of the probes that may be wrong as a whole.
    pub bad_probe_share: f64,
}

/// Who found what a verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It follows from the verifier's pictures.
    ByPictures,
    /// The manager found it itself: layers that can't be this frame's, an output that doesn't follow from them.
    ByManager,
}

/// What was decided on one verification task, with what is needed to derive it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What the judgement says.
    pub outcome: Outcome,
    /// Who rendered the replicas.
    pub verifier: NodeId,
    /// What it rendered on.
    pub device: String,
    /// The signed report; its evidence is a blob.
    pub report: Option<SignedReport>,
    /// The blob with the worker's tiles, verified against the receipt's layers.
    pub worker_tiles: Option<BlobHash>,
    /// Counts of this task's regions.
    pub probes: Vec<ProbeCounts>,
    /// The earlier verdicts whose counts were judged together with these: of the same frame, then of
    /// the other frames of its lease.
    pub with: Vec<VerificationId>,
    /// How it compares with earlier answers.
    pub peers: Vec<Peer>,
    /// The floor as it was known before.
    pub floor: Floor,
    /// Probes of a frame's first verification task, as the policy was then: so many have to be judged.
    pub probes_first: u32,
    /// Probability of so much disagreement, or more, under the floor.
    pub reject_p: f64,
    /// Probability of so little disagreement, or less, from the nearest cheat.
    pub accept_p: f64,
    /// Who found it.
    pub found: Found,
    /// Whether the output was held against a development of the layers.
    pub developed: bool,
    /// One sentence for people.
    pub reason: String,
    /// When.
    pub judged_at: Time,
}

impl Verdict {
    /// The evidence's blob.
    #[must_use]
    pub fn evidence(&self) -> Option<BlobHash> {
        self.report.map(|report| report.evidence)
    }
}

/// The class of a device's description, e.g. `cpu x86-64 avx2` of `cpu x86-64 avx2, 2 threads`.
#[must_use]
pub fn class_of(device: &str) -> &str {
    device.split(',').next().unwrap_or(device).trim()
}
