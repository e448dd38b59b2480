//! What derivations need of a job, besides the records of its frames.

use super::VERSION;
use crate::check;
use crate::error::DecodeError;
use crate::limits::{PROOF_FACTS_BYTES_MAX, PROOF_NODES_MAX};
use crate::mirror::{mirror_struct, to_bytes};
use crate::rows::job_v1::JobV1;
use candela_core::id::{NodeId, OwnerId};
use candela_core::job::{FramesWanted, Job};
use candela_core::limits::NAME_BYTES_MAX;
use candela_core::refusal::Refusal;
use candela_core::standing::Checking;
use candela_core::time::Time;
use serde::{Deserialize, Serialize};

const KIND: &str = "proof's facts";

/// What a proof says of a job as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The program that made it, e.g. `candela 0.1.0`: judgements of others may differ.
    pub program: String,
    /// When it was made.
    pub exported_at: Time,
    /// The job: scene, engine, inspection, settings; not where its user wants to hear of it.
    pub job: Job,
    /// All frames of the job, also those that the proof says nothing of; [`FramesWanted::OfScene`]
    /// before the scene was inspected.
    pub frames: FramesWanted,
    /// The figures of the policy that count.
    pub checking: Checking,
    /// The nodes that rendered and verified.
    pub nodes: Vec<NodeFacts>,
    /// Whether the pictures are in the file.
    pub pictures: bool,
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its key.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// Whom it belongs to.
    pub owner: OwnerId,
}

/// What a proof says of a job as a whole.
#[derive(Serialize, Deserialize)]
struct FactsV1 {
    program: String,
    #[serde(with = "crate::mirror")]
    exported_at: Time,
    job: JobV1,
    #[serde(with = "crate::mirror")]
    frames: FramesWanted,
    #[serde(with = "crate::mirror")]
    checking: Checking,
    #[serde(with = "crate::mirror")]
    nodes: Vec<NodeFacts>,
    pictures: bool,
}

impl From<&Facts> for FactsV1 {
    fn from(facts: &Facts) -> FactsV1 {
        FactsV1 {
            program: facts.program.clone(),
            exported_at: facts.exported_at,
            job: JobV1::from(&facts.job),
            frames: facts.frames.clone(),
            checking: facts.checking.clone(),
            nodes: facts.nodes.clone(),
            pictures: facts.pictures,
        }
    }
}

impl From<FactsV1> for Facts {
    fn from(wire: FactsV1) -> Facts {
        let FactsV1 { program, exported_at, job, frames, checking, nodes, pictures } = wire;
        Facts { program, exported_at, job: job.into(), frames, checking, nodes, pictures }
    }
}

mirror_struct! { NodeFacts as NodeFactsV1 { id: NodeId, name: String, owner: OwnerId, } }

mirror_struct! {
    Checking as CheckingV1 {
        verified_first: u32,
        detection: f64,
        margin: f64,
        withheld_frames: u64,
        rate_min: f64,
        probes_first: u32,
        probes_first_min: u32,
        probe_budget: f64,
    }
}

/// The section of the facts.
#[must_use]
pub fn encode_facts(facts: &Facts) -> Vec<u8> {
    to_bytes(vec![VERSION], &FactsV1::from(facts))
}

/// The facts of their section.
///
/// # Errors
/// If it is too large, damaged, of a newer version, or out of its limits.
pub fn decode_facts(bytes: &[u8]) -> Result<Facts, DecodeError> {
    let malformed = |source| DecodeError::Malformed { kind: KIND, source };
    if bytes.len() > PROOF_FACTS_BYTES_MAX {
        let (bytes, bytes_max) = (bytes.len(), PROOF_FACTS_BYTES_MAX);
        return Err(DecodeError::TooLarge { kind: KIND, bytes, bytes_max });
    }
    let end = || malformed(postcard::Error::DeserializeUnexpectedEnd);
    let (version, body) = bytes.split_first().ok_or_else(end)?;
    if *version != VERSION {
        return Err(DecodeError::VersionUnknown { kind: KIND, version: *version });
    }
    let (wire, rest) = postcard::take_from_bytes::<FactsV1>(body).map_err(malformed)?;
    if !rest.is_empty() {
        let expected = bytes.len() - rest.len();
        return Err(DecodeError::WrongLength { kind: KIND, bytes: bytes.len(), expected });
    }
    let facts = Facts::from(wire);
    check_facts(&facts).map_err(|source| DecodeError::NotAllowed { kind: KIND, source })?;
    Ok(facts)
}

fn check_facts(facts: &Facts) -> Result<(), Refusal> {
    check::name("program's name", &facts.program)?;
    check::count("nodes", facts.nodes.len(), PROOF_NODES_MAX)?;
    for node in &facts.nodes {
        check::name("node's name", &node.name)?;
        check::count("bytes of an owner", node.owner.0.len(), NAME_BYTES_MAX)?;
    }
    if let Some(inspected) = &facts.job.inspected {
        check::settings(&inspected.settings)?;
        check::size(inspected.preview.size)?;
    }
    Ok(())
}
