//! Jobs.

use super::node_ref;
use candela_core::farm::Farm;
use candela_core::farm::view::FrameCounts as Counts;
use candela_core::job::{Inspected, Job, JobStatus};
use candela_core::task::ReceiptStatus;
use candela_core::time::Time;
use candela_wire::api::{
    AllowRequest, FrameCounts, JobDetail, JobSummary, OverridesRequest, RefusalInfo, RenderInfo,
    VerificationCost,
};

/// A job, in short.
pub(crate) fn summary(farm: &Farm, job: &Job) -> JobSummary {
    let counts = farm.frame_counts(job.id);
    JobSummary {
        id: job.id.0,
        name: job.submission.name.clone(),
        user: job.submission.user.clone(),
        status: (&job.status).into(),
        submitted_at_ms: job.submitted_at.0,
        ended_at_ms: job.ended_at.map(|time| time.0),
        engine: job.submission.engine.to_string(),
        priority: job.submission.priority,
        counts: FrameCounts {
            all: counts.all,
            waiting: counts.waiting,
            rendering: counts.rendering,
            verifying: counts.verifying,
            accepted: counts.accepted,
            failed: counts.failed,
        },
        frame_s: job.frame_s(),
        time_left_s: time_left_s(farm, job, &counts),
        waits_for: farm.waits_for(job.id),
    }
}

/// Rendering and verifying go on side by side, so the longer of the two counts.
///
/// Rendering: as the rules estimate it, with the slots that the job can expect beside others'.
/// Verifying: all frames not accepted × mean time × share of a frame that is rendered for its
/// verification so far, over the slots of verifiers.
fn time_left_s(farm: &Farm, job: &Job, counts: &Counts) -> Option<f64> {
    if job.status != JobStatus::Active {
        return None;
    }
    let frame_s = job.frame_s()?;
    let to_verify = counts.waiting + counts.rendering + counts.verifying;
    let render_s = if to_verify == counts.verifying {
        0.0
    } else {
        // Counted from the beginning of time, the end is what is left.
        farm.eta(job.id, Time(0))?.at.0 as f64 / 1_000.0
    };
    let verifies = farm.verifier_slots(&job.submission.engine);
    if to_verify > 0 && verifies == 0 {
        return None;
    }
    let received_px = job.render_ms_count as f64 * frame_px(job) as f64;
    let share = if received_px > 0.0 { job.verification_px as f64 / received_px } else { 0.0 };
    let verify_s = to_verify as f64 * frame_s * share / verifies.max(1) as f64;
    Some(render_s.max(verify_s))
}

fn frame_px(job: &Job) -> u64 {
    job.inspected.as_ref().map_or(0, |inspected| inspected.settings.size.pixels())
}

/// A job with everything but its frames.
pub(crate) fn detail(farm: &Farm, job: &Job) -> JobDetail {
    let refusals = match &job.status {
        JobStatus::Refused(refusals) => refusals.iter().map(RefusalInfo::from).collect(),
        _ => Vec::new(),
    };
    let (overrides, allow) = (&job.submission.overrides, job.submission.allow);
    let rejected = |status| status == ReceiptStatus::Rejected;
    JobDetail {
        summary: summary(farm, job),
        submission_id: job.submission.submission_id.to_string(),
        scene_hash: job.submission.scene.to_string(),
        main_file: job.submission.main_file.clone(),
        refusals,
        notes: job.inspected.as_ref().map(|i| i.notes.clone()).unwrap_or_default(),
        overrides: OverridesRequest {
            percentage: overrides.percentage,
            samples: overrides.samples,
            scene: overrides.scene.clone(),
            camera: overrides.camera.clone(),
            format: overrides.format.map(Into::into),
        },
        allow: AllowRequest {
            missing_files: allow.missing_files,
            force_cycles: allow.force_cycles,
            wait: allow.wait_for_workers,
        },
        render: job.inspected.as_deref().map(render_info),
        fps: job.inspected.as_ref().map(|i| i.facts.fps).filter(|fps| fps.is_finite()),
        verification: verification_cost(job),
        receipts_rejected: farm.receipts(job.id).filter(|r| rejected(r.status)).count(),
        excluded: job.excluded.iter().map(|node| node_ref(farm, *node)).collect(),
    }
}

fn render_info(inspected: &Inspected) -> RenderInfo {
    let Inspected { facts, settings, .. } = inspected;
    RenderInfo {
        width_px: settings.size.width,
        height_px: settings.size.height,
        samples: settings.samples.unwrap_or(facts.samples),
        scene: settings.scene.clone().unwrap_or_else(|| facts.scene_name.clone()),
        camera: settings.camera.clone().or_else(|| facts.camera.clone()),
        force_cycles: settings.force_cycles,
        format: settings.format.into(),
    }
}

fn verification_cost(job: &Job) -> VerificationCost {
    let rendered_px = job.render_ms_count.saturating_mul(frame_px(job));
    VerificationCost {
        verification_px: job.verification_px,
        rendered_px,
        share: (rendered_px > 0).then(|| job.verification_px as f64 / rendered_px as f64),
    }
}
