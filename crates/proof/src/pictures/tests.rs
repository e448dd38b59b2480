//! Two verifiers' pictures, pixel by pixel and pooled.

use candela_core::layers::Size;

use super::*;

fn picture(values: &[f32]) -> Pixels {
    let size = Size { width: values.len() as u32, height: 1 };
    Pixels { size, channels: vec!["v/Combined.R".into()], data: values.to_vec() }
}

#[test]
fn each_pixel_from_both_sides() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    // a, b, control; informative judged, informative right, direct judged, direct right.
    let cases = [
        ("the same, noisy", 1.0, 1.0, 1.5, [1, 1, 0, 0]),
        ("the same, flat", 1.0, 1.0, 1.0, [0, 0, 1, 1]),
        ("rounding", 1.0, 1.000_5, 1.5, [1, 1, 0, 0]),
        ("two pictures", 1.0, 1.3, 1.5, [1, 0, 0, 0]),
        ("flat, two pictures", 1.0, 1.3, 1.0, [0, 0, 1, 0]),
        ("a control far away doesn't help", 1.0, 1.3, 1e6, [1, 0, 0, 0]),
        ("one isn't a number", nan, 1.0, 1.5, [0, 0, 1, 0]),
        ("both aren't, in the same way", nan, nan, 1.5, [0, 0, 1, 1]),
        ("both aren't, in two ways", nan, inf, 1.5, [0, 0, 0, 0]),
        ("the control isn't", 1.0, 1.0, nan, [0, 0, 1, 1]),
    ];
    let options = CompareOptions::default();
    for (what, a, b, control, expected) in cases {
        let (a, b, control) = (picture(&[a]), picture(&[b]), picture(&[control]));
        let counts = pictures_agree(&a, &b, &control, &options).unwrap();
        let got = [
            counts.informative_judged,
            counts.informative_agree,
            counts.direct_judged,
            counts.direct_agree,
        ];
        assert_eq!(got, expected, "{what}");
        assert!(counts.is_consistent(), "{what}");
        assert_eq!(counts, pictures_agree(&b, &a, &control, &options).unwrap(), "{what}, swapped");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (one, two) = (picture(&[1.0]), picture(&[1.0, 2.0]));
    let options = CompareOptions::default();
    assert!(pictures_agree(&one, &two, &two, &options).is_err());
    assert!(pictures_agree(&two, &two, &one, &options).is_err());
}

#[test]
fn same_or_not() {
    let counts =
        |informative: u64, wrong: u64, direct: u64, direct_wrong: u64, rest: u64| TileCounts {
            pixels: informative + direct + rest,
            informative_judged: informative,
            informative_agree: informative - wrong,
            direct_judged: direct,
            direct_agree: direct - direct_wrong,
            not_judged: rest,
            ..TileCounts::default()
        };
    let other = NoiseFloor::other_class();
    let raised = NoiseFloor { disagree_share_upper: 0.05, ..other };
    let nan = NoiseFloor { disagree_share_upper: f64::NAN, ..other };
    let cases = [
        ("nothing compared", counts(0, 0, 0, 0, 0), other, false),
        ("hardly anything judged", counts(400, 0, 0, 0, 624), other, false),
        ("the same to the bit", counts(3000, 0, 72, 0, 0), other, true),
        ("honest, other class", counts(3000, 12, 72, 0, 0), other, true),
        ("another seed", counts(3000, 2900, 72, 0, 0), other, false),
        ("a tenth is another picture", counts(3000, 300, 72, 0, 0), other, false),
        ("the sky is another", counts(3000, 0, 72, 72, 0), other, false),
        ("a single wrong pixel, alone", counts(1, 1, 0, 0, 0), other, false),
        ("a tenth, where scenes don't repeat", counts(3000, 300, 72, 0, 0), raised, true),
        ("half, under a floor that says nothing", counts(3000, 1500, 72, 0, 0), nan, false),
    ];
    for (what, counts, floor, expected) in cases {
        assert_eq!(same_picture(&counts, &floor), expected, "{what}");
    }
}
