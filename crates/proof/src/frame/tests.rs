//! What decides a frame, case by case; error rates are measured in `tests/simulation.rs`.

use super::*;

const FULL: u64 = 32 * 32;
/// The cells of a frame of 1280 × 720 pixels.
const CELLS: u64 = 40 * 23;

/// A probe with so many informative pixels in whole patches, of which so many are wrong; the rest
/// is direct, of which so many are wrong.
fn probe(informative: u64, wrong: u64, direct_wrong: u64) -> TileCounts {
    let direct = FULL - informative;
    TileCounts {
        pixels: FULL,
        informative_judged: informative,
        informative_agree: informative - wrong,
        direct_judged: direct,
        direct_agree: direct - direct_wrong,
        informative_patch_squares: informative * 256,
        direct_patch_squares: direct * 256,
        ..TileCounts::default()
    }
}

const NOISY: u64 = FULL;
const SKY: u64 = 0;

fn clean(informative: u64) -> TileCounts {
    probe(informative, 0, 0)
}

fn judged(of_frame: &[TileCounts], others: &[TileCounts], round: u32) -> FrameJudgement {
    let policy = FramePolicy::for_probes(3);
    let progress = Progress { round, probes_in_task: CELLS };
    judge_frame(of_frame, others, &NoiseFloor::other_class(), &policy, progress)
}

#[test]
fn three_probes_decide() {
    use Verdict::{Accepted, Rejected, Undecided};
    let cases = [
        ("clean", vec![clean(NOISY); 3], Accepted, Reason::NearestCheatExcluded),
        (
            "one is sky",
            vec![clean(NOISY), clean(NOISY), clean(SKY)],
            Accepted,
            Reason::NearestCheatExcluded,
        ),
        (
            "one patch too few",
            vec![clean(NOISY), clean(256), clean(SKY)],
            Undecided,
            Reason::TooFewPixels,
        ),
        ("two probes", vec![clean(NOISY); 2], Undecided, Reason::TooFewProbes),
        (
            "the worst honest cell, thrice",
            vec![probe(NOISY, 8, 0); 3],
            Accepted,
            Reason::NearestCheatExcluded,
        ),
        ("another seed", vec![probe(NOISY, 900, 0); 3], Rejected, Reason::BadProbes),
        ("6 % wrong", vec![probe(NOISY, 62, 0); 3], Rejected, Reason::InformativePixels),
        (
            "one patch forged",
            vec![clean(NOISY), clean(NOISY), probe(NOISY, 256, 0)],
            Rejected,
            Reason::BadProbes,
        ),
        (
            "sky forged",
            vec![clean(NOISY), clean(NOISY), probe(SKY, 0, 256)],
            Rejected,
            Reason::BadProbes,
        ),
        ("black", vec![clean(SKY); 3], Undecided, Reason::TooFewPixels),
        ("black, to the limit", vec![clean(SKY); 12], Accepted, Reason::DirectMatch),
    ];
    for (what, probes, verdict, reason) in cases {
        let judgement = judged(&probes, &[], 1);
        assert_eq!((judgement.verdict(), judgement.reason()), (verdict, reason), "{what}");
        assert!(!judgement.by_lease);
    }
}

#[test]
fn a_second_round_decides_what_the_first_did_not() {
    let first = [clean(NOISY), clean(256), clean(SKY)];
    assert_eq!(judged(&first, &[], 1).verdict(), Verdict::Undecided);
    let second = [first[0], first[1], first[2], clean(SKY), clean(512), clean(SKY)];
    assert_eq!(judged(&second, &[], 2).verdict(), Verdict::Accepted);
}

#[test]
fn acceptance_and_rejection_meet() {
    assert_eq!(judged(&[probe(NOISY, 41, 0); 3], &[], 1).verdict(), Verdict::Accepted, "4 %");
    for wrong_px in 0..=400 {
        let probes = [
            probe(NOISY, wrong_px / 3, 0),
            probe(NOISY, wrong_px / 3, 0),
            probe(NOISY, wrong_px - 2 * (wrong_px / 3), 0),
        ];
        assert_ne!(judged(&probes, &[], 1).verdict(), Verdict::Undecided, "{wrong_px} px wrong");
    }
}

#[test]
fn the_lease_rejects_what_a_frame_does_not_show() {
    // 3 % wrong everywhere: too little for three probes, too much for twenty-five.
    let some = probe(NOISY, 30, 0);
    let alone = judged(&[some; 3], &[], 1);
    assert_eq!(alone.verdict(), Verdict::Accepted);
    let with_others = judged(&[some; 3], &[some; 22], 1);
    assert_eq!(with_others.verdict(), Verdict::Rejected);
    assert!(with_others.by_lease);
    assert_eq!(with_others.judgement.probes, 25);
    assert_eq!(
        with_others.to_string(),
        "more noisy pixels disagree than honest machines show: \
         24850 of 25600 judged pixels on 25 probes of the lease's frames agree"
    );
    // It rejects a frame that isn't decided yet, too, and one that shows nothing itself.
    assert!(judged(&[some; 2], &[some; 23], 1).by_lease);
    assert!(judged(&[clean(NOISY); 3], &[some; 40], 1).by_lease);
    // What the frame shows itself is what is said.
    assert!(!judged(&[probe(NOISY, 900, 0); 3], &[some; 40], 1).by_lease);
    // What is clean stays accepted, by the frame's own probes.
    let clean = judged(&[clean(NOISY); 3], &[clean(NOISY); 22], 1);
    assert_eq!((clean.verdict(), clean.by_lease), (Verdict::Accepted, false));
    assert_eq!(
        clean.to_string(),
        "even the cheat nearest to honest would show more: \
         3072 of 3072 judged pixels on 3 probes agree"
    );
}

#[test]
fn a_frame_that_was_compared_as_a_whole_is_judged_as_a_task() {
    let policy = FramePolicy::for_probes(3);
    let progress = Progress { round: 1, probes_in_task: 2 };
    let floor = NoiseFloor::other_class();
    // 2.3 % of two cells: probes of a larger frame would be accepted with it.
    let probes = [probe(NOISY, 24, 0); 2];
    let whole = judge_frame(&probes, &[], &floor, &policy, progress);
    assert_eq!(whole.reason(), Reason::Exhausted);
    let whole = judge_frame(&[clean(NOISY); 2], &[], &floor, &policy, progress);
    assert_eq!(whole.reason(), Reason::AllCompared);
}
