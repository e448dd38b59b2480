//! Nodes as people see them.

use candela_core::node::{Record, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node, named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeRef {
    /// Its key.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// What a node may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Renders tasks.
    Worker,
    /// Renders probes of other owners' tasks.
    Verifier,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Worker => RoleName::Worker,
            Role::Verifier => RoleName::Verifier,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Worker => Role::Worker,
            RoleName::Verifier => Role::Verifier,
        }
    }
}

/// A node's record: what its standing follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeRecord {
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

impl From<Record> for NodeRecord {
    fn from(record: Record) -> Self {
        NodeRecord {
            frames_accepted: record.frames_accepted,
            frames_rejected: record.frames_rejected,
            rejections_in_row: record.rejections_in_row,
            crashes: record.crashes,
            verifications: record.verifications,
            verifications_minority: record.verifications_minority,
            verifications_confirmed: record.verifications_confirmed,
            canaries_failed: record.canaries_failed,
            verified_in_row: record.verified_in_row,
            credit_earned: record.credit_earned,
            credit_withheld: record.credit_withheld,
            credit_forfeited: record.credit_forfeited,
        }
    }
}

/// A task that a node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeTask {
    /// The task.
    pub task_id: u64,
    /// Its job.
    pub job_id: u64,
    /// The first frames of it that are still to come.
    pub frames: Vec<i32>,
    /// How many are still to come.
    pub frames_left: usize,
}

/// A node that ever joined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeInfo {
    /// Its key.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Who it belongs to.
    pub owner: String,
    /// What its ticket lets it do.
    pub roles: Vec<RoleName>,
    /// When it joined first.
    pub joined_at_ms: u64,
    /// Whether it is connected.
    pub linked: bool,
    /// Whether its owner lets it rest.
    pub paused: bool,
    /// When it was heard of last; none if that was before the manager started.
    pub heard_at_ms: Option<u64>,
    /// What it renders on; none while it is not connected.
    pub device: Option<String>,
    /// Memory that it lends; none while it is not connected.
    pub memory_bytes: Option<u64>,
    /// Exact builds that it can run.
    pub engines: Vec<String>,
    /// Tasks that it works on at once, of each role.
    pub slots: u32,
    /// What its standing follows from.
    pub record: NodeRecord,
    /// The share of its frames that would be checked now, from 0 to 1, at the credit of the last job's
    /// frames; none of a node that is no worker.
    pub check_rate: Option<f64>,
    /// Why it gets no more work, if so.
    pub suspended: Option<String>,
    /// What it renders now.
    pub tasks: Vec<NodeTask>,
    /// How many verification tasks it has now. Which ones is not told: verification is blind.
    pub verifications: usize,
}
