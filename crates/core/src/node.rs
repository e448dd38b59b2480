//! Nodes: what is kept of them, and what is only known while they are connected.

use crate::addr::NodeAddr;
use crate::id::{BlobHash, EngineBuild, LeaseId, NodeId, OwnerId, VerificationId};
use crate::time::Time;
use std::collections::BTreeSet;

/// What a node may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Renders tasks.
    Worker,
    /// Renders probes of other owners' tasks.
    Verifier,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Role::Worker => "worker",
            Role::Verifier => "verifier",
        }
    }
}

/// A node's record: what its standing follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Frames of it that were accepted.
    pub frames_accepted: u64,
    /// Frames of it that were rejected, by a verdict of their own or with their lease.
    pub frames_rejected: u64,
    /// Leases in a row that ended in a rejection.
    pub rejections_in_row: u32,
    /// Engine crashes that were not the scene's fault.
    pub crashes: u64,
    /// Verification tasks it answered.
    pub verifications: u64,
    /// Answers in which it was in the minority.
    pub verifications_minority: u64,
    /// Answers that another owner's answer, or a known picture, confirmed.
    pub verifications_confirmed: u64,
    /// Canaries whose known pictures it did not show.
    pub canaries_failed: u64,
    /// Frames since the last rejection that were accepted by a check of their own.
    pub verified_in_row: u32,
    /// Credit that is the node's for good, in thousands of path-traced samples.
    pub credit_earned: u64,
    /// Credit of its latest frames, which it loses if one of them turns out wrong.
    pub credit_withheld: u64,
    /// Credit that it lost.
    pub credit_forfeited: u64,
}

/// What is kept of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its key.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// Who it belongs to.
    pub owner: OwnerId,
    /// What its ticket lets it do.
    pub roles: BTreeSet<Role>,
    /// When it joined first.
    pub joined_at: Time,
    /// Its record.
    pub record: Record,
    /// Why it gets no more work, if so.
    pub suspended: Option<String>,
}

/// What a node says of itself when it connects, checked at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Where it can be reached.
    pub addr: NodeAddr,
    /// What people call it.
    pub name: String,
    /// Who it belongs to, from its ticket.
    pub owner: OwnerId,
    /// What it may do, from its ticket, and wants to.
    pub roles: BTreeSet<Role>,
    /// Exact builds that it can run.
    pub engines: BTreeSet<EngineBuild>,
    /// What it renders on, e.g. `cpu x86-64 avx2, 2 threads`.
    pub device: String,
    /// Memory that it lends.
    pub memory_bytes: u64,
    /// Tasks it works on at once, of each role.
    pub slots: u32,
    /// Scenes whose blobs it has.
    pub scenes_held: BTreeSet<BlobHash>,
    /// Leases that it still works on.
    pub leases: BTreeSet<LeaseId>,
    /// Verification tasks that it still works on.
    pub verifications: BTreeSet<VerificationId>,
}

/// What is known of a connected node; in memory only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// What it said when it connected; `scenes_held` is kept up to date.
    pub hello: Hello,
    /// When it was heard of last.
    pub heard_at: Time,
    /// Whether its link is up. A link that is down is not a failure until the grace time is over.
    pub linked: bool,
    /// Whether its owner lets it work.
    pub paused: bool,
    /// Not offered work before this time: it declined.
    pub rest_until: Time,
}
