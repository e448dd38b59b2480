//! Mirrors of a job's row, version 2; version 1 is in `job_v1`.

use crate::mirror::{Mirror, mirror_struct};
use candela_core::frames::{FrameRun, FrameSet};
use candela_core::id::{BlobHash, EngineBuild, JobId, NodeId, SubmissionId};
use candela_core::job::{
    Allowances, FramesWanted, Inspected, Job, JobStatus, Overrides, Submission,
};
use candela_core::layers::Size;
use candela_core::limits::FRAMES_PER_JOB_MAX;
use candela_core::message::{Message, Notify};
use candela_core::refusal::Refusal;
use candela_core::scene::{MissingFile, PreviewFacts, SceneFacts};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

mirror_struct! {
    Job as JobV2 {
        id: JobId,
        submission: Submission,
        submitted_at: Time,
        ended_at: Option<Time>,
        status: JobStatus,
        inspected: Option<Arc<Inspected>>,
        landmarks: Vec<i32>,
        render_ms_sum: u64,
        render_ms_count: u64,
        excluded: BTreeSet<NodeId>,
        verification_px: u64,
        messages: Vec<Message>,
        wrong_told: bool,
    }
}

mirror_struct! {
    Submission as SubmissionV2 {
        submission_id: SubmissionId,
        user: String,
        name: String,
        scene: BlobHash,
        main_file: String,
        frames: FramesWanted,
        engine: EngineBuild,
        overrides: Overrides,
        allow: Allowances,
        priority: i32,
        notify: Notify,
    }
}

mirror_struct! {
    Overrides as OverridesV1 {
        percentage: Option<u32>,
        samples: Option<u32>,
        scene: Option<String>,
        camera: Option<String>,
        format: Option<OutputFormat>,
    }
}

mirror_struct! {
    Allowances as AllowancesV1 {
        missing_files: bool,
        force_cycles: bool,
        wait_for_workers: bool,
    }
}

mirror_struct! {
    Inspected as InspectedV1 {
        facts: SceneFacts,
        preview: PreviewFacts,
        settings: RenderSettings,
        notes: Vec<String>,
    }
}

mirror_struct! {
    SceneFacts as SceneFactsV1 {
        saved_by: [u32; 3],
        engine_version: [u32; 3],
        render_engine: String,
        scene_name: String,
        scenes: Vec<String>,
        camera: Option<String>,
        cameras: Vec<String>,
        frame_start: i32,
        frame_end: i32,
        frame_step: u32,
        fps: f64,
        size: Size,
        percentage: u32,
        border: bool,
        samples: u32,
        adaptive_sampling: bool,
        denoiser: Option<String>,
        path_guiding: bool,
        time_limit_s: f64,
        seed_animated: bool,
        compositor: bool,
        output_file_nodes: u32,
        sequencer: bool,
        file_format: String,
        device: String,
        scripts: Vec<String>,
        unbaked: Vec<String>,
        missing: Vec<MissingFile>,
        warnings: Vec<String>,
    }
}

mirror_struct! { MissingFile as MissingFileV1 { path: String, kind: String, used_by: String, } }

mirror_struct! {
    PreviewFacts as PreviewFactsV1 {
        size: Size,
        noise: Vec<f32>,
        unrepeatable_share: f64,
        black: bool,
        class_share: f64,
        unsteady: Vec<u8>,
        undevelopable: Vec<String>,
    }
}

/// How far a job is.
#[derive(Serialize, Deserialize)]
pub(crate) enum JobStatusV1 {
    Inspecting { crashes: u32 },
    Active,
    Completed,
    Failed,
    Refused(#[serde(with = "crate::mirror")] Vec<Refusal>),
    Cancelled,
}

impl Mirror for JobStatus {
    type Wire = JobStatusV1;

    fn to_wire(&self) -> JobStatusV1 {
        match self {
            JobStatus::Inspecting { crashes } => JobStatusV1::Inspecting { crashes: *crashes },
            JobStatus::Active => JobStatusV1::Active,
            JobStatus::Completed => JobStatusV1::Completed,
            JobStatus::Failed => JobStatusV1::Failed,
            JobStatus::Refused(refusals) => JobStatusV1::Refused(refusals.clone()),
            JobStatus::Cancelled => JobStatusV1::Cancelled,
        }
    }

    fn from_wire(wire: JobStatusV1) -> Result<Self, &'static str> {
        Ok(match wire {
            JobStatusV1::Inspecting { crashes } => JobStatus::Inspecting { crashes },
            JobStatusV1::Active => JobStatus::Active,
            JobStatusV1::Completed => JobStatus::Completed,
            JobStatusV1::Failed => JobStatus::Failed,
            JobStatusV1::Refused(refusals) => JobStatus::Refused(refusals),
            JobStatusV1::Cancelled => JobStatus::Cancelled,
        })
    }
}

/// The frames of a submission, as runs: an animation of an hour is one of them.
#[derive(Serialize, Deserialize)]
pub(crate) enum FramesWantedV1 {
    OfScene,
    These(Vec<RunV1>),
}

/// `count` frames from `first` on, each `step` after the one before.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunV1 {
    first: i32,
    step: u32,
    count: u32,
}

impl Mirror for FramesWanted {
    type Wire = FramesWantedV1;

    fn to_wire(&self) -> FramesWantedV1 {
        match self {
            FramesWanted::OfScene => FramesWantedV1::OfScene,
            FramesWanted::These(frames) => FramesWantedV1::These(runs(frames)),
        }
    }

    fn from_wire(wire: FramesWantedV1) -> Result<Self, &'static str> {
        let runs = match wire {
            FramesWantedV1::OfScene => return Ok(FramesWanted::OfScene),
            FramesWantedV1::These(runs) => runs,
        };
        let count: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
        if count > FRAMES_PER_JOB_MAX as u64 {
            return Err("more frames than a job may have");
        }
        let numbers = runs.iter().flat_map(|run| {
            let (first, step) = (i64::from(run.first), i64::from(run.step));
            (0..i64::from(run.count)).map(move |at| first + at * step)
        });
        let numbers: Result<Vec<i32>, _> = numbers.map(i32::try_from).collect();
        let numbers = numbers.map_err(|_| "a frame number that isn't one")?;
        let frames = FrameSet::new(numbers).map_err(|_| "frames that no job may have")?;
        Ok(FramesWanted::These(frames))
    }
}

/// The frames as the runs that the set has.
fn runs(frames: &FrameSet) -> Vec<RunV1> {
    let run = |run: &FrameRun| RunV1 { first: run.first, step: run.step, count: run.count };
    frames.runs().iter().map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive() {
        for text in ["7", "1-100000", "-1048574-1048574/2097148", "-5--1,10-20", "1,2,4,8,16"] {
            let wanted = FramesWanted::These(FrameSet::parse(text).unwrap());
            assert_eq!(FramesWanted::from_wire(wanted.to_wire()), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn runs_that_no_job_may_have() {
        let check = |first, step, count| {
            let runs = vec![RunV1 { first, step, count }];
            assert!(FramesWanted::from_wire(FramesWantedV1::These(runs)).is_err());
        };
        check(1, 1, u32::MAX);
        check(1, 1, 0);
        check(1, u32::MAX, 2);
        check(i32::MAX, 1, 1);
    }
}
