//! The rules of agreement, one by one.

use candela_core::layers::Region;

use super::*;

const CHANNELS: [&str; 10] = [
    "ViewLayer/Noisy Image.R",
    "ViewLayer/Noisy Image.G",
    "ViewLayer/Noisy Image.B",
    "ViewLayer/Noisy Image.A",
    "ViewLayer/Denoising Albedo.R",
    "ViewLayer/Denoising Albedo.G",
    "ViewLayer/Denoising Albedo.B",
    "ViewLayer/Denoising Normal.X",
    "ViewLayer/Denoising Normal.Y",
    "ViewLayer/Denoising Normal.Z",
];
/// A replica's pixel, and its control's: noisy in radiance, not in alpha and the guides.
const REPLICA: [f32; 10] = [0.5, 0.4, 0.3, 1.0, 0.8, 0.8, 0.8, 0.0, 0.6, 0.8];
const CONTROL: [f32; 10] = [0.55, 0.4, 0.3, 1.0, 0.8, 0.8, 0.8, 0.0, 0.6, 0.8];

/// A control with which a verifier would like to allow everything.
const FAR: [f32; 10] = [1e30, 1e30, 1e30, 1.0, 0.8, 0.8, 0.8, 0.0, 0.6, 0.8];

fn picture(width: u32, height: u32, pixel: [f32; 10]) -> Pixels {
    let size = Size { width, height };
    let channels = CHANNELS.map(String::from).to_vec();
    Pixels { size, channels, data: pixel.repeat(size.pixels() as usize) }
}

/// The state of a single pixel.
fn state(worker: [f32; 10], replica: [f32; 10], control: [f32; 10]) -> PixelState {
    let one = |pixel| picture(1, 1, pixel);
    let options = CompareOptions::default();
    compare_map(&one(worker), &one(replica), &one(control), None, &options).unwrap().states[0]
}

fn with(pixel: [f32; 10], channel: usize, value: f32) -> [f32; 10] {
    let mut pixel = pixel;
    pixel[channel] = value;
    pixel
}

const RIGHT: PixelState = PixelState::Informative { agrees: true };
const WRONG: PixelState = PixelState::Informative { agrees: false };
const MATCHES: PixelState = PixelState::Direct { agrees: true };
const DIFFERS: PixelState = PixelState::Direct { agrees: false };

#[test]
fn one_pixel() {
    let nan = f32::NAN;
    let inf = f32::INFINITY;
    let black = [0.0; 10];
    let cases = [
        ("identical", REPLICA, REPLICA, CONTROL, RIGHT),
        ("within a tenth of the noise", with(REPLICA, 1, 0.404), REPLICA, CONTROL, RIGHT),
        ("beyond a tenth of the noise", with(REPLICA, 1, 0.406), REPLICA, CONTROL, WRONG),
        ("within 1 %, control far away", with(REPLICA, 1, 0.407), REPLICA, FAR, RIGHT),
        ("beyond 1 %, control far away", with(REPLICA, 1, 0.408), REPLICA, FAR, WRONG),
        ("black replica, control far away", with(black, 0, 1e-3), black, FAR, WRONG),
        ("black replica, rounding, far", with(black, 0, 1e-7), black, FAR, RIGHT),
        ("another seed", CONTROL, REPLICA, CONTROL, WRONG),
        ("nothing random, identical", REPLICA, REPLICA, REPLICA, MATCHES),
        ("nothing random, rounding", with(REPLICA, 0, 0.500_04), REPLICA, REPLICA, MATCHES),
        ("nothing random, 0.1 % off", with(REPLICA, 0, 0.501), REPLICA, REPLICA, DIFFERS),
        ("noise too small to tell", REPLICA, REPLICA, with(REPLICA, 0, 0.500_3), MATCHES),
        ("black", black, black, black, MATCHES),
        ("black, rounding", with(black, 2, 1e-7), black, black, MATCHES),
        ("black, not so", with(black, 2, 1e-4), black, black, DIFFERS),
        ("minus zero", with(black, 2, -0.0), black, black, MATCHES),
        ("albedo forged", with(REPLICA, 4, 0.79), REPLICA, CONTROL, WRONG),
        ("normal forged", with(REPLICA, 7, 0.01), REPLICA, CONTROL, WRONG),
        ("alpha forged", with(REPLICA, 3, 0.99), REPLICA, CONTROL, WRONG),
        ("noisy guide only", REPLICA, REPLICA, with(REPLICA, 4, 0.5), MATCHES),
        ("noisy guide, within", with(REPLICA, 4, 0.81), REPLICA, with(REPLICA, 4, 0.5), MATCHES),
        ("noisy alpha", REPLICA, REPLICA, with(REPLICA, 3, 0.9), RIGHT),
        ("worker NaN", with(REPLICA, 0, nan), REPLICA, CONTROL, WRONG),
        ("worker NaN in a guide", with(REPLICA, 9, nan), REPLICA, CONTROL, WRONG),
        ("worker infinite", with(REPLICA, 0, inf), REPLICA, REPLICA, DIFFERS),
        ("both NaN", with(REPLICA, 4, nan), with(REPLICA, 4, nan), CONTROL, RIGHT),
        ("both infinite", with(REPLICA, 0, inf), with(REPLICA, 0, inf), REPLICA, MATCHES),
        ("replica NaN", REPLICA, with(REPLICA, 0, nan), CONTROL, PixelState::NotJudged),
        (
            "replica -inf",
            with(REPLICA, 0, inf),
            with(REPLICA, 0, -inf),
            CONTROL,
            PixelState::NotJudged,
        ),
        ("control NaN", REPLICA, REPLICA, with(CONTROL, 0, nan), MATCHES),
        ("control infinite", CONTROL, REPLICA, with(CONTROL, 0, inf), DIFFERS),
        ("huge", [f32::MAX; 10], [f32::MAX; 10], [f32::MIN; 10], RIGHT),
        ("huge, wrong", [f32::MIN; 10], [f32::MAX; 10], [0.0; 10], WRONG),
    ];
    for (what, worker, replica, control, expected) in cases {
        assert_eq!(state(worker, replica, control), expected, "{what}");
    }
}

#[test]
fn a_dark_pixel_is_judged_on_its_own_scale_beside_a_full_alpha() {
    let dark = [1e-3, 1e-3, 1e-3, 1.0, 0.8, 0.8, 0.8, 0.0, 0.6, 0.8];
    let noisy = with(dark, 0, 1.2e-3);
    assert_eq!(state(with(dark, 0, 1.05e-3), dark, noisy), WRONG);
    assert_eq!(state(with(dark, 0, 1.01e-3), dark, noisy), RIGHT);
}

#[test]
fn without_a_known_radiance_pass_every_pass_is_radiance() {
    let size = Size { width: 1, height: 1 };
    let one = |value: f32| Pixels { size, channels: vec!["depth".into()], data: vec![value] };
    let options = CompareOptions::default();
    let counts = compare(&one(1.0), &one(1.0), &one(2.0), None, &options).unwrap();
    assert_eq!((counts.informative_judged, counts.informative_agree), (1, 1));
}

#[test]
fn an_unstable_pixel_takes_its_surroundings_with_it() {
    let mut second = picture(20, 12, REPLICA);
    second.data[(5 * 20 + 1) * 10] = 0.7;
    let mut worker = picture(20, 12, REPLICA);
    worker.data[(8 * 20 + 4) * 10] = 0.7; // 3 px away in both: left out
    worker.data[(9 * 20 + 4) * 10] = 0.7; // 4 px away: judged
    let (replica, control) = (picture(20, 12, REPLICA), picture(20, 12, CONTROL));
    let options = CompareOptions::default();
    let map = compare_map(&worker, &replica, &control, Some(&second), &options).unwrap();
    let counts = map.counts();
    assert!(counts.is_consistent());
    assert_eq!((counts.unstable, counts.near_unstable), (1, 5 * 7 - 1));
    assert_eq!((counts.informative_judged, counts.wrong()), (240 - 35, 1));
    assert_eq!(counts.repeated, 240);
    assert_eq!(map.disagreement_bounds(), Some(Region { x0: 4, y0: 9, x1: 5, y1: 10 }));
    assert_eq!(map.disagreement_mask().iter().filter(|wrong| **wrong).count(), 1);
    assert_eq!(map.wrong_groups, [("ViewLayer/Noisy Image".to_string(), 2)]);
}

#[test]
fn a_replica_that_is_nan_once_is_unstable() {
    let second = picture(1, 1, with(REPLICA, 0, f32::NAN));
    let one = |pixel| picture(1, 1, pixel);
    let options = CompareOptions::default();
    for (replica, second) in [(one(REPLICA), second.clone()), (second, one(REPLICA))] {
        let map = compare_map(&one(REPLICA), &replica, &one(CONTROL), Some(&second), &options);
        assert_eq!(map.unwrap().states, [PixelState::Unstable]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let good = picture(4, 3, REPLICA);
    let options = CompareOptions::default();
    let wide = picture(5, 3, REPLICA);
    let mut renamed = good.clone();
    renamed.channels.swap(0, 1);
    let mut short = good.clone();
    short.data.pop();
    let cases = [
        (&wide, "the worker's picture has 5×3 pixels, the replica 4×3"),
        (&renamed, "the worker's picture has other channels than the replica"),
        (&short, "the worker's picture has 119 values, which its size and channels don't give"),
    ];
    for (bad, expected) in cases {
        let error = compare(bad, &good, &good, None, &options).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(compare(&good, &good, bad, None, &options).is_err());
        assert!(compare(&good, &good, &good, Some(bad), &options).is_err());
    }
    assert!(compare(&short, &short, &short, None, &options).is_err());
    let none = Pixels { size: good.size, channels: vec![], data: vec![] };
    assert_eq!(compare(&none, &none, &none, None, &options), Err(Mismatch::NoChannels));
}

#[test]
fn no_pixels_give_no_counts() {
    let none = picture(0, 0, REPLICA);
    let counts = compare(&none, &none, &none, None, &CompareOptions::default()).unwrap();
    assert_eq!(counts, TileCounts::default());
}

#[test]
fn patches_are_counted_from_the_tiles_corner() {
    let (replica, control) = (picture(17, 16, REPLICA), picture(17, 16, CONTROL));
    let options = CompareOptions::default();
    let counts = compare(&replica, &replica, &control, None, &options).unwrap();
    assert_eq!(counts.informative_patch_squares, 256 * 256 + 16 * 16);
}
