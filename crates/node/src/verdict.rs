//! From pictures to a verdict, without a network or a clock: the manager judges with this, and so does
//! who checks a kept verdict later.

use bytes::Bytes;
use candela_core::counts::TileCounts;
use candela_core::layers::{LayersLayout, Pixels, ProbeGrid, Region, Size, TileGrid, TileIndex};
use candela_core::task::{Statement, VerificationKey};
use candela_core::verification::{
    Floor, Outcome, ProbeCounts, Purpose, VerificationTask, class_of,
};
use candela_core::{id::BlobHash, scene::PreviewFacts};
use candela_engine::layers::{LayersHeader, decode_tile, read_header};
use candela_proof::agreement::{CompareOptions, Mismatch, Rendering, compare};
use candela_proof::frame::{FrameJudgement, FramePolicy, judge_frame};
use candela_proof::judge::{self, NoiseFloor, Progress};
use candela_proof::key::{self, NoiseMap, weighted_probe_order};
use candela_proof::pictures::{pictures_agree, same_picture};
use candela_proof::unsteady::{frame_edges, is_unsteady};
use candela_wire::evidence::{Evidence, ProbeEvidence};
use std::ops::Range;

/// Where the layers of a frame are looked at.
pub(crate) struct Where<'a> {
    /// Why.
    pub purpose: Purpose,
    /// First position, in the order that follows from the key or in that of the tiles.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Size of the frame.
    pub size: Size,
    /// The frame.
    pub frame: i32,
    /// The commitment.
    pub layers: BlobHash,
    /// The task's key.
    pub key: &'a VerificationKey,
    /// How noisy each cell is, see [`cell_weights`].
    pub weights: &'a [u64],
}

/// How noisy each cell of a frame is, as its preview shows; nothing if the preview can't say.
pub(crate) fn cell_weights(preview: &PreviewFacts, size: Size) -> Vec<u64> {
    let noise = NoiseMap::new(preview.size, preview.noise.clone());
    noise.map(|noise| noise.cell_weights(ProbeGrid { size })).unwrap_or_default()
}

/// The regions of a verification task, as they follow from key and commitment; of a claim, tiles row by row.
pub(crate) fn regions(at: &Where<'_>) -> Vec<Region> {
    let (first, count) = (at.first as usize, at.count as usize);
    if at.purpose.is_claim() {
        let grid = TileGrid { size: at.size };
        return (first..first.saturating_add(count))
            .filter_map(|number| grid.tile(number))
            .map(|tile| grid.region(tile))
            .collect();
    }
    let grid = ProbeGrid { size: at.size };
    let key = key::VerificationKey(at.key.0);
    let order = weighted_probe_order(&key, at.frame, &at.layers, grid, at.weights);
    order.skip(first).take(count).map(|cell| grid.region(cell)).collect()
}

/// The stored tile that holds a region. Probes and tiles nest, so there is one.
pub(crate) fn tile_of(region: Region) -> TileIndex {
    use candela_core::layers::TILE_PX;
    TileIndex { column: region.x0 / TILE_PX, row: region.y0 / TILE_PX }
}

/// Bytes of the groups that a blob's hash is made over; parts of one can't be proved alone.
const GROUP_BYTES: u64 = 16 * 1024;

/// The ranges of whole groups that hold these ranges, one for each, of a blob of that length: what is
/// fetched, and what an excerpt of the layers holds.
pub(crate) fn whole_groups(ranges: &[Range<u64>], blob_bytes: u64) -> Vec<Range<u64>> {
    let down = |at: u64| at - at % GROUP_BYTES;
    let up = |at: u64| at.div_ceil(GROUP_BYTES).saturating_mul(GROUP_BYTES).min(blob_bytes);
    ranges.iter().map(|range| down(range.start)..up(range.end)).collect()
}

/// The bytes of each range, from those of the whole groups that hold it.
pub(crate) fn cut_groups(
    parts: &[Bytes],
    groups: &[Range<u64>],
    ranges: &[Range<u64>],
) -> Vec<Bytes> {
    let cut = |((part, group), range): ((&Bytes, &Range<u64>), &Range<u64>)| {
        let (start, end) = (range.start - group.start, range.end - group.start);
        part.slice((start as usize).min(part.len())..(end as usize).min(part.len()))
    };
    parts.iter().zip(groups).zip(ranges).map(cut).collect()
}

/// The ranges of a layers blob that a verdict on these regions looks at: its header, then the tiles, each once.
pub(crate) fn ranges_of(regions: &[Region], layout: &LayersLayout) -> Vec<Range<u64>> {
    let tiles = tiles_of(regions);
    let tiles = tiles.into_iter().map(|tile| layout.tile_range(tile));
    std::iter::once(0..layout.header_bytes).chain(tiles).collect()
}

/// The stored tiles that hold these regions, each once.
pub(crate) fn tiles_of(regions: &[Region]) -> Vec<TileIndex> {
    let mut tiles: Vec<TileIndex> = regions.iter().map(|region| tile_of(*region)).collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// Whether evidence is of just what a verification task asked for; a sentence if it isn't.
pub(crate) fn check_evidence(
    evidence: &Evidence,
    verification: &VerificationTask,
    statement: &Statement,
    regions: &[Region],
) -> Result<(), String> {
    let engine = &statement.engine;
    if evidence.verification != verification.id || evidence.frame != statement.frame {
        return Err("the evidence is of another verification task".into());
    }
    if evidence.engine != *engine {
        return Err(format!("the evidence was rendered with {}, not {engine}", evidence.engine));
    }
    if !regions.iter().copied().eq(evidence.probes.iter().map(|probe| probe.region)) {
        return Err("the evidence is of other regions than were asked for".into());
    }
    let second = verification.second_replica;
    if evidence.probes.iter().any(|probe| probe.second.is_some() != second) {
        return Err("the evidence has not the number of replicas that were asked for".into());
    }
    Ok(())
}

/// The header of a worker's layers, if they can be those of the frame.
pub(crate) fn checked_header(
    bytes: &[u8],
    statement: &Statement,
    expected: Size,
    evidence: &Evidence,
) -> Result<LayersHeader, String> {
    let header = read_header(bytes).map_err(|error| error.to_string())?;
    let size = header.layout.size;
    if size != expected {
        return Err(format!(
            "the layers have {} × {} pixels, the frame has {} × {}",
            size.width, size.height, expected.width, expected.height
        ));
    }
    let channels = evidence.probes.first().map(|probe| &probe.replica.channels);
    if channels.is_some_and(|channels| *channels != header.channels) {
        return Err("the layers have other passes than the scene gives".into());
    }
    if header.layout.blob_bytes() != statement.layers_bytes {
        return Err("the layers have another length than their header says".into());
    }
    Ok(header)
}

/// The worker's pixels of the regions, from the bytes of [`tiles_of`] them.
pub(crate) fn cut_tiles(
    header: &LayersHeader,
    regions: &[Region],
    parts: &[Bytes],
) -> Result<Vec<Pixels>, String> {
    let wanted = tiles_of(regions);
    let mut tiles = std::collections::BTreeMap::new();
    for (tile, bytes) in wanted.into_iter().zip(parts) {
        tiles.insert(tile, decode_tile(header, tile, bytes).map_err(|error| error.to_string())?);
    }
    let grid = TileGrid { size: header.layout.size };
    let cut = |region: &Region| {
        let tile = tile_of(*region);
        tiles.get(&tile)?.cut(grid.region(tile), *region)
    };
    let pixels: Option<Vec<Pixels>> = regions.iter().map(cut).collect();
    pixels.ok_or_else(|| "a tile has another size than the frame gives it".into())
}

/// What is wrong with the pictures of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The worker's tile can't be this frame's.
    Worker(String),
    /// The verifier's pictures don't fit each other.
    Verifier(String),
}

/// Compares the worker's pixels of each region with the verifier's.
///
/// `size` is the whole frame's, `device` the worker's.
pub(crate) fn compared(
    regions: &[Region],
    worker: &[Pixels],
    evidence: &Evidence,
    (preview, size): (&PreviewFacts, Size),
    device: &str,
) -> Result<Vec<ProbeCounts>, Unfit> {
    let same_class = class_of(device) == class_of(&evidence.device);
    let options = CompareOptions::default();
    let mut probes = Vec::new();
    for ((region, worker), probe) in regions.iter().zip(worker).zip(&evidence.probes) {
        let second = probe.second.as_ref();
        match compare(worker, &probe.replica, &probe.control, second, &options) {
            Ok(counts) => {
                let unsteady = is_unsteady(preview, size, *region, same_class);
                let unsteady = if unsteady { counts.pixels } else { 0 };
                let counts = TileCounts { unsteady, ..counts };
                probes.push(ProbeCounts { region: *region, counts });
            }
            Err(error) if blames_worker(&error) => return Err(Unfit::Worker(error.to_string())),
            Err(error) => return Err(Unfit::Verifier(error.to_string())),
        }
    }
    Ok(probes)
}

fn blames_worker(mismatch: &Mismatch) -> bool {
    match mismatch {
        Mismatch::Size { which, .. }
        | Mismatch::Channels { which }
        | Mismatch::Values { which, .. } => *which == Rendering::Worker,
        Mismatch::NoChannels => false,
    }
}

/// What a judgement is derived from, besides the counts of its own regions.
pub(crate) struct Grounds {
    /// Why the regions were looked at.
    pub purpose: Purpose,
    /// Size of the frame.
    pub size: Size,
    /// Which judgement of this receipt and purpose it is, from 1.
    pub round: u32,
    /// Probes of a frame's first verification task.
    pub probes_first: u32,
    /// The floor as it was known before.
    pub floor: Floor,
    /// Counts of earlier rounds.
    pub earlier: Vec<TileCounts>,
    /// Counts of the other frames of the lease.
    pub of_lease: Vec<TileCounts>,
}

/// The judgement that follows.
pub(crate) fn judged(grounds: &Grounds, probes: &[ProbeCounts]) -> FrameJudgement {
    let own = probes.iter().map(|probe| probe.counts);
    let of_frame: Vec<TileCounts> = grounds.earlier.iter().copied().chain(own).collect();
    let mut policy = FramePolicy::for_probes(grounds.probes_first);
    let cells = if grounds.purpose.is_claim() {
        // Every tile of the part is compared: nothing is left to draw.
        policy.frame = policy.lease;
        of_frame.len() as u64
    } else {
        ProbeGrid { size: grounds.size }.len() as u64
    };
    let progress = Progress { round: grounds.round, probes_in_task: cells };
    judge_frame(&of_frame, &grounds.of_lease, &noise_floor(grounds.floor), &policy, progress)
}

/// What a judgement says of chance: probability of so much disagreement under the floor, and of so
/// little from the nearest cheat.
pub(crate) fn chances(judged: &FrameJudgement) -> (f64, f64) {
    let j = &judged.judgement;
    (
        j.steady_informative.ln_tail_floor.min(j.steady_direct.ln_tail_floor).exp(),
        j.informative.ln_tail_cheat.min(j.direct.ln_tail_cheat).exp(),
    )
}

/// The outcome of a judgement.
pub(crate) fn outcome(verdict: judge::Verdict) -> Outcome {
    match verdict {
        judge::Verdict::Accepted => Outcome::Accepted,
        judge::Verdict::Rejected => Outcome::Rejected,
        judge::Verdict::Undecided => Outcome::Undecided,
    }
}

/// The floor for two devices on a scene: the prior of their classes, moved by what was seen between them.
pub(crate) fn floor(
    device: &str,
    other: &str,
    (preview, size): (&PreviewFacts, Size),
    seen: &TileCounts,
) -> Floor {
    let same_class = class_of(device) == class_of(other);
    let apart = (preview.class_share, frame_edges(preview, size));
    let floor = NoiseFloor::between(same_class, preview.unrepeatable_share, apart, seen);
    Floor {
        disagree_share: floor.disagree_share_upper,
        bad_probe_share: floor.bad_probe_share_upper,
    }
}

/// Between which shares any floor lies: it is moved by what was seen on the network, within these.
pub(crate) fn floor_bounds(prior: Floor) -> (f64, f64) {
    (NoiseFloor::SHARE_MIN, NoiseFloor::SHARE_CAP.max(prior.disagree_share))
}

fn noise_floor(floor: Floor) -> NoiseFloor {
    NoiseFloor {
        disagree_share_upper: floor.disagree_share,
        clump_px: NoiseFloor::CLUMP_PX,
        bad_probe_share_upper: floor.bad_probe_share,
    }
}

/// How two verifiers' answers compare where they looked at the same regions; none if they didn't.
///
/// Replicas *and* controls have to agree: both follow from the scene. What one of them found unstable
/// is left out.
pub(crate) fn between(
    one: &Evidence,
    other: &Evidence,
    floor: Floor,
) -> Option<(bool, TileCounts)> {
    let options = CompareOptions::default();
    let (mut replicas, mut controls) = (TileCounts::default(), TileCounts::default());
    let mut met = false;
    for a in &one.probes {
        let Some(b) = other.probes.iter().find(|b| b.region == a.region) else { continue };
        met = true;
        let (Some(replica), Some(control)) = (replica_between(a, b, &options), {
            pictures_agree(&a.control, &b.control, &a.replica, &options).ok()
        }) else {
            return Some((false, replicas));
        };
        replicas += replica;
        controls += control;
    }
    let floor = noise_floor(floor).raised(&replicas);
    // What doesn't repeat has no second control by which it could be left out.
    let lenient = NoiseFloor {
        disagree_share_upper: (floor.disagree_share_upper + floor.bad_probe_share_upper).min(1.0),
        ..floor
    };
    let same = same_picture(&replicas, &lenient) && same_picture(&controls, &lenient);
    met.then_some((same, replicas))
}

fn replica_between(
    a: &ProbeEvidence,
    b: &ProbeEvidence,
    options: &CompareOptions,
) -> Option<TileCounts> {
    match (&a.second, &b.second) {
        (Some(second), _) => {
            compare(&b.replica, &a.replica, &a.control, Some(second), options).ok()
        }
        (None, Some(second)) => {
            compare(&a.replica, &b.replica, &b.control, Some(second), options).ok()
        }
        (None, None) => pictures_agree(&a.replica, &b.replica, &a.control, options).ok(),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
