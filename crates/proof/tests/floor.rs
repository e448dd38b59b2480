//! The noise floor that the network estimates: how often it is an upper bound, how fast it moves.

use candela_proof::agreement::TileCounts;
use candela_proof::judge::NoiseFloor;
use candela_proof::stats;

const CLUMP_PX: u64 = 16;
const CAP: f64 = NoiseFloor::SHARE_CAP;

/// Pooled comparisons of so many pixels, of which so many disagreed.
fn seen(judged: u64, wrong: u64) -> TileCounts {
    TileCounts {
        pixels: judged,
        informative_judged: judged,
        informative_agree: judged - wrong,
        informative_patch_squares: judged,
        ..TileCounts::default()
    }
}

fn adjusted(prior: f64, judged: u64, wrong: u64) -> f64 {
    let prior = NoiseFloor { disagree_share_upper: prior, ..NoiseFloor::other_class() };
    prior.adjusted(&seen(judged, wrong), CAP).disagree_share_upper
}

/// Chance that the adjusted floor lies below the true share, where pixels disagree in clumps of 16:
/// exactly, not by drawing, since the floor only grows with the number of clumps.
fn chance_below(truth: f64, prior: f64, clumps: u64) -> f64 {
    let below = |wrong: u64| adjusted(prior, CLUMP_PX * clumps, CLUMP_PX * wrong) < truth;
    let largest = (0..clumps).take_while(|&wrong| below(wrong)).last();
    largest.map_or(0.0, |wrong| stats::ln_tail_at_most(wrong as f64, clumps as f64, truth).exp())
}

#[test]
fn an_upper_bound_stays_one_with_the_stated_chance() {
    let mut worst = 0.0f64;
    for prior in [1e-4, 2e-3, 1e-2] {
        for truth in [2e-5, 1e-4, 5e-4, 1e-3, 2e-3, 1e-2] {
            for clumps in [0, 64, 640, 6400, 64_000, 640_000] {
                if truth <= prior {
                    worst = worst.max(chance_below(truth, prior, clumps));
                }
            }
        }
    }
    println!("an upper bound stops being one with at most {worst:.1e}");
    assert!(worst > 0.0 && worst <= 5e-4, "{worst}");
}

#[test]
fn a_prior_that_is_too_low_is_found_out() {
    // The same class was thought to be the same to the bit, and a thousandth disagrees. Up to some
    // 20 000 pixels the prior is still possible; then the floor goes up to where it holds.
    let chance = |px: u64| chance_below(1e-3, 1e-5, px / CLUMP_PX);
    assert!(chance(16_000) > 0.2);
    assert!(chance(320_000) < 1e-3);
    assert!(chance(3_200_000) < 1e-3);
}

#[test]
fn how_many_pixels_it_takes() {
    let px_until =
        |share: f64| (1..).map(|k| 10_000 * k).find(|&px| adjusted(2e-3, px, 0) <= share).unwrap();
    for (share, expected_px) in [(1.9e-3, 70_000), (1e-3, 130_000), (1e-4, 1_220_000)] {
        let px = px_until(share);
        println!("from 0.2 % down to {share} without a wrong pixel: {px} px");
        assert_eq!(px, expected_px);
    }
    // What is seen is not believed below the one end nor above the other.
    assert_eq!(adjusted(2e-3, 1 << 40, 0), NoiseFloor::SHARE_MIN);
    assert_eq!(adjusted(2e-3, 1_000_000, 500_000), CAP);
    assert_eq!(adjusted(2e-3, 0, 0), 2e-3, "nothing seen");
    assert_eq!(adjusted(2e-3, 1_000_000, 2_000), 2e-3, "just that was seen");
}

#[test]
fn odd_priors_and_caps_end_in_range() {
    let counts = seen(16_000, 160);
    for share in [f64::NAN, -1.0, 0.0, 7.0, f64::INFINITY] {
        for cap in [f64::NAN, -1.0, 0.0, 0.01, 7.0] {
            let prior = NoiseFloor { disagree_share_upper: share, ..NoiseFloor::other_class() };
            let floor = prior.adjusted(&counts, cap);
            let range = NoiseFloor::SHARE_MIN..=1.0;
            assert!(range.contains(&floor.disagree_share_upper), "{share} {cap}: {floor:?}");
        }
    }
}
