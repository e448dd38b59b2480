//! The verdict: pooled counts against the noise floor of honest machines and the cheat nearest to
//! honest.
//!
//! # The two hypotheses
//!
//! *Honest*: a judged pixel disagrees with at most the chance `p₀`, the [`NoiseFloor`] of this
//! scene and this pair of device classes; disagreeing pixels come in clumps of up to `clump_px`.
//! *Nearest cheat*: a share `p₁` ([`Policy::cheat_share`], 3 %) of the judged pixels is wrong, in
//! clumps of the size of a 16 × 16 patch. Counts of all probes of a task are pooled, informative
//! and direct pixels apart, so that a large sky can't hide a wrong object.
//!
//! # Clumps
//!
//! Pixels of a clump are wrong together, so `n` pixels are worth fewer independent ones: `n /
//! deff`, the design effect of cluster sampling (Kish, *Survey Sampling*, 1965, with full
//! correlation within a cluster and none between).
//! - Towards rejection the clusters are clumps of `c` judged pixels: `n/c` draws, of which `x/c`
//!   are wrong. `c` is at least the floor's `clump_px` and, where two replicas differed, at least
//!   the size of the clumps in which they did.
//! - Towards acceptance the clusters are patches, with `mⱼ` judged pixels each: `n_eff = (Σ mⱼ)² /
//!   Σ mⱼ²` (Kish's formula for unequal weights), of which the same share is wrong. A tile with an
//!   object in one corner counts less than one with as many informative pixels spread over it.
//!
//! # Tests
//!
//! Tails of the binomial distribution, one-sided, extended to real counts as in Clopper and
//! Pearson's interval ([`crate::stats`]). In round `k` of drawing, each error is spent by half:
//! `α_k = α / 2^k`, so that over any number of rounds an honest worker is rejected with at most `α
//! = reject_error`, and the nearest cheat accepted with at most `accept_error` (union bound; `Σ
//! 2^-k = 1`). This plays the part of Wald's sequential probability ratio test (Ann. Math. Stat.
//! 16, 1945), whose own bounds hold for two simple hypotheses and single draws, neither of which is
//! the case here.
//!
//! - **Rejected** if any of three tests finds the counts impossible under the floor, each at `α_k /
//!   3`: informative pixels, direct pixels, and *bad tiles*. A tile is bad if at least half of its
//!   judged pixels (64 or more of them) are wrong and the clump model excludes that for an honest
//!   one. Where the scene is repeatable, one bad tile rejects.
//! - **Accepted** if not rejected, [`Policy::tiles_min`] tiles were judged, the informative count
//!   is one that the nearest cheat produces with at most `accept_error / 2^k`, and the direct
//!   pixels are compatible with the floor (tail above `accept_error`).
//! - If after [`Policy::tiles_max`] tiles there are hardly any informative pixels (sky, blank
//!   frames), direct pixels take their place: they must exclude the nearest cheat in the same way,
//!   and the few informative ones be compatible with the floor.
//! - If every tile of the task was compared, there is no sampling error left: accepted if the share
//!   of wrong pixels is nearer to honest than to the nearest cheat (equal likelihood, the slope of
//!   Wald's test); rejected if impossible under the floor at `reject_error_exhausted`.
//! - **Undecided** otherwise: draw more, then whole frames, then another verifier, if possible of
//!   the worker's class.
//!
//! What sampling by tiles can't see is stated apart: forging a share `f` of the frame's area in
//! whole tiles is missed by `T` even draws with `(1 − f)^T` ([`Policy::tiles_to_catch`]). Half of
//! the probes are drawn by noise; against a forger who picks the quietest tenth of a picture, only
//! the other half counts.
//!
//! # Scenes that don't repeat
//!
//! Two replicas show which pixels are unstable, and those are left out with a margin; but a pixel
//! on which two replicas agree by chance may still differ in the worker's. Let a pixel show its
//! rarer value with chance `q`, in each rendering anew. Two replicas differ with `d = 2q(1 − q)`.
//! The worker differs although the two agree with `q(1 − q)²+ q²(1 − q) = q(1 − q) = d/2`, and they
//! agree with `1 − d`; so of the pixels that are left, at most `(d/2) / (1 − d)` disagree. Summed
//! over pixels of any mixture of `q`, the same holds with the mean `d`. If unstable values never
//! repeat, the chance is `1 − √(1 − d)`, which is smaller. The floor is raised by this, with the
//! upper Clopper–Pearson bound (10⁻³) of `d`. The margin takes away more than that; it isn't
//! credited. Where whole areas flip together, whole tiles may: the chance of a bad tile is raised
//! by the same amount as soon as anything unstable was seen. If inspection found the scene
//! unrepeatable, the caller sets `bad_tile_share_upper`. Where it isn't 0, bad tiles are tested by
//! their number alone, and the pixels' tests for rejection leave them out; those for acceptance
//! don't.

mod floor;
mod pool;

pub use floor::NoiseFloor;
pub use pool::Pool;

use crate::agreement::TileCounts;
use crate::stats;
use pool::first_true;

/// Error rates and limits of a judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Chance that an honest worker's task is rejected by sampling, over all rounds.
    pub reject_error: f64,
    /// The same, once every tile of the task was compared and no more can be drawn.
    pub reject_error_exhausted: f64,
    /// Chance that the nearest cheat's task is accepted, over all rounds.
    pub accept_error: f64,
    /// The cheat nearest to honest: share of judged pixels that are wrong.
    pub cheat_share: f64,
    /// How many patches of 16 × 16 pixels a clump of a cheat's wrong pixels covers, at least 1.
    pub cheat_clump_patches: f64,
    /// Tiles that must have been judged (at least half of their pixels) before acceptance.
    pub tiles_min: u64,
    /// Tiles after which direct pixels take the place of missing informative ones.
    pub tiles_max: u64,
    /// Fewer informative pixels than this after `tiles_max` tiles are "hardly any".
    pub informative_px_min: u64,
    /// Share of a tile's judged pixels that must be wrong for it to be bad.
    pub bad_tile_share: f64,
    /// Judged pixels without which a tile isn't called bad.
    pub bad_tile_px_min: u64,
}

impl Default for Policy {
    /// The error rates that the project promises; 25 tiles are five for each frame of a task of
    /// five, and catch a forged tenth of the area with 93 %.
    fn default() -> Self {
        Policy {
            reject_error: 1e-9,
            reject_error_exhausted: 1e-4,
            accept_error: 1e-3,
            cheat_share: 0.03,
            cheat_clump_patches: 1.0,
            tiles_min: 25,
            tiles_max: 50,
            informative_px_min: 256,
            bad_tile_share: 0.5,
            bad_tile_px_min: 64,
        }
    }
}

impl Policy {
    /// How many evenly drawn tiles miss a forged share of the area with at most the chance `miss`.
    ///
    /// `(1 − share)^tiles <= miss`. Both lie between 0 and 1, ends excluded.
    #[must_use]
    pub fn tiles_to_catch(forged_share: f64, miss: f64) -> u64 {
        (stats::ln(miss) / stats::ln(1.0 - forged_share)).ceil() as u64
    }
}

/// How far the drawing of probes of a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which judgement of this task this is, from 1; counted up each time more probes were drawn.
    pub round: u32,
    /// How many tiles there are to draw from: those of all frames of the task, or of the one frame
    /// that is judged alone.
    pub tiles_in_task: u64,
}

/// What a judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The frames are what the scene defines, as far as the policy asks to know.
    Accepted,
    /// They are not.
    Rejected,
    /// More probes are to be drawn.
    Undecided,
}

/// Why a judgement says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Rejected: so many informative pixels disagree as honest machines never show.
    InformativePixels,
    /// Rejected: so many direct pixels disagree as honest machines never show.
    DirectPixels,
    /// Rejected: tiles that are wrong as a whole.
    BadTiles,
    /// Accepted: even the cheat nearest to honest would show more wrong pixels.
    NearestCheatExcluded,
    /// Accepted: hardly anything depends on the seed, and what doesn't matches.
    DirectMatch,
    /// Accepted: every tile was compared, and the share of wrong pixels is an honest one.
    AllCompared,
    /// Undecided: no pixel could be judged.
    NothingJudged,
    /// Undecided: fewer tiles than the policy asks for.
    TooFewTiles,
    /// Undecided: too few pixels to exclude the nearest cheat, even if all agreed.
    TooFewPixels,
    /// Undecided: more disagreement than acceptance allows and less than rejection asks for.
    BetweenBounds,
    /// Undecided, and no tile is left to draw: ask another verifier.
    Exhausted,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::InformativePixels => "more noisy pixels disagree than honest machines show",
            Reason::DirectPixels => "more noise-free pixels disagree than honest machines show",
            Reason::BadTiles => "whole tiles disagree",
            Reason::NearestCheatExcluded => "even the cheat nearest to honest would show more",
            Reason::DirectMatch => "nothing depends on the seed, and the pixels match",
            Reason::AllCompared => "every tile was compared and matches",
            Reason::NothingJudged => "no pixel could be judged",
            Reason::TooFewTiles => "too few tiles were judged",
            Reason::TooFewPixels => "too few pixels were judged",
            Reason::BetweenBounds => "the disagreement lies between the two bounds",
            Reason::Exhausted => "every tile was compared, and the disagreement is in doubt",
        })
    }
}

/// A verdict with the numbers that it follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The counts of all tiles, added up.
    pub pooled: TileCounts,
    /// The floor that was used: the given one, raised by what two replicas showed.
    pub floor: NoiseFloor,
    /// Informative pixels and their bounds.
    pub informative: Pool,
    /// Direct pixels and their bounds.
    pub direct: Pool,
    /// Tiles that were compared.
    pub tiles: u64,
    /// Of these, tiles of which at least half of the pixels were judged.
    pub tiles_judged: u64,
    /// Tiles that are wrong as a whole.
    pub bad_tiles: u64,
    /// That many bad tiles reject; none if no number of them would.
    pub bad_tiles_reject_from: Option<u64>,
}

/// Judges a task by the tiles compared so far.
///
/// The counts are those of [`crate::agreement::compare`] ([`TileCounts::is_consistent`]), each tile
/// of a frame once. Values of the floor outside their ranges are moved to the nearest end of them,
/// NaN to the end that rejects nobody. The policy is our own and is taken as it is.
#[must_use]
pub fn judge(
    tiles: &[TileCounts],
    floor: &NoiseFloor,
    policy: &Policy,
    progress: Progress,
) -> Judgement {
    let pooled: TileCounts = tiles.iter().copied().sum();
    let floor = floor.raised(&pooled);
    let exhausted = tiles.len() as u64 >= progress.tiles_in_task;
    let spent = f64::from(progress.round.max(1)) * std::f64::consts::LN_2;
    let ln_accept = stats::ln(policy.accept_error) - spent;
    let ln_reject = if exhausted {
        stats::ln(policy.reject_error_exhausted)
    } else {
        stats::ln(policy.reject_error) - spent
    } - stats::ln(3.0);
    let bad = |tile: &&TileCounts| is_bad(tile, &floor, policy, ln_reject);
    let bad_tiles = tiles.iter().filter(bad).count();
    // Where honest tiles may be bad, rejection by pixels looks at the others only.
    let aside: TileCounts =
        tiles.iter().filter(bad).filter(|_| floor.bad_tile_share_upper > 0.0).copied().sum();
    let pool = |kind| Pool::new(kind, &floor, policy, (ln_reject, ln_accept));
    let mut judgement = Judgement {
        verdict: Verdict::Undecided,
        reason: Reason::NothingJudged,
        pooled,
        floor,
        informative: pool(pool::Kind {
            judged: pooled.informative_judged,
            wrong: pooled.informative_wrong(),
            wrong_aside: aside.informative_wrong(),
            patch_squares: pooled.informative_patch_squares,
        }),
        direct: pool(pool::Kind {
            judged: pooled.direct_judged,
            wrong: pooled.direct_wrong(),
            wrong_aside: aside.direct_wrong(),
            patch_squares: pooled.direct_patch_squares,
        }),
        tiles: tiles.len() as u64,
        tiles_judged: tiles.iter().filter(|tile| is_judged(tile)).count() as u64,
        bad_tiles: bad_tiles as u64,
        bad_tiles_reject_from: bad_tiles_reject_from(tiles.len() as u64, &floor, ln_reject),
    };
    (judgement.verdict, judgement.reason) = decide(&judgement, policy, exhausted);
    judgement
}

fn is_judged(tile: &TileCounts) -> bool {
    tile.pixels > 0 && 2 * tile.judged() >= tile.pixels
}

/// Wrong as a whole, and not by a clump of an honest machine's wrong pixels.
fn is_bad(tile: &TileCounts, floor: &NoiseFloor, policy: &Policy, ln_reject: f64) -> bool {
    let (judged, wrong) = (tile.judged() as f64, tile.wrong() as f64);
    tile.judged() >= policy.bad_tile_px_min.max(1)
        && wrong >= policy.bad_tile_share * judged
        && floor.ln_tail(wrong, judged) <= ln_reject
}

fn bad_tiles_reject_from(tiles: u64, floor: &NoiseFloor, ln_reject: f64) -> Option<u64> {
    let share = floor.bad_tile_share_upper;
    if share <= 0.0 {
        return Some(1);
    }
    first_true(1, tiles, |bad| {
        stats::ln_tail_at_least(bad as f64, tiles as f64, share) <= ln_reject
    })
}

fn decide(j: &Judgement, policy: &Policy, exhausted: bool) -> (Verdict, Reason) {
    if j.pooled.judged() == 0 {
        return (Verdict::Undecided, Reason::NothingJudged);
    }
    let rejections = [
        (j.bad_tiles_reject_from.is_some_and(|from| j.bad_tiles >= from), Reason::BadTiles),
        (j.informative.is_rejected(), Reason::InformativePixels),
        (j.direct.is_rejected(), Reason::DirectPixels),
    ];
    if let Some((_, reason)) = rejections.into_iter().find(|(rejected, _)| *rejected) {
        return (Verdict::Rejected, reason);
    }
    let enough_tiles = exhausted || j.tiles_judged >= policy.tiles_min;
    let at_limit = exhausted || j.tiles >= policy.tiles_max;
    let hardly_informative = at_limit && j.informative.judged < policy.informative_px_min;
    let slope = floor::even_share(j.floor.disagree_share_upper, policy.cheat_share);
    let honest_share = |pool: &Pool| pool.wrong as f64 <= slope * pool.judged as f64;
    let compatible = |pool: &Pool| {
        pool.ln_tail_floor > stats::ln(policy.accept_error)
            && (pool.wrong_aside == 0 || honest_share(pool))
    };
    let acceptances = [
        (
            enough_tiles && j.informative.is_accepted() && compatible(&j.direct),
            Reason::NearestCheatExcluded,
        ),
        (
            enough_tiles
                && hardly_informative
                && j.direct.is_accepted()
                && compatible(&j.informative),
            Reason::DirectMatch,
        ),
        (
            exhausted
                && is_judged(&j.pooled)
                && honest_share(&j.informative)
                && honest_share(&j.direct),
            Reason::AllCompared,
        ),
    ];
    if let Some((_, reason)) = acceptances.into_iter().find(|(accepted, _)| *accepted) {
        return (Verdict::Accepted, reason);
    }
    let carrying = if hardly_informative { &j.direct } else { &j.informative };
    let reason = if exhausted {
        Reason::Exhausted
    } else if !enough_tiles {
        Reason::TooFewTiles
    } else if carrying.accept_up_to.is_none() {
        Reason::TooFewPixels
    } else {
        Reason::BetweenBounds
    };
    (Verdict::Undecided, reason)
}

#[cfg(test)]
mod tests;
