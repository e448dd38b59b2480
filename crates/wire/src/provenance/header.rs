//! The header of a proof: what lies where, the hash of each part, and the manager's signature.

use super::VERSION;
use crate::error::DecodeError;
use crate::limits::{PROOF_BLOBS_MAX, PROOF_FACTS_BYTES_MAX, PROOF_RECORDS_BYTES_MAX};
use candela_core::id::NodeId;
use std::ops::Range;

const KIND: &str = "proof";

const MAGIC: [u8; 8] = *b"CNDLPROF";

/// Magic, version, three sections with their hashes, the pictures' length, the manager's key.
const SIGNED_BYTES: usize = 8 + 1 + 3 * (8 + 32) + 8 + 32;

/// Length of the header: what is signed, and the signature.
pub const HEADER_BYTES: usize = SIGNED_BYTES + 64;

/// What the manager's signature begins with, so that it is none of another kind.
const CONTEXT: &[u8] = b"candela proof 1\0";

/// Bytes of one entry of the index.
pub(super) const ENTRY_BYTES: usize = 40;

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What derivations need of the job.
    Facts,
    /// Tasks, receipts, verification tasks.
    Records,
    /// The list of the blobs.
    Index,
    /// The blobs.
    Pictures,
}

impl Section {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Section::Facts => "facts",
            Section::Records => "records",
            Section::Index => "index",
            Section::Pictures => "pictures",
        }
    }
}

/// Length and hash of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionFacts {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

impl SectionFacts {
    /// Those of a section with this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        SectionFacts { bytes: content.len() as u64, hash: blake3::hash(content).into() }
    }
}

/// The header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The facts.
    pub facts: SectionFacts,
    /// The records.
    pub records: SectionFacts,
    /// The index.
    pub index: SectionFacts,
    /// Length of all pictures together; the index has their hashes.
    pub pictures_bytes: u64,
    /// Who signed.
    pub manager: NodeId,
    /// The signature over [`Header::signed_bytes`].
    pub signature: [u8; 64],
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.unsigned();
        bytes.extend(self.signature);
        bytes
    }

    /// The bytes that the manager signs: they cover the whole file by its hashes.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        [CONTEXT, &self.unsigned()].concat()
    }

    fn unsigned(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        for section in [&self.facts, &self.records, &self.index] {
            bytes.extend(section.bytes.to_le_bytes());
            bytes.extend(section.hash);
        }
        bytes.extend(self.pictures_bytes.to_le_bytes());
        bytes.extend(self.manager.0);
        bytes
    }

    /// Where a section lies in the file.
    #[must_use]
    pub fn range(&self, section: Section) -> Range<u64> {
        let (mut start, mut end) = (0, HEADER_BYTES as u64);
        for (of, bytes) in [
            (Section::Facts, self.facts.bytes),
            (Section::Records, self.records.bytes),
            (Section::Index, self.index.bytes),
            (Section::Pictures, self.pictures_bytes),
        ] {
            // No length is above its limit, so nothing overflows.
            (start, end) = (end, end + bytes);
            if of == section {
                break;
            }
        }
        start..end
    }

    /// Length of the whole file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.range(Section::Pictures).end
    }
}

/// The header that a file begins with. Signature and hashes are not looked at.
///
/// # Errors
/// If it is too short, of something else or of a newer version, or a length is above its limit.
pub fn decode_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    let short = DecodeError::WrongLength { kind: KIND, bytes: bytes.len(), expected: HEADER_BYTES };
    let mut rest = bytes.get(..HEADER_BYTES).ok_or(short)?;
    if take::<8>(&mut rest) != MAGIC {
        let source = crate::check::not_allowed("its first bytes are not those of a proof");
        return Err(DecodeError::NotAllowed { kind: KIND, source });
    }
    let [version] = take::<1>(&mut rest);
    if version != VERSION {
        return Err(DecodeError::VersionUnknown { kind: KIND, version });
    }
    let mut section = |bytes_max: usize| {
        let section = SectionFacts {
            bytes: u64::from_le_bytes(take::<8>(&mut rest)),
            hash: take::<32>(&mut rest),
        };
        held(section.bytes, bytes_max as u64).map(|()| section)
    };
    let facts = section(PROOF_FACTS_BYTES_MAX)?;
    let records = section(PROOF_RECORDS_BYTES_MAX)?;
    let index = section(PROOF_BLOBS_MAX * ENTRY_BYTES)?;
    let pictures_bytes = u64::from_le_bytes(take::<8>(&mut rest));
    held(pictures_bytes, u64::MAX / 2)?;
    let manager = NodeId(take::<32>(&mut rest));
    Ok(Header { facts, records, index, pictures_bytes, manager, signature: take::<64>(&mut rest) })
}

/// The next bytes. Of a slice that was found to be long enough.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    if let Some((first, after)) = rest.split_first_chunk::<N>() {
        taken = *first;
        *rest = after;
    }
    taken
}

fn held(bytes: u64, bytes_max: u64) -> Result<(), DecodeError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let usize = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let (bytes, bytes_max) = (usize(bytes), usize(bytes_max));
    Err(DecodeError::TooLarge { kind: "section of a proof", bytes, bytes_max })
}
