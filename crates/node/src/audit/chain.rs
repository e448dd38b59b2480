//! The inside of a proof: that its records fit each other, from the scene to each output.

use super::derive::{Derivation, Judged};
use super::file::Opened;
use super::{Audit, Finding, FindingKind, JobAudit, ReceiptAudit, VerdictAudit};
use candela_core::id::{LeaseId, NodeId, ReceiptId, TaskId, VerificationId};
use candela_core::job::{FramesWanted, JobStatus};
use candela_core::standing;
use candela_core::task::{Receipt, ReceiptStatus, Task, TaskStatus};
use candela_core::verification::{Outcome, Purpose, Verdict, VerificationTask};
use candela_wire::provenance::{Facts, NodeFacts, Record};
use candela_wire::session::statement_bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek};

/// The records, by their numbers.
pub(super) struct Book {
    pub facts: Facts,
    pub tasks: BTreeMap<TaskId, Task>,
    pub receipts: BTreeMap<ReceiptId, Receipt>,
    pub verifications: BTreeMap<VerificationId, VerificationTask>,
    of_receipt: BTreeMap<ReceiptId, Vec<VerificationId>>,
    of_lease: BTreeMap<LeaseId, Vec<ReceiptId>>,
    nodes: BTreeMap<NodeId, NodeFacts>,
    frames: BTreeSet<i32>,
}

impl Book {
    fn new(facts: Facts, records: Vec<Record>, findings: &mut Vec<Finding>) -> Book {
        let nodes = facts.nodes.iter().map(|node| (node.id, node.clone())).collect();
        let frames = match &facts.frames {
            FramesWanted::OfScene => BTreeSet::new(),
            FramesWanted::These(frames) => frames.iter().collect(),
        };
        let mut book = Book {
            facts,
            tasks: BTreeMap::new(),
            receipts: BTreeMap::new(),
            verifications: BTreeMap::new(),
            of_receipt: BTreeMap::new(),
            of_lease: BTreeMap::new(),
            nodes,
            frames,
        };
        for record in records {
            let twice = match record {
                Record::Task(task) => {
                    let id = task.id;
                    book.tasks.insert(id, task).map(|_| format!("task {id}"))
                }
                Record::Receipt(receipt) => {
                    let id = receipt.id;
                    book.of_lease.entry(receipt.statement.lease).or_default().push(id);
                    book.receipts.insert(id, receipt).map(|_| format!("receipt {id}"))
                }
                Record::Verification(verification) => {
                    let id = verification.id;
                    book.of_receipt.entry(verification.receipt).or_default().push(id);
                    let before = book.verifications.insert(id, *verification);
                    before.map(|_| format!("verification {id}"))
                }
            };
            if let Some(twice) = twice {
                let text = format!("{twice} is there twice");
                findings.push(Finding::new(FindingKind::Chain, None, text));
            }
        }
        book
    }

    /// What a node is called.
    pub(super) fn name(&self, node: NodeId) -> String {
        match self.nodes.get(&node) {
            Some(facts) => format!("{} ({})", facts.name, node.short()),
            None => node.short(),
        }
    }

    /// A verification task with its verdict.
    pub(super) fn verdict(&self, id: VerificationId) -> Option<(&VerificationTask, &Verdict)> {
        let verification = self.verifications.get(&id)?;
        Some((verification, verification.verdict()?))
    }

    /// The verdicts on a receipt.
    pub(super) fn verdicts(
        &self,
        receipt: ReceiptId,
    ) -> impl Iterator<Item = (&VerificationTask, &Verdict)> {
        let ids = self.of_receipt.get(&receipt).into_iter().flatten();
        ids.filter_map(|id| self.verdict(*id))
    }

    fn of_lease(&self, lease: LeaseId) -> impl Iterator<Item = &Receipt> {
        let ids = self.of_lease.get(&lease).into_iter().flatten();
        ids.filter_map(|id| self.receipts.get(id))
    }

    fn same_owner(&self, one: NodeId, other: NodeId) -> bool {
        let owner = |node| self.nodes.get(&node).map(|node| &node.owner);
        one == other || (owner(one).is_some() && owner(one) == owner(other))
    }
}

/// Checks everything behind the outside.
pub(super) fn check<F: Read + Seek>(opened: Opened<'_, F>, audit: &mut Audit) -> io::Result<()> {
    let Opened { facts, records, mut pictures } = opened;
    let book = Book::new(facts, records, &mut audit.findings);
    audit.job = Some(job_audit(&book));
    check_orphans(&book, &mut audit.findings);
    let mut receipts: Vec<&Receipt> = book.receipts.values().collect();
    receipts.sort_by_key(|receipt| (receipt.statement.frame, receipt.id));
    for receipt in receipts {
        let line = check_receipt(&book, receipt, &mut audit.findings);
        let mut verdicts = Vec::new();
        for (verification, verdict) in book.verdicts(receipt.id) {
            let (Some(task), Some(inspected)) =
                (book.tasks.get(&receipt.statement.task), book.facts.job.inspected.as_ref())
            else {
                continue;
            };
            check_verifier(&book, receipt, verification, verdict, &mut audit.findings);
            let of = Judged { verification, verdict, receipt, task, inspected };
            let (findings, notes) = (&mut audit.findings, &mut audit.notes);
            let derivation =
                Derivation { book: &book, pictures: &mut pictures, findings, notes, of };
            verdicts.push(derivation.run()?);
        }
        audit.receipts.push(ReceiptAudit { verdicts, ..line });
    }
    check_ends(&book, audit);
    check_frames(&book, audit);
    Ok(())
}

fn job_audit(book: &Book) -> JobAudit {
    let (facts, frames) = (&book.facts, book.frames.len());
    let submission = &facts.job.submission;
    JobAudit {
        id: facts.job.id.0,
        name: submission.name.clone(),
        status: facts.job.status.word(),
        scene: submission.scene.to_string(),
        engine: submission.engine.to_string(),
        frames,
        program: facts.program.clone(),
        exported_at_ms: facts.exported_at.0,
        pictures: facts.pictures,
    }
}

/// Records that hang on nothing.
fn check_orphans(book: &Book, findings: &mut Vec<Finding>) {
    let mut say = |text: String| findings.push(Finding::new(FindingKind::Chain, None, text));
    let job = book.facts.job.id;
    for task in book.tasks.values() {
        if task.job != job || matches!(task.status, TaskStatus::Leased(_)) {
            say(format!("task {} is of another job, or not over", task.id));
        }
    }
    for verification in book.verifications.values() {
        let receipt = book.receipts.get(&verification.receipt);
        if receipt.is_none() || verification.job != job || verification.purpose == Purpose::Canary {
            say(format!("verification {} belongs to no receipt of this job", verification.id));
        }
        if verification.verdict().is_none() {
            say(format!("verification {} has no verdict", verification.id));
        }
    }
    if book.facts.job.inspected.is_none() && !book.receipts.is_empty() {
        say("there are receipts of a scene that was not inspected".to_owned());
    }
}

/// A receipt by itself: job, scene, engine, task, signature, draw.
fn check_receipt(book: &Book, receipt: &Receipt, findings: &mut Vec<Finding>) -> ReceiptAudit {
    let (statement, job) = (&receipt.statement, &book.facts.job);
    let frame = Some(statement.frame);
    let mut say = |kind, text: String| {
        let text = format!("receipt {}: {text}", receipt.id);
        findings.push(Finding::new(kind, frame, text));
    };
    let signed =
        candela_net::verify(&receipt.node, &statement_bytes(statement), &receipt.signature).is_ok();
    if !signed {
        let who = book.name(receipt.node);
        let text = format!("the signature of the worker {who} over its receipt doesn't hold");
        say(FindingKind::Signature, text);
    }
    let mut chain = |holds: bool, text: &str| {
        if !holds {
            say(FindingKind::Chain, text.to_owned());
        }
    };
    chain(receipt.job == job.id, "it is of another job");
    chain(statement.scene == job.submission.scene, "it is of another scene than the job's");
    chain(statement.engine == job.submission.engine, "it is of another engine than the job's");
    chain(book.frames.contains(&statement.frame), "the job has no such frame");
    chain(book.tasks.contains_key(&statement.task), "its task is not there");
    let of_lease = || book.of_lease(statement.lease);
    let one =
        |other: &Receipt| other.node == receipt.node && other.statement.task == statement.task;
    chain(of_lease().all(one), "its lease is of several workers or tasks");
    chain(
        !matches!(receipt.status, ReceiptStatus::Storing | ReceiptStatus::Verifying),
        "it is not decided",
    );
    if let Some(task) = book.tasks.get(&statement.task) {
        check_draw(book, receipt, task, &mut say);
    }
    ReceiptAudit {
        frame: statement.frame,
        receipt: receipt.id.0,
        worker: book.name(receipt.node),
        output: statement.output.to_string(),
        signature_holds: signed,
        stored: word(receipt.status),
        derived: None,
        checked: receipt.check.checked,
        draw: receipt.check.draw,
        rate: receipt.check.rate,
        vouched_by: Vec::new(),
        verdicts: Vec::new(),
    }
}

/// Whether the frame had to be checked, by the key.
fn check_draw(
    book: &Book,
    receipt: &Receipt,
    task: &Task,
    say: &mut impl FnMut(FindingKind, String),
) {
    let (statement, check) = (&receipt.statement, receipt.check);
    let draw = standing::draw(&task.key, statement.frame, &statement.layers);
    // Of a receipt that came to its end before its output was stored, nothing was drawn.
    let drawn = receipt.status == ReceiptStatus::Accepted
        || book.verdicts(receipt.id).next().is_some()
        || check.draw != 0.0;
    if !drawn {
        return;
    }
    if check.draw != draw {
        let text = format!("its draw is {draw} by key and commitment, and not {}", check.draw);
        say(FindingKind::Derivation, text);
    }
    if !check.checked && draw < check.rate {
        let text =
            format!("its draw {draw} is below the rate {}, but it isn't checked", check.rate);
        say(FindingKind::Derivation, text);
    }
    if !(book.facts.checking.rate_min..=1.0).contains(&check.rate) {
        say(FindingKind::Derivation, format!("a rate of {} is not allowed", check.rate));
    }
}

/// Nobody judges work of their own.
fn check_verifier(
    book: &Book,
    receipt: &Receipt,
    verification: &VerificationTask,
    verdict: &Verdict,
    findings: &mut Vec<Finding>,
) {
    if book.same_owner(receipt.node, verdict.verifier) {
        let who = book.name(verdict.verifier);
        let text = format!("verification {}: {who} belongs to the worker's owner", verification.id);
        findings.push(Finding::new(FindingKind::Chain, Some(receipt.statement.frame), text));
    }
}

/// What follows for each receipt from its verdicts, and from those of its lease.
fn check_ends(book: &Book, audit: &mut Audit) {
    let derived: BTreeMap<u64, Vec<(bool, Option<&str>)>> = audit
        .receipts
        .iter()
        .map(|line| (line.receipt, line.verdicts.iter().map(by_probes).collect()))
        .collect();
    let any = |receipt: ReceiptId, outcome: Outcome, probes_only: bool| {
        derived.get(&receipt.0).is_some_and(|verdicts| {
            verdicts.iter().any(|(probes, derived)| {
                *derived == Some(outcome.word()) && (*probes || !probes_only)
            })
        })
    };
    for line in &mut audit.receipts {
        let Some(receipt) = book.receipts.get(&ReceiptId(line.receipt)) else { continue };
        let frame = Some(line.frame);
        let lease = || book.of_lease(receipt.statement.lease);
        match receipt.status {
            ReceiptStatus::Accepted if receipt.check.checked => {
                let developed = book
                    .verdicts(receipt.id)
                    .any(|(_, verdict)| verdict.developed && verdict.outcome == Outcome::Accepted);
                if any(receipt.id, Outcome::Accepted, true) {
                    line.derived = Some("accepted");
                } else {
                    let text = "it is accepted, and no verdict that accepts it follows";
                    audit.findings.push(Finding::new(FindingKind::Derivation, frame, text));
                }
                if !developed {
                    let text = "nobody held its output against its layers";
                    audit.findings.push(Finding::new(FindingKind::Chain, frame, text));
                }
            }
            ReceiptStatus::Accepted => {
                let vouches = |other: &&Receipt| {
                    other.status == ReceiptStatus::Accepted
                        && other.check.checked
                        && any(other.id, Outcome::Accepted, true)
                };
                line.vouched_by =
                    lease().filter(vouches).map(|other| other.statement.frame).collect();
                if line.vouched_by.is_empty() {
                    let text =
                        "it is accepted unchecked, and no checked frame of its lease vouches";
                    audit.findings.push(Finding::new(FindingKind::Chain, frame, text));
                } else {
                    line.derived = Some("accepted");
                }
            }
            ReceiptStatus::Rejected => {
                if lease().any(|other| any(other.id, Outcome::Rejected, false)) {
                    line.derived = Some("rejected");
                } else {
                    let reason = receipt.reason.as_deref().unwrap_or("no reason is given");
                    audit.notes.push(format!(
                        "frame {}, receipt {}: rejected on the manager's word: {reason}",
                        line.frame, line.receipt
                    ));
                }
            }
            _ => {}
        }
    }
}

fn by_probes(verdict: &VerdictAudit) -> (bool, Option<&'static str>) {
    let of = [Purpose::Probe, Purpose::Confirm].map(Purpose::word);
    (of.contains(&verdict.purpose), verdict.derived)
}

/// A frame is accepted once; those that the file says nothing of are named.
fn check_frames(book: &Book, audit: &mut Audit) {
    let mut accepted = BTreeSet::new();
    for receipt in book.receipts.values().filter(|r| r.status == ReceiptStatus::Accepted) {
        if !accepted.insert(receipt.statement.frame) {
            let frame = Some(receipt.statement.frame);
            let text = "two results are accepted";
            audit.findings.push(Finding::new(FindingKind::Chain, frame, text));
        }
    }
    audit.frames_missing = book.frames.difference(&accepted).copied().collect();
    if book.facts.job.status == JobStatus::Completed && !audit.frames_missing.is_empty() {
        let missing: Vec<String> = audit.frames_missing.iter().map(ToString::to_string).collect();
        audit.notes.push(format!(
            "the job is completed, and the file has no accepted result of frame {}: something of their leases was open when it was made",
            missing.join(", ")
        ));
    }
}

fn word(status: ReceiptStatus) -> &'static str {
    match status {
        ReceiptStatus::Storing => "storing",
        ReceiptStatus::Verifying => "verifying",
        ReceiptStatus::Accepted => "accepted",
        ReceiptStatus::Rejected => "rejected",
        ReceiptStatus::Withdrawn => "withdrawn",
    }
}
