//! Uploads of large files: cut where their contents say, and sent only where the manager lacks them.
//!
//! The cuts are content-defined (FastCDC: Xia et al. 2016), so bytes that were put in move none but
//! the cuts around them.

use crate::client::Client;
use crate::error::ClientError;
use crate::limits::PATIENCE_MAX;
use crate::transfer::file_range;
use candela_wire::api::limits::CHUNK_BYTES_MAX;
use candela_wire::api::{UploadChunk, UploadInfo, UploadRange, UploadRequest};
use data_encoding::HEXLOWER;
use fastcdc::v2020::StreamCDC;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A file below that is sent as it is: cutting it would save less than it costs.
pub(crate) const CUT_BYTES_MIN: u64 = 1 << 20;

/// Usual length of a chunk.
const CHUNK_BYTES: u64 = 64 << 10;

/// Chunks that a file is cut into, about.
const CHUNKS_WANTED: u64 = 50_000;

/// What an upload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// BLAKE3 hash of the file.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
    /// Bytes that went over the network.
    pub sent_bytes: u64,
}

/// Told of every piece that was handed to the network, or needn't be.
pub(crate) type Told = Arc<Mutex<dyn FnMut(u64) + Send>>;

pub(crate) fn tell(told: &Told, bytes: u64) {
    (told.lock().unwrap_or_else(PoisonError::into_inner))(bytes);
}

/// Reads a file once and cuts it.
async fn cut(path: &Path) -> Result<UploadRequest, ClientError> {
    let reading =
        |path: &Path, source| ClientError::File { step: "reading", path: path.to_owned(), source };
    let owned = path.to_owned();
    let cutting = tokio::task::spawn_blocking(move || cut_now(&owned));
    match cutting.await {
        Ok(cut) => cut.map_err(|source| reading(path, source)),
        Err(error) => Err(reading(path, std::io::Error::other(error))),
    }
}

fn cut_now(path: &PathBuf) -> std::io::Result<UploadRequest> {
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let usual =
        (length / CHUNKS_WANTED).next_power_of_two().clamp(CHUNK_BYTES, CHUNK_BYTES_MAX / 4);
    // Within 32 bits: they are at most 16 MiB.
    let [least, usual, most] = [usual / 4, usual, usual * 4].map(|bytes| bytes as u32);
    let mut whole = Sha256::new();
    let (mut bytes, mut chunks) = (0, Vec::new());
    for chunk in StreamCDC::new(file, least, usual, most) {
        let chunk = chunk.map_err(std::io::Error::other)?;
        whole.update(&chunk.data);
        bytes += chunk.data.len() as u64;
        let sha256 = HEXLOWER.encode(&Sha256::digest(&chunk.data));
        chunks.push(UploadChunk { sha256, bytes: chunk.data.len() as u64 });
    }
    Ok(UploadRequest { bytes, sha256: HEXLOWER.encode(&whole.finalize()), chunks })
}

impl Client {
    /// Uploads a large file; where it breaks off it goes on, for as long as the manager answers now and then.
    pub(crate) async fn upload_pieces(
        &self,
        path: &Path,
        hash: &str,
        told: Told,
    ) -> Result<Sent, ClientError> {
        let request = cut(path).await?;
        let mut sent_bytes = 0;
        let mut since = Instant::now();
        let mut first = true;
        loop {
            let step = async {
                let info: UploadInfo = self.post("/uploads", Some(&request)).await?;
                if std::mem::take(&mut first) {
                    tell(&told, request.bytes - info.missing_bytes);
                }
                self.send_missing(path, info, &told, &mut sent_bytes).await
            };
            match step.await {
                Ok(Some(got)) if got == hash => {
                    return Ok(Sent { hash: got, bytes: request.bytes, sent_bytes });
                }
                Ok(Some(got)) => {
                    let what = path.display().to_string();
                    return Err(ClientError::Damaged { what, want: hash.to_owned(), got });
                }
                // More was missing than is told at once, or another manager leads now.
                Ok(None) => since = Instant::now(),
                Err(error) if goes_on(&error) && since.elapsed() < PATIENCE_MAX => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn send_missing(
        &self,
        path: &Path,
        info: UploadInfo,
        told: &Told,
        sent_bytes: &mut u64,
    ) -> Result<Option<String>, ClientError> {
        let mut hash = info.hash;
        for UploadRange { offset, bytes } in info.missing {
            let body = file_range(path, offset, bytes, told.clone()).await?;
            let place = format!("/uploads/{}", info.id);
            let answer = self.put_range(&place, offset, bytes, body).await?;
            *sent_bytes += bytes;
            hash = answer.hash;
        }
        Ok(hash)
    }
}

/// Whether an upload goes on after that: what was sent is kept.
fn goes_on(error: &ClientError) -> bool {
    match error {
        // Another manager leads, and begins anew.
        ClientError::Refused { status: 404, .. } => true,
        ClientError::Unreachable { .. } => true,
        other => other.is_passing(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_byte_put_in_changes_few_chunks() {
        let mut bytes = vec![0; 4 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let before = cut_now(&file(&bytes).path().to_owned()).unwrap();
        assert_eq!(before.bytes, bytes.len() as u64);
        assert_eq!(before.sha256, HEXLOWER.encode(&Sha256::digest(&bytes)));
        assert_eq!(before.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>(), before.bytes);
        bytes.insert(2 << 20, 7);
        let after = cut_now(&file(&bytes).path().to_owned()).unwrap();
        let new = after.chunks.iter().filter(|chunk| !before.chunks.contains(chunk));
        let sent: u64 = new.map(|chunk| chunk.bytes).sum();
        assert!(sent > 0 && sent < (1 << 19), "{sent} bytes");
    }
}
