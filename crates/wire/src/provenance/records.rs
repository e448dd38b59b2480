//! The records of a proof, each with its own hash, and the index of its blobs.

use super::header::ENTRY_BYTES;
use crate::check;
use crate::error::DecodeError;
use crate::limits::{
    PROBES_MAX, PROOF_BLOBS_MAX, PROOF_RECORD_BYTES_MAX, PROOF_RECORDS_BYTES_MAX, TASK_FRAMES_MAX,
};
use crate::rows;
use candela_core::counts::TileCounts;
use candela_core::id::BlobHash;
use candela_core::layers::{Size, TILE_PX};
use candela_core::limits::EDGE_PX_MAX;
use candela_core::refusal::Refusal;
use candela_core::task::{Receipt, Task};
use candela_core::verification::{Verdict, VerificationTask};
use std::ops::Range;

/// Kind, length of the row, hash of kind and row.
const START_BYTES: usize = 1 + 4 + 32;

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A task whose lease is over, with its key.
    Task(Task),
    /// A receipt that was decided.
    Receipt(Receipt),
    /// A verification task that was judged.
    Verification(Box<VerificationTask>),
}

impl Record {
    fn kind(&self) -> u8 {
        match self {
            Record::Task(_) => 1,
            Record::Receipt(_) => 2,
            Record::Verification(_) => 3,
        }
    }

    fn row(&self) -> Vec<u8> {
        match self {
            Record::Task(task) => rows::encode_task(task),
            Record::Receipt(receipt) => rows::encode_receipt(receipt),
            Record::Verification(verification) => rows::encode_verification(verification),
        }
    }
}

/// A record that can't be used, and where it lies in its section.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bytes {} to {} of the records: {why}", at.start, at.end)]
pub struct RecordError {
    /// Which bytes of the section.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub why: String,
}

/// Adds a record to the section.
pub fn push_record(section: &mut Vec<u8>, record: &Record) {
    let (kind, row) = (record.kind(), record.row());
    section.push(kind);
    // A row is far below 4 GiB; if it weren't, its reader would say that it is too long.
    section.extend(u32::try_from(row.len()).unwrap_or(u32::MAX).to_le_bytes());
    section.extend(hash_of(kind, &row));
    section.extend(row);
}

fn hash_of(kind: u8, row: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]).update(row);
    hasher.finalize().into()
}

/// The records of a section, in their order, each or what is wrong with it.
///
/// After a record whose length can't be, there are no more.
pub fn records(section: &[u8]) -> impl Iterator<Item = Result<Record, RecordError>> + '_ {
    let mut at = 0;
    let too_long = section.len() > PROOF_RECORDS_BYTES_MAX;
    std::iter::from_fn(move || {
        let rest = section.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let Some(whole) = whole(rest).filter(|_| !too_long) else {
            at = section.len();
            let why = "a record ends behind its section, or is too long".to_owned();
            return Some(Err(RecordError { at: start..at, why }));
        };
        at = start + whole.len();
        Some(record(whole).map_err(|why| RecordError { at: start..at, why }))
    })
}

/// The bytes of the record that stands first.
fn whole(rest: &[u8]) -> Option<&[u8]> {
    let (_, after) = rest.split_first()?;
    let length = u32::from_le_bytes(*after.first_chunk::<4>()?) as usize;
    rest.get(..START_BYTES.checked_add(length).filter(|_| length <= PROOF_RECORD_BYTES_MAX)?)
}

fn record(whole: &[u8]) -> Result<Record, String> {
    let (kind, hash, row) = (whole[0], &whole[5..START_BYTES], &whole[START_BYTES..]);
    if hash_of(kind, row) != *hash {
        return Err("a record is not what its hash says".to_owned());
    }
    let text = |error: DecodeError| error.to_string();
    let record = match kind {
        1 => Record::Task(rows::decode_task(row).map_err(text)?),
        2 => Record::Receipt(rows::decode_receipt(row).map_err(text)?),
        3 => Record::Verification(Box::new(rows::decode_verification(row).map_err(text)?)),
        other => return Err(format!("a record of kind {other} isn't known here")),
    };
    check_record(&record).map_err(|refusal| refusal.message)?;
    Ok(record)
}

fn check_record(record: &Record) -> Result<(), Refusal> {
    match record {
        Record::Task(_) => Ok(()),
        Record::Receipt(receipt) => check::statement(&receipt.statement),
        Record::Verification(verification) => {
            check::count("probes", verification.probes as usize, PROBES_MAX)?;
            verification.verdict().map_or(Ok(()), check_verdict)
        }
    }
}

fn check_verdict(verdict: &Verdict) -> Result<(), Refusal> {
    check::text("reason", &verdict.reason)?;
    check::text("device's name", &verdict.device)?;
    check::count("probes", verdict.probes.len(), PROBES_MAX)?;
    check::count("earlier verdicts", verdict.with.len(), TASK_FRAMES_MAX)?;
    check::count("earlier answers", verdict.peers.len(), PROBES_MAX)?;
    let picture = Size { width: EDGE_PX_MAX, height: EDGE_PX_MAX };
    for probe in &verdict.probes {
        check::region(probe.region, picture)?;
        check_counts(&probe.counts)?;
    }
    verdict.peers.iter().try_for_each(|peer| check_counts(&peer.counts))
}

/// Counts that can be those of pictures, so that nothing overflows when they are added up.
fn check_counts(counts: &TileCounts) -> Result<(), Refusal> {
    let pixels_max = PROBES_MAX as u64 * u64::from(TILE_PX) * u64::from(TILE_PX);
    if counts.pixels > pixels_max || !counts.is_consistent() {
        return Err(check::not_allowed("counts don't fit together"));
    }
    Ok(())
}

/// A blob of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its hash.
    pub hash: BlobHash,
    /// Its length.
    pub bytes: u64,
}

/// The section of the index.
#[must_use]
pub fn encode_index(entries: &[IndexEntry]) -> Vec<u8> {
    let mut section = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        section.extend(entry.hash.0);
        section.extend(entry.bytes.to_le_bytes());
    }
    section
}

/// The blobs of an index, in the order in which they lie in the file, each with its place there.
///
/// # Errors
/// If it is damaged, or its lengths don't add up to that of the pictures.
pub fn decode_index(
    section: &[u8],
    pictures: Range<u64>,
) -> Result<Vec<(IndexEntry, Range<u64>)>, DecodeError> {
    const KIND: &str = "proof's index";
    let count = section.len() / ENTRY_BYTES;
    if !section.len().is_multiple_of(ENTRY_BYTES) || count > PROOF_BLOBS_MAX {
        let (bytes, expected) = (section.len(), count.min(PROOF_BLOBS_MAX) * ENTRY_BYTES);
        return Err(DecodeError::WrongLength { kind: KIND, bytes, expected });
    }
    let mut start = pictures.start;
    let mut entries = Vec::with_capacity(count);
    for entry in section.chunks_exact(ENTRY_BYTES) {
        let (mut hash, mut bytes) = ([0; 32], [0; 8]);
        hash.copy_from_slice(&entry[..32]);
        bytes.copy_from_slice(&entry[32..]);
        let bytes = u64::from_le_bytes(bytes);
        let end = start.checked_add(bytes).filter(|end| *end <= pictures.end);
        let Some(end) = end else { return Err(not_the_length()) };
        entries.push((IndexEntry { hash: BlobHash(hash), bytes }, start..end));
        start = end;
    }
    if start != pictures.end {
        return Err(not_the_length());
    }
    Ok(entries)
}

fn not_the_length() -> DecodeError {
    let source = check::not_allowed("its lengths don't add up to that of the pictures");
    DecodeError::NotAllowed { kind: "proof's index", source }
}
