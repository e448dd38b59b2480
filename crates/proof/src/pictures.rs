//! Whether two verifiers saw the same picture.
//!
//! A conviction needs two verifiers who reject *and* agree with one another: two who each sent
//! something else have proved nothing about the worker. A canary is a task whose replica and control
//! are known: what the verifier sends is compared with both. Either is a comparison of two pictures
//! on the scale of a third, which has other random numbers.

use candela_core::layers::Pixels;

use crate::agreement::{CompareOptions, Mismatch, PixelState, TileCounts, compare_map};
use crate::judge::NoiseFloor;
use crate::stats;

/// Chance that two honest pictures aren't called the same, for informative and for direct pixels.
const SAME_ERROR: f64 = 1e-6;

/// Above this share of wrong pixels two pictures are never the same, however few there are.
const WRONG_SHARE_MAX: f64 = 0.25;

/// Compares two verifiers' pictures of one probe: `a` and `b` are both replicas and `control` is of
/// either verifier, or both are controls with the same seed and `control` is a replica.
///
/// The rule is that of [`compare_map`], applied both ways: a pixel agrees if it does from either
/// side, and is informative if it is from both. So the order of `a` and `b` makes no difference.
///
/// # Errors
///
/// When sizes, channels or the number of values don't fit together; the names in the error are
/// those of `a` as the worker and `b` as the replica.
pub fn pictures_agree(
    a: &Pixels,
    b: &Pixels,
    control: &Pixels,
    options: &CompareOptions,
) -> Result<TileCounts, Mismatch> {
    let mut map = compare_map(a, b, control, None, options)?;
    let back = compare_map(b, a, control, None, options)?;
    for (state, back) in map.states.iter_mut().zip(back.states) {
        *state = both(*state, back);
    }
    Ok(map.counts())
}

fn both(one: PixelState, other: PixelState) -> PixelState {
    use PixelState::{Direct, Informative, NotJudged};
    let agrees = |state| match state {
        Informative { agrees } | Direct { agrees } => Some(agrees),
        _ => None,
    };
    match (one, other, agrees(one), agrees(other)) {
        (Informative { agrees: a }, Informative { agrees: b }, ..) => {
            Informative { agrees: a && b }
        }
        (_, _, Some(a), Some(b)) => Direct { agrees: a && b },
        // Finite on one side only: from that side it was judged, and is wrong.
        (_, _, Some(agrees), None) | (_, _, None, Some(agrees)) => Direct { agrees },
        (_, _, None, None) => NotJudged,
    }
}

/// Whether pooled comparisons by [`pictures_agree`] are those of two renderings of the same
/// picture.
///
/// At least half of the pixels could be judged, at most a quarter of either kind is wrong, and so
/// many wrong ones have a chance above 10⁻⁶ under the floor. In scenes that don't repeat, hand in a
/// floor that was raised by what two replicas showed.
#[must_use]
pub fn same_picture(counts: &TileCounts, floor: &NoiseFloor) -> bool {
    // Raised by nothing: values out of range are moved into it.
    let floor = floor.raised(&TileCounts::default());
    let honest = |judged: u64, wrong: u64| {
        let (judged, wrong) = (judged as f64, wrong as f64);
        wrong <= WRONG_SHARE_MAX * judged && floor.ln_tail(wrong, judged) > stats::ln(SAME_ERROR)
    };
    counts.judged() > 0
        && 2 * counts.judged() >= counts.pixels
        && honest(counts.informative_judged, counts.informative_wrong())
        && honest(counts.direct_judged, counts.direct_wrong())
}

#[cfg(test)]
mod tests;
