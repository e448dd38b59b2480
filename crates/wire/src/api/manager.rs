//! The managers of a network as people see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The managers, as the one that was asked knows them. Each answers for itself, also without a leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManagersInfo {
    /// Number of the manager that answers.
    pub own: u64,
    /// Number of the leader; none while too few managers are there to elect one.
    pub leader: Option<u64>,
    /// Grows with each election.
    pub term: u64,
    /// Entries of the log that the answering manager has.
    pub log_entries: u64,
    /// Of these, entries that its copy of the database holds.
    pub applied: u64,
    /// The managers.
    pub managers: Vec<ManagerInfo>,
    /// What there is to do, as the answering manager's copy has it.
    pub queue: QueueInfo,
}

/// One manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManagerInfo {
    /// Its number.
    pub number: u64,
    /// Its key.
    pub node: String,
    /// Where nodes and other managers reach it.
    pub addresses: Vec<String>,
    /// `host:port` on which its database replicates.
    pub database: String,
    /// Whether it leads.
    pub leads: bool,
    /// How many entries of the log it lacks, as the leader knows; none if a follower answers.
    pub behind: Option<u64>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueInfo {
    /// Jobs that are not over.
    pub jobs: u64,
    /// Their frames that wait for a worker.
    pub frames_waiting: u64,
    /// Their frames that are being rendered.
    pub frames_rendering: u64,
    /// Their frames that are being verified.
    pub frames_verifying: u64,
    /// Nodes that ever joined.
    pub nodes: u64,
    /// Nodes that have a session; known to the leader.
    pub nodes_linked: u64,
}
