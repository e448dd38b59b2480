//! Prints how long one probe of 64 × 64 pixels and 10 channels takes to compare, and a task of 25
//! to judge.
//!
//! `cargo run --release -p candela-proof --example judge_time`

use std::hint::black_box;
use std::time::Instant;

use candela_core::layers::{Pixels, Size, TILE_PX};
use candela_proof::agreement::{CompareOptions, compare};
use candela_proof::judge::{NoiseFloor, Policy, Progress, judge};

/// A noisy tile; the seed decides which noise.
fn tile(seed: u32) -> Pixels {
    let size = Size { width: TILE_PX, height: TILE_PX };
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

fn main() {
    let (replica, control) = (tile(1), tile(2));
    let mut worker = replica.clone();
    worker.data.iter_mut().step_by(3).for_each(|value| *value *= 1.000_001);
    let options = CompareOptions::default();
    let rounds = 200;
    for (what, second) in [("one replica", None), ("two replicas", Some(&replica))] {
        let start = Instant::now();
        for _ in 0..rounds {
            let counts = compare(black_box(&worker), &replica, &control, second, &options);
            black_box(counts).expect("tiles of one size");
        }
        let each_ms = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
        println!("compare, 64 × 64 × 10, {what}: {each_ms:.3} ms");
    }
    let counts = compare(&worker, &replica, &control, None, &options).expect("tiles of one size");
    let tiles = vec![counts; 25];
    let progress = Progress { round: 1, probes_in_task: 2550 };
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(judge(
            black_box(&tiles),
            &NoiseFloor::other_class(),
            &Policy::default(),
            progress,
        ));
    }
    let each_ms = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    let judgement = judge(&tiles, &NoiseFloor::other_class(), &Policy::default(), progress);
    println!("judge, 25 tiles: {each_ms:.3} ms ({:?}: {})", judgement.verdict, judgement.reason);
}
