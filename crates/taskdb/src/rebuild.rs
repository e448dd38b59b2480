//! Brings the database back to its last snapshot after a crash.
//!
//! hiqlite marks a database in use with a file; found at the start, it makes hiqlite throw the
//! database away and rebuild it from snapshot and log, since SQLite doesn't sync here. That is
//! right, but hiqlite prints its progress to the standard output, which belongs to the command line.
//! So the snapshot is put in place here, which leaves the same files as an orderly shutdown right
//! after the snapshot, and hiqlite only applies the log.
//! Without a snapshot nothing is printed, and hiqlite does it all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file with which hiqlite marks a database in use.
const MARK: &str = "lock";

/// Puts the last snapshot in the place of a database that wasn't closed in good order.
/// The caller holds the folder's lock, so nobody else does.
pub(crate) fn restore_snapshot(store: &Path) -> io::Result<()> {
    let base = store.join("state_machine");
    let mark = base.join(MARK);
    if !fs::exists(&mark)? {
        return Ok(());
    }
    let Some(snapshot) = last_snapshot(&base.join("snapshots"))? else { return Ok(()) };
    tracing::info!("the database was not closed in good order: restoring its last snapshot");
    let database = base.join("db");
    match fs::remove_dir_all(&database) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir(&database)?,
    }
    fs::copy(snapshot, database.join("hiqlite.db"))?;
    // Last, so that a crash before makes the next start do it all again.
    fs::remove_file(mark)
}

/// Makes the next start rebuild the database, as after a crash.
pub(crate) fn mark(store: &Path) -> io::Result<()> {
    File::create(store.join("state_machine").join(MARK))?.sync_all()
}

/// Snapshots are named by time-ordered UUIDs; others in the folder are unfinished.
fn last_snapshot(folder: &Path) -> io::Result<Option<PathBuf>> {
    if !fs::exists(folder)? {
        return Ok(None);
    }
    let mut last: Option<PathBuf> = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_uuid = name.len() == 36 && name.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        if is_uuid && last.as_ref().is_none_or(|last| *last < path) {
            last = Some(path);
        }
    }
    Ok(last)
}
