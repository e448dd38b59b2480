//! Taking a backup of a manager that runs, into a folder. Blobs that are there already stay.

use super::serve::ASK;
use super::{BLOBS, BackupError, MAIN_FILE, NOT_THERE, SOCKET, blob_path, file};
use candela_core::id::BlobHash;
use candela_wire::backup::decode;
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// What was saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saved {
    /// Rows of the database.
    pub rows: usize,
    /// Blobs that the backup has.
    pub blobs: usize,
    /// Of these, the ones that came now.
    pub blobs_new: usize,
    /// Bytes of those.
    pub bytes_new: u64,
    /// Blobs that the manager doesn't have.
    pub blobs_missing: usize,
}

/// Saves the manager that runs on a folder. The main file is replaced last: a backup that breaks off
/// leaves the one before as it was.
///
/// # Errors
/// If no manager runs there, it breaks off, or the folder can't be written.
pub async fn save(data_dir: &Path, to: &Path) -> Result<Saved, BackupError> {
    let connected = UnixStream::connect(data_dir.join(SOCKET)).await;
    let mut stream = connected.map_err(|_| BackupError::NotRunning(data_dir.to_owned()))?;
    make_private(to)?;
    stream.write_all(ASK).await.map_err(BackupError::BrokeOff)?;
    let length = stream.read_u64_le().await.map_err(BackupError::BrokeOff)?;
    let mut bytes = Vec::new();
    let read = (&mut stream).take(length).read_to_end(&mut bytes).await;
    if read.map_err(BackupError::BrokeOff)? as u64 != length {
        return Err(BackupError::BrokeOff(io::ErrorKind::UnexpectedEof.into()));
    }
    let main = to.join(MAIN_FILE);
    let unreadable = |source| BackupError::Unreadable { path: main.clone(), source };
    let backup = decode(&bytes).map_err(unreadable)?;
    let mut saved = Saved {
        rows: backup.tables.iter().map(|(_, rows)| rows.len()).sum(),
        blobs: backup.blobs.len(),
        ..Saved::default()
    };
    for hash in &backup.blobs {
        let path = blob_path(to, *hash);
        if path.is_file() {
            continue;
        }
        match fetch(&mut stream, *hash, &path).await? {
            Some(bytes) => {
                saved.blobs_new += 1;
                saved.bytes_new += bytes;
            }
            None => saved.blobs_missing += 1,
        }
    }
    write_whole(&main, &bytes)?;
    Ok(saved)
}

/// One blob; none if the manager doesn't have it. Written under another name until it is whole.
async fn fetch(
    stream: &mut UnixStream,
    hash: BlobHash,
    path: &Path,
) -> Result<Option<u64>, BackupError> {
    stream.write_all(&hash.0).await.map_err(BackupError::BrokeOff)?;
    let length = stream.read_u64_le().await.map_err(BackupError::BrokeOff)?;
    if length == NOT_THERE {
        return Ok(None);
    }
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(file("make the folder", folder))?;
    let part = path.with_extension("part");
    let mut writer = tokio::fs::File::create(&part).await.map_err(file("write", &part))?;
    let copied = tokio::io::copy(&mut stream.take(length), &mut writer).await;
    let copied = copied.map_err(file("write", &part))?;
    if copied != length {
        return Err(BackupError::BrokeOff(io::ErrorKind::UnexpectedEof.into()));
    }
    writer.sync_all().await.map_err(file("write", &part))?;
    std::fs::rename(&part, path).map_err(file("write", path))?;
    Ok(Some(length))
}

/// A folder that only its owner may enter.
fn make_private(folder: &Path) -> Result<(), BackupError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder.join(BLOBS)).map_err(file("make the folder", folder))
}

/// Replaces a file as a whole; only its owner may read it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).write(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(file("write", path))
}
