//! What is kept of a verdict: everything that is needed to derive it again.
//!
//! The pixels themselves (the worker's tile, replica, control) are blobs; who has them can also
//! repeat the comparison. Which tiles had to be probed follows from the verification key
//! ([`crate::key::probe_order`]). How evidence is stored is the business of the crate that
//! serializes.

use candela_core::layers::TileIndex;

use crate::agreement::{CompareOptions, TileCounts};
use crate::judge::{Judgement, NoiseFloor, Policy, Progress, judge};

/// One probe and what its comparison counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCounts {
    /// Frame number in the scene.
    pub frame: i32,
    /// Which tile of the frame.
    pub tile: TileIndex,
    /// What [`crate::agreement::compare`] counted.
    pub counts: TileCounts,
}

/// A verdict with all that it was derived from.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The probes in the order in which they were drawn.
    pub probes: Vec<ProbeCounts>,
    /// What counted as agreement when the pixels were compared.
    pub options: CompareOptions,
    /// The floor as it was known, before these probes raised it.
    pub floor: NoiseFloor,
    /// The error rates asked for.
    pub policy: Policy,
    /// Which round of drawing it was, of how many tiles.
    pub progress: Progress,
    /// Counts, bounds and verdict.
    pub judgement: Judgement,
}

impl Evidence {
    /// Judges the probes and keeps what that took.
    #[must_use]
    pub fn judged(
        probes: Vec<ProbeCounts>,
        options: CompareOptions,
        floor: NoiseFloor,
        policy: Policy,
        progress: Progress,
    ) -> Self {
        let judgement = judge(&counts(&probes), &floor, &policy, progress);
        Evidence { probes, options, floor, policy, progress, judgement }
    }

    /// The judgement that follows from the kept counts; the same to the bit on every machine.
    #[must_use]
    pub fn rederived(&self) -> Judgement {
        judge(&counts(&self.probes), &self.floor, &self.policy, self.progress)
    }

    /// Whether the kept judgement is the one that follows from the kept counts, and these fit
    /// together.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.probes.iter().all(|probe| probe.counts.is_consistent())
            && self.rederived() == self.judgement
    }
}

fn counts(probes: &[ProbeCounts]) -> Vec<TileCounts> {
    probes.iter().map(|probe| probe.counts).collect()
}
