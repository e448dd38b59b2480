//! Mirrors of the other rows.

use crate::mirror::{Mirror, mirror_enum, mirror_struct};
use crate::ticket::TicketRow;
use crate::token::{Scope, TokenRow};
use candela_core::claim::{Claim, ClaimStatus};
use candela_core::counts::TileCounts;
use candela_core::id::{
    BlobHash, ClaimId, JobId, LeaseId, NodeId, OwnerId, ReceiptId, TaskId, VerificationId,
};
use candela_core::job::{Frame, FrameStatus};
use candela_core::layers::Region;
use candela_core::node::{Node, Record, Role};
use candela_core::task::{
    Check, Lease, Receipt, ReceiptStatus, Statement, Task, TaskStatus, VerificationKey,
};
use candela_core::time::Time;
use candela_core::verification::{
    Floor, Found, Outcome, Peer, ProbeCounts, Purpose, SignedReport, Verdict, VerificationStatus,
    VerificationTask,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mirror_struct! {
    Frame as FrameV1 {
        job: JobId,
        number: i32,
        status: FrameStatus,
        attempts: u32,
        crashed_on: BTreeSet<NodeId>,
        last_error: Option<String>,
    }
}

mirror_struct! {
    Task as TaskV1 {
        id: TaskId,
        job: JobId,
        frames: BTreeSet<i32>,
        status: TaskStatus,
        key: VerificationKey,
    }
}

mirror_struct! { Lease as LeaseV1 { id: LeaseId, node: NodeId, given_at: Time, deadline: Time, } }

mirror_struct! {
    Receipt as ReceiptV1 {
        id: ReceiptId,
        job: JobId,
        node: NodeId,
        statement: Statement,
        signature: [u8; 64],
        received_at: Time,
        status: ReceiptStatus,
        reason: Option<String>,
        failed_tries: u32,
        check: Check,
        credit: u64,
        forfeited: u64,
        accepted_at: Option<Time>,
        reopened: bool,
    }
}

mirror_struct! { Check as CheckV1 { rate: f64, draw: f64, checked: bool, } }

mirror_struct! {
    Claim as ClaimV1 {
        id: ClaimId,
        job: JobId,
        frame: i32,
        receipt: ReceiptId,
        user: String,
        comment: String,
        made_at: Time,
        ended_at: Option<Time>,
        status: ClaimStatus,
    }
}

/// How far a claim is.
#[derive(Serialize, Deserialize)]
pub(crate) enum ClaimStatusV1 {
    Open,
    Upheld(String),
    Dismissed(String),
    Undecided(String),
}

impl Mirror for ClaimStatus {
    type Wire = ClaimStatusV1;

    fn to_wire(&self) -> ClaimStatusV1 {
        match self {
            ClaimStatus::Open => ClaimStatusV1::Open,
            ClaimStatus::Upheld(reason) => ClaimStatusV1::Upheld(reason.clone()),
            ClaimStatus::Dismissed(reason) => ClaimStatusV1::Dismissed(reason.clone()),
            ClaimStatus::Undecided(reason) => ClaimStatusV1::Undecided(reason.clone()),
        }
    }

    fn from_wire(wire: ClaimStatusV1) -> Result<Self, &'static str> {
        Ok(match wire {
            ClaimStatusV1::Open => ClaimStatus::Open,
            ClaimStatusV1::Upheld(reason) => ClaimStatus::Upheld(reason),
            ClaimStatusV1::Dismissed(reason) => ClaimStatus::Dismissed(reason),
            ClaimStatusV1::Undecided(reason) => ClaimStatus::Undecided(reason),
        })
    }
}

mirror_enum! {
    ReceiptStatus as ReceiptStatusV1 { Storing, Verifying, Accepted, Rejected, Withdrawn, }
}

mirror_struct! {
    VerificationTask as VerificationTaskV1 {
        id: VerificationId,
        receipt: ReceiptId,
        job: JobId,
        purpose: Purpose,
        first_probe: u32,
        probes: u32,
        second_replica: bool,
        status: VerificationStatus,
    }
}

mirror_enum! { Purpose as PurposeV1 { Probe, Confirm, Canary, Claim, ClaimConfirm, } }

mirror_enum! { Found as FoundV1 { ByPictures, ByManager, } }

mirror_enum! { Outcome as OutcomeV1 { Accepted, Rejected, Undecided, } }

mirror_struct! {
    Verdict as VerdictV1 {
        outcome: Outcome,
        verifier: NodeId,
        device: String,
        report: Option<SignedReport>,
        worker_tiles: Option<BlobHash>,
        probes: Vec<ProbeCounts>,
        with: Vec<VerificationId>,
        peers: Vec<Peer>,
        floor: Floor,
        probes_first: u32,
        reject_p: f64,
        accept_p: f64,
        found: Found,
        developed: bool,
        reason: String,
        judged_at: Time,
    }
}

mirror_struct! {
    SignedReport as SignedReportV1 {
        evidence: BlobHash,
        evidence_bytes: u64,
        rendered_px: u64,
        took_ms: u64,
        signature: [u8; 64],
    }
}

mirror_struct! {
    Peer as PeerV1 {
        verification: VerificationId,
        same: bool,
        counts: TileCounts,
    }
}

mirror_struct! { Floor as FloorV1 { disagree_share: f64, bad_probe_share: f64, } }

mirror_struct! {
    ProbeCounts as ProbeCountsV1 {
        region: Region,
        counts: TileCounts,
    }
}

mirror_struct! {
    TileCounts as TileCountsV1 {
        pixels: u64,
        informative_judged: u64,
        informative_agree: u64,
        direct_judged: u64,
        direct_agree: u64,
        unstable: u64,
        near_unstable: u64,
        not_judged: u64,
        repeated: u64,
        informative_patch_squares: u64,
        direct_patch_squares: u64,
        unstable_patch_squares: u64,
        unsteady: u64,
    }
}

mirror_struct! {
    Node as NodeV1 {
        id: NodeId,
        name: String,
        owner: OwnerId,
        roles: BTreeSet<Role>,
        joined_at: Time,
        record: Record,
        suspended: Option<String>,
    }
}

mirror_struct! {
    Record as RecordV1 {
        frames_accepted: u64,
        frames_rejected: u64,
        rejections_in_row: u32,
        crashes: u64,
        verifications: u64,
        verifications_minority: u64,
        verifications_confirmed: u64,
        canaries_failed: u64,
        verified_in_row: u32,
        credit_earned: u64,
        credit_withheld: u64,
        credit_forfeited: u64,
    }
}

mirror_struct! {
    TicketRow as TicketRowV1 {
        id: [u8; 32],
        roles: BTreeSet<Role>,
        owner: Option<String>,
        created_at: Time,
        expires_at: Option<Time>,
        revoked: bool,
        manager: bool,
    }
}

mirror_struct! {
    TokenRow as TokenRowV1 {
        id: [u8; 32],
        name: String,
        user: Option<String>,
        scopes: BTreeSet<Scope>,
        created_at: Time,
        expires_at: Option<Time>,
        revoked: bool,
    }
}

mirror_enum! {
    Scope as ScopeV1 { Read, Submit, Operate, }
}

/// How far a frame is.
#[derive(Serialize, Deserialize)]
pub(crate) enum FrameStatusV1 {
    Waiting,
    InTask(u64),
    Received(u64),
    Accepted(u64),
    Failed(String),
}

impl Mirror for FrameStatus {
    type Wire = FrameStatusV1;

    fn to_wire(&self) -> FrameStatusV1 {
        match self {
            FrameStatus::Waiting => FrameStatusV1::Waiting,
            FrameStatus::InTask(task) => FrameStatusV1::InTask(task.0),
            FrameStatus::Received(receipt) => FrameStatusV1::Received(receipt.0),
            FrameStatus::Accepted(receipt) => FrameStatusV1::Accepted(receipt.0),
            FrameStatus::Failed(reason) => FrameStatusV1::Failed(reason.clone()),
        }
    }

    fn from_wire(wire: FrameStatusV1) -> Result<Self, &'static str> {
        Ok(match wire {
            FrameStatusV1::Waiting => FrameStatus::Waiting,
            FrameStatusV1::InTask(task) => FrameStatus::InTask(TaskId(task)),
            FrameStatusV1::Received(receipt) => FrameStatus::Received(ReceiptId(receipt)),
            FrameStatusV1::Accepted(receipt) => FrameStatus::Accepted(ReceiptId(receipt)),
            FrameStatusV1::Failed(reason) => FrameStatus::Failed(reason),
        })
    }
}

/// How far a task is.
#[derive(Serialize, Deserialize)]
pub(crate) enum TaskStatusV1 {
    Leased(#[serde(with = "crate::mirror")] Lease),
    Done,
    Returned,
}

impl Mirror for TaskStatus {
    type Wire = TaskStatusV1;

    fn to_wire(&self) -> TaskStatusV1 {
        match self {
            TaskStatus::Leased(lease) => TaskStatusV1::Leased(lease.clone()),
            TaskStatus::Done => TaskStatusV1::Done,
            TaskStatus::Returned => TaskStatusV1::Returned,
        }
    }

    fn from_wire(wire: TaskStatusV1) -> Result<Self, &'static str> {
        Ok(match wire {
            TaskStatusV1::Leased(lease) => TaskStatus::Leased(lease),
            TaskStatusV1::Done => TaskStatus::Done,
            TaskStatusV1::Returned => TaskStatus::Returned,
        })
    }
}

/// How far a verification task is.
#[derive(Serialize, Deserialize)]
pub(crate) enum VerificationStatusV1 {
    Queued,
    Leased { node: [u8; 32], given_at: u64 },
    Judged(#[serde(with = "crate::mirror")] Box<Verdict>),
    Dropped,
}

impl Mirror for VerificationStatus {
    type Wire = VerificationStatusV1;

    fn to_wire(&self) -> VerificationStatusV1 {
        match self {
            VerificationStatus::Queued => VerificationStatusV1::Queued,
            VerificationStatus::Leased { node, given_at } => {
                VerificationStatusV1::Leased { node: node.0, given_at: given_at.0 }
            }
            VerificationStatus::Judged(verdict) => VerificationStatusV1::Judged(verdict.clone()),
            VerificationStatus::Dropped => VerificationStatusV1::Dropped,
        }
    }

    fn from_wire(wire: VerificationStatusV1) -> Result<Self, &'static str> {
        Ok(match wire {
            VerificationStatusV1::Queued => VerificationStatus::Queued,
            VerificationStatusV1::Leased { node, given_at } => {
                VerificationStatus::Leased { node: NodeId(node), given_at: Time(given_at) }
            }
            VerificationStatusV1::Judged(verdict) => VerificationStatus::Judged(verdict),
            VerificationStatusV1::Dropped => VerificationStatus::Dropped,
        })
    }
}
