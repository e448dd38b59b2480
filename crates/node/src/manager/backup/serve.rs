//! The manager's side: answers on the socket in its folder.

use super::{FILES, NOT_THERE, PART_BYTES, SOCKET};
use crate::manager::clock::now;
use crate::manager::secret;
use candela_blobs::{BlobError, Blobs};
use candela_core::id::BlobHash;
use candela_taskdb::{Table, TaskDb};
use candela_wire::backup::{Backup, KeptBlob, encode};
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// Names under which blobs are kept that jobs stand on.
const PREFIXES: [&str; 2] = ["job/", "scene/"];

/// What is asked for first.
pub(super) const ASK: &[u8; 7] = b"backup\n";

/// What is asked for the secret that webhooks are signed with.
pub(super) const ASK_SECRET: &[u8; 7] = b"secret\n";

/// Answers for as long as the manager runs.
pub(crate) async fn serve(folder: PathBuf, db: Arc<TaskDb>, blobs: Blobs) {
    let path = folder.join(SOCKET);
    // Left by a process that was killed; the folder's lock says that it is gone.
    std::fs::remove_file(&path).ok();
    let bound = UnixListener::bind(&path).and_then(|listener| {
        // Whatever the folder lets others do, and before anybody is answered.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = match bound {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "no backups can be made of this manager");
            return;
        }
    };
    while let Ok((stream, _)) = listener.accept().await {
        let (folder, db, blobs) = (folder.clone(), db.clone(), blobs.clone());
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &folder, &db, &blobs).await {
                tracing::info!(%error, "a backup broke off");
            }
        });
    }
}

async fn answer(
    mut stream: UnixStream,
    folder: &Path,
    db: &TaskDb,
    blobs: &Blobs,
) -> io::Result<()> {
    let mut asked = [0; ASK.len()];
    stream.read_exact(&mut asked).await?;
    if asked == *ASK_SECRET {
        let stored = db.table_of_copy(Table::Meta).await.map_err(io::Error::other)?;
        let secret = secret::find(&stored).map_err(io::Error::other)?.unwrap_or_default();
        stream.write_u64_le(secret.len() as u64).await?;
        return stream.write_all(secret.as_bytes()).await;
    }
    if asked != *ASK {
        return Err(io::Error::other("not asked for a backup"));
    }
    let backup = backup(folder, db, blobs).await.map_err(io::Error::other)?;
    let bytes = encode(&backup);
    stream.write_u64_le(bytes.len() as u64).await?;
    stream.write_all(&bytes).await?;
    drop((backup, bytes));
    loop {
        let mut hash = [0; 32];
        match stream.read_exact(&mut hash).await {
            Ok(_) => send_blob(&mut stream, blobs, BlobHash(hash)).await?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn backup(folder: &Path, db: &TaskDb, blobs: &Blobs) -> Result<Backup, Failure> {
    // First the rows: whatever they name is kept when the names are read.
    let snapshot = db.snapshot().await?;
    let mut pins = Vec::new();
    for prefix in PREFIXES {
        let kept = blobs.pins(prefix).await?.into_iter();
        pins.extend(kept.map(|pin| {
            let candela_blobs::Pin { name, hash, collection } = pin;
            KeptBlob { name, hash, collection }
        }));
    }
    let mut needed = BTreeSet::new();
    for pin in &pins {
        needed.insert(pin.hash);
        if pin.collection {
            match blobs.collection_blobs(pin.hash).await {
                Ok(parts) => needed.extend(parts),
                Err(error) => tracing::warn!(pin = pin.name, %error, "not in the backup"),
            }
        }
    }
    let small = FILES.into_iter().filter_map(|name| {
        let bytes = std::fs::read(folder.join(name)).ok()?;
        Some((name.to_owned(), bytes))
    });
    // Of the managers only this one goes on, under a number of its own.
    let tables = snapshot.rows.into_iter().filter(|(table, _)| *table != Table::Managers);
    Ok(Backup {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now().0,
        commit: snapshot.last.number,
        files: small.collect(),
        tables: tables.map(|(table, rows)| (table.name().to_owned(), rows)).collect(),
        pins,
        blobs: needed.into_iter().collect(),
    })
}

async fn send_blob(stream: &mut UnixStream, blobs: &Blobs, hash: BlobHash) -> io::Result<()> {
    let failed = |error: BlobError| io::Error::other(error);
    let Some(bytes) = blobs.size(hash).await.map_err(failed)? else {
        return stream.write_u64_le(NOT_THERE).await;
    };
    stream.write_u64_le(bytes).await?;
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + PART_BYTES);
        let part = blobs.read_range(hash, at..end).await.map_err(failed)?;
        stream.write_all(&part).await?;
        at = end;
    }
    Ok(())
}
