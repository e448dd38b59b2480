//! What must hold for any counts: order, more disagreement, derivation, tampering.

use candela_core::layers::ProbeIndex;
use candela_proof::agreement::{CompareOptions, TileCounts};
use candela_proof::evidence::{Evidence, Grounds, ProbeCounts};
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Policy, Progress, Verdict, judge};
use proptest::prelude::*;

/// Counts of one probe: mostly right, or with any share wrong.
fn any_counts() -> impl Strategy<Value = TileCounts> {
    let wrong_share = || prop_oneof![2 => Just(0.0f64), 2 => 0.0f64..0.05, 1 => 0.0f64..1.0];
    (0u64..=1024, 0u64..=1024, wrong_share(), wrong_share(), 0u64..2).prop_map(
        |(judged, informative, wrong, direct_wrong, odd)| {
            let informative = informative.min(judged);
            let direct = judged - informative;
            let wrong_of = |n: u64, share: f64| (n as f64 * share) as u64;
            TileCounts {
                pixels: judged + odd,
                informative_judged: informative,
                informative_agree: informative - wrong_of(informative, wrong),
                direct_judged: direct,
                direct_agree: direct - wrong_of(direct, direct_wrong),
                not_judged: odd,
                informative_patch_squares: informative * (1 + informative / 5),
                direct_patch_squares: direct * (1 + direct / 5),
                ..TileCounts::default()
            }
        },
    )
}

/// Floors of scenes that repeat, and of such as don't.
fn any_floor() -> impl Strategy<Value = NoiseFloor> {
    let bad = prop_oneof![Just(0.0f64), 0.0f64..0.1];
    (0.0f64..0.2, 1.0f64..64.0, bad).prop_map(|(share, clump_px, bad)| NoiseFloor {
        disagree_share_upper: share,
        clump_px,
        bad_probe_share_upper: bad,
    })
}

/// Tampers with evidence.
type Change<'a> = &'a dyn Fn(&mut Evidence);

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Accepted => 0,
        Verdict::Undecided => 1,
        Verdict::Rejected => 2,
    }
}

/// The counts with up to so many more pixels of each kind wrong, in every probe from the first.
fn worsened(probes: &[TileCounts], worse: &[u64]) -> Vec<TileCounts> {
    let mut probes = probes.to_vec();
    for (probe, px) in probes.iter_mut().zip(worse) {
        probe.informative_agree = probe.informative_agree.saturating_sub(*px);
        probe.direct_agree = probe.direct_agree.saturating_sub(*px / 2);
    }
    probes
}

fn grounds(of_frame: Vec<TileCounts>, of_others: Vec<TileCounts>, floor: NoiseFloor) -> Grounds {
    let at = |frame: i32, counts: Vec<TileCounts>| {
        (0..)
            .zip(counts)
            .map(|(column, counts)| ProbeCounts {
                frame,
                probe: ProbeIndex { column, row: 0 },
                counts,
            })
            .collect()
    };
    Grounds {
        of_frame: at(7, of_frame),
        of_lease_others: at(8, of_others),
        options: CompareOptions::default(),
        floor,
        policy: FramePolicy::default(),
        progress: Progress { round: 1, probes_in_task: 920 },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_are_in_order_and_the_order_of_probes_is_not_asked(
        probes in proptest::collection::vec(any_counts(), 0..40), turn in 0usize..40,
        floor in any_floor(), round in 0u32..9, more in 0u64..3,
    ) {
        let progress = Progress { round, probes_in_task: probes.len() as u64 + more };
        let judged = judge(&probes, &floor, &Policy::default(), progress);
        for pool in [judged.informative, judged.direct] {
            if let (Some(accept), Some(reject)) = (pool.accept_up_to, pool.reject_from) {
                prop_assert!(accept < reject);
            }
            prop_assert!(pool.ln_tail_floor <= 0.0 && pool.ln_tail_cheat <= 0.0);
        }
        let mut turned = probes;
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
            turned.reverse();
        }
        prop_assert_eq!(judge(&turned, &floor, &Policy::default(), progress), judged);
        let policy = FramePolicy::default();
        let (frame, others) = turned.split_at(turned.len().min(5));
        let one = judge_frame(frame, others, &floor, &policy, progress);
        let (mut frame, mut others) = (frame.to_vec(), others.to_vec());
        frame.reverse();
        others.reverse();
        prop_assert_eq!(judge_frame(&frame, &others, &floor, &policy, progress), one);
    }

    #[test]
    fn more_disagreement_never_helps(
        probes in proptest::collection::vec(any_counts(), 1..40),
        worse in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..40, 0u64..1024], 40),
        floor in any_floor(), round in 1u32..4, more in prop_oneof![Just(0u64), Just(900)],
    ) {
        let progress = Progress { round, probes_in_task: probes.len() as u64 + more };
        let after = worsened(&probes, &worse);
        for policy in [Policy::default(), FramePolicy::default().frame] {
            let before = judge(&probes, &floor, &policy, progress).verdict;
            let after = judge(&after, &floor, &policy, progress).verdict;
            // Where probes may be bad as a whole, one that becomes so is counted apart: a rejection
            // can then become undecided, never an acceptance.
            let fell = rank(after) < rank(before);
            prop_assert!(!fell || floor.bad_probe_share_upper > 0.0, "{before:?} {after:?}");
            prop_assert!(after != Verdict::Accepted || before == Verdict::Accepted);
        }
    }

    #[test]
    fn more_disagreement_never_helps_a_frame_either(
        probes in proptest::collection::vec(any_counts(), 1..12),
        others in proptest::collection::vec(any_counts(), 0..30),
        worse in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..40, 0u64..1024], 42),
        share in 0.0f64..0.1, round in 1u32..4, more in prop_oneof![Just(0u64), Just(900)],
    ) {
        let floor = NoiseFloor { disagree_share_upper: share, ..NoiseFloor::other_class() };
        let progress = Progress { round, probes_in_task: probes.len() as u64 + more };
        let policy = FramePolicy::default();
        let before = judge_frame(&probes, &others, &floor, &policy, progress).verdict();
        let (after, others) = (worsened(&probes, &worse), worsened(&others, &worse[12..]));
        let after = judge_frame(&after, &others, &floor, &policy, progress).verdict();
        prop_assert!(rank(after) >= rank(before), "{before:?} {after:?}");
    }

    #[test]
    fn a_verdict_can_be_derived_again_and_tampering_shows(
        probes in proptest::collection::vec(any_counts(), 1..12),
        others in proptest::collection::vec(any_counts(), 0..20),
        floor in any_floor(), at in 0usize..12,
    ) {
        let evidence = Evidence::judged(grounds(probes, others, floor));
        prop_assert!(evidence.holds());
        let at = at % evidence.grounds.of_frame.len();
        let tampered = |change: Change| {
            let mut evidence = evidence.clone();
            change(&mut evidence);
            evidence
        };
        let other_verdict = match evidence.judgement.verdict() {
            Verdict::Accepted => Verdict::Rejected,
            _ => Verdict::Accepted,
        };
        let wrong = |counts: &mut TileCounts| {
            // One pixel more that was judged and is wrong.
            counts.pixels += 1;
            counts.direct_judged += 1;
            counts.direct_patch_squares += 1;
        };
        let changes: [(&str, Change); 10] = [
            ("verdict", &|e| e.judgement.judgement.verdict = other_verdict),
            ("who decided", &|e| e.judgement.by_lease ^= true),
            ("pooled counts", &|e| e.judgement.judgement.pooled.pixels += 1),
            ("a bound", &|e| e.judgement.judgement.direct.ln_tail_floor -= 1e-9),
            ("a pixel", &|e| wrong(&mut e.grounds.of_frame[at].counts)),
            ("counts that can't be", &|e| e.grounds.of_frame[at].counts.pixels += 1),
            ("a probe left out", &|e| {
                e.grounds.of_frame.remove(at);
            }),
            ("a probe twice", &|e| e.grounds.of_frame.push(e.grounds.of_frame[at])),
            ("a probe of another frame", &|e| e.grounds.of_frame.push(ProbeCounts {
                frame: 9,
                ..e.grounds.of_frame[at]
            })),
            ("the lease's probes as the frame's", &|e| {
                let others = std::mem::take(&mut e.grounds.of_lease_others);
                let none = others.is_empty();
                e.grounds.of_frame.extend(others);
                // Nothing was moved: break it otherwise, so that the case always says something.
                e.judgement.by_lease ^= none;
            }),
        ];
        for (what, change) in changes {
            prop_assert!(!tampered(change).holds(), "{}", what);
        }
    }
}
