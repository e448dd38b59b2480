//! What is kept of a verdict: everything that is needed to derive it again.
//!
//! The pixels themselves (the worker's, replica, control) are blobs; who has them can also repeat
//! the comparison. Which cells had to be probed follows from the verification key
//! ([`crate::key::probe_order`]). How evidence is stored is the business of the crate that
//! serializes.

use candela_core::layers::ProbeIndex;

use crate::agreement::{CompareOptions, TileCounts};
use crate::frame::{FrameJudgement, FramePolicy, judge_frame};
use crate::judge::{NoiseFloor, Progress};

/// One probe and what its comparison counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Frame number in the scene.
    pub frame: i32,
    /// Which cell of the frame.
    pub probe: ProbeIndex,
    /// What [`crate::agreement::compare`] counted.
    pub counts: TileCounts,
}

/// What a verdict on a frame is derived from.
#[derive(Debug, Clone, PartialEq)]
pub struct Grounds {
    /// The frame's probes in the order in which they were drawn, those of earlier rounds first.
    pub of_frame: Vec<ProbeCounts>,
    /// The probes of the other frames of its lease, as far as they were judged.
    pub of_lease_others: Vec<ProbeCounts>,
    /// What counted as agreement when the pixels were compared.
    pub options: CompareOptions,
    /// The floor as it was known, before these probes raised it.
    pub floor: NoiseFloor,
    /// The error rates asked for.
    pub policy: FramePolicy,
    /// Which round of drawing it was, of how many cells.
    pub progress: Progress,
}

impl Grounds {
    /// The judgement that follows; the same to the bit on every machine.
    #[must_use]
    pub fn judgement(&self) -> FrameJudgement {
        let counts = |probes: &[ProbeCounts]| -> Vec<TileCounts> {
            probes.iter().map(|probe| probe.counts).collect()
        };
        let (of_frame, others) = (counts(&self.of_frame), counts(&self.of_lease_others));
        judge_frame(&of_frame, &others, &self.floor, &self.policy, self.progress)
    }

    /// Whether the counts can be those of comparisons: each fits in itself, the frame's probes are
    /// of one frame and the others of other ones, and no cell comes twice.
    #[must_use]
    pub fn are_consistent(&self) -> bool {
        let frame = self.of_frame.first().map(|probe| probe.frame);
        let of_frame = self.of_frame.iter().all(|probe| Some(probe.frame) == frame);
        let others = self.of_lease_others.iter().all(|probe| Some(probe.frame) != frame);
        let all = || self.of_frame.iter().chain(&self.of_lease_others);
        let mut places: Vec<_> = all().map(|probe| (probe.frame, probe.probe)).collect();
        places.sort_unstable();
        let once = places.windows(2).all(|pair| pair[0] != pair[1]);
        of_frame && others && once && all().all(|probe| probe.counts.is_consistent())
    }
}

/// A verdict with all that it was derived from.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// From what it follows.
    pub grounds: Grounds,
    /// Counts, bounds and verdict.
    pub judgement: FrameJudgement,
}

impl Evidence {
    /// Judges and keeps what that took.
    #[must_use]
    pub fn judged(grounds: Grounds) -> Self {
        let judgement = grounds.judgement();
        Evidence { grounds, judgement }
    }

    /// Whether the kept judgement is the one that follows from the kept counts, and these fit
    /// together.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.grounds.are_consistent() && self.grounds.judgement() == self.judgement
    }
}
