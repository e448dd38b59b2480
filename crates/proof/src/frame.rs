//! The rule by which one frame is judged: the manager, an audit of a kept verdict and measurements
//! all use this one.
//!
//! # Two policies
//!
//! A user wants a frame as soon as it is verified, so a frame is **accepted alone**: its probes must
//! exclude every *whole-frame* cheat, one that leaves at most a quarter of the informative pixels
//! right wherever one looks ([`FRAME_CHEAT_SHARE`] = 3/4 wrong). Fewer samples, another seed, an
//! enlarged smaller picture: the most that was measured to agree by chance in a cell of 32 × 32
//! pixels was 12 %; a quarter is twice that.
//!
//! What changes fewer pixels (settings, a forged rectangle) adds up over the frames of a lease. So a
//! frame is **rejected by the lease**: before it is accepted, the probes of all frames of the lease
//! are pooled and tested by the policy of a whole task, which only rejects here. A probe with a
//! quarter of its pixels wrong rejects at either level.
//!
//! # How many probes
//!
//! A probe of 32 × 32 pixels has four patches of 16 × 16, the clumps of the cheat's hypothesis
//! ([`crate::judge`]). If all informative pixels agree, `n` patches have the chance `(1/4)ⁿ` under
//! the cheat. The first round spends half of the error of 10⁻³, so six patches are enough (2.4 ·
//! 10⁻⁴), two full probes or more with some sky in them.
//!
//! An honest frame hardly ever needs a second round, for three reasons. Half of its probes are drawn
//! by noise (two of five), and so are full of informative pixels. Honest disagreement isn't in the
//! way: with three full probes 4 % of the pixels may be wrong, and the worst cell measured between
//! different instruction sets had 0.8 %. And between acceptance and rejection there is no gap in a
//! scene that repeats: what is too much to be accepted is enough to be rejected. That is why a large
//! share in the cheat's hypothesis lets nothing through: it says how many patches must have been
//! seen; how many of them may be wrong, the floor says. What remains are frames that are nearly all
//! sky, and scenes that don't repeat.
//!
//! Five probes a frame by default. In the simulation (`tests/simulation.rs`: five frames, a third of
//! each sky) 99 % of the honest frames were decided in one round, and a forged rectangle of a tenth
//! of the area was caught in 96 % of the tasks, in 87 % if all of it lay in the sky, where only the
//! three even draws look. Of three probes two are drawn evenly, of four two as well: the first
//! probes should be odd in number.
//!
//! # Errors
//!
//! Each of the two tests of a frame rejects an honest one with at most 10⁻¹⁰ over all rounds. A task
//! of five frames has ten of them: 10⁻⁹. A whole-frame cheat is accepted with at most 10⁻³ a frame.
//! Where all of a frame's cells were compared, nothing is left to chance in the drawing, and the
//! frame is judged by the policy of a task (`cheat_share` 3 %).

use std::fmt;

use crate::agreement::TileCounts;
use crate::judge::{Judgement, NoiseFloor, Policy, Progress, Reason, Verdict, judge};

/// Share of the informative pixels that a whole-frame cheat has wrong at least.
pub const FRAME_CHEAT_SHARE: f64 = 0.75;

/// Error of each test that rejects an honest frame.
const REJECT_ERROR: f64 = 1e-10;

/// What one frame must show to be accepted, and what all frames of its lease must not show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FramePolicy {
    /// For the frame's own probes.
    pub frame: Policy,
    /// For the probes of all frames of the lease; only its rejection counts.
    pub lease: Policy,
}

impl FramePolicy {
    /// Probes of a frame's first round by default.
    pub const PROBES_FIRST: u32 = 5;

    /// The policy for frames of which so many probes are drawn in the first round.
    #[must_use]
    pub fn for_probes(probes_first: u32) -> Self {
        let lease = Policy { reject_error: REJECT_ERROR, ..Policy::default() };
        let frame = Policy {
            probes_min: u64::from(probes_first),
            probes_max: 4 * u64::from(probes_first),
            cheat_share: FRAME_CHEAT_SHARE,
            ..lease
        };
        FramePolicy { frame, lease }
    }
}

impl Default for FramePolicy {
    fn default() -> Self {
        Self::for_probes(Self::PROBES_FIRST)
    }
}

/// What is said about a frame, and by which judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameJudgement {
    /// The judgement that decided.
    pub judgement: Judgement,
    /// Whether the probes of the whole lease decided, and not those of the frame alone.
    pub by_lease: bool,
}

impl FrameJudgement {
    /// What it says.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.judgement.verdict
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.judgement.reason
    }
}

impl fmt::Display for FrameJudgement {
    /// The sentence that is kept with a verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judgement { reason, pooled, probes, .. } = &self.judgement;
        let right = pooled.judged() - pooled.wrong();
        let of = if self.by_lease { " of the lease's frames" } else { "" };
        write!(
            f,
            "{reason}: {right} of {} judged pixels on {probes} probes{of} agree",
            pooled.judged()
        )
    }
}

/// Judges a frame by its own probes, then by those of its whole lease.
///
/// `of_frame` are the counts of all probes of the frame so far, earlier rounds included;
/// `of_lease_others` those of the other frames of the same lease. `progress` is the frame's: its
/// round, and the number of its cells.
#[must_use]
pub fn judge_frame(
    of_frame: &[TileCounts],
    of_lease_others: &[TileCounts],
    floor: &NoiseFloor,
    policy: &FramePolicy,
    progress: Progress,
) -> FrameJudgement {
    let exhausted = of_frame.len() as u64 >= progress.probes_in_task;
    // Where honest machines disagree a lot, the nearest cheat that can be told from them is further off.
    let apart = (3.0 * floor.disagree_share_upper).min(FRAME_CHEAT_SHARE);
    let whole = Policy { cheat_share: policy.lease.cheat_share.max(apart), ..policy.lease };
    let of_policy = if exhausted { &whole } else { &policy.frame };
    let alone = judge(of_frame, floor, of_policy, progress);
    let alone = FrameJudgement { judgement: alone, by_lease: false };
    if alone.verdict() == Verdict::Rejected || of_lease_others.is_empty() {
        return alone;
    }
    let all: Vec<TileCounts> = of_frame.iter().chain(of_lease_others).copied().collect();
    // There is always more of the lease to draw; its number of probes is of no use here.
    let progress = Progress { probes_in_task: u64::MAX, ..progress };
    let lease = judge(&all, floor, &policy.lease, progress);
    if lease.verdict == Verdict::Rejected {
        FrameJudgement { judgement: lease, by_lease: true }
    } else {
        alone
    }
}

#[cfg(test)]
mod tests;
