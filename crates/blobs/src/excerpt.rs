//! Excerpts: parts of a blob with the hashes that tie them to its name, to be kept and checked by
//! anyone, offline.

use crate::error::{BlobError, store};
use crate::store::{Blobs, iroh_hash};
use bytes::Bytes;
use candela_core::id::BlobHash;
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt};
use std::ops::Range;

/// The chunks that hold these ranges of bytes.
fn chunks(ranges: &[Range<u64>]) -> ChunkRanges {
    let parts = ranges.iter().map(|range| ChunkRanges::bytes(range.clone()));
    parts.fold(ChunkRanges::empty(), |all, part| all | part)
}

impl Blobs {
    /// The excerpt of a blob that holds these ranges: its length, then BLAKE3's tree as far as it is
    /// needed (the encoding of verified streaming, in groups of 16 KiB).
    ///
    /// The rest of the blob need not be here.
    ///
    /// # Errors
    /// When one of the ranges is not here, or the store fails.
    pub async fn excerpt(&self, hash: BlobHash, ranges: &[Range<u64>]) -> Result<Bytes, BlobError> {
        let encoded = self.store().export_bao(iroh_hash(hash), chunks(ranges)).bao_to_vec().await;
        encoded.map(Bytes::from).map_err(store("making an excerpt of blob", hash))
    }
}
