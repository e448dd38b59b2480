//! Reading blobs that are here: whole, by ranges, as a stream.

use crate::error::{BlobError, store};
use crate::limits;
use crate::store::{Blobs, iroh_hash};
use bytes::Bytes;
use candela_core::id::BlobHash;
use iroh_blobs::api::blobs::Bitfield;
use iroh_blobs::api::proto::ExportRangesItem;
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt};
use n0_future::{Stream, StreamExt};
use std::ops::Range;

impl Blobs {
    /// Reads a whole blob into memory.
    ///
    /// # Errors
    /// When it is not here, has more than `bytes_max` bytes, or the store fails.
    pub async fn read(&self, hash: BlobHash, bytes_max: u64) -> Result<Bytes, BlobError> {
        let bytes = self.size(hash).await?.ok_or(BlobError::Missing { hash })?;
        if bytes > bytes_max {
            return Err(BlobError::TooLarge { hash, bytes, max: bytes_max });
        }
        let read = self.store().get_bytes(iroh_hash(hash)).await;
        read.map_err(store("reading blob", hash))
    }

    /// Reads a part into memory; the rest of the blob need not be here.
    ///
    /// # Errors
    /// When that part is not here, does not lie within the blob or is longer than
    /// [`limits::READ_BYTES_MAX`], or the store fails.
    pub async fn read_range(&self, hash: BlobHash, range: Range<u64>) -> Result<Bytes, BlobError> {
        let here = self.here(hash).await?;
        let bytes = here.size();
        let Range { start, end } = range;
        let known = here.validated_size().is_some();
        if start > end || end - start > limits::READ_BYTES_MAX || (known && end > bytes) {
            return Err(BlobError::Range { hash, start, end, bytes });
        }
        if start == end {
            return Ok(Bytes::new());
        }
        if !here.ranges.is_superset(&ChunkRanges::bytes(start..end)) {
            return Err(BlobError::Missing { hash });
        }
        let read = self.store().export_ranges(iroh_hash(hash), start..end).concatenate().await;
        let read = read.map_err(store("reading blob", hash))?;
        if read.len() as u64 != end - start {
            return Err(BlobError::Range { hash, start, end, bytes });
        }
        Ok(read.into())
    }

    /// Streams a part of a blob that is wholly here; memory stays small whatever its length.
    ///
    /// # Errors
    /// When it is not here or the range does not lie within it; later failures are items of the stream.
    pub async fn stream(
        &self,
        hash: BlobHash,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + use<>, BlobError> {
        let bytes = self.size(hash).await?.ok_or(BlobError::Missing { hash })?;
        let Range { start, end } = range;
        if start > end || end > bytes {
            return Err(BlobError::Range { hash, start, end, bytes });
        }
        let held = self.hold(iroh_blobs::HashAndFormat::raw(iroh_hash(hash))).await?;
        let parts = self.store().export_ranges(iroh_hash(hash), start..end).stream();
        Ok(parts.filter_map(move |part| {
            let _held = &held;
            match part {
                ExportRangesItem::Data(leaf) => {
                    let leaf_end = leaf.offset + leaf.data.len() as u64;
                    let from = start.clamp(leaf.offset, leaf_end) - leaf.offset;
                    let to = end.clamp(leaf.offset, leaf_end) - leaf.offset;
                    // Within the leaf, whose length is a usize.
                    (from < to).then(|| Ok(leaf.data.slice(from as usize..to as usize)))
                }
                ExportRangesItem::Error(error) => Some(Err(store("reading blob", hash)(error))),
                ExportRangesItem::Size(_) => None,
            }
        }))
    }

    /// Which parts of a blob are here.
    pub(crate) async fn here(&self, hash: BlobHash) -> Result<Bitfield, BlobError> {
        self.store().observe(iroh_hash(hash)).await.map_err(store("looking for blob", hash))
    }
}
