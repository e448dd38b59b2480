//! A whole proof, read as strictly as its check reads it.

use super::rows::{inspected, job, receipt, task, time, verdict, verification};
use candela_core::frames::FrameSet;
use candela_core::id::{BlobHash, NodeId, OwnerId};
use candela_core::job::{FramesWanted, Job, JobStatus};
use candela_core::message::Notify;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::standing::Checking;
use candela_core::task::{ReceiptStatus, TaskStatus};
use candela_core::verification::VerificationStatus;
use candela_wire::DecodeError;
use candela_wire::provenance::{
    Facts, HEADER_BYTES, Header, IndexEntry, NodeFacts, Record, Section, SectionFacts,
    decode_facts, decode_header, decode_index, encode_facts, encode_index, push_record, records,
};

/// What a file says.
#[derive(Debug, PartialEq)]
pub(super) struct Proof {
    facts: Facts,
    records: Vec<Record>,
    pictures: Vec<Vec<u8>>,
    signature: [u8; 64],
}

pub(super) fn proof() -> Proof {
    let mut job = Job { inspected: Some(inspected().into()), ..job(JobStatus::Completed) };
    // A proof doesn't say where its user wants to hear of it.
    job.submission.notify = Notify::default();
    (job.messages, job.wrong_told) = (Vec::new(), false);
    let facts = Facts {
        program: "candela 0.1.0".into(),
        exported_at: time(9),
        job,
        frames: FramesWanted::These(FrameSet::parse("-17,1-24").unwrap()),
        // Not the defaults, which may change.
        checking: Checking {
            verified_first: 20,
            detection: 0.9,
            margin: 2.0,
            withheld_frames: 20,
            rate_min: 0.125,
            probes_first: 5,
            probes_first_min: 3,
            probe_budget: 0.045,
        },
        nodes: vec![NodeFacts {
            id: NodeId([8; 32]),
            name: "ada's tower".into(),
            owner: OwnerId("ada".into()),
        }],
        pictures: true,
    };
    let judged = verification(VerificationStatus::Judged(Box::new(verdict())));
    Proof {
        facts,
        records: vec![
            Record::Task(task(TaskStatus::Done)),
            Record::Receipt(Box::new(receipt(ReceiptStatus::Accepted))),
            Record::Verification(Box::new(judged)),
        ],
        pictures: vec![b"evidence".to_vec(), b"tiles".to_vec()],
        signature: super::signature(),
    }
}

pub(super) fn encode(proof: &Proof) -> Vec<u8> {
    let mut section = Vec::new();
    proof.records.iter().for_each(|record| push_record(&mut section, record));
    let entry = |blob: &Vec<u8>| IndexEntry {
        hash: BlobHash(blake3::hash(blob).into()),
        bytes: blob.len() as u64,
    };
    let entries: Vec<IndexEntry> = proof.pictures.iter().map(entry).collect();
    let (facts, index) = (encode_facts(&proof.facts), encode_index(&entries));
    let header = Header {
        facts: SectionFacts::of(&facts),
        records: SectionFacts::of(&section),
        index: SectionFacts::of(&index),
        pictures_bytes: entries.iter().map(|entry| entry.bytes).sum(),
        manager: NodeId([1; 32]),
        signature: proof.signature,
    };
    [header.encode(), facts, section, index, proof.pictures.concat()].concat()
}

pub(super) fn decode(file: &[u8]) -> Result<Proof, DecodeError> {
    let no = || DecodeError::NotAllowed {
        kind: "proof",
        source: Refusal::new(RefusalCode::MessageNotAllowed, "a part is not what its hash says"),
    };
    let header = decode_header(file)?;
    if file.len() as u64 != header.file_bytes() {
        return Err(no());
    }
    let part = |section| {
        let range = header.range(section);
        &file[range.start as usize..range.end as usize]
    };
    let facts = decode_facts(part(Section::Facts))?;
    let all: Result<Vec<Record>, _> = records(part(Section::Records)).collect();
    let mut pictures = Vec::new();
    for (entry, place) in decode_index(part(Section::Index), header.range(Section::Pictures))? {
        let blob = &file[place.start as usize..place.end as usize];
        if *blake3::hash(blob).as_bytes() != entry.hash.0 {
            return Err(no());
        }
        pictures.push(blob.to_vec());
    }
    assert_eq!(header.range(Section::Facts).start, HEADER_BYTES as u64);
    Ok(Proof { facts, records: all.map_err(|_| no())?, pictures, signature: header.signature })
}
