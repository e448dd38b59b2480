//! From pictures to verdicts: what honest, wrong, empty and mad pictures lead to.

use super::*;
use candela_core::id::{EngineBuild, VerificationId};
use candela_core::layers::TILE_PX;

const SIZE: Size = Size { width: 200, height: 130 };

fn preview() -> PreviewFacts {
    PreviewFacts {
        size: Size { width: 2, height: 1 },
        noise: vec![0.5, 0.25],
        unrepeatable_share: 0.0,
        unsteady: Vec::new(),
        black: false,
        class_share: 0.0,
        undevelopable: Vec::new(),
    }
}

fn all(purpose: Purpose, count: u32) -> Vec<Region> {
    regions(&Where {
        purpose,
        first: 0,
        count,
        size: SIZE,
        frame: 3,
        layers: BlobHash([7; 32]),
        key: &VerificationKey([9; 32]),
        weights: &cell_weights(&preview(), SIZE),
    })
}

/// A noisy picture: which noise, the seed says.
fn picture(region: Region, seed: u32) -> Pixels {
    let channels: Vec<String> =
        ["R", "G", "B", "A"].iter().map(|c| format!("ViewLayer/Noisy Image.{c}")).collect();
    let size = region.size();
    let mut data = Vec::new();
    for y in region.y0..region.y1 {
        for x in region.x0..region.x1 {
            for c in 0..3_u32 {
                let mut state = seed ^ (x << 20) ^ (y << 8) ^ c;
                for _ in 0..4 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state ^= state >> 15;
                }
                data.push(0.2 + (state >> 8) as f32 / (1 << 24) as f32);
            }
            data.push(1.0);
        }
    }
    Pixels { size, channels, data }
}

fn evidence(regions: &[Region], seed: u32, second: bool) -> Evidence {
    let probe = |region: &Region| ProbeEvidence {
        region: *region,
        replica: picture(*region, seed),
        control: picture(*region, seed + 1),
        second: second.then(|| picture(*region, seed)),
    };
    Evidence {
        verification: VerificationId(1),
        frame: 3,
        engine: EngineBuild("blender-4.5.15".into()),
        device: "cpu x86-64 avx2".into(),
        probes: regions.iter().map(probe).collect(),
    }
}

fn grounds(purpose: Purpose) -> Grounds {
    Grounds {
        purpose,
        size: SIZE,
        round: 1,
        probes_first: 3,
        floor: floor(
            "cpu x86-64 avx2, 2 threads",
            "cpu x86-64 avx2",
            (&preview(), SIZE),
            &TileCounts::default(),
        ),
        earlier: Vec::new(),
        of_lease: Vec::new(),
    }
}

fn seen(
    regions: &[Region],
    worker: &[Pixels],
    evidence: &Evidence,
) -> Result<Vec<ProbeCounts>, Unfit> {
    compared(regions, worker, evidence, (&preview(), SIZE), "cpu x86-64 avx2")
}

fn verdict(purpose: Purpose, worker_seed: u32, evidence: &Evidence) -> Outcome {
    let regions: Vec<Region> = evidence.probes.iter().map(|probe| probe.region).collect();
    let worker: Vec<Pixels> = regions.iter().map(|at| picture(*at, worker_seed)).collect();
    let probes = seen(&regions, &worker, evidence).unwrap();
    outcome(judged(&grounds(purpose), &probes).verdict())
}

#[test]
fn probes_are_cells_and_claims_are_tiles_each_within_one_stored_tile() {
    let cells = all(Purpose::Probe, 1_000);
    assert_eq!(cells.len(), 7 * 5, "every cell once");
    assert_eq!(cells[..5], all(Purpose::Confirm, 5), "a second opinion looks at the same");
    let tiles = all(Purpose::Claim, 1_000);
    assert_eq!(tiles.len(), 4 * 3);
    assert_eq!(tiles.iter().map(|tile| tile.size().pixels()).sum::<u64>(), SIZE.pixels());
    for region in cells.into_iter().chain(tiles) {
        let tile = TileGrid { size: SIZE }.region(tile_of(region));
        assert!(region.x0 >= tile.x0 && region.x1 <= tile.x1, "{region:?}");
        assert!(region.y0 >= tile.y0 && region.y1 <= tile.y1, "{region:?}");
        assert!(region.x1 - region.x0 <= TILE_PX);
    }
}

#[test]
fn whole_groups_hold_their_ranges_and_end_with_the_blob() {
    let groups = whole_groups(&[0..4_096, 20_000..40_000, 99_000..100_000], 100_000);
    assert_eq!(groups, [0..16_384, 16_384..49_152, 98_304..100_000]);
}

#[test]
fn honest_work_is_accepted_and_other_noise_rejected() {
    let regions = all(Purpose::Probe, 5);
    assert_eq!(verdict(Purpose::Probe, 1, &evidence(&regions, 1, false)), Outcome::Accepted);
    assert_eq!(verdict(Purpose::Probe, 9, &evidence(&regions, 1, false)), Outcome::Rejected);
    let part = all(Purpose::Claim, 4);
    assert_eq!(verdict(Purpose::Claim, 1, &evidence(&part, 1, false)), Outcome::Accepted);
    assert_eq!(verdict(Purpose::Claim, 9, &evidence(&part, 1, false)), Outcome::Rejected);
}

#[test]
fn a_claim_finds_one_wrong_tile_among_right_ones() {
    let part = all(Purpose::Claim, 12);
    let evidence = evidence(&part, 1, false);
    let seed = |at: usize| if at == 5 { 77 } else { 1 };
    let worker: Vec<Pixels> =
        part.iter().enumerate().map(|(at, region)| picture(*region, seed(at))).collect();
    let probes = seen(&part, &worker, &evidence).unwrap();
    let judged = judged(&grounds(Purpose::Claim), &probes);
    assert_eq!(outcome(judged.verdict()), Outcome::Rejected, "{judged}");
}

/// What a verifier may send to have everything accepted, or everything rejected, and what comes of it.
#[test]
fn mad_pictures_decide_nothing() {
    let regions = all(Purpose::Probe, 5);
    let honest = evidence(&regions, 1, false);
    let fill = |value: f32, replica: bool, control: bool| {
        let mut mad = honest.clone();
        for probe in &mut mad.probes {
            if replica {
                probe.replica.data.fill(value);
            }
            if control {
                probe.control.data.fill(value);
            }
        }
        mad
    };
    let cases = [
        ("replicas without numbers", fill(f32::NAN, true, false), Outcome::Undecided),
        ("no numbers at all", fill(f32::NAN, true, true), Outcome::Undecided),
        ("infinite replicas", fill(f32::INFINITY, true, true), Outcome::Undecided),
        ("a control far away", fill(1e30, false, true), Outcome::Accepted),
        (
            "black replicas, controls far away",
            {
                let mut mad = fill(0.0, true, false);
                mad.probes.iter_mut().for_each(|probe| probe.control.data.fill(1e30));
                mad
            },
            Outcome::Rejected,
        ),
        ("black replicas", fill(0.0, true, false), Outcome::Rejected),
    ];
    for (what, mad, expected) in cases {
        assert_eq!(verdict(Purpose::Probe, 1, &mad), expected, "{what}");
        let (same, _) = between(&honest, &mad, grounds(Purpose::Probe).floor).unwrap();
        assert!(!same, "{what}: others who looked there see that it is not the same");
    }
    // With a control far away only what is nearly right is accepted.
    assert_eq!(verdict(Purpose::Probe, 9, &fill(1e30, false, true)), Outcome::Rejected);
}

#[test]
fn answers_of_honest_verifiers_are_the_same_with_and_without_a_second_replica() {
    let regions = all(Purpose::Probe, 5);
    let floor = grounds(Purpose::Probe).floor;
    let (one, two) = (evidence(&regions, 1, false), evidence(&regions, 1, true));
    for (a, b) in [(&one, &one), (&one, &two), (&two, &one), (&two, &two)] {
        assert_eq!(between(a, b, floor).map(|(same, _)| same), Some(true));
    }
    let lazy = evidence(&regions, 5, false);
    assert_eq!(between(&one, &lazy, floor).map(|(same, _)| same), Some(false));
    let elsewhere = evidence(&all(Purpose::Claim, 2), 1, false);
    assert_eq!(between(&one, &elsewhere, floor), None, "they looked at other places");
}

#[test]
fn pictures_that_do_not_fit_are_blamed_on_who_sent_them() {
    let regions = all(Purpose::Probe, 1);
    let good = evidence(&regions, 1, false);
    let worker = vec![picture(regions[0], 1)];
    let mut small = worker.clone();
    small[0].data.pop();
    assert!(matches!(seen(&regions, &small, &good), Err(Unfit::Worker(_))));
    let mut bad = good.clone();
    bad.probes[0].control.channels.pop();
    assert!(matches!(seen(&regions, &worker, &bad), Err(Unfit::Verifier(_))));
}

#[test]
fn floors_follow_classes_and_what_was_seen() {
    let (native, old) = ("cpu x86-64 avx2, 2 threads", "cpu x86-64 sse4.2, 8 threads");
    let none = TileCounts::default();
    let share = |a, b, seen: &TileCounts| floor(a, b, (&preview(), SIZE), seen).disagree_share;
    assert!(share(native, native, &none) < share(native, old, &none));
    let calm = TileCounts {
        pixels: 10_000_000,
        informative_judged: 10_000_000,
        informative_agree: 10_000_000,
        ..none
    };
    assert!(share(native, old, &calm) < share(native, old, &none));
    let odd = PreviewFacts { unrepeatable_share: 0.02, class_share: 0.14, ..preview() };
    assert!(floor(native, native, (&odd, SIZE), &none).bad_probe_share > 0.0);
    let apart = floor(native, old, (&odd, SIZE), &none).disagree_share;
    assert!((0.15..=0.5).contains(&apart), "rounding decides what is seen: {apart}");
    let same = floor(native, native, (&odd, SIZE), &none).disagree_share;
    assert_eq!(same, share(native, native, &none), "and nothing changes within a class");
}
