//! Files: hashed, uploaded from the disk, downloaded to the disk.

use crate::client::Client;
use crate::error::ClientError;
use crate::limits::READ_BYTES;
use crate::pieces::{Told, tell};
use futures_lite::StreamExt;
use reqwest::Response;
use reqwest::header::ETAG;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tokio_util::io::ReaderStream;

/// A file that was read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    /// BLAKE3 hash of its bytes, in hexadecimal digits.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
}

/// An output that was downloaded and compared with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// BLAKE3 hash of its bytes.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
}

/// Hashes a file without holding it in memory.
///
/// # Errors
/// The file can't be read.
pub async fn hash_file(path: &Path) -> Result<HashedFile, ClientError> {
    let reading = |source| ClientError::File { step: "reading", path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(reading)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; READ_BYTES];
    loop {
        let length = file.read(&mut piece).await.map_err(reading)?;
        if length == 0 {
            break;
        }
        hasher.update(&piece[..length]);
    }
    Ok(HashedFile { hash: hasher.finalize().to_hex().to_string(), bytes: hasher.count() })
}

/// Returns when `sent` has not changed for `silent`.
pub(crate) async fn standstill(sent: &AtomicU64, silent: Duration) {
    let mut before = sent.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(silent).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// A request's body that is read from a file as it is sent.
pub(crate) struct FileBody {
    /// The body.
    pub(crate) body: reqwest::Body,
    /// How much of it went out.
    pub(crate) sent: Arc<AtomicU64>,
}

/// Bytes of a file from an offset on, as a request's body.
pub(crate) async fn file_range(
    path: &Path,
    offset: u64,
    bytes: u64,
    told: Told,
) -> Result<FileBody, ClientError> {
    let reading = |source| ClientError::File { step: "reading", path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(reading)?;
    file.seek(SeekFrom::Start(offset)).await.map_err(reading)?;
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    let pieces = ReaderStream::with_capacity(file.take(bytes), READ_BYTES);
    let pieces = pieces.map(move |piece| {
        if let Ok(piece) = &piece {
            counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
            tell(&told, piece.len() as u64);
        }
        piece
    });
    Ok(FileBody { body: reqwest::Body::wrap_stream(pieces), sent })
}

/// Writes a reply's body to a file: under another name first, and to its own once its hash is right.
pub(crate) async fn save(
    client: &Client,
    response: Response,
    what: &str,
    to: &Path,
) -> Result<Downloaded, ClientError> {
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
    let want = etag.map(|etag| etag.trim_matches('"').to_owned());
    let want = want.ok_or_else(|| client.protocol("an output without its hash"))?;
    let part = part_name(to);
    let got = write(client, response, &part).await;
    let checked = match got {
        Ok(got) if got.hash == want => {
            let named = fs::rename(&part, to).await;
            named.map(|()| got).map_err(|source| failed("writing", to, source))
        }
        Ok(got) => Err(ClientError::Damaged { what: what.to_owned(), want, got: got.hash }),
        Err(error) => Err(error),
    };
    if checked.is_err() {
        // It may not even have been made.
        fs::remove_file(&part).await.ok();
    }
    checked
}

/// Writes a reply's body to a file: under another name first, and to its own once it is whole.
pub(crate) async fn save_as_is(
    client: &Client,
    response: Response,
    to: &Path,
) -> Result<u64, ClientError> {
    let part = part_name(to);
    let saved = match write(client, response, &part).await {
        Ok(got) => {
            let named = fs::rename(&part, to).await;
            named.map(|()| got.bytes).map_err(|source| failed("writing", to, source))
        }
        Err(error) => Err(error),
    };
    if saved.is_err() {
        // It may not even have been made.
        fs::remove_file(&part).await.ok();
    }
    saved
}

async fn write(
    client: &Client,
    response: Response,
    part: &Path,
) -> Result<Downloaded, ClientError> {
    let writing = |source| failed("writing", part, source);
    let mut file = File::create(part).await.map_err(writing)?;
    let mut hasher = blake3::Hasher::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|source| client.unreachable(source))?;
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(writing)?;
    }
    file.flush().await.map_err(writing)?;
    file.sync_all().await.map_err(writing)?;
    Ok(Downloaded { hash: hasher.finalize().to_hex().to_string(), bytes: hasher.count() })
}

/// Beside the target, so that the renaming stays within one file system; hidden, and its own for each process.
fn part_name(to: &Path) -> PathBuf {
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    to.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn failed(step: &'static str, path: &Path, source: io::Error) -> ClientError {
    ClientError::File { step, path: path.to_owned(), source }
}
