//! Opinions: what verifiers of different owners say of one receipt, and what becomes of those who
//! were wrong.
//!
//! Verification is blind, so a verifier can't say yes or no: it shows pictures. Rendering is
//! deterministic, so honest verifiers show the *same* pictures. Two rejections therefore convict only
//! if their replicas agree with one another: those who guess, replay or render something else don't
//! agree with anybody, and convict nobody.

use super::{Effect, Farm};
use crate::id::{NodeId, OwnerId, ReceiptId, VerificationId};
use crate::task::ReceiptStatus;
use crate::time::Time;
use crate::verification::{Found, Outcome, Purpose, Verdict, VerificationTask};
use std::collections::BTreeSet;

/// With fewer owners of verifiers than this there is no third to decide between two: then answers
/// count, and who is asked again is drawn at random.
const OWNERS_MIN: usize = 3;

/// What was said of a receipt. Suspended verifiers don't count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opinions {
    /// Voices that found it right and didn't see something else than one another: the largest group.
    /// A voice is an owner, or where there are too few, an answer.
    pub accepting: BTreeSet<String>,
    /// Voices that found it wrong and saw the same: the largest group of them.
    pub rejecting: BTreeSet<String>,
    /// The verifiers of the largest group that found it right.
    pub accepted_by: Vec<NodeId>,
    /// The verifiers of the largest group that found it wrong.
    pub rejected_by: Vec<NodeId>,
    /// Others that saw something else than the largest group that says the same as they.
    pub alone: Vec<NodeId>,
}

impl Farm {
    /// The opinions on a receipt, of the verification tasks that `counts` takes.
    #[must_use]
    pub fn opinions(
        &self,
        receipt: ReceiptId,
        counts: impl Fn(&VerificationTask) -> bool,
    ) -> Opinions {
        let by_owner = self.has_verifying_owners(receipt, OWNERS_MIN);
        let trusted = |verdict: &Verdict| {
            self.nodes.get(&verdict.verifier).is_none_or(|node| node.suspended.is_none())
        };
        let verdicts: Vec<(VerificationId, &Verdict)> = self
            .rounds
            .get(&receipt)
            .into_iter()
            .flatten()
            .filter_map(|id| self.verifications.get(id))
            .filter(|verification| counts(verification))
            .filter_map(|verification| Some((verification.id, verification.verdict()?)))
            .filter(|(_, verdict)| trusted(verdict))
            .collect();
        let voice = |id: VerificationId, verdict: &Verdict| {
            let owner = self.nodes.get(&verdict.verifier).map(|node| node.owner.0.clone());
            owner.filter(|_| by_owner).unwrap_or_else(|| format!("answer {id}"))
        };
        let voices = |group: &[Answer]| {
            group.iter().map(|(id, verdict)| voice(*id, verdict)).collect::<BTreeSet<_>>()
        };
        let of = |outcome| verdicts.iter().filter(move |v| v.1.outcome == outcome).copied();
        // Who accepts by a control that lets anything pass shows other pictures than who is honest.
        let (accepting, odd) =
            largest(&of(Outcome::Accepted).collect::<Vec<_>>(), &voices, |a, b| !saw_other(a, b));
        let (rejecting, alone) =
            largest(&of(Outcome::Rejected).collect::<Vec<_>>(), &voices, saw_same);
        let verifiers =
            |group: &[Answer]| group.iter().map(|(_, v)| v.verifier).collect::<Vec<_>>();
        Opinions {
            accepting: voices(&accepting),
            rejecting: voices(&rejecting),
            accepted_by: verifiers(&accepting),
            rejected_by: verifiers(&rejecting),
            alone: verifiers(&[odd, alone].concat()),
        }
    }

    /// Owners whose connected verifiers may verify a receipt, each once.
    pub(super) fn verifying_owners(&self, receipt: ReceiptId) -> impl Iterator<Item = &OwnerId> {
        let receipt = self.receipts.get(&receipt);
        let worker = receipt.and_then(|r| self.nodes.get(&r.node)).map(|node| &node.owner);
        let verifiers = receipt.and_then(|r| self.ready.verifiers(&r.statement.engine));
        let owners = verifiers.into_iter().flat_map(super::ready::Verifiers::owners);
        owners.filter(move |owner| worker != Some(*owner))
    }

    /// Whether there are at least so many of them; looks no further.
    fn has_verifying_owners(&self, receipt: ReceiptId, count: usize) -> bool {
        self.verifying_owners(receipt).take(count).count() >= count
    }

    /// Verifiers that accepted a receipt on fewer probes than `probes`, and of which those who were
    /// right say that even those showed something else.
    pub(super) fn seen_otherwise(
        &self,
        receipt: ReceiptId,
        probes: u32,
        right: &[NodeId],
    ) -> Vec<NodeId> {
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        let judged = rounds.filter_map(|id| self.verifications.get(id));
        let judged = judged.filter(|v| v.purpose.judges_receipt());
        let judged: Vec<_> = judged.filter_map(|v| Some((v, v.verdict()?))).collect();
        let differs = |id: VerificationId| {
            let by_right = judged.iter().filter(|(_, verdict)| right.contains(&verdict.verifier));
            let mut peers = by_right.flat_map(|(_, verdict)| &verdict.peers);
            peers.any(|peer| peer.verification == id && !peer.same)
        };
        judged
            .iter()
            .filter(|(v, verdict)| verdict.outcome == Outcome::Accepted && v.reach() < probes)
            .filter(|(v, verdict)| !right.contains(&verdict.verifier) && differs(v.id))
            .map(|(_, verdict)| verdict.verifier)
            .collect()
    }

    /// How many voices convict the worker of a receipt.
    pub(super) fn convicting(&self, receipt: ReceiptId) -> usize {
        let figures = &self.policy.verifiers;
        let worker = self.receipts.get(&receipt).and_then(|r| self.nodes.get(&r.node));
        let established = worker.is_some_and(|worker| {
            worker.record.verified_in_row >= self.policy.checking.verified_first
        });
        let many = self.has_verifying_owners(receipt, figures.convict_established);
        if established && many { figures.convict_established } else { figures.convict }
    }

    /// Writes down who was right, and suspends verifiers whose answers are false too often.
    pub(super) fn hold_against(
        &mut self,
        right: &[NodeId],
        wrong: &[NodeId],
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        for node in right {
            self.record(*node, |node| node.record.verifications_confirmed += 1);
        }
        for node in wrong {
            self.record(*node, |node| node.record.verifications_minority += 1);
            self.suspend_if_false(*node, now, effects);
        }
    }

    pub(super) fn suspend_if_false(
        &mut self,
        verifier: NodeId,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        let figures = &self.policy.verifiers;
        let Some(node) = self.nodes.get(&verifier) else { return };
        let record = &node.record;
        let failures = record.verifications_minority + record.canaries_failed;
        let share = failures as f64 / record.verifications.max(1) as f64;
        let often = failures >= figures.failures_suspend && share >= figures.failures_share;
        if !often || node.suspended.is_some() {
            return;
        }
        let reason = format!(
            "{failures} of {} answers as a verifier did not show what others saw",
            record.verifications
        );
        self.record(verifier, |node| node.suspended = Some(reason));
        effects.push(Effect::NodeChanged(verifier));
        for id in self.verifications_of.get(&verifier).cloned().unwrap_or_default() {
            self.requeue_verification(id);
            effects.push(Effect::RevokeVerification(verifier, id));
        }
        self.reopen_accepted_by(verifier, now, effects);
        self.restore_convicted_by(verifier);
    }

    /// Opens again what was accepted on a word that doesn't count any more, unless two others stand for it.
    fn reopen_accepted_by(&mut self, verifier: NodeId, now: Time, effects: &mut Vec<Effect>) {
        let said = |receipt: &ReceiptId| {
            let rounds = self.rounds.get(receipt).into_iter().flatten();
            let verdicts = rounds.filter_map(|id| self.verifications.get(id)?.verdict());
            let mut verdicts = verdicts.filter(|verdict| verdict.verifier == verifier);
            verdicts.any(|verdict| verdict.outcome == Outcome::Accepted)
        };
        let weak = self.weak.values().flatten().filter(|receipt| said(receipt));
        // What was not checked itself stood on the check of its lease.
        let leases: BTreeSet<_> =
            weak.filter_map(|id| self.receipts.get(id)).map(|r| r.statement.lease).collect();
        let receipts: Vec<ReceiptId> = leases
            .iter()
            .filter_map(|lease| self.by_lease.get(lease))
            .flat_map(|frames| frames.values().copied())
            .collect();
        for receipt in receipts {
            if self.is_weak(receipt) && self.trusted_voices(receipt) < 2 {
                self.reopen(receipt, 0, now, effects);
            }
        }
    }

    fn trusted_voices(&self, receipt: ReceiptId) -> usize {
        self.opinions(receipt, |v| v.purpose.judges_receipt()).accepting.len()
    }

    pub(super) fn is_weak(&self, receipt: ReceiptId) -> bool {
        let worker = self.receipts.get(&receipt).map(|receipt| receipt.node);
        worker.and_then(|worker| self.weak.get(&worker)).is_some_and(|weak| weak.contains(&receipt))
    }

    /// Gives back what a worker lost by the word of a verifier that turned out false.
    fn restore_convicted_by(&mut self, verifier: NodeId) {
        let said = |receipt: &ReceiptId| {
            let rounds = self.rounds.get(receipt).into_iter().flatten();
            let mut verdicts = rounds.filter_map(|id| self.verifications.get(id)?.verdict());
            verdicts.any(|v| v.verifier == verifier && v.outcome == Outcome::Rejected)
        };
        let convicted: Vec<ReceiptId> = self.convicted.iter().copied().filter(said).collect();
        for id in convicted {
            let opinions = self.opinions(id, |v| v.purpose.judges_receipt());
            if opinions.rejecting.len() < self.policy.verifiers.convict {
                self.restore(id);
            }
        }
    }

    /// Takes back what was held against verifiers by a verdict that turned out false.
    fn forgive_verifiers(&mut self, id: ReceiptId) {
        let rounds = self.rounds.get(&id).into_iter().flatten();
        let judged = rounds.filter_map(|id| self.verifications.get(id));
        let judged: Vec<_> = judged
            .filter_map(|v| Some((v.purpose, v.verdict()?.outcome, v.verdict()?.verifier)))
            .collect();
        for (purpose, outcome, verifier) in judged {
            self.record(verifier, |node| match (purpose, outcome) {
                (Purpose::Canary, Outcome::Rejected) => {
                    node.record.canaries_failed = node.record.canaries_failed.saturating_sub(1);
                }
                (Purpose::Probe | Purpose::Confirm, Outcome::Accepted) => {
                    let minority = &mut node.record.verifications_minority;
                    *minority = minority.saturating_sub(1);
                }
                _ => {}
            });
            let figures = &self.policy.verifiers;
            let lifted = self.nodes.get(&verifier).is_some_and(|node| {
                let failures = node.record.verifications_minority + node.record.canaries_failed;
                node.suspended.is_some() && failures < figures.failures_suspend
            });
            if lifted {
                self.record(verifier, |node| node.suspended = None);
            }
        }
    }

    fn restore(&mut self, id: ReceiptId) {
        self.convicted.remove(&id);
        self.known.remove(&id);
        self.forgive_verifiers(id);
        let Some(receipt) = self.receipts.get(&id) else { return };
        let (node, job, lease) = (receipt.node, receipt.job, receipt.statement.lease);
        let in_lease = self.by_lease.get(&lease).into_iter().flat_map(|frames| frames.values());
        let rejected = in_lease
            .filter_map(|id| self.receipts.get(id))
            .filter(|receipt| receipt.status == ReceiptStatus::Rejected);
        let (frames, work) = rejected.fold((0, 0), |(n, sum), r| (n + 1, sum + r.credit));
        let forfeited = receipt.forfeited;
        self.record(node, |node| {
            let record = &mut node.record;
            record.frames_rejected = record.frames_rejected.saturating_sub(frames);
            record.credit_forfeited = record.credit_forfeited.saturating_sub(forfeited);
            record.credit_withheld = record.credit_withheld.saturating_add(forfeited + work);
            record.rejections_in_row = 0;
            node.suspended = None;
        });
        if let Some(receipt) = self.receipts.get_mut(&id) {
            receipt.forfeited = 0;
            receipt.reason = Some("the verifiers that rejected it turned out false".into());
        }
        self.mark(super::Row::Receipt(id));
        if let Some(job) = self.jobs.get_mut(&job) {
            job.excluded.remove(&node);
        }
        self.mark(super::Row::Job(job));
    }
}

/// An answer.
type Answer<'a> = (VerificationId, &'a Verdict);

/// The answers that go with one of them, so that they have the most voices; and the others.
fn largest<'a>(
    answers: &[Answer<'a>],
    voices: &impl Fn(&[Answer]) -> BTreeSet<String>,
    together: impl Fn(Answer, Answer) -> bool,
) -> (Vec<Answer<'a>>, Vec<Answer<'a>>) {
    let group_of =
        |anchor: &Answer| answers.iter().copied().partition(|other| together(*anchor, *other));
    let groups = answers.iter().map(group_of);
    groups.max_by_key(|group: &(Vec<Answer>, _)| voices(&group.0).len()).unwrap_or_default()
}

/// Whether one of two answers is known to show something else than the other.
fn saw_other(a: Answer, b: Answer) -> bool {
    let says = |one: &Verdict, other: VerificationId| {
        one.peers.iter().any(|peer| peer.verification == other && !peer.same)
    };
    a.0 != b.0 && (says(a.1, b.0) || says(b.1, a.0))
}

/// Whether two rejecting answers show the same.
fn saw_same(a: (VerificationId, &Verdict), b: (VerificationId, &Verdict)) -> bool {
    let says = |one: &Verdict, other: VerificationId| {
        one.peers.iter().any(|peer| peer.verification == other && peer.same)
    };
    let by_manager = a.1.found == Found::ByManager && b.1.found == Found::ByManager;
    a.0 == b.0 || by_manager || says(a.1, b.0) || says(b.1, a.0)
}
