//! Prints how long it takes to draw a frame's probes, to compare one of 32 × 32 pixels and 10
//! channels, and to judge a frame and its lease.
//!
//! `cargo bench -p candela-proof`, or `cargo xtask bench judge-time`. Each figure is the median of
//! several runs, each of many calls, so that a busy machine disturbs little.

use std::hint::black_box;
use std::time::Instant;

use candela_core::id::BlobHash;
use candela_core::layers::{PROBE_PX, Pixels, ProbeGrid, Size};
use candela_proof::agreement::{CompareOptions, compare};
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Progress};
use candela_proof::key::{NoiseMap, VerificationKey, probe_order};
use candela_proof::pictures::pictures_agree;

const RUNS: usize = 9;

/// Prints the median time of a call.
fn measure<T>(what: &str, calls: u32, px: Option<u64>, call: impl Fn() -> T) {
    let mut each_us: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    each_us.sort_by(f64::total_cmp);
    let median_us = each_us[RUNS / 2];
    let per_px = px.map(|px| format!(", {:.1} ns/px", median_us * 1e3 / px as f64));
    println!("{what:52} {:.4} ms{}", median_us / 1e3, per_px.unwrap_or_default());
}

/// A noisy probe; the seed decides which noise.
fn probe(seed: u32) -> Pixels {
    let size = Size { width: PROBE_PX, height: PROBE_PX };
    let passes =
        [("Noisy Image", "RGBA"), ("Denoising Albedo", "RGB"), ("Denoising Normal", "XYZ")];
    let channels: Vec<String> = passes
        .iter()
        .flat_map(|(pass, names)| names.chars().map(move |name| format!("ViewLayer/{pass}.{name}")))
        .collect();
    let mut state = seed;
    let data = (0..size.pixels() as usize * channels.len())
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.25 + (state >> 8) as f32 / (1 << 25) as f32
        })
        .collect();
    Pixels { size, channels, data }
}

fn drawing() {
    let key = VerificationKey([7; 32]);
    for (what, width, height) in [("1280 × 720", 1280, 720), ("3840 × 2160", 3840, 2160)] {
        let grid = ProbeGrid { size: Size { width, height } };
        let preview = Size { width: width / 8, height: height / 8 };
        let values = (0..preview.pixels()).map(|i| (i % 13) as f32).collect();
        let noise = NoiseMap::new(preview, values).ok();
        measure(&format!("draw 5 probes of {what}"), 5, None, || {
            probe_order(&key, 1, &BlobHash([1; 32]), grid, noise.as_ref()).take(5).count()
        });
    }
}

/// All measurements.
pub(crate) fn main() {
    drawing();
    let (replica, control) = (probe(1), probe(2));
    let mut worker = replica.clone();
    worker.data.iter_mut().step_by(3).for_each(|value| *value *= 1.000_001);
    let (options, px) = (CompareOptions::default(), Some(replica.size.pixels()));
    let compared = || compare(black_box(&worker), &replica, &control, None, &options);
    measure("compare a probe, one replica", 200, px, compared);
    measure("compare a probe, two replicas", 200, px, || {
        compare(black_box(&worker), &replica, &control, Some(&replica), &options)
    });
    measure("compare two verifiers' replicas", 200, px, || {
        pictures_agree(black_box(&worker), &replica, &control, &options)
    });
    let Ok(counts) = compared() else { return println!("the probes don't fit together") };
    let probes = vec![counts; 25];
    let (floor, policy) = (NoiseFloor::other_class(), FramePolicy::default());
    let progress = Progress { round: 1, probes_in_task: 920 };
    let judged = |others: usize| {
        judge_frame(black_box(&probes[..5]), &probes[5..5 + others], &floor, &policy, progress)
    };
    measure("judge a frame of 5 probes alone", 200, None, || judged(0));
    measure("judge a frame with 20 other probes of its lease", 200, None, || judged(20));
    measure("compare and judge one probe", 200, px, || {
        compared().map(|counts| judge_frame(&[counts], &[], &floor, &policy, progress))
    });
    println!("the verdict: {}", judged(20));
}
