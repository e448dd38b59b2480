//! Making the file of a proof: what was decided of a job, from the state and the storage, signed.
//!
//! Only what is decided goes in. A key is revealed once its lease is over and every receipt under
//! it is decided: until then its probes stay secret.

use crate::manager::clock::now;
use crate::manager::handle::{ApplyError, Manager};
use bytes::Bytes;
use candela_blobs::{BlobError, Blobs};
use candela_core::claim::ClaimStatus;
use candela_core::farm::{Farm, no_such_job};
use candela_core::frames::FrameSet;
use candela_core::id::{BlobHash, JobId, NodeId, ReceiptId, TaskId};
use candela_core::job::FramesWanted;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::task::{Receipt, ReceiptStatus, Task, TaskStatus};
use candela_core::time::Time;
use candela_core::verification::{Purpose, VerificationStatus};
use candela_net::NodeKey;
use candela_wire::limits::{PROOF_BLOBS_MAX, PROOF_RECORDS_BYTES_MAX};
use candela_wire::provenance::{
    Facts, Header, IndexEntry, NodeFacts, Record, SectionFacts, encode_facts, encode_index,
    push_record,
};
use futures_lite::stream::{self, Stream, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

/// Tasks taken from the state at once: the loop waits meanwhile.
const TASKS_AT_ONCE: usize = 64;

/// A proof in the making.
pub struct ProofDraft {
    facts: Facts,
    records: Vec<u8>,
    blobs: Vec<BlobHash>,
    known: BTreeSet<BlobHash>,
    nodes: BTreeMap<NodeId, NodeFacts>,
}

/// A proof that can be written: its beginning is in memory, its pictures are in the storage.
pub struct ProofFile {
    start: Bytes,
    pictures: Vec<IndexEntry>,
    blobs: Blobs,
}

impl ProofDraft {
    /// A proof that says nothing of any frame yet, and the tasks that it may tell of.
    ///
    /// # Errors
    /// There is no such job.
    pub fn begin(farm: &Farm, id: JobId, at: Time) -> Result<(ProofDraft, Vec<TaskId>), Refusal> {
        let job = farm.job(id).ok_or_else(|| no_such_job(id))?;
        let numbers: Vec<i32> = farm.frames(id).map(|frame| frame.number).collect();
        let frames = FrameSet::new(numbers).map_or(FramesWanted::OfScene, FramesWanted::These);
        let facts = Facts {
            program: concat!("candela ", env!("CARGO_PKG_VERSION")).to_owned(),
            exported_at: at,
            job: job.clone(),
            frames,
            checking: farm.policy().checking.clone(),
            nodes: Vec::new(),
            pictures: true,
        };
        let draft = ProofDraft {
            facts,
            records: Vec::new(),
            blobs: Vec::new(),
            known: BTreeSet::new(),
            nodes: BTreeMap::new(),
        };
        Ok((draft, decided_tasks(farm, id).into_keys().collect()))
    }

    /// Adds what is known of tasks, of those that are still decided.
    ///
    /// # Errors
    /// The proof becomes too large.
    pub fn add(&mut self, farm: &Farm, tasks: &[TaskId]) -> Result<(), Refusal> {
        let decided = decided_tasks(farm, self.facts.job.id);
        for task in tasks {
            let (Some(receipts), Some(row)) = (decided.get(task), farm.task(*task)) else {
                continue;
            };
            push_record(&mut self.records, &Record::Task(row.clone()));
            for receipt in receipts.iter().filter_map(|id| farm.receipt_of(*id)) {
                self.add_receipt(farm, receipt);
            }
            if self.records.len() > PROOF_RECORDS_BYTES_MAX || self.blobs.len() > PROOF_BLOBS_MAX {
                let text = "the job is too large for one proof";
                return Err(Refusal::new(RefusalCode::TooLarge, text));
            }
        }
        Ok(())
    }

    fn add_receipt(&mut self, farm: &Farm, receipt: &Receipt) {
        self.add_node(farm, receipt.node);
        push_record(&mut self.records, &Record::Receipt(Box::new(receipt.clone())));
        for verification in farm.verifications(receipt.id) {
            // Canaries say something of a verifier, and nothing of this frame.
            if verification.purpose == Purpose::Canary {
                continue;
            }
            let VerificationStatus::Judged(verdict) = &verification.status else { continue };
            self.add_node(farm, verdict.verifier);
            push_record(&mut self.records, &Record::Verification(Box::new(verification.clone())));
            for blob in verdict.evidence().into_iter().chain(verdict.worker_tiles) {
                if self.known.insert(blob) {
                    self.blobs.push(blob);
                }
            }
        }
    }

    fn add_node(&mut self, farm: &Farm, id: NodeId) {
        if let Some(node) = farm.node(id) {
            let owner = node.owner.clone();
            self.nodes.entry(id).or_insert_with(|| NodeFacts {
                id,
                name: node.name.clone(),
                owner,
            });
        }
    }

    /// The file, signed by this key.
    ///
    /// # Errors
    /// The storage fails.
    pub async fn seal(
        mut self,
        blobs: &Blobs,
        key: &NodeKey,
        pictures: bool,
    ) -> Result<ProofFile, BlobError> {
        self.facts.pictures = pictures;
        self.facts.nodes = self.nodes.into_values().collect();
        let mut entries = Vec::new();
        for hash in self.blobs.into_iter().filter(|_| pictures) {
            match blobs.size(hash).await? {
                Some(bytes) => entries.push(IndexEntry { hash, bytes }),
                // Who checks the proof is told that it isn't there.
                None => tracing::warn!(%hash, "a blob of evidence is not stored any more"),
            }
        }
        let (facts, index) = (encode_facts(&self.facts), encode_index(&entries));
        let mut header = Header {
            facts: SectionFacts::of(&facts),
            records: SectionFacts::of(&self.records),
            index: SectionFacts::of(&index),
            pictures_bytes: entries.iter().map(|entry| entry.bytes).sum(),
            manager: key.node_id(),
            signature: [0; 64],
        };
        header.signature = key.sign(&header.signed_bytes());
        let start = [header.encode(), facts, self.records, index].concat();
        Ok(ProofFile { start: start.into(), pictures: entries, blobs: blobs.clone() })
    }
}

impl ProofFile {
    /// Length of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let pictures: u64 = self.pictures.iter().map(|entry| entry.bytes).sum();
        self.start.len() as u64 + pictures
    }

    /// The file from beginning to end; only one piece of the pictures is in memory at a time.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, BlobError>> + Send {
        let blobs = self.blobs;
        let pictures = stream::iter(self.pictures).then(move |entry| {
            let blobs = blobs.clone();
            async move { blobs.stream(entry.hash, 0..entry.bytes).await }
        });
        type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BlobError>> + Send>>;
        let pieces = pictures.map(|pieces| -> Pieces {
            match pieces {
                Ok(pieces) => Box::pin(pieces),
                Err(error) => Box::pin(stream::once(Err(error))),
            }
        });
        stream::once(Ok(self.start)).chain(pieces.flatten())
    }
}

impl Manager {
    /// The proof of what was decided of a job.
    ///
    /// # Errors
    /// A refusal, or that the manager can't answer.
    pub async fn proof(&self, job: JobId, pictures: bool) -> Result<ProofFile, ApplyError> {
        let at = now();
        let (mut draft, tasks) = self.read(move |farm| ProofDraft::begin(farm, job, at)).await??;
        for part in tasks.chunks(TASKS_AT_ONCE) {
            let part = part.to_vec();
            draft = self.read(move |farm| draft.add(farm, &part).map(|()| draft)).await??;
        }
        let sealed = draft.seal(&self.blobs, &self.key, pictures).await;
        sealed.map_err(|error| ApplyError::Unavailable(error.to_string()))
    }
}

/// The tasks of a job whose keys may be known, each with its receipts.
fn decided_tasks(farm: &Farm, job: JobId) -> BTreeMap<TaskId, Vec<ReceiptId>> {
    let mut decided: BTreeMap<TaskId, Vec<ReceiptId>> = BTreeMap::new();
    let mut open: BTreeSet<TaskId> = BTreeSet::new();
    for receipt in farm.receipts(job) {
        let task = receipt.statement.task;
        decided.entry(task).or_default().push(receipt.id);
        if !is_decided(farm, receipt) {
            open.insert(task);
        }
    }
    decided.retain(|task, _| {
        let over = |task: &Task| !matches!(task.status, TaskStatus::Leased(_));
        !open.contains(task) && farm.task(*task).is_some_and(over)
    });
    decided
}

/// Whether nothing is being verified of a receipt.
fn is_decided(farm: &Farm, receipt: &Receipt) -> bool {
    let claimed = farm.claim_on(receipt.id).is_some_and(|claim| claim.status == ClaimStatus::Open);
    !claimed && !matches!(receipt.status, ReceiptStatus::Storing | ReceiptStatus::Verifying)
}
