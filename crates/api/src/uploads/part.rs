//! A file that is here in part: its bytes on the disk, and which of them are there.

use crate::limits::UPLOAD_NOTED_BYTES;
use crate::refuse::Refused;
use axum::body::Body;
use candela_core::refusal::RefusalCode;
use futures_lite::StreamExt;
use rangemap::RangeSet;
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};

/// What is kept beside the bytes, so that a manager that starts again goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Whose upload it is.
    pub(crate) owner: String,
    /// Length of the whole file.
    pub(crate) bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal digits.
    pub(crate) sha256: String,
    /// Which bytes are there: start and end.
    pub(crate) have: Vec<(u64, u64)>,
}

/// A file that is here in part.
pub(crate) struct Part {
    /// Its bytes; a sparse file of the whole length.
    path: PathBuf,
    note_path: PathBuf,
    owner: String,
    sha256: String,
    bytes: u64,
    have: Mutex<RangeSet<u64>>,
}

impl Part {
    /// An empty one, in that folder, under that name.
    pub(crate) async fn create(
        folder: &Path,
        name: &str,
        owner: String,
        sha256: String,
        bytes: u64,
    ) -> io::Result<Part> {
        let part = Part::at(folder, name, Note { owner, bytes, sha256, have: Vec::new() });
        let file = File::create(&part.path).await?;
        file.set_len(bytes).await?;
        part.save().await?;
        Ok(part)
    }

    /// What an earlier process left, if all of it is there.
    pub(crate) async fn open(folder: &Path, name: &str) -> io::Result<Part> {
        let note = tokio::fs::read(folder.join(format!("{name}.json"))).await?;
        let note: Note = serde_json::from_slice(&note)?;
        let part = Part::at(folder, name, note);
        let length = tokio::fs::metadata(&part.path).await?.len();
        if length != part.bytes {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has another length"));
        }
        Ok(part)
    }

    fn at(folder: &Path, name: &str, note: Note) -> Part {
        let Note { owner, bytes, sha256, have } = note;
        let have = have.into_iter().filter(|(from, to)| from < to && *to <= bytes);
        Part {
            path: folder.join(format!("{name}.part")),
            note_path: folder.join(format!("{name}.json")),
            owner,
            sha256,
            bytes,
            have: Mutex::new(have.map(|(from, to)| from..to).collect()),
        }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Length of the whole file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the whole file, in hexadecimal digits.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where its bytes are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is not there yet, in order.
    pub(crate) fn missing(&self) -> Vec<Range<u64>> {
        let have = self.have.lock().unwrap_or_else(PoisonError::into_inner);
        // A file without bytes has no range that could be asked for.
        if self.bytes == 0 { Vec::new() } else { have.gaps(&(0..self.bytes)).collect() }
    }

    /// Whether all of a range is there.
    pub(crate) fn has(&self, range: &Range<u64>) -> bool {
        let have = self.have.lock().unwrap_or_else(PoisonError::into_inner);
        have.gaps(range).next().is_none()
    }

    fn note(&self, range: Range<u64>) {
        if range.start < range.end {
            self.have.lock().unwrap_or_else(PoisonError::into_inner).insert(range);
        }
    }

    /// Writes bytes that are known to belong there.
    pub(crate) async fn fill(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.path).await?;
        file.seek(SeekFrom::Start(offset)).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.note(offset..offset + bytes.len() as u64);
        Ok(())
    }

    /// Writes a request's body from an offset on. What arrived before the connection broke counts.
    ///
    /// # Errors
    /// When the body is longer than the file, or breaks off, or the disk fails.
    pub(crate) async fn receive(&self, offset: u64, body: Body) -> Result<(), Refused> {
        let written = self.receive_some(offset, body).await;
        // Even after a failure: this is where the sender goes on.
        self.save().await.map_err(failed)?;
        written
    }

    async fn receive_some(&self, offset: u64, body: Body) -> Result<(), Refused> {
        let mut file = File::options().write(true).open(&self.path).await.map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
        let mut pieces = body.into_data_stream();
        let (mut at, mut saved) = (offset, offset);
        while let Some(piece) = pieces.next().await {
            let Ok(piece) = piece else {
                return Err(Refused::new(
                    RefusalCode::RequestNotUnderstood,
                    "the upload broke off",
                ));
            };
            let end = at + piece.len() as u64;
            if end > self.bytes {
                return Err(too_long(self.bytes));
            }
            file.write_all(&piece).await.map_err(failed)?;
            file.flush().await.map_err(failed)?;
            self.note(at..end);
            at = end;
            if at - saved >= UPLOAD_NOTED_BYTES {
                self.save().await.map_err(failed)?;
                saved = at;
            }
        }
        Ok(())
    }

    async fn save(&self) -> io::Result<()> {
        let have: Vec<(u64, u64)> = {
            let have = self.have.lock().unwrap_or_else(PoisonError::into_inner);
            have.iter().map(|range| (range.start, range.end)).collect()
        };
        let (owner, sha256) = (self.owner.clone(), self.sha256.clone());
        let note = Note { owner, bytes: self.bytes, sha256, have };
        // Beside it first: a note that was cut off would lose the whole upload.
        let beside = self.note_path.with_extension("json.new");
        tokio::fs::write(&beside, serde_json::to_vec(&note)?).await?;
        tokio::fs::rename(&beside, &self.note_path).await
    }

    /// Lets the bytes go.
    pub(crate) async fn remove(&self) {
        for path in [&self.path, &self.note_path] {
            if let Err(error) = tokio::fs::remove_file(path).await
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "an upload's file stays");
            }
        }
    }
}

/// The refusal for more bytes than were announced.
pub(crate) fn too_long(bytes: u64) -> Refused {
    Refused::new(RefusalCode::TooLarge, format!("the file was said to have {bytes} bytes"))
        .with_hint("begin another upload for a file of another length")
}

/// What the disk's failure is to the sender.
pub(crate) fn failed(error: io::Error) -> Refused {
    if error.kind() == io::ErrorKind::StorageFull {
        return Refused::new(RefusalCode::StorageFull, "the manager's storage is full")
            .with_hint("its owner has to free space; what was sent is kept");
    }
    tracing::warn!(%error, "an upload can't be written");
    Refused::unavailable("the upload can't be written")
}
