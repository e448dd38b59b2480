//! Keeps a reserve free on the store's disk.
//!
//! A full disk is refused before it happens, because the store does not outlive one: see
//! [`crate::limits::RESERVE_BYTES`].

use crate::error::BlobError;
use std::io;
use std::path::{Path, PathBuf};

/// The disk of a store.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    reserve_bytes: u64,
}

impl Room {
    pub(crate) fn new(folder: &Path, reserve_bytes: u64) -> Self {
        Room { folder: folder.to_owned(), reserve_bytes }
    }

    /// Whether so many bytes more leave the reserve alone; yes where the system doesn't tell.
    pub(crate) fn check(&self, bytes: u64) -> Result<(), BlobError> {
        let needed = self.reserve_bytes.saturating_add(bytes);
        match free_bytes(&self.folder) {
            Some(free) if free < needed => Err(BlobError::StorageFull {
                step: "keeping a reserve free in",
                object: self.folder.display().to_string(),
                source: io::Error::new(
                    io::ErrorKind::StorageFull,
                    format!("{free} bytes are free, {needed} are needed"),
                )
                .into(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
