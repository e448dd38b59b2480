//! Uploading: which blobs of a scene the network lacks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks which of these blobs are not stored here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingRequest {
    /// BLAKE3 hashes; at most [`super::limits::MISSING_HASHES_MAX`].
    pub hashes: Vec<String>,
}

/// The blobs that have to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingReply {
    /// Those of the hashes that are not stored here, in the order of the question.
    pub missing: Vec<String>,
}

/// A blob that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlobInfo {
    /// Its BLAKE3 hash.
    pub hash: String,
    /// Its length.
    pub bytes: u64,
}
