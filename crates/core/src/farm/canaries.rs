//! Canaries: verification tasks whose right answer is known, among the others and like them.
//!
//! Of both kinds: receipts that two owners' verifiers found right, and planted wrong ones, which two
//! found wrong. The verifier is blind, so it sees no difference. Its replica *and its control* are
//! held against the known pictures: who shows the worker's pixels instead of its own fails on a
//! planted one, who guesses or replays fails on both, and who sends a control that lets anything pass
//! fails too.

use super::{Effect, Farm};
use crate::id::{NodeId, OwnerId, ReceiptId, VerificationId};
use crate::seed::Seed;
use crate::task::{Receipt, ReceiptStatus};
use crate::time::Time;
use crate::verification::{Outcome, Purpose, VerificationStatus, VerificationTask};
use std::collections::BTreeSet;

/// Share of canaries among the tasks of a verifier on probation.
const PROBATION_RATE: f64 = 0.3;

/// Known receipts that are looked at for one canary.
const CANDIDATES_MAX: usize = 64;

impl Farm {
    /// A canary for a verifier that is about to be given a task, if its draw asks for one and there is one.
    pub(super) fn canary_for(
        &mut self,
        verifier: NodeId,
        instead_of: VerificationId,
        now: Time,
        seed: &Seed,
    ) -> Option<VerificationId> {
        let figures = &self.policy.verifiers;
        let confirmed = self.nodes.get(&verifier)?.record.verifications_confirmed;
        let rate = if confirmed < figures.probation { PROBATION_RATE } else { figures.canary_rate };
        let rate = if figures.canary_rate > 0.0 { rate } else { 0.0 };
        let draws = 1_000_000;
        let drawn = seed.index("canary", instead_of.0 ^ self.next_id, draws);
        if drawn as f64 >= rate * draws as f64 {
            return None;
        }
        let (receipt, answer) = self.draw_known(verifier, seed)?;
        let answer = self.verifications.get(&answer)?.clone();
        let id = VerificationId(self.new_id());
        let probes = answer.probes.min(self.policy.checking.probes_first);
        let canary = VerificationTask {
            id,
            purpose: Purpose::Canary,
            probes,
            second_replica: !self.repeats(answer.job),
            status: VerificationStatus::Queued,
            ..answer
        };
        self.verifications.insert(id, canary);
        self.rounds.entry(receipt).or_default().push(id);
        self.set_verification(id, VerificationStatus::Leased { node: verifier, given_at: now });
        Some(id)
    }

    /// One of the latest known receipts that a verifier can be asked about, each as likely as the others,
    /// and the answer that holds its pictures.
    fn draw_known(&self, verifier: NodeId, seed: &Seed) -> Option<(ReceiptId, VerificationId)> {
        let engines = &self.presence.get(&verifier)?.hello.engines;
        let mut known: Vec<ReceiptId> =
            self.known.iter().rev().take(CANDIDATES_MAX).copied().collect();
        while !known.is_empty() {
            let at =
                seed.index("which canary", self.next_id << 8 | known.len() as u64, known.len());
            let id = known.swap_remove(at);
            let can = |receipt: &Receipt| engines.contains(&receipt.statement.engine);
            if !self.receipts.get(&id).is_some_and(can) || !self.is_new_to(verifier, id) {
                continue;
            }
            if let Some(answer) = self.known_answer(id) {
                return Some((id, answer));
            }
        }
        None
    }

    /// Whether nobody of the verifier's owner rendered or judged that receipt.
    fn is_new_to(&self, verifier: NodeId, receipt: ReceiptId) -> bool {
        let owner = self.nodes.get(&verifier).map(|node| &node.owner);
        let worker = self.receipts.get(&receipt).and_then(|receipt| self.nodes.get(&receipt.node));
        let seen = self.owners_that_saw(receipt, |_| true);
        owner.is_some_and(|owner| {
            !seen.contains(owner) && worker.is_some_and(|worker| worker.owner != *owner)
        })
    }

    /// Owners whose verifiers answered a receipt's verification tasks, or are about to: those that `of` takes.
    pub(super) fn owners_that_saw(
        &self,
        receipt: ReceiptId,
        of: impl Fn(&VerificationTask) -> bool,
    ) -> BTreeSet<&OwnerId> {
        let rounds = self.rounds.get(&receipt).into_iter().flatten();
        let verifications = rounds.filter_map(|id| self.verifications.get(id));
        let verifications = verifications.filter(|verification| of(verification));
        let nodes = verifications.filter_map(|verification| match &verification.status {
            VerificationStatus::Judged(verdict) => Some(verdict.verifier),
            VerificationStatus::Leased { node, .. } => Some(*node),
            VerificationStatus::Queued | VerificationStatus::Dropped => None,
        });
        nodes.filter_map(|node| self.nodes.get(&node)).map(|node| &node.owner).collect()
    }

    /// The answer that holds the known pictures of a receipt: one that others confirmed, from the first probe on.
    #[must_use]
    pub fn known_answer(&self, receipt: ReceiptId) -> Option<VerificationId> {
        let opinions = self.opinions(receipt, |v| v.purpose.judges_receipt());
        let by = match self.receipts.get(&receipt)?.status {
            ReceiptStatus::Accepted if opinions.accepting.len() >= 2 => opinions.accepted_by,
            ReceiptStatus::Rejected if opinions.rejecting.len() >= 2 => opinions.rejected_by,
            _ => return None,
        };
        let rounds = self.rounds.get(&receipt)?.iter();
        let mut answers = rounds.filter_map(|id| self.verifications.get(id)).filter(|v| {
            let verdict = v.verdict();
            v.purpose.judges_receipt()
                && v.first_probe == 0
                && verdict.is_some_and(|verdict| by.contains(&verdict.verifier))
        });
        answers.next().map(|answer| answer.id)
    }

    pub(super) fn canary_answered(
        &mut self,
        verifier: NodeId,
        outcome: Outcome,
        now: Time,
        effects: &mut Vec<Effect>,
    ) {
        match outcome {
            Outcome::Accepted => {
                self.record(verifier, |node| node.record.verifications_confirmed += 1);
            }
            Outcome::Rejected => {
                self.record(verifier, |node| node.record.canaries_failed += 1);
                self.suspend_if_false(verifier, now, effects);
            }
            Outcome::Undecided => {}
        }
        effects.push(Effect::NodeChanged(verifier));
    }

    /// Whether inspection found that a job's scene renders to the same bits each time.
    pub(super) fn repeats(&self, job: crate::id::JobId) -> bool {
        let inspected = self.jobs.get(&job).and_then(|job| job.inspected.as_ref());
        inspected.is_some_and(|inspected| inspected.preview.unrepeatable_share == 0.0)
    }
}
