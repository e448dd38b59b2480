//! Rows: one per kind and per status with fields of its own.

use super::{Case, addr, engine, refusal, settings, signature, statement};
use candela_core::claim::{Claim, ClaimStatus};
use candela_core::counts::TileCounts;
use candela_core::frames::FrameSet;
use candela_core::id::{
    BlobHash, ClaimId, JobId, LeaseId, MessageId, NodeId, OwnerId, ReceiptId, SubmissionId, TaskId,
    VerificationId,
};
use candela_core::job::{
    Allowances, Frame, FrameStatus, FramesWanted, Inspected, Job, JobStatus, Overrides, Submission,
};
use candela_core::layers::{Region, Size};
use candela_core::message::{Channel, Message, Notify, Occasion};
use candela_core::node::{Node, Record, Role};
use candela_core::scene::{MissingFile, PreviewFacts, SceneFacts};
use candela_core::settings::OutputFormat;
use candela_core::task::{Check, Lease, Receipt, ReceiptStatus, Task, TaskStatus, VerificationKey};
use candela_core::time::Time;
use candela_core::verification::{
    Floor, Found, Outcome, Peer, ProbeCounts, Purpose, SignedReport, Verdict, VerificationStatus,
    VerificationTask,
};
use candela_wire::cluster::ManagerRow;
use candela_wire::rows;
use candela_wire::ticket::TicketRow;
use candela_wire::token::{Scope, TokenRow};
use std::collections::BTreeSet;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let jobs = [
        ("row_job_inspecting", Job { ended_at: None, ..job(JobStatus::Inspecting { crashes: 2 }) }),
        ("row_job_active", job(JobStatus::Active)),
        ("row_job_refused", job(JobStatus::Refused(vec![refusal()]))),
        ("row_job_completed", job(JobStatus::Completed)),
        ("row_job_failed", job(JobStatus::Failed)),
        ("row_job_cancelled", job(JobStatus::Cancelled)),
    ];
    cases.extend(jobs.map(|(name, v)| Case::new(name, v, rows::encode_job, rows::decode_job)));
    let inspection = ("row_inspection", inspected());
    let cases_of_it = [inspection]
        .map(|(name, v)| Case::new(name, v, rows::encode_inspection, rows::decode_inspection));
    cases.extend(cases_of_it);
    let frames = [
        ("row_frame_waiting", FrameStatus::Waiting),
        ("row_frame_in_task", FrameStatus::InTask(TaskId(3))),
        ("row_frame_received", FrameStatus::Received(ReceiptId(300))),
        ("row_frame_accepted", FrameStatus::Accepted(ReceiptId(300))),
        ("row_frame_failed", FrameStatus::Failed("8 attempts came to nothing".into())),
    ];
    cases.extend(frames.map(|(name, status)| {
        Case::new(name, frame(status), rows::encode_frame, rows::decode_frame)
    }));
    let lease =
        Lease { id: LeaseId(4), node: NodeId([8; 32]), given_at: time(5), deadline: time(6) };
    let tasks = [
        ("row_task_leased", TaskStatus::Leased(lease)),
        ("row_task_done", TaskStatus::Done),
        ("row_task_returned", TaskStatus::Returned),
    ];
    cases.extend(
        tasks.map(|(name, status)| {
            Case::new(name, task(status), rows::encode_task, rows::decode_task)
        }),
    );
    let receipts = [
        ("row_receipt_storing", ReceiptStatus::Storing),
        ("row_receipt_verifying", ReceiptStatus::Verifying),
        ("row_receipt_accepted", ReceiptStatus::Accepted),
        ("row_receipt_rejected", ReceiptStatus::Rejected),
        ("row_receipt_withdrawn", ReceiptStatus::Withdrawn),
    ];
    cases.extend(receipts.map(|(name, status)| {
        Case::new(name, receipt(status), rows::encode_receipt, rows::decode_receipt)
    }));
    let leased = VerificationStatus::Leased { node: NodeId([9; 32]), given_at: time(7) };
    let verifications = [
        ("row_verification_queued", VerificationStatus::Queued),
        ("row_verification_leased", leased),
        ("row_verification_judged", VerificationStatus::Judged(Box::new(verdict()))),
        ("row_verification_dropped", VerificationStatus::Dropped),
    ];
    cases.extend(verifications.map(|(name, status)| {
        let value = verification(status);
        Case::new(name, value, rows::encode_verification, rows::decode_verification)
    }));
    let claims = [
        ("row_claim_open", ClaimStatus::Open),
        ("row_claim_upheld", ClaimStatus::Upheld("the lamp is missing".into())),
        ("row_claim_dismissed", ClaimStatus::Dismissed("every tile agrees".into())),
        ("row_claim_undecided", ClaimStatus::Undecided("the layers are gone".into())),
    ];
    cases.extend(claims.map(|(name, status)| {
        Case::new(name, claim(status), rows::encode_claim, rows::decode_claim)
    }));
    cases.push(Case::new("row_node", node(), rows::encode_node, rows::decode_node));
    cases.push(Case::new("row_counter", 70_000, rows::encode_counter, rows::decode_counter));
    cases.push(Case::new("row_manager", manager(), rows::encode_manager, rows::decode_manager));
    cases.push(Case::new("row_token", token(), rows::encode_token, rows::decode_token));
    let secret = "5ec7e7".to_owned();
    cases.push(Case::new(
        "row_webhook_secret",
        secret,
        rows::encode_webhook_secret,
        rows::decode_webhook_secret,
    ));
    cases.push(Case::new("row_ticket", ticket(), rows::encode_ticket, rows::decode_ticket));
    cases
}

pub(super) fn time(minute: u64) -> Time {
    Time(1_760_000_000_000 + minute * 60_000)
}

pub(super) fn job(status: JobStatus) -> Job {
    Job {
        id: JobId(1),
        submission: Submission {
            submission_id: SubmissionId([4; 16]),
            user: "ada".into(),
            name: "Shot 3, final".into(),
            scene: BlobHash([1; 32]),
            main_file: "shots/03.blend".into(),
            frames: FramesWanted::These(FrameSet::parse("-17,1-24,30-90/10").unwrap()),
            engine: engine(),
            overrides: Overrides {
                percentage: Some(50),
                samples: Some(128),
                scene: Some("Shot 3".into()),
                camera: Some("Camera.001".into()),
                format: Some(OutputFormat::Png16),
            },
            allow: Allowances { missing_files: true, force_cycles: false, wait_for_workers: true },
            priority: -5,
            notify: Notify {
                webhook: Some("https://hooks.example/ada?key=7".into()),
                email: Some("ada@studio.example".into()),
            },
        },
        submitted_at: time(0),
        ended_at: Some(time(60)),
        status,
        inspected: None,
        landmarks: vec![-17, 12],
        render_ms_sum: 123_456,
        render_ms_count: 3,
        excluded: BTreeSet::from([NodeId([8; 32])]),
        verification_px: 98_304,
        messages: [Channel::Webhook, Channel::Email].map(message).to_vec(),
        wrong_told: true,
    }
}

fn message(channel: Channel) -> Message {
    let reason = "8070 of 11700 informative pixels differ".to_owned();
    let (id, occasion) = match channel {
        Channel::Webhook => (MessageId(400), Occasion::FrameWrong { frame: -17, reason }),
        Channel::Email => (MessageId(401), Occasion::Completed),
    };
    Message { id, channel, occasion, at: time(61) }
}

pub(super) fn inspected() -> Inspected {
    Inspected {
        facts: facts(),
        preview: PreviewFacts {
            size: Size { width: 2, height: 1 },
            noise: vec![0.125, 0.0],
            unrepeatable_share: 0.001,
            black: true,
            class_share: 0.125,
            unsteady: vec![3, 0],
            undevelopable: vec!["it uses Freestyle".into()],
        },
        settings: settings(),
        notes: vec!["the preview is black all over".into()],
    }
}

fn facts() -> SceneFacts {
    let texts = |text: &str| vec![text.to_owned()];
    SceneFacts {
        saved_by: [4, 5, 1],
        engine_version: [4, 5, 15],
        render_engine: "CYCLES".into(),
        scene_name: "Shot 3".into(),
        scenes: vec!["Shot 3".into(), "Shot 4".into()],
        camera: Some("Camera".into()),
        cameras: texts("Camera"),
        frame_start: -17,
        frame_end: 250,
        frame_step: 1,
        fps: 23.976,
        size: Size { width: 3840, height: 2160 },
        percentage: 50,
        border: true,
        samples: 4096,
        adaptive_sampling: true,
        denoiser: Some("OPENIMAGEDENOISE".into()),
        path_guiding: false,
        time_limit_s: 1.5,
        seed_animated: true,
        compositor: false,
        output_file_nodes: 2,
        sequencer: true,
        file_format: "PNG".into(),
        device: "GPU".into(),
        scripts: texts("driver of Cube"),
        unbaked: texts("Smoke"),
        missing: vec![MissingFile {
            path: "//textures/wood.png".into(),
            kind: "image".into(),
            used_by: "wood".into(),
        }],
        warnings: texts("Warning: 'wood.png' not found"),
    }
}

fn frame(status: FrameStatus) -> Frame {
    Frame {
        job: JobId(1),
        number: -17,
        status,
        attempts: 2,
        crashed_on: BTreeSet::from([NodeId([8; 32])]),
        last_error: Some("out of memory".into()),
    }
}

pub(super) fn task(status: TaskStatus) -> Task {
    Task {
        id: TaskId(3),
        job: JobId(1),
        frames: BTreeSet::from([-17, 1]),
        status,
        key: VerificationKey([6; 32]),
    }
}

pub(super) fn receipt(status: ReceiptStatus) -> Receipt {
    Receipt {
        id: ReceiptId(300),
        job: JobId(1),
        node: NodeId([8; 32]),
        statement: statement(),
        signature: signature(),
        received_at: time(8),
        status,
        reason: Some("probes differ".into()),
        failed_tries: 1,
        check: Check { rate: 0.25, draw: 0.125, checked: true },
        credit: 7_372,
        forfeited: 12,
        accepted_at: Some(time(9)),
        reopened: true,
    }
}

fn claim(status: ClaimStatus) -> Claim {
    Claim {
        id: ClaimId(5),
        job: JobId(1),
        frame: -17,
        receipt: ReceiptId(300),
        user: "ada".into(),
        comment: "the lamp is missing".into(),
        made_at: time(10),
        ended_at: Some(time(11)),
        status,
    }
}

pub(super) fn verification(status: VerificationStatus) -> VerificationTask {
    VerificationTask {
        id: VerificationId(12),
        receipt: ReceiptId(300),
        job: JobId(1),
        purpose: Purpose::Confirm,
        first_probe: 3,
        probes: 6,
        second_replica: true,
        status,
    }
}

pub(super) fn verdict() -> Verdict {
    let counts = TileCounts {
        pixels: 4096,
        informative_judged: 4000,
        informative_agree: 3999,
        direct_judged: 90,
        direct_agree: 89,
        unstable: 5,
        near_unstable: 1,
        not_judged: 0,
        repeated: 4096,
        informative_patch_squares: 1_000_000,
        direct_patch_squares: 600,
        unstable_patch_squares: 25,
        unsteady: 4096,
    };
    Verdict {
        outcome: Outcome::Undecided,
        verifier: NodeId([9; 32]),
        device: "cpu x86-64 avx2, 2 threads".into(),
        report: Some(SignedReport {
            evidence: BlobHash([2; 32]),
            evidence_bytes: 98_765,
            rendered_px: 10_240,
            took_ms: 1_500,
            signature: signature(),
        }),
        worker_tiles: Some(BlobHash([3; 32])),
        probes: vec![ProbeCounts { region: Region { x0: 32, y0: 64, x1: 64, y1: 96 }, counts }],
        with: vec![VerificationId(10), VerificationId(9)],
        peers: vec![Peer { verification: VerificationId(11), same: true, counts }],
        floor: Floor { disagree_share: 0.001, bad_probe_share: 0.25 },
        probes_first: 5,
        reject_p: 1e-12,
        accept_p: 0.5,
        found: Found::ByManager,
        developed: true,
        reason: "more probes are needed".into(),
        judged_at: time(9),
    }
}

fn node() -> Node {
    Node {
        id: NodeId([8; 32]),
        name: "attic".into(),
        owner: OwnerId("ada".into()),
        roles: BTreeSet::from([Role::Worker, Role::Verifier]),
        joined_at: time(1),
        record: Record {
            frames_accepted: 1,
            frames_rejected: 2,
            rejections_in_row: 3,
            crashes: 4,
            verifications: 5,
            verifications_minority: 6,
            verifications_confirmed: 7,
            canaries_failed: 8,
            verified_in_row: 9,
            credit_earned: 10,
            credit_withheld: 11,
            credit_forfeited: 12,
        },
        suspended: Some("2 leases in a row were rejected".into()),
    }
}

pub(super) fn manager() -> ManagerRow {
    ManagerRow {
        number: 2,
        addr: addr(8),
        replication: "manager-2.example:18000".into(),
        requests: "manager-2.example:18001".into(),
        joined_at: time(2),
        removed: false,
    }
}

fn token() -> TokenRow {
    TokenRow {
        id: [6; 32],
        name: "add-on".into(),
        user: Some("ada".into()),
        scopes: BTreeSet::from([Scope::Read, Scope::Submit]),
        created_at: time(1),
        expires_at: Some(time(2)),
        revoked: false,
    }
}

fn ticket() -> TicketRow {
    TicketRow {
        id: [7; 32],
        roles: BTreeSet::from([Role::Verifier]),
        owner: Some("ada".into()),
        created_at: time(2),
        expires_at: Some(time(3)),
        revoked: true,
        manager: false,
    }
}
