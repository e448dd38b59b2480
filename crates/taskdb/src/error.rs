//! What can go wrong when the database is opened, read or written, and what the caller knows then.

use std::path::PathBuf;

use crate::{Epoch, Table};

/// An error of the store underneath, kept for the log only.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the folder.
    #[error("another manager runs on this data folder: {}{}", folder.display(), of_process(*pid))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The other's process id, where it could be read.
        pid: Option<u32>,
    },
    /// A file of the folder could not be created, read or written.
    #[error("{step} {}", path.display())]
    Folder {
        /// What was tried, as a verb: "create", "lock", "read", "write".
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The folder's path is not valid Unicode, which the store underneath requires.
    #[error("data folder is not valid Unicode: {}", .0.display())]
    FolderName(PathBuf),
    /// No two free ports were found on the loopback address.
    #[error("no free port on the loopback address for the database")]
    NoPort,
    /// The disk has less free space than the database needs to start.
    #[error("too little free space for the database in {}: {free_bytes} of {needed_bytes} bytes", folder.display())]
    StorageFull {
        /// The folder.
        folder: PathBuf,
        /// Free bytes found.
        free_bytes: u64,
        /// Free bytes needed.
        needed_bytes: u64,
    },
    /// The configuration of the cluster is wrong.
    #[error("cluster configuration: {0}")]
    Cluster(&'static str),
    /// The database was written by a newer Candela.
    #[error(
        "the database has schema version {found}, this program knows up to {known}: \
         update it, or use another data folder"
    )]
    NewerSchema {
        /// Version found in the database.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
    /// The store did not start, catch up or migrate.
    #[error("{step} the database in {}", folder.display())]
    Start {
        /// What was tried, as a verb.
        step: &'static str,
        /// The folder.
        folder: PathBuf,
        /// The store's reason.
        source: Source,
    },
}

fn of_process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// Why a commit was not acknowledged.
///
/// Only [`CommitError::Unknown`] leaves open whether the rows were written; after every other
/// error nothing was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another manager has taken over; nothing was written.
    #[error("commit in epoch {}: another manager has taken over", epoch.number())]
    StaleEpoch {
        /// The epoch of the commit.
        epoch: Epoch,
    },
    /// The disk is nearly full; nothing was written, and the database keeps working.
    /// Refuse new work, and try again when there is room.
    #[error("commit needs {needed_bytes} free bytes on the disk, {free_bytes} are left")]
    StorageFull {
        /// Free bytes found.
        free_bytes: u64,
        /// Free bytes needed.
        needed_bytes: u64,
    },
    /// The commit exceeds [`COMMIT_BYTES_MAX`](crate::COMMIT_BYTES_MAX), or a row of it
    /// [`ROW_BYTES_MAX`](crate::ROW_BYTES_MAX); nothing was written.
    #[error("commit or row of {bytes} bytes exceeds the limit of {max} bytes")]
    TooLarge {
        /// Size of the commit or row.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The commit may or may not have been written.
    ///
    /// Forget the state in memory, [`take over`](crate::TaskDb::take_over) again, and compare
    /// [`last_commit`](crate::TaskDb::last_commit) with `number`. When `reopen` is set, shut the
    /// database down and open it first.
    #[error("outcome of commit {number} is unknown")]
    Unknown {
        /// Number of the commit.
        number: u64,
        /// Whether the database has to be opened again before it takes another commit.
        reopen: bool,
        /// The store's reason.
        source: Source,
    },
    /// The outcome of an earlier commit is unknown; nothing was written. Take over first.
    #[error("the outcome of an earlier commit is unknown: take over first")]
    Unsettled,
    /// The database has failed or was shut down; nothing was written. Open it again.
    #[error("the database is closed")]
    Closed,
}

/// Why the leadership could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeOverError {
    /// The disk is nearly full.
    #[error("taking over needs {needed_bytes} free bytes on the disk, {free_bytes} are left")]
    StorageFull {
        /// Free bytes found.
        free_bytes: u64,
        /// Free bytes needed.
        needed_bytes: u64,
    },
    /// The database has failed or was shut down. Open it again.
    #[error("the database is closed")]
    Closed,
    /// The store did not confirm; taking over again is safe.
    #[error("take over the leadership")]
    Store {
        /// The store's reason.
        source: Source,
    },
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store refused or failed.
    #[error("{step} of {object}")]
    Store {
        /// What was tried.
        step: &'static str,
        /// Table or row that was read.
        object: &'static str,
        /// The store's reason.
        source: Source,
    },
    /// Commits kept coming in between the pages of a table.
    #[error("load of {}: commits keep changing the database", table.name())]
    Changing {
        /// The table.
        table: Table,
    },
}

/// Why an orderly shutdown failed. The data is safe: the next start repairs what is left.
#[derive(Debug, thiserror::Error)]
#[error("shut down the database")]
pub struct ShutdownError {
    /// The store's reason.
    pub(crate) source: Source,
}
