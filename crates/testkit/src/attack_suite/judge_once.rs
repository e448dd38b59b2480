//! What one judgement costs the manager: run in a process of its own, so that its memory is all that is seen.

use super::judging;
use anyhow::{Context, Result};
use candela_core::layers::{Pixels, Region, TILE_PX, TileGrid, TileIndex};
use candela_engine::layers::LayersReader;
use candela_proof::agreement::{CompareOptions, compare};
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Progress};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Probes that are judged, as of a large frame.
const PROBES: usize = 5;

/// Judges the first probes of a frame from three layers files, reading no more than is needed.
///
/// # Errors
/// If a file can't be read.
pub fn judge_once(worker: &Path, replica: &Path, control: &Path) -> Result<Value> {
    let size = LayersReader::open(worker)?.header.layout.size;
    let cells = judging::cells(size);
    let step = (cells.len() / PROBES).max(1);
    let options = CompareOptions::default();
    let (mut counts, mut compare_ms, mut read_ms) = (Vec::new(), 0.0, 0.0);
    for cell in cells.iter().step_by(step).take(PROBES) {
        let started = Instant::now();
        let worker = cut(worker, *cell)?;
        read_ms += milliseconds(started);
        let (replica, control) = (cut(replica, *cell)?, cut(control, *cell)?);
        let started = Instant::now();
        counts.push(compare(&worker, &replica, &control, None, &options)?);
        compare_ms += milliseconds(started);
    }
    let started = Instant::now();
    let progress = Progress { round: 1, probes_in_task: cells.len() as u64 };
    let floor = NoiseFloor::other_class();
    let judgement = judge_frame(&counts, &[], &floor, &FramePolicy::default(), progress);
    let judge_ms = milliseconds(started);
    let probes = counts.len().max(1) as f64;
    Ok(json!({
        "judge_ms": (compare_ms + judge_ms) / probes,
        "read_ms": read_ms / probes,
        "peak_memory_bytes": peak_memory_bytes()?,
        "verdict": judgement.to_string(),
    }))
}

/// The cell's pixels, from the one stored tile that holds it.
fn cut(layers: &Path, cell: Region) -> Result<Pixels> {
    let mut reader = LayersReader::open(layers)?;
    let tile = TileIndex { column: cell.x0 / TILE_PX, row: cell.y0 / TILE_PX };
    let of = TileGrid { size: reader.header.layout.size }.region(tile);
    reader.tile(tile)?.cut(of, cell).context("a cell outside of its tile")
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The most memory that this process had.
fn peak_memory_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM")?;
    Ok(1024 * kilobytes.parse::<u64>()?)
}
