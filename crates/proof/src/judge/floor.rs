//! The noise floor: how much honest machines disagree, and how unrepeatable scenes raise it.

use crate::agreement::TileCounts;
use crate::stats;

/// Error of the upper bounds from which a floor is made.
const BOUND_ERROR: f64 = 1e-3;

/// What two classes are expected to differ in at a frame's size, so many times, is the prior of the
/// scene …
const CLASS_TIMES: f64 = 1.25;

/// … and never more than this, far below what any cheat on sampling shows.
const CLASS_MAX: f64 = 0.5;

/// Below this share of the preview two classes don't differ in whole areas.
const CLASS_AREA_MIN: f64 = 0.01;

/// See [`NoiseFloor::between`].
const UNREPEATABLE_TIMES: f64 = 4.0;
const UNREPEATABLE_MIN: f64 = 0.02;
const UNREPEATABLE_MAX: f64 = 0.25;

/// How much the judged pixels of honest machines disagree, for a scene and a pair of device
/// classes.
///
/// All shares are upper confidence bounds, between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseFloor {
    /// Share of judged pixels that disagree.
    pub disagree_share_upper: f64,
    /// How many judged pixels disagree together, at least 1.
    pub clump_px: f64,
    /// Share of the area that may differ as a whole between two renderings: 0 where nothing of the
    /// kind was seen. Above 0, probes in unsteady places ([`crate::unsteady`]) may be bad without any
    /// cheat.
    pub bad_probe_share_upper: f64,
}

impl NoiseFloor {
    /// Clumps of honest disagreement: the most seen in 32 × 32 pixels is 8; twice that,
    /// to be careful.
    pub const CLUMP_PX: f64 = 16.0;

    /// The lowest share to which a floor is estimated, however much was seen.
    pub const SHARE_MIN: f64 = 1e-5;

    /// The highest share to which a floor is estimated: a third of the cheat nearest to honest.
    pub const SHARE_CAP: f64 = 1e-2;

    /// The floor before anything was measured for worker and verifier of the same class: 10⁻⁵.
    ///
    /// Renders of one class were the same to the bit wherever the scene repeats; this leaves room
    /// for what wasn't seen.
    #[must_use]
    pub fn same_class() -> Self {
        NoiseFloor {
            disagree_share_upper: 1e-5,
            clump_px: Self::CLUMP_PX,
            bad_probe_share_upper: 0.0,
        }
    }

    /// The floor before anything was measured for different classes of processors: 2 · 10⁻³, twice
    /// the most that was seen (no AVX2 and no Embree against AVX2 with Embree: 10⁻³).
    #[must_use]
    pub fn other_class() -> Self {
        NoiseFloor { disagree_share_upper: 2e-3, ..Self::same_class() }
    }

    /// The floor for a pair of devices on a scene: the prior of their classes, moved by what was
    /// `seen` between verifiers of these classes ([`Self::adjusted`]).
    ///
    /// `class_share` is the share of the preview's noisy pixels, from 0 to 1, that differed between two
    /// classes of processors. In some scenes rounding decides what is seen (fine procedural bumps,
    /// surfaces that touch), and then it is a tenth and more. It grows with the picture: `frame_edges` is
    /// how many times longer the frame's edge is than the preview's, and `1 − (1 − class_share)^frame_edges`
    /// is what is expected there. That fitted a rocket over procedural waves: 9 % of the preview, 16 % in
    /// frames of 60,000 pixels, 34 % in frames of 400,000. Of other classes, 1.25 times that is the prior
    /// if it is more than the usual one; no pair of classes was further apart than the one that the
    /// preview is measured with.
    ///
    /// `unrepeatable_share` is the share of the preview, from 0 to 1, that differed between two
    /// processes. Of a scene that doesn't repeat, the share of the area that may differ as a
    /// whole is taken as four times that share, and as 0.02 at least: what differs lies together,
    /// and the preview is small. Of other classes it is 0.02 at least where `class_share` is 0.01
    /// and more.
    #[must_use]
    pub fn between(
        same_class: bool,
        unrepeatable_share: f64,
        (class_share, frame_edges): (f64, f64),
        seen: &TileCounts,
    ) -> Self {
        let prior = if same_class {
            Self::same_class()
        } else {
            let usual = Self::other_class();
            let edges = if frame_edges.is_finite() { frame_edges.max(1.0) } else { 1.0 };
            let ln_same = edges * stats::ln((1.0 - share(class_share)).max(1e-9));
            let expected = 1.0 - stats::exp_of_negative(ln_same);
            let measured = (CLASS_TIMES * expected).min(CLASS_MAX);
            let disagree_share_upper = usual.disagree_share_upper.max(measured);
            NoiseFloor { disagree_share_upper, ..usual }
        };
        let cap = Self::SHARE_CAP.max(prior.disagree_share_upper);
        let bad_probe_share_upper = if unrepeatable_share > 0.0 {
            (UNREPEATABLE_TIMES * unrepeatable_share).clamp(UNREPEATABLE_MIN, UNREPEATABLE_MAX)
        } else if !same_class && class_share >= CLASS_AREA_MIN {
            UNREPEATABLE_MIN
        } else {
            0.0
        };
        NoiseFloor { bad_probe_share_upper, ..prior.adjusted(seen, cap) }
    }

    /// A floor from what honest machines showed: the upper Clopper–Pearson bound (error 10⁻³) of
    /// the share of wrong pixels, their clumps counted once.
    #[must_use]
    pub fn measured(wrong: u64, judged: u64, clump_px: f64) -> Self {
        let clump_px = at_least_one(clump_px);
        let (x, n) = (wrong as f64 / clump_px, judged as f64 / clump_px);
        let disagree_share_upper = stats::share_upper(x, n, BOUND_ERROR);
        NoiseFloor { disagree_share_upper, clump_px, bad_probe_share_upper: 0.0 }
    }

    /// This floor, moved by what pooled comparisons between two verifiers showed.
    ///
    /// Where the two-sided Clopper–Pearson interval (error 10⁻³, clumps counted once) of the share
    /// seen holds this floor's share, the floor stays. Where the whole interval lies below, the
    /// share comes down to the interval's upper end. Where it lies above, this floor was too low and
    /// the share goes up to the upper end too, so that it is an upper bound again. The result is
    /// never above `cap` ([`Self::SHARE_CAP`]: nobody can talk the floor up without end) nor below
    /// [`Self::SHARE_MIN`].
    ///
    /// If this floor is an upper bound, so is the result, with a chance of at least `1 − 10⁻³ / 2`.
    /// With no disagreement at all, 7.6 clumps times 10⁴ bring it down to 10⁻⁴: with clumps of 16 px
    /// about 1.2 million pixels, or 1190 probes. Apply it to the prior and everything seen, not
    /// again and again to its own result: each use spends the error anew.
    #[must_use]
    pub fn adjusted(&self, seen: &TileCounts, cap: f64) -> Self {
        let prior = NoiseFloor { clump_px: at_least_one(self.clump_px), ..*self };
        let (x, n) = (seen.wrong() as f64 / prior.clump_px, seen.judged() as f64 / prior.clump_px);
        let upper = stats::share_upper(x, n, 0.5 * BOUND_ERROR);
        let lower = stats::share_lower(x, n, 0.5 * BOUND_ERROR);
        let known = share(prior.disagree_share_upper);
        let moved = if (lower..=upper).contains(&known) { known } else { upper };
        let disagree_share_upper = moved.min(share(cap)).max(Self::SHARE_MIN);
        NoiseFloor { disagree_share_upper, ..prior }
    }

    /// This floor, raised by what two replicas of the same probes show; see the module
    /// [`crate::judge`] for the derivation.
    ///
    /// Unchanged where no second replica was rendered. Values out of range are moved into it.
    #[must_use]
    pub fn raised(&self, pooled: &TileCounts) -> Self {
        let mut floor = NoiseFloor {
            disagree_share_upper: share(self.disagree_share_upper),
            clump_px: at_least_one(self.clump_px),
            bad_probe_share_upper: share(self.bad_probe_share_upper),
        };
        if pooled.repeated == 0 {
            return floor;
        }
        if pooled.unstable > 0 {
            let seen = pooled.unstable_patch_squares as f64 / pooled.unstable as f64;
            floor.clump_px = floor.clump_px.max(seen);
        }
        let (x, n) =
            (pooled.unstable as f64 / floor.clump_px, pooled.repeated as f64 / floor.clump_px);
        let differ = stats::share_upper(x, n, BOUND_ERROR);
        let raise = if differ < 0.5 { 0.5 * differ / (1.0 - differ) } else { 1.0 };
        floor.disagree_share_upper = share(floor.disagree_share_upper + raise);
        if pooled.unstable > 0 {
            floor.bad_probe_share_upper = share(floor.bad_probe_share_upper + raise);
        }
        floor
    }

    /// Logarithm of the chance that an honest machine shows as many wrong of `judged` pixels or
    /// more.
    pub(crate) fn ln_tail(&self, wrong: f64, judged: f64) -> f64 {
        let (x, n) = (wrong / self.clump_px, judged / self.clump_px);
        stats::ln_tail_at_least(x, n, self.disagree_share_upper)
    }
}

/// Into 0..=1; NaN becomes 1, under which nobody is rejected.
fn share(value: f64) -> f64 {
    if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) }
}

fn at_least_one(value: f64) -> f64 {
    if value.is_finite() { value.max(1.0) } else { f64::from(1 << 12) }
}

/// The share of wrong pixels that is as likely under either share; 0 if the cheat isn't above the
/// floor.
///
/// `ln((1−p₀)/(1−p₁)) / ln(p₁(1−p₀) / (p₀(1−p₁)))`: the slope of the two lines of Wald's test of a
/// proportion (1945).
pub(super) fn even_share(floor: f64, cheat: f64) -> f64 {
    // A floor of exactly 0 would leave no room for a single pixel.
    let floor = floor.max(1e-9);
    if floor >= cheat || cheat >= 1.0 {
        return 0.0;
    }
    let rest = stats::ln((1.0 - floor) / (1.0 - cheat));
    rest / (rest + stats::ln(cheat / floor))
}
