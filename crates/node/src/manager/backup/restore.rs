//! Making a manager from a backup: alone, with the key and the port of the one that was saved, so
//! that nodes find it where they looked before. Others can join it then.

use super::save::write_whole;
use super::{BackupError, MAIN_FILE, blob_path, file};
use candela_blobs::{Blobs, ImportMode};
use candela_taskdb::{RowWrite, Table, TaskDb, TaskDbConfig};
use candela_wire::backup::{Backup, decode};
use std::path::{Component, Path};

/// Bytes of one commit while rows are written, about; well below what a commit may have.
const COMMIT_BYTES: usize = 16 << 20;

/// Name under which blobs are kept until all are there.
const RESTORING: &str = "restoring/";

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made, in milliseconds since 1970.
    pub made_at: u64,
    /// Rows of the database.
    pub rows: usize,
    /// Blobs.
    pub blobs: usize,
    /// Blobs that the backup names and doesn't have.
    pub blobs_missing: usize,
}

/// Makes a manager's folder from a backup. If it breaks off, the folder is of no use: remove it.
///
/// # Errors
/// If the backup can't be read, or the folder holds something already or can't be written.
pub async fn restore(from: &Path, data_dir: &Path) -> Result<Restored, BackupError> {
    let main = from.join(MAIN_FILE);
    let bytes = std::fs::read(&main).map_err(file("read", &main))?;
    let backup = decode(&bytes);
    let backup = backup.map_err(|source| BackupError::Unreadable { path: main, source })?;
    drop(bytes);
    let there = std::fs::read_dir(data_dir).is_ok_and(|mut entries| entries.next().is_some());
    if there {
        return Err(BackupError::NotEmpty(data_dir.to_owned()));
    }
    let rows = writes(&backup)?;
    std::fs::create_dir_all(data_dir).map_err(file("make the folder", data_dir))?;
    let (blobs, blobs_missing) = fill(&backup, from, data_dir).await?;
    let count = rows.len();
    commit(data_dir, rows).await.map_err(BackupError::Database)?;
    for (name, bytes) in &backup.files {
        // A name, and not a way out of the folder.
        let mut parts = Path::new(name).components();
        if let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) {
            write_whole(&data_dir.join(name), bytes)?;
        }
    }
    Ok(Restored { made_at: backup.made_at, rows: count, blobs, blobs_missing })
}

fn writes(backup: &Backup) -> Result<Vec<RowWrite>, BackupError> {
    let mut writes = Vec::new();
    for (name, rows) in &backup.tables {
        let table = Table::ALL.into_iter().find(|table| table.name() == name);
        let table = table.ok_or_else(|| BackupError::UnknownTable(name.clone()))?;
        let put =
            |(key, body): &(Vec<u8>, Vec<u8>)| RowWrite::put(table, key.clone(), body.clone());
        writes.extend(rows.iter().map(put));
    }
    Ok(writes)
}

async fn commit(
    data_dir: &Path,
    rows: Vec<RowWrite>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let db = TaskDb::open(TaskDbConfig::lone(data_dir.join("db"))).await?;
    let epoch = db.take_over().await?;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += row.key.len() + row.body.as_ref().map_or(0, Vec::len) + 64;
        batch.push(row);
        if bytes > COMMIT_BYTES {
            db.commit(epoch, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        db.commit(epoch, batch).await?;
    }
    db.shutdown().await?;
    Ok(())
}

/// Fills the storage; how many blobs came, and how many the backup doesn't have.
async fn fill(
    backup: &Backup,
    from: &Path,
    data_dir: &Path,
) -> Result<(usize, usize), BackupError> {
    let options = candela_blobs::OpenOptions::default();
    let blobs = Blobs::open(&data_dir.join("blobs"), options).await?;
    let (mut came, mut missing) = (0, 0);
    for hash in &backup.blobs {
        let path = blob_path(from, *hash);
        if !path.is_file() {
            missing += 1;
            continue;
        }
        let pin = format!("{RESTORING}{hash}");
        let added = blobs.add_path(&path, ImportMode::Copy, &pin).await?;
        if added.hash == *hash {
            came += 1;
        } else {
            tracing::warn!(%hash, "a blob of the backup is damaged");
            blobs.unpin(&pin).await?;
            missing += 1;
        }
    }
    for pin in &backup.pins {
        match pin.collection {
            true => blobs.pin_collection(&pin.name, pin.hash).await?,
            false => blobs.pin(&pin.name, pin.hash).await?,
        }
    }
    blobs.unpin_prefix(RESTORING).await?;
    blobs.sync().await?;
    blobs.shutdown().await?;
    Ok((came, missing))
}
