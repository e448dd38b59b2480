//! How a database is configured: nothing but a folder for one manager, a list for several.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::limits::{
    CLUSTER_ELECTION_MS_DEFAULT, COMMITS_PER_SNAPSHOT_DEFAULT, FREE_BYTES_MIN_DEFAULT,
};

/// Configuration of a manager's database.
#[derive(Clone, Debug)]
pub struct TaskDbConfig {
    /// Folder of the database; created if it doesn't exist. One process at a time uses it.
    pub data_dir: PathBuf,
    /// Commits are refused when the disk has fewer free bytes than this, plus the size of
    /// the database. Default [`FREE_BYTES_MIN_DEFAULT`].
    pub free_bytes_min: u64,
    /// Commits between two snapshots. Default [`COMMITS_PER_SNAPSHOT_DEFAULT`].
    pub commits_per_snapshot: u64,
    /// Host name or address by which other managers reach this one; of a lone manager. It is kept with
    /// the database from its first start on.
    pub host: String,
    /// Address on which this manager listens for the others.
    pub listen: IpAddr,
    /// Shortest time without a leader before another is elected, in milliseconds. The same on all
    /// managers. Default [`CLUSTER_ELECTION_MS_DEFAULT`], for managers in one local network.
    pub election_ms: u64,
    /// The managers that replicate the database; `None` for a lone manager.
    pub cluster: Option<ClusterConfig>,
}

impl TaskDbConfig {
    /// The configuration of a lone manager, with the defaults.
    pub fn lone(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            free_bytes_min: FREE_BYTES_MIN_DEFAULT,
            commits_per_snapshot: COMMITS_PER_SNAPSHOT_DEFAULT,
            host: Ipv4Addr::LOCALHOST.to_string(),
            listen: Ipv4Addr::LOCALHOST.into(),
            election_ms: CLUSTER_ELECTION_MS_DEFAULT,
            cluster: None,
        }
    }
}

/// Managers that replicate one database. The same on each of them but for `this_manager`.
#[derive(Clone)]
pub struct ClusterConfig {
    /// Number of this manager in `managers`.
    pub this_manager: u64,
    /// All managers, this one included.
    pub managers: Vec<ManagerAddress>,
    /// Secret shared by the managers, at least 16 characters.
    pub secret: String,
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConfig")
            .field("this_manager", &self.this_manager)
            .field("managers", &self.managers)
            .finish_non_exhaustive()
    }
}

/// Where one manager's database is reached by the others. Not for anybody else's eyes: keep
/// the addresses on a network of the managers only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerAddress {
    /// Number of the manager, from 1; never used again for another machine.
    pub number: u64,
    /// `host:port` for replication.
    pub replication: String,
    /// `host:port` for requests that are passed on to the leader.
    pub requests: String,
}
