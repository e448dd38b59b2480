//! How a frame is verified: which cells are probed, and what follows from their counts.
//!
//! The one place of the suite that knows the rules of judgement. Everything else hands it counts per
//! cell and asks for outcomes.

use candela_core::counts::TileCounts;
use candela_core::id::BlobHash;
use candela_core::layers::{Region, Size, TileGrid};
use candela_core::policy::Policy as Rules;
use candela_proof::judge::{NoiseFloor, Policy, Progress, Verdict, judge};
use candela_proof::key::{NoiseMap, VerificationKey, probe_order};

/// The regions that can be probed, in the order of their numbers.
#[must_use]
pub fn cells(size: Size) -> Vec<Region> {
    let grid = TileGrid { size };
    (0..grid.len()).filter_map(|number| grid.tile(number)).map(|tile| grid.region(tile)).collect()
}

/// A frame that was delivered, with what a comparison counts in each of its cells.
#[derive(Debug, Clone, Copy)]
pub struct Delivered<'a> {
    /// Number of the frame.
    pub frame: i32,
    /// Its size.
    pub size: Size,
    /// What the worker committed to.
    pub layers: BlobHash,
    /// Counts of all cells, in the order of [`cells`].
    pub counts: &'a [TileCounts],
    /// Where the scene is noisy.
    pub noise: &'a NoiseMap,
    /// Whether all verifiers render the replica twice.
    pub second_replica: bool,
}

/// How a frame's verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its verdict says accepted.
    Accepted,
    /// Its verdict says rejected.
    Rejected,
    /// No probes are left to draw.
    Undecided,
}

/// A frame's verification.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// How it ended.
    pub end: End,
    /// Rounds that it took.
    pub rounds: u32,
    /// Counts of the probes that were drawn.
    pub probes: Vec<TileCounts>,
    /// Regions of these probes.
    pub regions: Vec<Region>,
    /// Why.
    pub reason: String,
}

/// Verifies a frame, given the counts of the other frames of its lease that were verified before.
#[must_use]
pub fn verify(
    delivered: &Delivered<'_>,
    key: &VerificationKey,
    of_lease: &[TileCounts],
) -> Verified {
    let rules = Rules::default();
    let grid = TileGrid { size: delivered.size };
    let order = probe_order(key, delivered.frame, &delivered.layers, grid, Some(delivered.noise));
    let order: Vec<_> = order.take(rules.probes_max as usize).collect();
    let policy = frame_policy(rules.probes_first);
    let (mut drawn, mut round) = (rules.probes_first as usize, 1);
    loop {
        let tiles = &order[..drawn.min(order.len())];
        let number = |column: u32, row: u32| (row * grid.columns() + column) as usize;
        let probes: Vec<TileCounts> =
            tiles.iter().map(|tile| delivered.counts[number(tile.column, tile.row)]).collect();
        let progress = Progress { round, tiles_in_task: grid.len() as u64 };
        let floor = NoiseFloor::other_class();
        let mut judgement = judge(&probes, &floor, &policy, progress);
        if judgement.verdict == Verdict::Accepted {
            let lease: Vec<TileCounts> = probes.iter().chain(of_lease).copied().collect();
            let progress = Progress { tiles_in_task: u64::MAX, ..progress };
            let pooled = judge(&lease, &floor, &Policy::default(), progress);
            if pooled.verdict == Verdict::Rejected {
                judgement = pooled;
            }
        }
        let end = match judgement.verdict {
            Verdict::Accepted => End::Accepted,
            Verdict::Rejected => End::Rejected,
            Verdict::Undecided if drawn < order.len() => {
                (drawn, round) = (2 * drawn, round + 1);
                continue;
            }
            Verdict::Undecided => End::Undecided,
        };
        let regions = tiles.iter().map(|tile| grid.region(*tile)).collect();
        return Verified {
            end,
            rounds: round,
            probes,
            regions,
            reason: judgement.reason.to_string(),
        };
    }
}

/// As the manager judges a frame.
fn frame_policy(probes_first: u32) -> Policy {
    Policy {
        tiles_min: u64::from(probes_first),
        tiles_max: 4 * u64::from(probes_first),
        cheat_share: 0.25,
        ..Policy::default()
    }
}

/// Pixels that verifiers rendered for a frame: replica, control and, where asked for, a second replica.
#[must_use]
pub fn rendered_px(delivered: &Delivered<'_>, verified: &Verified, margin_px: u32) -> u64 {
    let pictures = if delivered.second_replica { 3 } else { 2 };
    let pixels = |region: &Region| region.grown(margin_px, delivered.size).size().pixels();
    pictures * verified.regions.iter().map(pixels).sum::<u64>()
}
