//! Excerpts: parts of a blob with the hashes that tie them to its name, to be kept and checked by
//! anyone, offline.

use crate::error::{BlobError, store};
use crate::store::{Blobs, iroh_hash};
use bao_tree::io::sync::DecodeResponseIter;
use bao_tree::io::{BaoContentItem, DecodeError};
use bao_tree::{BaoTree, BlockSize};
use bytes::{Bytes, BytesMut};
use candela_core::id::BlobHash;
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt};
use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::ops::Range;

/// An excerpt begins with the length of its blob.
const LENGTH_BYTES: usize = 8;

/// The tree's lowest stored level: groups of 16 chunks of 1 KiB.
const GROUP: BlockSize = BlockSize::from_chunk_log(4);

/// Length of a blob of which excerpts are read, at most: far above any layers, far below where
/// sums overflow.
const BLOB_BYTES_MAX: u64 = 1 << 48;

/// An excerpt does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExcerptError {
    /// A range that can't be part of the blob was asked for.
    #[error("bytes {start} to {end} are not part of a blob of {blob_bytes} bytes")]
    Range {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Length of the blob.
        blob_bytes: u64,
    },
    /// It is of a blob of another length.
    #[error("bytes 0 to 8 of the excerpt say that the blob has {found} bytes, not {expected}")]
    Length {
        /// What it says.
        found: u64,
        /// What the blob has.
        expected: u64,
    },
    /// Bytes of it are not those that the blob's hash commits to.
    #[error("bytes {} to {} of the excerpt don't follow from the blob's hash", at.start, at.end)]
    Wrong {
        /// Which bytes of the excerpt.
        at: Range<usize>,
    },
    /// It ends too early.
    #[error("the excerpt ends at byte {at}, in the middle")]
    Short {
        /// Its length.
        at: usize,
    },
    /// Something follows it.
    #[error("the excerpt ends at byte {at}, and something follows")]
    Long {
        /// Where it should end.
        at: usize,
    },
}

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

/// The bytes of each range, from the excerpt that [`Blobs::excerpt`] made of just these ranges.
///
/// Nothing but the blob's name is trusted, and its length: BLAKE3's tree shows a blob's length in
/// its last bytes only, which an excerpt need not hold. The excerpt is taken as it was made or not
/// at all: a bit of it that is another makes an error.
///
/// # Errors
/// What is wrong with the excerpt, and where.
pub fn read_excerpt(
    hash: BlobHash,
    blob_bytes: u64,
    ranges: &[Range<u64>],
    excerpt: &[u8],
) -> Result<Vec<Bytes>, ExcerptError> {
    for Range { start, end } in ranges.iter().cloned() {
        if start >= end || end > blob_bytes || blob_bytes > BLOB_BYTES_MAX {
            return Err(ExcerptError::Range { start, end, blob_bytes });
        }
    }
    let Some((length, encoded)) = excerpt.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(ExcerptError::Short { at: excerpt.len() });
    };
    let found = u64::from_le_bytes(*length);
    if found != blob_bytes {
        return Err(ExcerptError::Length { found, expected: blob_bytes });
    }
    let leaves = leaves(hash, blob_bytes, &chunks(ranges), encoded)?;
    Ok(ranges.iter().map(|range| joined(&leaves, range)).collect())
}

/// All data of an excerpt, in order, by its place in the blob.
fn leaves(
    hash: BlobHash,
    blob_bytes: u64,
    chunks: &ChunkRanges,
    encoded: &[u8],
) -> Result<Vec<(u64, Bytes)>, ExcerptError> {
    let place = |at: u64| LENGTH_BYTES + usize::try_from(at).unwrap_or(usize::MAX - LENGTH_BYTES);
    let at = Cell::new(0);
    let from = Counted { from: Cursor::new(encoded), at: &at };
    let tree = BaoTree::new(blob_bytes, GROUP);
    let mut leaves = Vec::new();
    let mut before = 0;
    for item in DecodeResponseIter::new(hash.0.into(), tree, from, chunks) {
        match item {
            Ok(BaoContentItem::Leaf(leaf)) => leaves.push((leaf.offset, leaf.data)),
            Ok(BaoContentItem::Parent(_)) => {}
            Err(DecodeError::ParentHashMismatch(_) | DecodeError::LeafHashMismatch(_)) => {
                return Err(ExcerptError::Wrong { at: place(before)..place(at.get()) });
            }
            // Reading from memory fails at its end only.
            Err(_) => return Err(ExcerptError::Short { at: place(encoded.len() as u64) }),
        }
        before = at.get();
    }
    if before < encoded.len() as u64 {
        return Err(ExcerptError::Long { at: place(before) });
    }
    Ok(leaves)
}

/// Counts what is read.
struct Counted<'a> {
    from: Cursor<&'a [u8]>,
    at: &'a Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to);
        self.at.set(self.from.position());
        read
    }
}

/// The bytes of one range. The leaves are in order and hold all of it.
fn joined(leaves: &[(u64, Bytes)], range: &Range<u64>) -> Bytes {
    let mut bytes = BytesMut::new();
    for (offset, data) in leaves {
        let end = offset + data.len() as u64;
        let (from, to) = (range.start.clamp(*offset, end), range.end.clamp(*offset, end));
        // Within the leaf, whose length is a usize.
        bytes.extend_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
    }
    bytes.freeze()
}
