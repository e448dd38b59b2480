//! What derivations need of a job, besides the records of its frames.

use super::VERSION;
use crate::check;
use crate::error::DecodeError;
use crate::limits::{PROOF_FACTS_BYTES_MAX, PROOF_NODES_MAX};
use crate::mirror::{Mirror, mirror_struct, to_bytes};
use candela_core::id::{NodeId, OwnerId};
use candela_core::job::{FramesWanted, Job};
use candela_core::limits::NAME_BYTES_MAX;
use candela_core::refusal::Refusal;
use candela_core::standing::Checking;
use candela_core::time::Time;

const KIND: &str = "proof's facts";

/// What a proof says of a job as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The program that made it, e.g. `candela 0.1.0`: judgements of others may differ.
    pub program: String,
    /// When it was made.
    pub exported_at: Time,
    /// The job: scene, engine, inspection, settings.
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

mirror_struct! {
    Facts as FactsV1 {
        program: String,
        exported_at: Time,
        job: Job,
        frames: FramesWanted,
        checking: Checking,
        nodes: Vec<NodeFacts>,
        pictures: bool,
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
    to_bytes(vec![VERSION], &facts.to_wire())
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
    let facts = Facts::from_wire(wire).map_err(|_| malformed(postcard::Error::SerdeDeCustom))?;
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
