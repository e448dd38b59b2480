//! Verdicts at the edges, one by one; error rates are measured in `tests/simulation.rs`.

use super::*;

/// Larger than probes are: the rules hold for any size.
const FULL: u64 = 64 * 64;

/// A probe with so many informative and direct pixels, of which so many are wrong, spread evenly
/// over its patches.
fn probe(informative: u64, wrong: u64, direct: u64, direct_wrong: u64) -> TileCounts {
    let squares = |n: u64| {
        let patches = n.div_ceil(256).clamp(1, 16);
        n * n / patches
    };
    TileCounts {
        pixels: informative + direct,
        informative_judged: informative,
        informative_agree: informative - wrong,
        direct_judged: direct,
        direct_agree: direct - direct_wrong,
        informative_patch_squares: squares(informative),
        direct_patch_squares: squares(direct),
        ..TileCounts::default()
    }
}

fn verdict_of(probes: &[TileCounts], floor: NoiseFloor, probes_in_task: u64) -> (Verdict, Reason) {
    let progress = Progress { round: 1, probes_in_task };
    let judgement = judge(probes, &floor, &Policy::default(), progress);
    (judgement.verdict, judgement.reason)
}

type Case = (&'static str, Vec<TileCounts>, NoiseFloor, (Verdict, Reason));

/// Each case is judged in the first round, as a part of that many probes; none: of just those given.
fn check(probes_in_task: Option<u64>, cases: impl IntoIterator<Item = Case>) {
    for (what, probes, floor, expected) in cases {
        let in_task = probes_in_task.unwrap_or(probes.len() as u64);
        assert_eq!(verdict_of(&probes, floor, in_task), expected, "{what}");
    }
}

const MANY: Option<u64> = Some(10_000);
const CLEAN: TileCounts = TileCounts {
    pixels: FULL,
    informative_judged: FULL,
    informative_agree: FULL,
    informative_patch_squares: FULL * 256,
    ..NOTHING
};
const UNJUDGED: TileCounts = TileCounts { pixels: FULL, not_judged: FULL, ..NOTHING };
const NOTHING: TileCounts = TileCounts {
    pixels: 0,
    informative_judged: 0,
    informative_agree: 0,
    direct_judged: 0,
    direct_agree: 0,
    unstable: 0,
    near_unstable: 0,
    not_judged: 0,
    repeated: 0,
    informative_patch_squares: 0,
    direct_patch_squares: 0,
    unstable_patch_squares: 0,
    unsteady: 0,
};

fn with_one(other: TileCounts, probes: usize, odd: TileCounts) -> Vec<TileCounts> {
    let mut probes = vec![other; probes];
    probes[0] = odd;
    probes
}

#[test]
fn not_yet_decided() {
    let other = NoiseFloor::other_class();
    let few_px = vec![probe(90, 0, 4006, 0); 25];
    let sky = vec![probe(0, 0, FULL, 0); 25];
    let undecided = |reason| (Verdict::Undecided, reason);
    let cases = [
        ("no probes", vec![], other, undecided(Reason::NothingJudged)),
        ("nothing judged", vec![UNJUDGED; 40], other, undecided(Reason::NothingJudged)),
        ("few probes", vec![CLEAN; 24], other, undecided(Reason::TooFewProbes)),
        ("few pixels", few_px, other, undecided(Reason::TooFewPixels)),
        ("sky, first round", sky, other, undecided(Reason::TooFewPixels)),
    ];
    check(MANY, cases);
}

#[test]
fn accepted() {
    let (same, other) = (NoiseFloor::same_class(), NoiseFloor::other_class());
    let yes = (Verdict::Accepted, Reason::NearestCheatExcluded);
    let direct = (Verdict::Accepted, Reason::DirectMatch);
    let cases = [
        ("clean", vec![CLEAN; 25], other, yes),
        ("one probe at its worst", with_one(CLEAN, 25, probe(FULL, 74, 0, 0)), other, yes),
        ("all at the floor", vec![probe(FULL, 8, 0, 0); 25], other, yes),
        ("a sliver, all wrong", with_one(CLEAN, 25, probe(60, 60, 0, 0)), same, yes),
        ("sky, at the limit", vec![probe(0, 0, FULL, 0); 50], same, direct),
    ];
    check(MANY, cases);
}

#[test]
fn rejected() {
    let (same, other) = (NoiseFloor::same_class(), NoiseFloor::other_class());
    let forged = probe(FULL, FULL - 40, 0, 0);
    let painted = probe(0, 0, FULL, FULL);
    let logo = with_one(probe(0, 0, FULL, 0), 25, probe(0, 0, FULL, 900));
    let rejected = |reason| (Verdict::Rejected, reason);
    let bad = rejected(Reason::BadProbes);
    let pixels = rejected(Reason::InformativePixels);
    let cases = [
        ("one forged probe", vec![forged], other, bad),
        ("one of three", with_one(CLEAN, 3, forged), other, bad),
        ("one of a whole film", with_one(CLEAN, 5000, forged), other, bad),
        ("painted sky", with_one(CLEAN, 25, painted), other, bad),
        ("a logo in the sky", logo, same, rejected(Reason::DirectPixels)),
        ("9 % wrong everywhere", vec![probe(FULL, 368, 0, 0); 3], other, pixels),
        ("3 % wrong everywhere", vec![probe(FULL, 123, 0, 0); 25], other, pixels),
    ];
    check(MANY, cases);
}

#[test]
fn all_probes_of_the_task_compared() {
    let other = NoiseFloor::other_class();
    let one = |informative, wrong| vec![probe(informative, wrong, 0, 0)];
    let accepted = (Verdict::Accepted, Reason::AllCompared);
    let bad = (Verdict::Rejected, Reason::BadProbes);
    let in_doubt = (Verdict::Undecided, Reason::Exhausted);
    let cases = [
        ("no probes at all", vec![], other, (Verdict::Undecided, Reason::NothingJudged)),
        ("sky", vec![probe(0, 0, FULL, 0); 5], other, accepted),
        ("blank frames forged", vec![probe(0, 0, FULL, FULL); 5], other, bad),
        ("1 × 1", one(1, 0), other, accepted),
        ("1 × 1, wrong, other class", one(1, 1), other, in_doubt),
        ("1 × 1, wrong, same class", one(1, 1), NoiseFloor::same_class(), in_doubt),
        ("small, wrong", one(100, 100), other, bad),
        ("small, in doubt", one(FULL, 60), other, in_doubt),
        ("mostly not judged", vec![UNJUDGED, UNJUDGED, CLEAN], other, in_doubt),
    ];
    check(None, cases);
}

#[test]
fn bounds_are_where_the_verdict_turns() {
    let progress = Progress { round: 1, probes_in_task: 1000 };
    let of = |wrong: u64| {
        let mut probes = vec![probe(FULL, 0, 0, 0); 25];
        for (i, probe) in probes.iter_mut().enumerate() {
            probe.informative_agree -= (wrong + i as u64) / 25;
        }
        judge(&probes, &NoiseFloor::other_class(), &Policy::default(), progress)
    };
    let clean = of(0);
    let (accept, reject) = (clean.informative.accept_up_to, clean.informative.reject_from);
    let (accept, reject) = (accept.unwrap(), reject.unwrap());
    assert!(accept < reject);
    assert_eq!(of(accept).verdict, Verdict::Accepted);
    assert_ne!(of(accept + 1).verdict, Verdict::Accepted);
    assert_eq!(of(reject).verdict, Verdict::Rejected);
    assert_ne!(of(reject - 1).verdict, Verdict::Rejected);
    let later = judge(
        &[probe(FULL, 0, 0, 0); 25],
        &NoiseFloor::other_class(),
        &Policy::default(),
        Progress { round: 4, probes_in_task: 1000 },
    );
    assert!(later.informative.reject_from > clean.informative.reject_from, "errors are spent");
    assert!(later.informative.accept_up_to <= clean.informative.accept_up_to);
}

#[test]
fn two_replicas_that_differ_raise_the_floor() {
    let floor = NoiseFloor::same_class();
    let calm = TileCounts { repeated: 100_000, ..probe(100_000, 0, 0, 0) };
    let torn = TileCounts { unstable: 2000, unstable_patch_squares: 2000 * 200, ..calm };
    assert_eq!(floor.raised(&probe(100_000, 0, 0, 0)), floor);
    let raised = floor.raised(&calm);
    assert!(raised.disagree_share_upper < 1e-3 && raised.bad_probe_share_upper == 0.0);
    let raised = floor.raised(&torn);
    assert_eq!(raised.clump_px, 200.0);
    // Half of 2 %, and room for its uncertainty from 10 clumps in 500.
    assert!((0.01..0.03).contains(&raised.disagree_share_upper), "{raised:?}");
    assert!(raised.bad_probe_share_upper >= 0.01);
    let all = TileCounts {
        unstable: 4096,
        pixels: 4096,
        repeated: 4096,
        unstable_patch_squares: 4096 * 256,
        ..TileCounts::default()
    };
    assert_eq!(floor.raised(&all).disagree_share_upper, 1.0, "nothing is impossible then");
}

#[test]
fn where_areas_flip_one_bad_probe_is_no_proof_and_many_are() {
    let floor = NoiseFloor { bad_probe_share_upper: 0.02, ..NoiseFloor::other_class() };
    let unsteady = |wrong| TileCounts { unsteady: FULL, ..probe(FULL, wrong, 0, 0) };
    let judged = |bad: usize| {
        let mut probes = vec![unsteady(0); 40];
        probes[..bad].fill(unsteady(FULL));
        judge(&probes, &floor, &Policy::default(), Progress { round: 1, probes_in_task: 1000 })
    };
    let one = judged(1);
    assert_eq!((one.bad_probes, one.bad_unsteady), (0, 1));
    assert_eq!(one.bad_unsteady_reject_from, Some(30));
    assert_eq!((one.verdict, one.reason), (Verdict::Undecided, Reason::BetweenBounds));
    assert_eq!(judged(30).reason, Reason::BadProbes);
}

#[test]
fn where_nothing_flips_one_bad_probe_rejects_also_in_scenes_that_do_not_repeat() {
    let floor = NoiseFloor { bad_probe_share_upper: 0.08, ..NoiseFloor::other_class() };
    let steady = TileCounts { repeated: FULL, ..probe(FULL, FULL / 4, 0, 0) };
    let clean = TileCounts { repeated: FULL, ..CLEAN };
    let verdict = |odd| verdict_of(&with_one(clean, 25, odd), floor, 1000);
    assert_eq!(verdict(steady), (Verdict::Rejected, Reason::BadProbes));
    // Two replicas that differ in a sixteenth of it say that it isn't steady.
    let torn = TileCounts { pixels: FULL + FULL / 15, unstable: FULL / 15, ..steady };
    assert_eq!(
        verdict(TileCounts { unstable_patch_squares: 273 * 256, ..torn }).0,
        Verdict::Undecided
    );
    assert_eq!(verdict(TileCounts { unsteady: FULL, ..steady }).0, Verdict::Undecided);
}

#[test]
fn a_forged_sky_is_not_accepted_where_areas_flip() {
    let floor = NoiseFloor { bad_probe_share_upper: 0.02, ..NoiseFloor::other_class() };
    let mut probes = vec![probe(FULL / 2, 0, FULL / 2, 0); 40];
    probes[3] = TileCounts { unsteady: FULL, ..probe(0, 0, FULL, FULL) };
    assert_eq!(verdict_of(&probes, floor, 1000), (Verdict::Undecided, Reason::BetweenBounds));
}

#[test]
fn what_is_set_aside_is_not_overlooked() {
    let floor = NoiseFloor { bad_probe_share_upper: 0.02, ..NoiseFloor::other_class() };
    let with_wrong = |wrong: u64| {
        let mut probes = vec![probe(512, 0, 512, 0); 12];
        probes.push(TileCounts { unsteady: 180, ..probe(0, 0, 180, wrong) });
        let policy = Policy { cheat_share: 0.5, probes_min: 12, ..Policy::default() };
        judge(&probes, &floor, &policy, Progress { round: 1, probes_in_task: 1000 })
    };
    assert_eq!(with_wrong(0).verdict, Verdict::Accepted);
    // Not yet bad, bad and set aside: neither is accepted.
    for (wrong, bad_probes) in [(89, 0), (180, 1)] {
        let judged = with_wrong(wrong);
        assert_eq!((judged.bad_probes, judged.bad_unsteady), (0, bad_probes));
        assert!(!judged.direct.is_rejected());
        assert_eq!((judged.verdict, judged.reason), (Verdict::Undecided, Reason::BetweenBounds));
    }
}

#[test]
fn odd_floors_reject_nobody() {
    let nan = NoiseFloor {
        disagree_share_upper: f64::NAN,
        clump_px: f64::NAN,
        bad_probe_share_upper: f64::NAN,
    };
    let above_the_cheat = NoiseFloor { disagree_share_upper: 0.2, ..NoiseFloor::other_class() };
    for floor in [nan, above_the_cheat] {
        let half_wrong = [probe(FULL, FULL / 10, 0, 0); 30];
        assert_eq!(verdict_of(&half_wrong, floor, 1000).0, Verdict::Undecided);
        assert_eq!(verdict_of(&half_wrong, floor, 30).0, Verdict::Undecided);
    }
    let below_zero =
        NoiseFloor { disagree_share_upper: -1.0, clump_px: 0.0, bad_probe_share_upper: -1.0 };
    assert_eq!(verdict_of(&[probe(FULL, 1, 0, 0)], below_zero, 1000).0, Verdict::Rejected);
}

#[test]
fn a_measured_floor_is_an_upper_bound() {
    let floor = NoiseFloor::measured(160, 160_000, 16.0);
    assert!(floor.disagree_share_upper > 1e-3 && floor.disagree_share_upper < 3e-3, "{floor:?}");
    assert_eq!(NoiseFloor::measured(0, 0, 16.0).disagree_share_upper, 1.0);
}

#[test]
fn a_bad_probe_among_many_must_be_less_likely() {
    let floor = NoiseFloor { disagree_share_upper: 0.02, ..NoiseFloor::other_class() };
    let bad = |probes: usize, wrong: u64| {
        let probes = with_one(probe(1024, 0, 0, 0), probes, probe(1024, wrong, 0, 0));
        let progress = Progress { round: 1, probes_in_task: 10_000 };
        judge(&probes, &floor, &Policy::default(), progress).bad_probes
    };
    assert_eq!((bad(10, 255), bad(10, 256)), (0, 1), "a quarter of its pixels");
    // By the clump model 1.3e-13 for each of them.
    assert_eq!((bad(5000, 256), bad(5000, 300)), (0, 1));
}

#[test]
fn even_draws_to_catch_an_area() {
    assert_eq!(Policy::probes_to_catch(0.1, 0.1), 22);
    assert_eq!(Policy::probes_to_catch(0.1, 0.01), 44);
    assert_eq!(Policy::probes_to_catch(0.03, 1e-3), 227);
}

#[test]
fn even_share_lies_between() {
    let even = floor::even_share(1e-3, 0.03);
    assert!((0.008..0.009).contains(&even), "{even}");
    assert_eq!(floor::even_share(0.03, 0.03), 0.0);
    assert!(floor::even_share(0.0, 0.03) > 0.0);
}
