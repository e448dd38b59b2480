//! Pixels of one kind, pooled over a task, with the two bounds on how many may be wrong.

use super::Policy;
use super::floor::NoiseFloor;
use crate::agreement::TileCounts;
use crate::stats;

/// The pooled pixels of one kind (informative or direct) and what they prove.
///
/// The verdict compares whole numbers: `wrong` with the two bounds, which depend on `judged`, floor
/// and policy only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Pixels that were judged.
    pub judged: u64,
    /// Of these, those that disagree.
    pub wrong: u64,
    /// Independent pixels they are worth against the floor.
    pub effective_honest: f64,
    /// Independent pixels they are worth against the nearest cheat.
    pub effective_cheat: f64,
    /// With up to that many wrong the nearest cheat is excluded; none if not even with 0.
    pub accept_up_to: Option<u64>,
    /// With that many wrong or more an honest worker is excluded; none if not
    /// even with all.
    pub reject_from: Option<u64>,
    /// Natural logarithm of the chance that an honest worker shows as many wrong pixels or
    /// more.
    pub ln_tail_floor: f64,
    /// Natural logarithm of the chance that the nearest cheat shows as many wrong pixels or fewer.
    pub ln_tail_cheat: f64,
}

/// What goes into a pool.
pub(super) struct Kind {
    pub(super) judged: u64,
    pub(super) wrong: u64,
    pub(super) patch_squares: u64,
}

impl Kind {
    pub(super) fn informative(of: &TileCounts) -> Self {
        Kind {
            judged: of.informative_judged,
            wrong: of.informative_wrong(),
            patch_squares: of.informative_patch_squares,
        }
    }

    pub(super) fn direct(of: &TileCounts) -> Self {
        Kind {
            judged: of.direct_judged,
            wrong: of.direct_wrong(),
            patch_squares: of.direct_patch_squares,
        }
    }
}

impl Pool {
    /// `ln_errors` are the logarithms of the errors of rejection and acceptance in this round.
    pub(super) fn new(
        kind: Kind,
        floor: &NoiseFloor,
        policy: &Policy,
        ln_errors: (f64, f64),
    ) -> Self {
        let (ln_reject, ln_accept) = ln_errors;
        let Kind { judged, wrong, patch_squares } = kind;
        let n = judged as f64;
        let clumps = policy.cheat_clump_patches.max(1.0);
        let effective_cheat =
            if judged == 0 { 0.0 } else { n * n / (patch_squares.max(judged) as f64 * clumps) };
        let tail_floor = |wrong: u64| floor.ln_tail(wrong as f64, n);
        let tail_cheat = |wrong: u64| {
            if judged == 0 {
                return 0.0;
            }
            let x = wrong as f64 / n * effective_cheat;
            stats::ln_tail_at_most(x, effective_cheat, policy.cheat_share)
        };
        let reject_from = first_true(1, judged, |wrong| tail_floor(wrong) <= ln_reject);
        let not_accepted = first_true(0, judged, |wrong| tail_cheat(wrong) > ln_accept);
        // Where both bounds hold, rejection goes first.
        let accept_end = not_accepted.unwrap_or(judged).min(reject_from.unwrap_or(u64::MAX));
        Pool {
            judged,
            wrong,
            effective_honest: n / floor.clump_px,
            effective_cheat,
            accept_up_to: accept_end.checked_sub(1),
            reject_from,
            ln_tail_floor: tail_floor(wrong),
            ln_tail_cheat: tail_cheat(wrong),
        }
    }

    pub(super) fn is_rejected(&self) -> bool {
        self.reject_from.is_some_and(|from| self.wrong >= from)
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.accept_up_to.is_some_and(|up_to| self.wrong <= up_to)
    }
}

/// The smallest number in `from..=to` for which the condition holds, given that it holds for all
/// larger ones too.
pub(super) fn first_true(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if from > to || !holds(to) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}
