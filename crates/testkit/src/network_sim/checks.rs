//! The checks on a simulated network, each with its bound and where the bound comes from.
//!
//! # Forged frames that stay accepted
//!
//! *Since a worker was caught last, or never.* Its forged frame of check rate `r` is found with at least
//! `r · d`, where `d` is the chance that its probes hit what is forged: 1 for a whole frame, `1 − (1 −
//! s)^n` for a share `s` of the tiles and `n` probes. The draws are independent and the worker can't
//! see them. So the chance that it was not found is `∏ (1 − rᵢdᵢ)`, and the chance that at any time
//! `Σ −ln(1 − rᵢdᵢ)` reaches `L` before it is found is at most `e^−L` (Ville's inequality for the
//! martingale `1[not found] / ∏ (1 − rᵢdᵢ)`). Over `m` workers and
//! their convictions together, `L = ln(m / error)`.
//!
//! *Once a worker is caught,* all that it delivered within the window and that no two opinions stand
//! for is opened again and judged on many probes. Of a whole forgery nothing stays.

use super::behaviours::{VerifierKind, WorkerKind};
use super::report::{Check, ERROR, Group, Sums};
use super::world::World;
use candela_core::id::NodeId;
use candela_core::job::JobStatus;
use candela_core::task::{Receipt, ReceiptStatus};
use candela_core::time::Time;
use candela_core::verification::{Outcome, VerificationTask};
use std::collections::{BTreeMap, BTreeSet};

type Groups = BTreeMap<&'static str, Group>;

impl World {
    pub(super) fn checks(
        &self,
        receipts: &[&Receipt],
        sums: &Sums,
        workers: &Groups,
        verifiers: &Groups,
    ) -> Vec<Check> {
        let mut checks = self.checks_of_order(sums);
        checks.extend(self.checks_of_forgeries(receipts, workers));
        let check = |what: &str, found: f64, bound: f64| Check { what: what.into(), found, bound };
        let lost = (sums.honest_work - sums.honest_credit) / sums.honest_work.max(1.0);
        checks.push(check("share of their credit that honest workers lost", lost, 0.001));
        let suspended = |groups: &Groups, word: &str| {
            groups.get(word).map_or(0.0, |group| group.suspended as f64)
        };
        let honest = suspended(workers, WorkerKind::Honest.word());
        checks.push(check("honest workers suspended", honest, 0.0));
        let honest = suspended(verifiers, VerifierKind::Honest.word());
        checks.push(check("honest verifiers suspended", honest, 0.0));
        for kind in [
            VerifierKind::Garbage,
            VerifierKind::Replays,
            VerifierKind::AlwaysYes,
            VerifierKind::Lazy,
            VerifierKind::Saboteur,
        ] {
            let left = self.nodes.iter().filter(|node| {
                node.verifier == kind && node.answers >= 300 && node.suspended_at.is_none()
            });
            let what = format!("verifiers not suspended after 300 answers: {}", kind.word());
            checks.push(Check { what, found: left.count() as f64, bound: 0.0 });
        }
        let cost = sums.verifier_px / sums.job_px;
        checks.push(check("verifiers' pixels per job pixel", cost, 0.05));
        checks
    }

    fn checks_of_order(&self, sums: &Sums) -> Vec<Check> {
        let check =
            |what: &str, found: u64| Check { what: what.into(), found: found as f64, bound: 0.0 };
        let jobs = self.work.keys().filter_map(|job| self.farm.job(*job));
        let open = jobs.filter(|job| job.status != JobStatus::Completed).count() as u64;
        let leases: u64 =
            self.nodes.iter().map(|node| self.farm.tasks_of(node.id).len() as u64).sum();
        let unlike = self.work.keys().map(|job| self.farm.frame_counts(*job));
        let unlike = unlike.filter(|counts| counts.accepted != counts.all).count() as u64;
        vec![
            check("jobs that are not completed", open),
            check("jobs with frames that are not accepted", unlike),
            check("frames accepted more than once at a time", sums.doubly_accepted),
            check("leases left over", leases),
        ]
    }

    fn checks_of_forgeries(&self, receipts: &[&Receipt], workers: &Groups) -> Vec<Check> {
        let stayed: Vec<&&Receipt> = receipts.iter().filter(|r| self.stays(r)).collect();
        let mut caught: BTreeMap<NodeId, Time> = BTreeMap::new();
        for receipt in receipts.iter().filter(|r| self.was_convicted(r)) {
            // Canaries on a rejected receipt are answered long after.
            let opinions = self.farm.verifications(receipt.id);
            let opinions = opinions.filter(|v| v.purpose.judges_receipt());
            let at = opinions.filter_map(|v| Some(v.verdict()?.judged_at));
            let last = caught.entry(receipt.node).or_default();
            *last = at.max().unwrap_or_default().max(*last);
        }
        let before = |receipt: &Receipt| {
            let last = caught.get(&receipt.node).copied().unwrap_or_default();
            receipt.received_at < last
        };
        let whole = |receipt: &Receipt| {
            self.truth.forgery(receipt.id).is_some_and(|forgery| forgery.share >= 1.0)
        };
        let after = stayed.iter().filter(|r| before(r) && whole(r)).count();
        let mut luck: BTreeMap<NodeId, f64> = BTreeMap::new();
        for receipt in stayed.iter().filter(|receipt| !before(receipt)) {
            *luck.entry(receipt.node).or_default() -= (1.0 - self.risk(receipt)).max(1e-300).ln();
        }
        let cheats: BTreeSet<&str> = workers.keys().copied().collect();
        let cheats: u64 = cheats
            .iter()
            .filter(|word| **word != WorkerKind::Honest.word())
            .map(|word| workers[word].nodes)
            .sum();
        let least = luck.values().copied().fold(0.0, f64::max);
        let convictions = receipts.iter().filter(|r| self.was_convicted(r)).count();
        let bound = ((cheats + convictions as u64).max(1) as f64 / ERROR).ln();
        let check = |what: &str, found: f64, bound: f64| Check { what: what.into(), found, bound };
        let turned: Vec<u64> = self
            .nodes
            .iter()
            .filter(|node| matches!(node.worker, WorkerKind::Turncoat { .. }) && node.forged > 0)
            .map(|node| node.passed_before)
            .collect();
        let mean = turned.iter().sum::<u64>() as f64 / turned.len().max(1) as f64;
        vec![
            check("whole forgeries from before a conviction that stay accepted", after as f64, 0.0),
            check("luck of workers since they were caught last, −ln of its chance", least, bound),
            check("forged frames accepted from a turncoat before it is caught, mean", mean, 10.0),
        ]
    }

    /// Whether it was rejected by a verdict of its own that still stands.
    fn was_convicted(&self, receipt: &Receipt) -> bool {
        let rejects = |v: &VerificationTask| {
            v.verdict().is_some_and(|verdict| verdict.outcome == Outcome::Rejected)
        };
        let opinions = self.farm.verifications(receipt.id);
        let opinions = opinions.filter(|v| v.purpose.judges_receipt());
        receipt.status == ReceiptStatus::Rejected && opinions.filter(|v| rejects(v)).count() >= 2
    }

    /// The chance that this forgery is found by its own check.
    fn risk(&self, receipt: &Receipt) -> f64 {
        let share = self.truth.forgery(receipt.id).map_or(0.0, |forgery| forgery.share);
        let probes = self.farm.verifications(receipt.id);
        let probes = probes.map(|v| v.first_probe + v.probes).max().unwrap_or_else(|| {
            let size = self.work.get(&receipt.job).map(|work| work.size);
            size.map_or(0, |size| self.config.policy.checking.probes(size, 2 * 32 * 32))
        });
        receipt.check.rate * (1.0 - (1.0 - share).powi(probes.try_into().unwrap_or(i32::MAX)))
    }
}
