//! What must hold for any pixels: counts, values that aren't numbers, scale, cut cells.

use candela_core::layers::{Pixels, ProbeGrid, Size};
use candela_proof::agreement::{CompareOptions, PixelState, TileCounts, compare, compare_map};
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Progress, Reason, Verdict};
use candela_proof::pictures::pictures_agree;
use proptest::prelude::*;

const CHANNELS: [&str; 3] = ["v/Noisy Image.R", "v/Noisy Image.A", "v/Denoising Normal.X"];

fn pixels(size: Size, data: Vec<f32>) -> Pixels {
    Pixels { size, channels: CHANNELS.map(String::from).to_vec(), data }
}

/// Values of a 7 × 5 picture with three channels.
fn values(value: impl Strategy<Value = f32>) -> impl Strategy<Value = Pixels> {
    let size = Size { width: 7, height: 5 };
    proptest::collection::vec(value, 35 * 3).prop_map(move |data| pixels(size, data))
}

/// Any values: also NaN, infinite, denormal.
fn any_pixels() -> impl Strategy<Value = Pixels> {
    values(prop_oneof![4 => -2.0f32..2.0, 1 => any::<f32>(), 1 => Just(f32::NAN)])
}

/// Values as renders have them, far above the absolute tolerance.
fn bright_pixels() -> impl Strategy<Value = Pixels> {
    values(0.25f32..4.0)
}

/// Close to `picture`: each value is off by one of a few shares.
fn close_to(picture: &Pixels, shares: &[f32]) -> Pixels {
    let off = shares.iter().cycle();
    let data = picture.data.iter().zip(off).map(|(value, share)| value * (1.0 + share)).collect();
    Pixels { data, ..picture.clone() }
}

fn judged(counts: &[TileCounts], size: Size) -> (Verdict, Reason) {
    let progress = Progress { round: 1, probes_in_task: ProbeGrid { size }.len() as u64 };
    let floor = NoiseFloor::other_class();
    let judged = judge_frame(counts, &[], &floor, &FramePolicy::default(), progress);
    (judged.verdict(), judged.reason())
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
    fn what_is_no_number_never_agrees_with_a_number(
        replica in bright_pixels(), control in any_pixels(), at in 0usize..105,
        odd in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
    ) {
        let options = CompareOptions::default();
        let mut worker = replica.clone();
        worker.data[at] = odd;
        let map = compare_map(&worker, &replica, &control, None, &options).unwrap();
        let wrong = matches!(
            map.states[at / 3],
            PixelState::Informative { agrees: false } | PixelState::Direct { agrees: false }
        );
        prop_assert!(wrong, "{:?}", map.states[at / 3]);
        prop_assert_eq!(map.counts().wrong(), 1);
        // The other way round nothing can be said of the pixel, and that is counted.
        let turned = compare(&replica, &worker, &control, None, &options).unwrap();
        prop_assert_eq!((turned.not_judged, turned.wrong()), (1, 0));
    }

    #[test]
    fn a_control_allows_one_percent_at_most(
        replica in bright_pixels(), control in any_pixels(), share in 0.011f32..1e6,
    ) {
        let worker = close_to(&replica, &[share]);
        let counts = compare(&worker, &replica, &control, None, &CompareOptions::default()).unwrap();
        prop_assert_eq!(counts.wrong(), 35);
    }

    #[test]
    fn brightness_drops_out(
        replica in bright_pixels(), control in bright_pixels(), power in -8i32..40,
        shares in proptest::collection::vec(prop_oneof![
            Just(0.0f32), Just(1e-7), Just(8e-5), Just(3e-4), Just(5e-3), Just(0.02),
        ], 1..12),
    ) {
        let options = CompareOptions::default();
        let scaled = |picture: &Pixels| {
            let data = picture.data.iter().map(|value| value * 2f32.powi(power)).collect();
            Pixels { data, ..picture.clone() }
        };
        let worker = close_to(&replica, &shares);
        let states = |worker: &Pixels, replica: &Pixels, control: &Pixels| {
            compare_map(worker, replica, control, None, &options).unwrap().states
        };
        prop_assert_eq!(
            states(&worker, &replica, &control),
            states(&scaled(&worker), &scaled(&replica), &scaled(&control))
        );
    }

    #[test]
    fn two_verifiers_are_compared_alike_from_both_sides(
        a in any_pixels(), b in any_pixels(), control in any_pixels(),
    ) {
        let options = CompareOptions::default();
        let counts = pictures_agree(&a, &b, &control, &options).unwrap();
        prop_assert!(counts.is_consistent());
        prop_assert_eq!(counts, pictures_agree(&b, &a, &control, &options).unwrap());
        prop_assert_eq!(pictures_agree(&a, &a, &control, &options).unwrap().wrong(), 0);
    }

    #[test]
    fn cut_cells_count_all_their_pixels(width in 1u32..100, height in 1u32..100) {
        let size = Size { width, height };
        let grid = ProbeGrid { size };
        let options = CompareOptions::default();
        let compared = |number: usize, worker: f32| {
            let size = grid.region(grid.cell(number).unwrap()).size();
            let flat = |value: f32| {
                pixels(size, [value, 1.0, 0.0].repeat(size.pixels() as usize))
            };
            compare(&flat(worker), &flat(1.0), &flat(1.05), None, &options).unwrap()
        };
        let right: Vec<_> = (0..grid.len()).map(|number| compared(number, 1.0)).collect();
        let px: u64 = right.iter().map(|counts| counts.informative_agree).sum();
        prop_assert_eq!(px, size.pixels());
        prop_assert!(right.iter().all(TileCounts::is_consistent));
        prop_assert_eq!(judged(&right, size).0, Verdict::Accepted);
        let wrong: Vec<_> = (0..grid.len()).map(|number| compared(number, 1.05)).collect();
        prop_assert_eq!(wrong.iter().map(TileCounts::wrong).sum::<u64>(), size.pixels());
        // A handful of pixels convicts nobody, and is not accepted either.
        let verdict = judged(&wrong, size).0;
        prop_assert_ne!(verdict, Verdict::Accepted);
        prop_assert!(verdict == Verdict::Rejected || size.pixels() < 64);
    }
}

#[test]
fn black_and_blank_frames() {
    let size = Size { width: 96, height: 64 };
    let flat = |value: f32| {
        let size = Size { width: 32, height: 32 };
        pixels(size, [value, 1.0, 0.0].repeat(size.pixels() as usize))
    };
    let counts = |worker: f32, rendered: f32| {
        let (worker, rendered) = (flat(worker), flat(rendered));
        compare(&worker, &rendered, &rendered, None, &CompareOptions::default()).unwrap()
    };
    let cases = [
        ("black as it should be", counts(0.0, 0.0), (Verdict::Accepted, Reason::AllCompared)),
        ("black, painted", counts(0.1, 0.0), (Verdict::Rejected, Reason::BadProbes)),
        ("blank instead of flat colour", counts(0.0, 0.5), (Verdict::Rejected, Reason::BadProbes)),
        ("flat colour, rounded", counts(0.500_01, 0.5), (Verdict::Accepted, Reason::AllCompared)),
    ];
    for (what, counts, expected) in cases {
        assert_eq!(counts.informative_judged, 0, "{what}");
        assert_eq!(judged(&[counts; 6], size), expected, "{what}");
    }
    // Blank where there should be noise.
    let (blank, noisy, control) = (flat(0.0), flat(0.5), flat(0.6));
    let counts = compare(&blank, &noisy, &control, None, &CompareOptions::default()).unwrap();
    assert_eq!(judged(&[counts; 5], Size { width: 640, height: 360 }).0, Verdict::Rejected);
}
