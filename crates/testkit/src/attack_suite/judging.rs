//! How a frame is verified: which cells are probed, and what follows from their counts.
//!
//! The one place of the suite that knows the rules of judgement, and they are the network's own:
//! order of probes, floor and rule for a frame from `candela_proof`, numbers of probes and rounds from
//! the policy of `candela_core`. Everything else hands it counts per cell and asks how it ended.

use candela_core::counts::TileCounts;
use candela_core::id::BlobHash;
use candela_core::layers::{ProbeGrid, Region, Size};
use candela_core::policy::Policy;
use candela_core::scene::PreviewFacts;
use candela_core::verification::probe_px;
use candela_proof::frame::{FramePolicy, judge_frame};
use candela_proof::judge::{NoiseFloor, Progress, Verdict};
use candela_proof::key::{NoiseMap, VerificationKey, probe_order};
use candela_proof::unsteady::{frame_edges, is_unsteady};

/// The regions that can be probed, in the order of their numbers.
#[must_use]
pub fn cells(size: Size) -> Vec<Region> {
    let grid = ProbeGrid { size };
    (0..grid.len()).filter_map(|number| grid.cell(number)).map(|cell| grid.region(cell)).collect()
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
    /// What inspection's preview told; if it doesn't repeat, replicas are rendered twice.
    pub preview: &'a PreviewFacts,
    /// Whether the scene samples adaptively, so that probes are rendered with a margin.
    pub adaptive: bool,
    /// Whether worker and verifier are of one class.
    pub same_class: bool,
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
///
/// Probes are drawn as the manager draws them: first a few, then as many again as there are, up to a
/// limit.
#[must_use]
pub fn verify(
    delivered: &Delivered<'_>,
    key: &VerificationKey,
    of_lease: &[TileCounts],
) -> Verified {
    let rules = Policy::default();
    let grid = ProbeGrid { size: delivered.size };
    let repeats = delivered.preview.unrepeatable_share == 0.0;
    let probes_first = rules.checking.probes(delivered.size, probe_px(delivered.adaptive, repeats));
    let policy = FramePolicy::for_probes(probes_first);
    let nothing_seen = TileCounts::default();
    let floor = NoiseFloor::between(
        delivered.same_class,
        delivered.preview.unrepeatable_share,
        (delivered.preview.class_share, frame_edges(delivered.preview, delivered.size)),
        &nothing_seen,
    );
    let noise = NoiseMap::new(delivered.preview.size, delivered.preview.noise.clone()).ok();
    let order = probe_order(key, delivered.frame, &delivered.layers, grid, noise.as_ref());
    let order: Vec<_> = order.take(rules.probes_max as usize).collect();
    let counted = |cell, number: usize| {
        let (counts, region) = (delivered.counts[number], grid.region(cell));
        let Delivered { preview, size, same_class, .. } = *delivered;
        let unsteady = is_unsteady(preview, size, region, same_class);
        TileCounts { unsteady: if unsteady { counts.pixels } else { 0 }, ..counts }
    };
    let (mut drawn, mut round) = (probes_first as usize, 1);
    loop {
        let cells = &order[..drawn.min(order.len())];
        let number = |column: u32, row: u32| (row * grid.columns() + column) as usize;
        let probes: Vec<TileCounts> =
            cells.iter().map(|cell| counted(*cell, number(cell.column, cell.row))).collect();
        let progress = Progress { round, probes_in_task: grid.len() as u64 };
        let judgement = judge_frame(&probes, of_lease, &floor, &policy, progress);
        let end = match judgement.verdict() {
            Verdict::Accepted => End::Accepted,
            Verdict::Rejected => End::Rejected,
            Verdict::Undecided if drawn < order.len() => {
                (drawn, round) = (2 * drawn, round + 1);
                continue;
            }
            Verdict::Undecided => End::Undecided,
        };
        let regions = cells.iter().map(|cell| grid.region(*cell)).collect();
        return Verified { end, rounds: round, probes, regions, reason: judgement.to_string() };
    }
}

/// Pixels that verifiers rendered for a frame: replica, control and, where asked for, a second replica.
#[must_use]
pub fn rendered_px(delivered: &Delivered<'_>, verified: &Verified, margin_px: u32) -> u64 {
    let pictures = if delivered.preview.unrepeatable_share > 0.0 { 3 } else { 2 };
    let pixels = |region: &Region| region.grown(margin_px, delivered.size).size().pixels();
    pictures * verified.regions.iter().map(pixels).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candela_core::layers::PROBE_PX;

    /// A cell of which that many pixels agree, all informative.
    fn cell(agree: u64) -> TileCounts {
        let pixels = u64::from(PROBE_PX * PROBE_PX);
        TileCounts {
            pixels,
            informative_judged: pixels,
            informative_agree: agree,
            informative_patch_squares: pixels * 256,
            ..TileCounts::default()
        }
    }

    fn end(counts: &[TileCounts], of_lease: &[TileCounts], number: u8) -> Verified {
        let preview = PreviewFacts {
            size: Size { width: 1, height: 1 },
            noise: vec![1.0],
            unrepeatable_share: 0.0,
            black: false,
            class_share: 0.0,
            unsteady: vec![0],
            undevelopable: Vec::new(),
        };
        let delivered = Delivered {
            frame: 1,
            size: Size { width: 640, height: 360 },
            layers: BlobHash([7; 32]),
            counts,
            preview: &preview,
            adaptive: false,
            same_class: true,
        };
        verify(&delivered, &VerificationKey([number; 32]), of_lease)
    }

    #[test]
    fn verdicts_are_those_of_the_rule_for_frames() {
        let all = cells(Size { width: 640, height: 360 }).len();
        let (honest, forged) = (vec![cell(1024); all], vec![cell(30); all]);
        for number in 0..20 {
            let verified = end(&honest, &[], number);
            assert_eq!(
                (verified.end, verified.rounds, verified.probes.len()),
                (End::Accepted, 1, 5)
            );
            assert_eq!(end(&forged, &[], number).end, End::Rejected);
        }
        // A frame that would do alone, in a lease of which a twentieth is wrong.
        let (slightly, lease) = (vec![cell(973); all], vec![cell(973); 20]);
        assert_eq!(end(&slightly, &lease, 1).end, End::Rejected);
    }

    #[test]
    fn a_forged_tenth_is_caught_where_a_probe_falls_on_it() {
        let region = Region { x0: 320, y0: 96, x1: 576, y1: 192 };
        let counts: Vec<TileCounts> = cells(Size { width: 640, height: 360 })
            .iter()
            .map(|cell_region| {
                let inside = cell_region.x0 >= region.x0
                    && cell_region.x1 <= region.x1
                    && cell_region.y0 >= region.y0
                    && cell_region.y1 <= region.y1;
                cell(if inside { 30 } else { 1024 })
            })
            .collect();
        for number in 0..100 {
            let verified = end(&counts, &[], number);
            let met = verified.probes.iter().any(|probe| probe.wrong() > 0);
            assert_eq!(verified.end == End::Rejected, met, "key {number}");
        }
    }
}
