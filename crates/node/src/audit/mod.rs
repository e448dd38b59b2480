//! Checking a proof, offline: by anyone, without a manager and without an engine.
//!
//! [`check`] goes from the outside to the inside: the manager's signature over the file, the hash
//! of every part of it, the chain from scene to output of every frame with the signatures of worker
//! and verifiers, and then everything that can be derived: which frames are checked, where the
//! probes lie, the worker's pixels from their commitment, the counts, the verdicts.
//! It derives with the same functions with which a manager judges.
//!
//! What it can't know is said: what was found by the manager itself (that an output doesn't follow
//! from its layers, that blobs could not be had) is the manager's word.

mod chain;
mod derive;
mod file;
mod outputs;
#[cfg(test)]
mod tests;

use candela_core::id::NodeId;
use serde::Serialize;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::Path;

pub use outputs::check_outputs;

/// What is asked of a check.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Whose signature the file must have; without it, any key's.
    pub manager: Option<NodeId>,
}

/// What doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The frame, if it is about one.
    pub frame: Option<i32>,
    /// Bytes of the file: the first, and one past the last.
    pub bytes: Option<[u64; 2]>,
    /// What is wrong, in one sentence.
    pub text: String,
}

/// What kind of thing doesn't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The file is not of this format, or was cut.
    Format,
    /// Bytes are not those that their hash says.
    Hash,
    /// A signature isn't of who is said to have signed.
    Signature,
    /// The parts don't fit each other.
    Chain,
    /// Something that was stated doesn't follow.
    Derivation,
    /// A file of an output isn't what was accepted.
    Output,
}

impl FindingKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FindingKind::Format => "format",
            FindingKind::Hash => "hash",
            FindingKind::Signature => "signature",
            FindingKind::Chain => "chain",
            FindingKind::Derivation => "derivation",
            FindingKind::Output => "output",
        }
    }
}

impl Finding {
    fn new(kind: FindingKind, frame: Option<i32>, text: impl Into<String>) -> Finding {
        Finding { kind, frame, bytes: None, text: text.into() }
    }

    fn at(kind: FindingKind, at: Range<u64>, text: impl Into<String>) -> Finding {
        Finding { kind, frame: None, bytes: Some([at.start, at.end]), text: text.into() }
    }
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Audit {
    /// The key that signed the file; empty if the file is none.
    pub manager: String,
    /// The job; none if the file can't be read so far.
    pub job: Option<JobAudit>,
    /// A line per receipt, by frame.
    pub receipts: Vec<ReceiptAudit>,
    /// Frames of the job of which the file has no accepted result.
    pub frames_missing: Vec<i32>,
    /// What could not be derived, and is no fault of the file.
    pub notes: Vec<String>,
    /// What doesn't hold. A proof with none of these holds.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Whether nothing was found that doesn't hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// Frames that were accepted, by what the file shows.
    #[must_use]
    pub fn frames_accepted(&self) -> usize {
        self.receipts.iter().filter(|receipt| receipt.stored == "accepted").count()
    }
}

/// What the file is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobAudit {
    /// Its number with that manager.
    pub id: u64,
    /// What people call it.
    pub name: String,
    /// How far it was.
    pub status: &'static str,
    /// The scene's hash.
    pub scene: String,
    /// The build that rendered it.
    pub engine: String,
    /// Frames of the job.
    pub frames: usize,
    /// The program that made the file.
    pub program: String,
    /// When it was made, in milliseconds since 1970.
    pub exported_at_ms: u64,
    /// Whether the pictures are in the file.
    pub pictures: bool,
}

/// What is said of one receipt, and what follows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiptAudit {
    /// The frame.
    pub frame: i32,
    /// The receipt.
    pub receipt: u64,
    /// Who rendered it.
    pub worker: String,
    /// BLAKE3 of the output.
    pub output: String,
    /// Whether the worker's signature is there and right.
    pub signature_holds: bool,
    /// What the manager says of it.
    pub stored: &'static str,
    /// What follows from the file; none if nothing does.
    pub derived: Option<&'static str>,
    /// Whether the frame was checked itself.
    pub checked: bool,
    /// Its draw from the key: it is checked if this is below the rate.
    pub draw: f64,
    /// The share of the worker's frames that was checked.
    pub rate: f64,
    /// The checked frames of the same lease that vouch for it, if it wasn't checked itself.
    pub vouched_by: Vec<i32>,
    /// Every judged verification task.
    pub verdicts: Vec<VerdictAudit>,
}

/// What is said of one verdict, and what follows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictAudit {
    /// The verification task.
    pub verification: u64,
    /// Why it was made.
    pub purpose: &'static str,
    /// Who rendered it again.
    pub verifier: String,
    /// Probes that were compared.
    pub probes: usize,
    /// Pixels that were judged.
    pub judged_px: u64,
    /// Those of them that agree.
    pub agree_px: u64,
    /// Whether the verifier's signature is there and right.
    pub signature_holds: bool,
    /// What the manager says.
    pub stored: &'static str,
    /// What follows; none if it can't be derived.
    pub derived: Option<&'static str>,
    /// Whether the counts were made again from the pictures.
    pub from_pictures: bool,
}

/// Checks a proof.
///
/// Reads the file twice at most, a blob at a time.
///
/// # Errors
/// The file can't be read. Whatever is wrong with its content is part of the audit.
pub fn check(file: &mut (impl Read + Seek), options: &CheckOptions) -> io::Result<Audit> {
    let mut audit = Audit::default();
    if let Some(opened) = file::open(file, options, &mut audit)? {
        chain::check(opened, &mut audit)?;
    }
    Ok(audit)
}

/// Checks a proof in a file.
///
/// # Errors
/// The file can't be read.
pub fn check_file(path: &Path, options: &CheckOptions) -> io::Result<Audit> {
    check(&mut io::BufReader::new(std::fs::File::open(path)?), options)
}
