//! Tasks and leases, and the receipts that come back.

use crate::id::{BlobHash, EngineBuild, JobId, LeaseId, NodeId, ReceiptId, TaskId};
use crate::time::Time;
use std::collections::BTreeSet;
use std::fmt;

/// 32 secret random bytes of a task, from which its probes follow. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerificationKey(pub [u8; 32]);

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey(secret)")
    }
}

/// The manager's promise of a task to one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its number.
    pub id: LeaseId,
    /// Who holds it.
    pub node: NodeId,
    /// When it was given.
    pub given_at: Time,
    /// Taken back at this time whatever the node says.
    pub deadline: Time,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskStatus {
    /// A worker has it.
    Leased(Lease),
    /// Every frame of it was received.
    Done,
    /// The lease ended before; what was left went back to the job, to be cut into other tasks with other keys.
    Returned,
}

/// The unit leased to one worker: some frames of one scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The job it is cut from.
    pub job: JobId,
    /// Frames of it that have not been received yet.
    pub frames: BTreeSet<i32>,
    /// How far it is.
    pub status: TaskStatus,
    /// Secret from which its probes follow; no worker ever gets it.
    pub key: VerificationKey,
}

/// What a worker states about one frame. Its signature was checked at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The task.
    pub task: TaskId,
    /// The lease under which it was rendered.
    pub lease: LeaseId,
    /// The frame.
    pub frame: i32,
    /// The scene that was rendered.
    pub scene: BlobHash,
    /// The layers' blob: a commitment to every pixel.
    pub layers: BlobHash,
    /// Its length.
    pub layers_bytes: u64,
    /// The output's blob.
    pub output: BlobHash,
    /// Its length.
    pub output_bytes: u64,
    /// The build that rendered it.
    pub engine: EngineBuild,
    /// What it was rendered on, e.g. `cpu x86-64 avx2`.
    pub device: String,
    /// How long it took, in milliseconds.
    pub render_ms: u64,
    /// Most memory that the engine used.
    pub peak_memory_bytes: u64,
}

/// How far a receipt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// Durable; the manager's storage pulls the output.
    Storing,
    /// Stored; being verified.
    Verifying,
    /// Verified.
    Accepted,
    /// Verified and found wrong.
    Rejected,
    /// Of no use any more, without a verdict: its blobs could not be had, or the job was cancelled.
    Withdrawn,
}

/// The worker's signed statement, durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its number.
    pub id: ReceiptId,
    /// The job.
    pub job: JobId,
    /// Who signed.
    pub node: NodeId,
    /// What was stated.
    pub statement: Statement,
    /// The signature over the statement as it was sent.
    pub signature: [u8; 64],
    /// When it came.
    pub received_at: Time,
    /// How far it is.
    pub status: ReceiptStatus,
    /// Why it was rejected or withdrawn, for people.
    pub reason: Option<String>,
    /// Verification tasks that failed without an answer.
    pub failed_tries: u32,
    /// Which frames are checked: whether this one is, and how that was drawn.
    pub check: Check,
    /// What its worker gets for it, in thousands of path-traced samples.
    pub credit: u64,
    /// Credit that its rejection cost the worker, to be given back if it was wrong.
    pub forfeited: u64,
    /// When it was accepted; none if it isn't.
    pub accepted_at: Option<Time>,
    /// Whether it was accepted once and then opened again.
    pub reopened: bool,
}

/// Whether a frame gets probes of its own, and how that was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// The share of frames that the worker's standing asked to check when this one came, from 0 to 1.
    pub rate: f64,
    /// The frame's draw, from 0 to 1, as it follows from key and commitment: below the rate it is checked.
    pub draw: f64,
    /// Whether it is checked: drawn, the only one of its lease that can vouch for it, or reopened.
    pub checked: bool,
}
