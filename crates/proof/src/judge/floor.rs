//! The noise floor: how much honest machines disagree, and how unrepeatable scenes raise it.

use crate::agreement::TileCounts;
use crate::stats;

/// Error of the upper bounds from which a floor is made.
const BOUND_ERROR: f64 = 1e-3;

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
    /// Share of tiles in which most pixels disagree: 0 for scenes that repeat (what the pixels'
    /// floor excludes never happens), for others the share of the area that may change as a whole
    /// between two renderings.
    pub bad_tile_share_upper: f64,
}

impl NoiseFloor {
    /// Clumps of honest disagreement: the most seen in a tile of 32 × 32 pixels is 8; twice that,
    /// to be careful.
    pub const CLUMP_PX: f64 = 16.0;

    /// The floor before anything was measured for worker and verifier of the same class: 10⁻⁵.
    ///
    /// Renders of one class were the same to the bit wherever the scene repeats; this leaves room
    /// for what wasn't seen.
    #[must_use]
    pub fn same_class() -> Self {
        NoiseFloor {
            disagree_share_upper: 1e-5,
            clump_px: Self::CLUMP_PX,
            bad_tile_share_upper: 0.0,
        }
    }

    /// The floor before anything was measured for different classes of processors: 2 · 10⁻³, twice
    /// the most that was seen (no AVX2 and no Embree against AVX2 with Embree: 10⁻³).
    #[must_use]
    pub fn other_class() -> Self {
        NoiseFloor { disagree_share_upper: 2e-3, ..Self::same_class() }
    }

    /// A floor from what honest machines showed: the upper Clopper–Pearson bound (error 10⁻³) of
    /// the share of wrong pixels, their clumps counted once.
    #[must_use]
    pub fn measured(wrong: u64, judged: u64, clump_px: f64) -> Self {
        let clump_px = at_least_one(clump_px);
        let (x, n) = (wrong as f64 / clump_px, judged as f64 / clump_px);
        let disagree_share_upper = stats::share_upper(x, n, BOUND_ERROR);
        NoiseFloor { disagree_share_upper, clump_px, bad_tile_share_upper: 0.0 }
    }

    /// This floor, raised by what two replicas of the same tiles show; see the module
    /// [`crate::judge`] for the derivation.
    ///
    /// Unchanged where no second replica was rendered. Values out of range are moved into it.
    #[must_use]
    pub fn raised(&self, pooled: &TileCounts) -> Self {
        let mut floor = NoiseFloor {
            disagree_share_upper: share(self.disagree_share_upper),
            clump_px: at_least_one(self.clump_px),
            bad_tile_share_upper: share(self.bad_tile_share_upper),
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
            floor.bad_tile_share_upper = share(floor.bad_tile_share_upper + raise);
        }
        floor
    }

    /// Logarithm of the chance that an honest machine shows as many wrong of `judged` pixels or
    /// more.
    pub(super) fn ln_tail(&self, wrong: f64, judged: f64) -> f64 {
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
