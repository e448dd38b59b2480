//! Blobs and collections as files.

use crate::collection::Collection;
use crate::error::{BlobError, file, store};
use crate::store::{Blobs, iroh_hash};
use candela_core::id::BlobHash;
use iroh_blobs::HashAndFormat;
use std::io;
use std::path::{Path, PathBuf};

/// How a blob becomes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportMode {
    /// A copy of its own (cheap where the file system can), for people: it may be changed.
    Copy,
    /// Read-only, and where possible the same file as in the store: for the engine, which must not
    /// write it. Who may change permissions could damage the store through it.
    ReadOnly,
}

impl Blobs {
    /// Writes a blob to a file, which appears whole or not at all and replaces what was there.
    ///
    /// # Errors
    /// When the blob is not here, the file can't be written, or the disk is full.
    pub async fn export(
        &self,
        hash: BlobHash,
        target: &Path,
        mode: ExportMode,
    ) -> Result<(), BlobError> {
        let target = std::path::absolute(target).map_err(file("finding", target))?;
        let _held = self.hold(HashAndFormat::raw(iroh_hash(hash))).await?;
        if !self.has(hash).await? {
            return Err(BlobError::Missing { hash });
        }
        let part = beside(&target, "part");
        let written = self.write(hash, &part, mode).await;
        let placed = written
            .and_then(|()| std::fs::rename(&part, &target).map_err(file("placing", &target)));
        // Also when it worked: renaming onto another link of the same file leaves both.
        let _ = std::fs::remove_file(&part);
        placed
    }

    async fn write(&self, hash: BlobHash, path: &Path, mode: ExportMode) -> Result<(), BlobError> {
        if mode == ExportMode::ReadOnly && std::fs::hard_link(self.data_path(hash), path).is_ok() {
            return read_only(path).map_err(file("protecting", path));
        }
        let exported = self.store().export(iroh_hash(hash), path).await;
        exported.map_err(store("writing", path.display()))?;
        match mode {
            ExportMode::Copy => Ok(()),
            ExportMode::ReadOnly => read_only(path).map_err(file("protecting", path)),
        }
    }

    /// Makes a folder of a collection: it appears whole or not at all, and must not be there before.
    ///
    /// Nothing is written outside of it: the names were checked, and the folder is built under a
    /// name of our own, where nobody has put links.
    ///
    /// # Errors
    /// When the collection or one of its blobs is not here, the folder exists, or the disk is full.
    pub async fn export_collection(
        &self,
        hash: BlobHash,
        folder: &Path,
        mode: ExportMode,
    ) -> Result<Collection, BlobError> {
        let folder = std::path::absolute(folder).map_err(file("finding", folder))?;
        let _held = self.hold(HashAndFormat::hash_seq(iroh_hash(hash))).await?;
        let collection = self.load_collection(hash).await?;
        if folder.symlink_metadata().is_ok() {
            let there = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(file("making the folder", &folder)(there));
        }
        let part = beside(&folder, "part");
        let built = self.build(&collection, &part, mode).await;
        let placed =
            built.and_then(|()| std::fs::rename(&part, &folder).map_err(file("placing", &folder)));
        if placed.is_err() {
            let _ = std::fs::remove_dir_all(&part);
        }
        placed.map(|()| collection)
    }

    async fn build(
        &self,
        collection: &Collection,
        folder: &Path,
        mode: ExportMode,
    ) -> Result<(), BlobError> {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(file("making the folder", parent))?;
        }
        // Fails if anything has this name, a link too: what follows is in a folder of our own.
        std::fs::create_dir(folder).map_err(file("making the folder", folder))?;
        for (name, hash) in collection.entries() {
            let path = name.split('/').fold(folder.to_owned(), |path, part| path.join(part));
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(file("making the folder", parent))?;
            }
            if !self.has(*hash).await? {
                return Err(BlobError::Missing { hash: *hash });
            }
            self.write(*hash, &path, mode).await?;
        }
        Ok(())
    }
}

/// A name next to `path` that nobody else in this process or another uses.
fn beside(path: &Path, kind: &str) -> PathBuf {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().take(40).collect();
    path.with_file_name(format!(".{name}.{}-{number}.{kind}", std::process::id()))
}

fn read_only(path: &Path) -> io::Result<()> {
    let mut permissions = std::fs::metadata(path)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(path, permissions)
}
