//! Uploads that go on where they broke off, and send only what the manager lacks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadChunk {
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Its length; at most [`super::limits::CHUNK_BYTES_MAX`].
    pub bytes: u64,
}

/// Begins an upload, or asks how far it is: the same file is the same upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
    /// The file in pieces, in order, of which the manager may know some from earlier files of the same
    /// user; cut it where its contents say, not where its length does. At most
    /// [`super::limits::CHUNKS_MAX`].
    #[serde(default)]
    pub chunks: Vec<UploadChunk>,
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadRange {
    /// Where they begin.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadInfo {
    /// Its number: 64 hexadecimal digits.
    pub id: String,
    /// Length of the file.
    pub bytes: u64,
    /// BLAKE3 hash of the file, for [`super::SceneFile::hash`]; there once all of it is.
    pub hash: Option<String>,
    /// What is still to be sent, in order; the first [`super::limits::RANGES_TOLD_MAX`] ranges.
    pub missing: Vec<UploadRange>,
    /// How many bytes are still to be sent.
    pub missing_bytes: u64,
    /// How many bytes were known from earlier files and needn't be sent.
    pub known_bytes: u64,
}
