//! What must hold for any pixels and any counts.

use candela_core::layers::{Pixels, ProbeIndex, Size};
use candela_proof::agreement::{CompareOptions, TileCounts, compare, compare_map};
use candela_proof::evidence::{Evidence, Grounds, ProbeCounts};
use candela_proof::frame::FramePolicy;
use candela_proof::judge::{NoiseFloor, Policy, Progress, Verdict, judge};
use proptest::prelude::*;

/// Pixels of a 7 × 5 tile with any values: also NaN, infinite, denormal.
fn any_pixels() -> impl Strategy<Value = Pixels> {
    let size = Size { width: 7, height: 5 };
    let channels: Vec<String> =
        ["v/Noisy Image.R", "v/Noisy Image.A", "v/Denoising Normal.X"].map(String::from).to_vec();
    let value = prop_oneof![4 => -2.0f32..2.0, 1 => any::<f32>(), 1 => Just(f32::NAN)];
    proptest::collection::vec(value, 35 * 3).prop_map(move |data| Pixels {
        size,
        channels: channels.clone(),
        data,
    })
}

fn any_counts() -> impl Strategy<Value = TileCounts> {
    (0u64..4096, 0u64..4096, 0.0f64..1.0, 0.0f64..1.0, 0u64..2).prop_map(
        |(informative, direct, right, direct_right, odd)| TileCounts {
            pixels: informative + direct + odd,
            informative_judged: informative,
            informative_agree: (informative as f64 * right.sqrt()) as u64,
            direct_judged: direct,
            direct_agree: (direct as f64 * direct_right.sqrt()) as u64,
            not_judged: odd,
            informative_patch_squares: informative * (1 + informative / 16),
            direct_patch_squares: direct * (1 + direct / 16),
            ..TileCounts::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_add_up_and_a_copy_agrees(
        worker in any_pixels(), replica in any_pixels(), control in any_pixels(),
        second in proptest::option::of(any_pixels()),
    ) {
        let options = CompareOptions::default();
        let map = compare_map(&worker, &replica, &control, second.as_ref(), &options).unwrap();
        let counts = map.counts();
        prop_assert!(counts.is_consistent(), "{:?}", counts);
        prop_assert_eq!(counts, compare(&worker, &replica, &control, second.as_ref(), &options).unwrap());
        let mask = map.disagreement_mask();
        prop_assert_eq!(mask.iter().filter(|wrong| **wrong).count() as u64, counts.wrong());
        prop_assert_eq!(map.disagreement_bounds().is_some(), counts.wrong() > 0);
        let copy = compare(&replica, &replica, &control, second.as_ref(), &options).unwrap();
        prop_assert_eq!(copy.wrong(), 0);
        prop_assert_eq!(copy.not_judged, 0);
    }

    #[test]
    fn a_verdict_can_be_derived_again_and_its_bounds_are_in_order(
        tiles in proptest::collection::vec(any_counts(), 0..40),
        share in 0.0f64..0.2, clump in 1.0f64..64.0, bad in 0.0f64..0.1,
        round in 0u32..9, more in 0u64..3,
    ) {
        let floor = NoiseFloor { disagree_share_upper: share, clump_px: clump, bad_probe_share_upper: bad };
        let progress = Progress { round, probes_in_task: tiles.len() as u64 + more };
        let probes = (0..).zip(tiles).map(|(column, counts)| {
            ProbeCounts { frame: 1, probe: ProbeIndex { column, row: 0 }, counts }
        }).collect();
        let grounds = Grounds {
            of_frame: probes,
            of_lease_others: vec![],
            options: CompareOptions::default(),
            floor,
            policy: FramePolicy::default(),
            progress,
        };
        let evidence = Evidence::judged(grounds);
        prop_assert!(evidence.holds());
        for pool in [evidence.judgement.judgement.informative, evidence.judgement.judgement.direct] {
            if let (Some(accept), Some(reject)) = (pool.accept_up_to, pool.reject_from) {
                prop_assert!(accept < reject);
            }
            prop_assert!(pool.ln_tail_floor <= 0.0 && pool.ln_tail_cheat <= 0.0);
        }
        let mut forged = evidence;
        forged.judgement.judgement.verdict = match forged.judgement.verdict() {
            Verdict::Accepted => Verdict::Rejected,
            _ => Verdict::Accepted,
        };
        prop_assert!(!forged.holds());
    }

    #[test]
    fn more_wrong_pixels_never_help(
        tiles in proptest::collection::vec(any_counts(), 25..40), worse in 0u64..500,
    ) {
        let verdict = |tiles: &[TileCounts]| {
            let progress = Progress { round: 1, probes_in_task: 1000 };
            judge(tiles, &NoiseFloor::other_class(), &Policy::default(), progress).verdict
        };
        let rank = |verdict| match verdict {
            Verdict::Accepted => 0,
            Verdict::Undecided => 1,
            Verdict::Rejected => 2,
        };
        let before = verdict(&tiles);
        let mut tiles = tiles;
        tiles.iter_mut().for_each(|tile| tile.informative_agree = tile.informative_agree.saturating_sub(worse));
        prop_assert!(rank(verdict(&tiles)) >= rank(before));
    }
}
