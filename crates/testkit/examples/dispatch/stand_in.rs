//! What takes the place of engines and pictures in the managers.

use candela_core::counts::TileCounts;
use candela_core::farm::Command;
use candela_core::id::{JobId, NodeId};
use candela_core::layers::{PROBE_PX, Region, Size};
use candela_core::scene::PreviewFacts;
use candela_core::time::Time;
use candela_core::verification::{Outcome, ProbeCounts, SignedReport, Verdict, VerificationTask};
use candela_node::manager::StandIn;
use candela_testkit::sample;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Size of the frames.
const FRAME: Size = Size { width: 1920, height: 1080 };

/// Size of the preview, as an inspection makes it.
const PREVIEW: Size = Size { width: 200, height: 112 };

/// Inspections that find an ordinary scene, and verdicts that accept.
pub(crate) fn stand_in() -> StandIn {
    StandIn { inspected: Arc::new(inspected), judged: Arc::new(judged) }
}

fn inspected(job: JobId) -> Command {
    let facts = Box::new(sample::facts(FRAME, 128));
    Command::Inspected { job, facts, preview: Some(Box::new(preview())) }
}

/// A preview with as many pixels as an inspection's, noisier towards one side.
fn preview() -> PreviewFacts {
    let pixels = PREVIEW.width * PREVIEW.height;
    let noise = |pixel: u32| (pixel % PREVIEW.width) as f32 / PREVIEW.width as f32 * 0.2;
    PreviewFacts {
        size: PREVIEW,
        noise: (0..pixels).map(noise).collect(),
        unrepeatable_share: 0.0,
        black: false,
        class_share: 0.0,
        unsteady: vec![0; pixels as usize],
        undevelopable: Vec::new(),
    }
}

/// A verdict that says: the same, with counts for each probe as a real one has them.
fn judged(verification: &VerificationTask, verifier: NodeId, report: SignedReport) -> Verdict {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let judged_at = Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let pixels = u64::from(PROBE_PX * PROBE_PX);
    let counts = TileCounts {
        pixels,
        informative_judged: pixels,
        informative_agree: pixels,
        ..TileCounts::default()
    };
    let region = Region { x0: 0, y0: 0, x1: PROBE_PX, y1: PROBE_PX };
    let probes = (0..verification.probes).map(|_| ProbeCounts { region, counts }).collect();
    let verdict = sample::verdict(Outcome::Accepted, verifier, Vec::new(), judged_at);
    Verdict {
        report: Some(report),
        worker_tiles: Some(report.evidence),
        probes,
        reason: "nothing was looked at: this is a load test".into(),
        ..verdict
    }
}
