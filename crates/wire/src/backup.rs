//! The main file of a manager's backup: all rows, what its blobs are kept under, and who it is.
//!
//! ```text
//! MAGIC (16 bytes) · postcard of the backup · blake3 of all before (32 bytes)
//! ```
//!
//! The blobs lie beside it, each in a file named by its hash.

use crate::error::DecodeError;
use crate::mirror::to_bytes;
use candela_core::id::BlobHash;
use serde::{Deserialize, Serialize};

/// What the file begins with; it carries the version.
pub const MAGIC: &[u8; 16] = b"candela backup 1";

const KIND: &str = "backup";
const HASH_BYTES: usize = 32;

/// A manager's backup. It holds secrets: the manager's key, and the verification keys of tasks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Version of the program that made it.
    pub program: String,
    /// When, in milliseconds since 1970.
    pub made_at: u64,
    /// Number of the last commit that it holds.
    pub commit: u64,
    /// Small files of the manager's folder: its key, its port.
    pub files: Vec<(String, Vec<u8>)>,
    /// Rows by table: its name, then keys and bodies.
    pub tables: Vec<(String, Vec<StoredRow>)>,
    /// The names under which blobs are kept.
    pub pins: Vec<KeptBlob>,
    /// Every blob that is needed.
    #[serde(with = "crate::mirror")]
    pub blobs: Vec<BlobHash>,
}

/// Key and body of a row.
pub type StoredRow = (Vec<u8>, Vec<u8>);

/// A name under which a blob is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBlob {
    /// The name.
    pub name: String,
    /// What is kept.
    #[serde(with = "crate::mirror")]
    pub hash: BlobHash,
    /// Whether that is a collection, with all of its blobs.
    pub collection: bool,
}

impl std::fmt::Debug for Backup {
    /// Without its contents, which are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: usize = self.tables.iter().map(|(_, rows)| rows.len()).sum();
        f.debug_struct("Backup")
            .field("program", &self.program)
            .field("made_at", &self.made_at)
            .field("commit", &self.commit)
            .field("rows", &rows)
            .field("blobs", &self.blobs.len())
            .finish_non_exhaustive()
    }
}

/// The file's bytes.
#[must_use]
pub fn encode(backup: &Backup) -> Vec<u8> {
    let mut bytes = to_bytes(MAGIC.to_vec(), backup);
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// The backup in a file's bytes.
///
/// # Errors
/// If it is none, or cut off, or damaged, or of a newer program.
pub fn decode(bytes: &[u8]) -> Result<Backup, DecodeError> {
    let malformed = |source| DecodeError::Malformed { kind: KIND, source };
    let short = || malformed(postcard::Error::DeserializeUnexpectedEnd);
    let (magic, _) = bytes.split_first_chunk::<16>().ok_or_else(short)?;
    if magic[..15] != MAGIC[..15] {
        return Err(malformed(postcard::Error::SerdeDeCustom));
    }
    if magic != MAGIC {
        let version = magic[15].wrapping_sub(b'0');
        return Err(DecodeError::VersionUnknown { kind: KIND, version });
    }
    let end = bytes.len().checked_sub(HASH_BYTES).filter(|end| *end >= 16).ok_or_else(short)?;
    let (body, hash) = bytes.split_at(end);
    if blake3::hash(body).as_bytes() != hash {
        return Err(malformed(postcard::Error::DeserializeBadEncoding));
    }
    let (backup, rest) = postcard::take_from_bytes(&body[16..]).map_err(malformed)?;
    if !rest.is_empty() {
        let expected = bytes.len() - rest.len();
        return Err(DecodeError::WrongLength { kind: KIND, bytes: bytes.len(), expected });
    }
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Backup {
        Backup {
            program: "0.1.0".into(),
            made_at: 7,
            commit: 3,
            files: vec![("node.key".into(), vec![1; 32])],
            tables: vec![("jobs".into(), vec![(vec![0, 1], vec![3, 4])])],
            pins: vec![KeptBlob {
                name: "scene/1".into(),
                hash: BlobHash([5; 32]),
                collection: true,
            }],
            blobs: vec![BlobHash([5; 32]), BlobHash([6; 32])],
        }
    }

    #[test]
    fn comes_back_as_it_was_or_not_at_all() {
        let bytes = encode(&backup());
        assert_eq!(decode(&bytes), Ok(backup()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_err(), "byte {at}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn says_what_it_does_not_know() {
        let mut newer = encode(&backup());
        newer[15] = b'2';
        let error = decode(&newer).unwrap_err().to_string();
        assert_eq!(error, "a backup of version 2 isn't known here");
    }
}
