//! What a manager may answer, for tests of what is printed.

use candela_wire::api::{
    AllowRequest, ClaimDetail, ClaimInfo, ClaimState, FrameCounts, FrameDetail, FrameState,
    FrameSummary, JobDetail, JobState, JobSummary, NodeInfo, NodeRecord, NodeRef, NodeTask,
    OutcomeName, OverridesRequest, ProbeInfo, Progress, PurposeName, ReceiptInfo, ReceiptState,
    RefusalInfo, RoleName, VerdictInfo, VerificationCost, VerificationInfo, VerificationState,
};

fn node(name: &str) -> NodeRef {
    NodeRef { id: "ab".repeat(32), name: name.to_owned() }
}

pub(crate) fn job_summary() -> JobSummary {
    JobSummary {
        id: 7,
        name: "cornell".into(),
        user: "ada".into(),
        status: JobState::Active,
        submitted_at_ms: 1_700_000_000_000,
        ended_at_ms: None,
        engine: "blender-4.5.15".into(),
        priority: 0,
        counts: FrameCounts {
            all: 24,
            waiting: 10,
            rendering: 2,
            verifying: 3,
            accepted: 9,
            failed: 0,
        },
        frame_s: Some(5.2),
        time_left_s: Some(185.0),
        waits_for: Some("a verifier of another owner".into()),
    }
}

pub(crate) fn refused_job() -> JobDetail {
    let summary = JobSummary {
        status: JobState::Refused,
        counts: FrameCounts::default(),
        frame_s: None,
        time_left_s: None,
        waits_for: None,
        ..job_summary()
    };
    JobDetail {
        summary,
        submission_id: "00".repeat(16),
        scene_hash: "12".repeat(32),
        main_file: "cornell.blend".into(),
        refusals: vec![RefusalInfo {
            code: "no_camera".into(),
            message: "the scene \"Scene\" has no camera".into(),
            hint: Some("add a camera and make it the active one".into()),
            items: Vec::new(),
        }],
        notes: vec!["the file's render border is ignored: whole frames are rendered".into()],
        overrides: OverridesRequest::default(),
        allow: AllowRequest::default(),
        render: None,
        fps: None,
        verification: VerificationCost::default(),
        receipts_rejected: 0,
        excluded: vec![node("mallory")],
    }
}

pub(crate) fn frame(number: i32, status: FrameState) -> FrameSummary {
    FrameSummary {
        number,
        status,
        worker: Some(node("alice")),
        progress: None,
        render_s: None,
        output: None,
        receipt_id: None,
        verdict: None,
        claim: None,
        attempts: 0,
        receipts_rejected: 0,
        last_error: None,
    }
}

pub(crate) fn frames() -> Vec<FrameSummary> {
    let rendering = FrameSummary {
        progress: Some(Progress { samples_done: 8, samples: 32 }),
        receipts_rejected: 1,
        ..frame(13, FrameState::Rendering)
    };
    let failed = FrameSummary {
        worker: None,
        last_error: Some("the engine crashed (signal 6)\nand more".into()),
        attempts: 8,
        ..frame(1_204, FrameState::Failed)
    };
    vec![
        FrameSummary { render_s: Some(5.234), ..frame(1, FrameState::Accepted) },
        rendering,
        failed,
    ]
}

fn verification(purpose: PurposeName) -> VerificationInfo {
    let probe = ProbeInfo {
        x: 64,
        y: 128,
        width: 32,
        height: 32,
        informative: 3_900,
        informative_agree: 0,
        direct: 68,
        direct_agree: 32,
        unstable: 0,
    };
    VerificationInfo {
        id: 30,
        purpose,
        status: VerificationState::Judged,
        probes: 3,
        second_replica: false,
        verdict: Some(VerdictInfo {
            outcome: OutcomeName::Rejected,
            verifier: node("victor"),
            reason: "the frame is not what the scene defines".into(),
            evidence_hash: None,
            worker_tiles_hash: None,
            found_by_manager: false,
            developed: true,
            floor: 1e-3,
            reject_p: 0.0,
            accept_p: 1.0,
            judged_at_ms: 1_700_000_009_000,
            probes: vec![probe; 3],
        }),
    }
}

pub(crate) fn rejected_frame() -> FrameDetail {
    FrameDetail {
        job_id: 7,
        summary: FrameSummary { receipts_rejected: 1, ..frame(13, FrameState::Waiting) },
        receipts: vec![ReceiptInfo {
            id: 20,
            status: ReceiptState::Rejected,
            worker: node("mallory"),
            received_at_ms: 1_700_000_005_000,
            render_s: 2.5,
            device: "cpu x86-64 avx2".into(),
            engine: "blender-4.5.15".into(),
            peak_memory_bytes: 1 << 28,
            layers_hash: None,
            output_hash: None,
            reason: Some("the frame is not what the scene defines".into()),
            failed_tries: 0,
            checked: Some(true),
            check_rate: 1.0,
            reopened: false,
            credit: 7_372,
            verifications: vec![
                verification(PurposeName::Probe),
                verification(PurposeName::Confirm),
            ],
        }],
        crashed_on: Vec::new(),
        claim_terms: None,
    }
}

/// A claim that was upheld: the first of its parts was found wrong by two verifiers.
pub(crate) fn claim() -> ClaimDetail {
    let claim = ClaimInfo {
        id: 12,
        job_id: 7,
        frame: 3,
        receipt_id: 21,
        user: "ada".into(),
        comment: "the lamp is missing".into(),
        made_at_ms: 1_700_000_000_000,
        ended_at_ms: Some(1_700_000_095_000),
        status: ClaimState::Upheld,
        reason: Some("the frame is not what the scene defines".into()),
        tiles_judged: 48,
        tiles: 60,
    };
    let queued = VerificationInfo {
        status: VerificationState::Dropped,
        verdict: None,
        ..verification(PurposeName::Claim)
    };
    let verifications =
        vec![verification(PurposeName::Claim), verification(PurposeName::ClaimConfirm), queued];
    ClaimDetail { claim, worker: node("wanda"), verifications }
}

pub(crate) fn nodes() -> Vec<NodeInfo> {
    let alice = NodeInfo {
        id: "ab".repeat(32),
        name: "alice".into(),
        owner: "alice".into(),
        roles: vec![RoleName::Worker, RoleName::Verifier],
        joined_at_ms: 1_700_000_000_000,
        linked: true,
        paused: false,
        heard_at_ms: Some(1_700_000_001_000),
        device: Some("cpu x86-64 avx2, 2 threads".into()),
        memory_bytes: Some(8 << 30),
        engines: vec!["blender-4.5.15".into()],
        slots: 1,
        record: NodeRecord { frames_accepted: 21, ..NodeRecord::default() },
        check_rate: Some(0.102),
        suspended: None,
        tasks: vec![NodeTask { task_id: 3, job_id: 7, frames: vec![2, 3], frames_left: 2 }],
        verifications: 1,
    };
    let mallory = NodeInfo {
        id: "cd".repeat(32),
        name: "mallory".into(),
        owner: "mallory".into(),
        roles: vec![RoleName::Worker],
        linked: false,
        device: None,
        memory_bytes: None,
        record: NodeRecord { frames_rejected: 2, rejections_in_row: 2, ..NodeRecord::default() },
        check_rate: Some(1.0),
        suspended: Some("2 leases in a row were rejected".into()),
        tasks: Vec::new(),
        verifications: 0,
        ..alice.clone()
    };
    vec![alice, mallory]
}
