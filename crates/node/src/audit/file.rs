//! The outside of a proof: header, signature of the manager, hashes of all parts.

use super::{Audit, CheckOptions, Finding, FindingKind};
use candela_core::id::BlobHash;
use candela_wire::limits::EVIDENCE_BYTES_MAX;
use candela_wire::provenance::{
    self, Facts, HEADER_BYTES, Header, IndexEntry, Record, RecordError, Section, SectionFacts,
    decode_header,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// How much of a blob is in memory while it is hashed.
const PIECE_BYTES: usize = 64 << 10;

/// A proof whose outside holds.
pub(super) struct Opened<'a, F> {
    pub facts: Facts,
    pub records: Vec<Record>,
    pub pictures: Pictures<'a, F>,
}

/// The blobs of a proof, read when they are needed.
pub(super) struct Pictures<'a, F> {
    file: &'a mut F,
    places: BTreeMap<BlobHash, Range<u64>>,
    damaged: BTreeSet<BlobHash>,
}

/// Why a blob can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoBlob {
    /// It is not in the file.
    Missing,
    /// It is not what its name says.
    Damaged(Range<u64>),
    /// It is longer than any blob of its kind.
    TooLarge,
}

impl<F: Read + Seek> Pictures<'_, F> {
    /// A whole blob.
    pub(super) fn read(&mut self, hash: BlobHash) -> io::Result<Result<Vec<u8>, NoBlob>> {
        let Some(place) = self.places.get(&hash).cloned() else { return Ok(Err(NoBlob::Missing)) };
        if self.damaged.contains(&hash) {
            return Ok(Err(NoBlob::Damaged(place)));
        }
        if place.end - place.start > EVIDENCE_BYTES_MAX as u64 {
            return Ok(Err(NoBlob::TooLarge));
        }
        read_range(self.file, place).map(Ok)
    }
}

/// Opens a proof; none if it is not one that its manager signed, which the audit then says.
pub(super) fn open<'a, F: Read + Seek>(
    file: &'a mut F,
    options: &CheckOptions,
    audit: &mut Audit,
) -> io::Result<Option<Opened<'a, F>>> {
    let file_bytes = file.seek(SeekFrom::End(0))?;
    let start = read_range(file, 0..file_bytes.min(HEADER_BYTES as u64))?;
    let header = match decode_header(&start) {
        Ok(header) => header,
        Err(error) => {
            let at = 0..HEADER_BYTES as u64;
            audit.findings.push(Finding::at(FindingKind::Format, at, error.to_string()));
            return Ok(None);
        }
    };
    audit.manager = header.manager.to_string();
    check_signature(&header, options, audit);
    if header.file_bytes() != file_bytes {
        let at = file_bytes.min(header.file_bytes())..file_bytes.max(header.file_bytes());
        let text = format!(
            "the file has {file_bytes} bytes, and its header says that it has {}",
            header.file_bytes()
        );
        audit.findings.push(Finding::at(FindingKind::Format, at, text));
        return Ok(None);
    }
    let parts = parts(file, &header, audit)?;
    // What follows from bytes that nobody signed is not worth deriving.
    let Some((facts, records, places)) = parts.filter(|_| audit.holds()) else { return Ok(None) };
    let mut pictures = Pictures { file, places: BTreeMap::new(), damaged: BTreeSet::new() };
    for (entry, place) in places {
        if hash_of(pictures.file, place.clone())? != entry.hash.0 {
            pictures.damaged.insert(entry.hash);
            let text = format!("a picture is not the blob {} that the index names", entry.hash);
            audit.findings.push(Finding::at(FindingKind::Hash, place.clone(), text));
        }
        pictures.places.insert(entry.hash, place);
    }
    Ok(Some(Opened { facts, records, pictures }))
}

fn check_signature(header: &Header, options: &CheckOptions, audit: &mut Audit) {
    let at = 0..HEADER_BYTES as u64;
    let mut say = |text: String| {
        audit.findings.push(Finding::at(FindingKind::Signature, at.clone(), text));
    };
    let manager = header.manager;
    if candela_net::verify(&manager, &header.signed_bytes(), &header.signature).is_err() {
        say(format!("the manager's signature over the file is not one of {manager}"));
    }
    if let Some(wanted) = options.manager.filter(|wanted| *wanted != manager) {
        say(format!("the file is signed by {manager}, and not by {wanted}"));
    }
}

type Parts = (Facts, Vec<Record>, Vec<(IndexEntry, Range<u64>)>);

/// What the sections say; none if one of them can't be read, which the audit then says.
fn parts<F: Read + Seek>(
    file: &mut F,
    header: &Header,
    audit: &mut Audit,
) -> io::Result<Option<Parts>> {
    let facts = section(file, header, Section::Facts, audit)?;
    let records = section(file, header, Section::Records, audit)?;
    let index = section(file, header, Section::Index, audit)?;
    let facts = facts.and_then(|bytes| {
        said(provenance::decode_facts(&bytes), header.range(Section::Facts), audit)
    });
    let records = records.and_then(|bytes| all_records(&bytes, header, audit));
    let index = index.and_then(|bytes| {
        let pictures = header.range(Section::Pictures);
        let entries = provenance::decode_index(&bytes, pictures);
        said(entries, header.range(Section::Index), audit)
    });
    Ok(facts.zip(records).zip(index).map(|((facts, records), index)| (facts, records, index)))
}

/// The value of a section; the audit says why there is none.
fn said<T, E: std::error::Error>(
    value: Result<T, E>,
    at: Range<u64>,
    audit: &mut Audit,
) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(error) => {
            let because = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            let text = format!("{error}{because}");
            audit.findings.push(Finding::at(FindingKind::Format, at, text));
            None
        }
    }
}

/// The bytes of a section, if they have its hash. The header has its length, which has a limit.
fn section<F: Read + Seek>(
    file: &mut F,
    header: &Header,
    which: Section,
    audit: &mut Audit,
) -> io::Result<Option<Vec<u8>>> {
    let range = header.range(which);
    let bytes = read_range(file, range.clone())?;
    let stated = match which {
        Section::Facts => header.facts,
        Section::Records => header.records,
        Section::Index | Section::Pictures => header.index,
    };
    if SectionFacts::of(&bytes) == stated {
        return Ok(Some(bytes));
    }
    let text = format!("the {} are not those that the manager signed", which.word());
    audit.findings.push(Finding::at(FindingKind::Hash, range, text));
    if which == Section::Records {
        // Each record has its own hash, so it can be said which of them are damaged.
        all_records(&bytes, header, audit);
    }
    Ok(None)
}

fn all_records(bytes: &[u8], header: &Header, audit: &mut Audit) -> Option<Vec<Record>> {
    let start = header.range(Section::Records).start;
    let mut all = Some(Vec::new());
    for record in provenance::records(bytes) {
        match record {
            Ok(record) => all = all.map(|all: Vec<Record>| pushed(all, record)),
            Err(RecordError { at, why }) => {
                let at = start + at.start as u64..start + at.end as u64;
                audit.findings.push(Finding::at(FindingKind::Hash, at, why));
                all = None;
            }
        }
    }
    all
}

fn pushed(mut all: Vec<Record>, record: Record) -> Vec<Record> {
    all.push(record);
    all
}

/// The bytes of a range that lies in the file.
fn read_range<F: Read + Seek>(file: &mut F, range: Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// BLAKE3 of a range, without holding it in memory.
fn hash_of<F: Read + Seek>(file: &mut F, range: Range<u64>) -> io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(range.start))?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = range.end - range.start;
    while left > 0 {
        let length = left.min(PIECE_BYTES as u64) as usize;
        file.read_exact(&mut piece[..length])?;
        hasher.update(&piece[..length]);
        left -= length as u64;
    }
    Ok(hasher.finalize().into())
}
