//! Backups of a manager, and managers from backups; and what else only its owner may have.
//!
//! A manager that runs hands its rows and blobs out over a socket in its own folder, so that only
//! whoever may read that folder gets them: they hold its key and the verification keys of tasks. It
//! reads its own copy of the database, so it needs no other manager.
//!
//! ```text
//! asked: "backup\n"        answer: length (8 bytes, little-endian), backup
//! asked: hash (32 bytes)   answer: length, blob; a length of 2^64 - 1 if it isn't there
//!
//! asked: "secret\n"        answer: length, the secret that webhooks are signed with; 0 if there is none yet
//! ```

mod restore;
mod save;
mod secret;
mod serve;

pub use restore::{Restored, restore};
pub use save::{Saved, save};
pub use secret::webhook_secret;
pub(crate) use serve::serve;

use std::path::{Path, PathBuf};

/// The socket in a manager's folder.
const SOCKET: &str = "control.sock";

/// The main file of a backup.
const MAIN_FILE: &str = "candela.backup";

/// Where a backup keeps its blobs.
const BLOBS: &str = "blobs";

/// Small files of a manager's folder that make it the manager that it is.
const FILES: [&str; 3] = ["node.key", "port", "token"];

/// Says that a blob is not there.
const NOT_THERE: u64 = u64::MAX;

/// Bytes of a blob that are held in memory at once.
const PART_BYTES: u64 = 1 << 20;

/// Why there is no backup, or no manager from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder can't be used.
    #[error("{step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No manager runs on the folder.
    #[error("no manager runs on {}: start it, or name the folder of one that runs with --data", .0.display())]
    NotRunning(PathBuf),
    /// The manager broke off.
    #[error("the manager broke off; what was saved before is good, try again")]
    BrokeOff(#[source] std::io::Error),
    /// The main file is none, or damaged.
    #[error("{} is no backup that can be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: candela_wire::DecodeError,
    },
    /// A manager is there already.
    #[error("{} holds a manager already; restore into an empty folder", .0.display())]
    NotEmpty(PathBuf),
    /// The backup names a table that this program doesn't have.
    #[error("the backup has a table {0:?}, which this program doesn't know: use a newer one")]
    UnknownTable(String),
    /// The database can't be made.
    #[error("make the database")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage can't be filled.
    #[error("fill the storage")]
    Storage(#[from] candela_blobs::BlobError),
}

fn file(step: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { step, path, source }
}

/// Where a backup keeps a blob: folders by the first byte, so that none becomes too full.
fn blob_path(folder: &Path, hash: candela_core::id::BlobHash) -> PathBuf {
    let name = hash.to_string();
    folder.join(BLOBS).join(&name[..2]).join(name)
}
