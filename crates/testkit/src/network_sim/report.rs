//! What came of a simulation: figures, and the checks with the bounds that they are held against.

use super::behaviours::WorkerKind;
use super::world::World;
use candela_core::id::NodeId;
use candela_core::job::FrameStatus;
use candela_core::task::{Receipt, ReceiptStatus};
use candela_core::verification::{Purpose, VerificationStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Chance that a network with right rules fails one of the checks by bad luck.
pub(super) const ERROR: f64 = 1e-6;

/// A statement about the network, and whether it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is asked.
    pub what: String,
    /// What was found.
    pub found: f64,
    /// What it may be at most.
    pub bound: f64,
}

impl Check {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.found <= self.bound
    }
}

/// What came of the nodes of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Nodes of the kind.
    pub nodes: u64,
    /// Of these, those that did what their kind does at least once.
    pub acted: u64,
    /// Frames that they sent, or answers that they gave.
    pub sent: u64,
    /// Forged frames among them.
    pub forged: u64,
    /// Nodes of which a frame was rejected.
    pub caught: u64,
    /// Nodes that are suspended.
    pub suspended: u64,
    /// Frames or answers until they were, on average.
    pub until_suspended: f64,
    /// Forged frames accepted before the first rejection: on average, of those that acted.
    pub passed_mean: f64,
    /// The same, at most.
    pub passed_max: u64,
    /// Forged frames that are accepted at the end.
    pub stayed: u64,
}

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Counts and shares, by name.
    pub figures: Vec<(&'static str, f64)>,
    /// Workers by what they do.
    pub workers: BTreeMap<&'static str, Group>,
    /// Verifiers by what they do.
    pub verifiers: BTreeMap<&'static str, Group>,
    /// What was asked.
    pub checks: Vec<Check>,
}

impl Report {
    /// The checks that don't hold.
    #[must_use]
    pub fn failed(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| !check.holds()).collect()
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("seed {}\n", self.seed);
        for (name, figure) in &self.figures {
            writeln!(text, "{figure:>14.4}  {name}").ok();
        }
        for (role, groups) in [("workers", &self.workers), ("verifiers", &self.verifiers)] {
            let titles =
                "nodes acted sent forged caught suspended after passed_mean passed_max stayed";
            let titles: String = titles.split(' ').map(|t| format!("{t:>12}")).collect();
            writeln!(text, "\n{role:<28}{titles}").ok();
            for (kind, g) in groups {
                let counts = [g.nodes, g.acted, g.sent, g.forged, g.caught, g.suspended];
                let counts: String = counts.iter().map(|n| format!("{n:>12}")).collect();
                writeln!(
                    text,
                    "{kind:<28}{counts}{:>12.1}{:>12.2}{:>12}{:>12}",
                    g.until_suspended, g.passed_mean, g.passed_max, g.stayed
                )
                .ok();
            }
        }
        writeln!(text).ok();
        for check in &self.checks {
            let word = if check.holds() { "holds" } else { "FAILS" };
            writeln!(text, "{word}  {}: {:.6} <= {:.6}", check.what, check.found, check.bound).ok();
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let groups = |groups: &BTreeMap<&'static str, Group>| -> Value {
            let one = |g: &Group| {
                json!({
                    "nodes": g.nodes, "acted": g.acted, "sent": g.sent, "forged": g.forged,
                    "caught": g.caught, "suspended": g.suspended,
                    "until_suspended": g.until_suspended, "passed_mean": g.passed_mean,
                    "passed_max": g.passed_max, "stayed": g.stayed,
                })
            };
            groups.iter().map(|(kind, group)| ((*kind).to_owned(), one(group))).collect()
        };
        let figures: Value =
            self.figures.iter().map(|(name, figure)| ((*name).to_owned(), json!(figure))).collect();
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(
                |c| json!({"what": c.what, "found": c.found, "bound": c.bound, "holds": c.holds()}),
            )
            .collect();
        json!({
            "seed": self.seed, "figures": figures, "workers": groups(&self.workers),
            "verifiers": groups(&self.verifiers), "checks": checks,
        })
    }
}

/// Credit and costs, added up.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) honest_work: f64,
    pub(super) honest_credit: f64,
    pub(super) job_px: f64,
    pub(super) verifier_px: f64,
    pub(super) accepted: u64,
    pub(super) checked: u64,
    pub(super) reopened: u64,
    pub(super) doubly_accepted: u64,
}

impl World {
    pub(super) fn report(&self) -> Report {
        let receipts: Vec<&Receipt> =
            self.work.keys().flat_map(|job| self.farm.receipts(*job)).collect();
        let sums = self.sums(&receipts);
        let purposes = self.purposes(&receipts);
        let of = |purpose: Purpose| purposes.get(&purpose).copied().unwrap_or(0) as f64;
        let figures = vec![
            ("nodes", self.nodes.len() as f64),
            ("jobs", self.work.len() as f64),
            ("tasks", self.tally.tasks as f64),
            ("frames sent", receipts.len() as f64),
            ("commands", self.tally.commands as f64),
            ("simulated hours", self.now as f64 / 3_600_000.0),
            ("disappearances of nodes", self.tally.left as f64),
            ("frames sent too late, refused", self.tally.stale_receipts as f64),
            ("answers sent too late, refused", self.tally.stale_answers as f64),
            ("jobs tried again", self.tally.retried as f64),
            ("share of accepted frames checked", sums.checked as f64 / sums.accepted.max(1) as f64),
            ("frames opened again", sums.reopened as f64),
            ("answers: probes", of(Purpose::Probe)),
            ("answers: second opinions", of(Purpose::Confirm)),
            ("answers: canaries", of(Purpose::Canary)),
            ("verifiers' pixels per job pixel", sums.verifier_px / sums.job_px),
            ("forged frames accepted at some time", self.tally.ever_accepted.len() as f64),
        ];
        let workers = self.worker_groups(&receipts);
        let verifiers = self.verifier_groups();
        let checks = self.checks(&receipts, &sums, &workers, &verifiers);
        Report { seed: self.config.seed, figures, workers, verifiers, checks }
    }

    pub(super) fn kind_of(&self, node: NodeId) -> WorkerKind {
        self.at.get(&node).map_or(WorkerKind::Honest, |at| self.nodes[*at].worker)
    }

    pub(super) fn stays(&self, receipt: &Receipt) -> bool {
        receipt.status == ReceiptStatus::Accepted && self.truth.forgery(receipt.id).is_some()
    }

    fn sums(&self, receipts: &[&Receipt]) -> Sums {
        let mut sums = Sums::default();
        for receipt in receipts {
            let accepted = receipt.status == ReceiptStatus::Accepted;
            sums.accepted += u64::from(accepted);
            sums.checked += u64::from(accepted && receipt.check.checked);
            sums.reopened += u64::from(receipt.reopened);
            let known = self.farm.frame(receipt.job, receipt.statement.frame);
            let held = known.is_some_and(|f| f.status == FrameStatus::Accepted(receipt.id));
            sums.doubly_accepted += u64::from(accepted && !held);
            let honest = self.kind_of(receipt.node) == WorkerKind::Honest;
            if honest && matches!(receipt.status, ReceiptStatus::Accepted | ReceiptStatus::Rejected)
            {
                sums.honest_work += receipt.credit as f64;
            }
        }
        for node in self.nodes.iter().filter(|node| node.worker == WorkerKind::Honest) {
            let record = self.farm.node(node.id).map(|node| node.record).unwrap_or_default();
            sums.honest_credit += record.credit_earned as f64 + record.credit_withheld as f64;
        }
        for (job, work) in &self.work {
            let frames = self.farm.frame_counts(*job).all as f64;
            sums.job_px += frames * work.size.pixels() as f64;
            sums.verifier_px += self.farm.job(*job).map_or(0.0, |job| job.verification_px as f64);
        }
        sums
    }

    fn purposes(&self, receipts: &[&Receipt]) -> BTreeMap<Purpose, u64> {
        let mut purposes = BTreeMap::new();
        for receipt in receipts {
            for verification in self.farm.verifications(receipt.id) {
                let judged = matches!(verification.status, VerificationStatus::Judged(_));
                *purposes.entry(verification.purpose).or_default() += u64::from(judged);
            }
        }
        purposes
    }

    fn worker_groups(&self, receipts: &[&Receipt]) -> BTreeMap<&'static str, Group> {
        let mut groups: BTreeMap<&'static str, Group> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.is_worker()) {
            let group = groups.entry(node.worker.word()).or_default();
            let acted = if node.worker.forges() { node.forged > 0 } else { node.frames > 0 };
            group.nodes += 1;
            group.acted += u64::from(acted);
            group.sent += node.frames;
            group.forged += node.forged;
            group.caught += u64::from(node.rejected_at.is_some());
            group.passed_mean += node.passed_before as f64;
            group.passed_max = group.passed_max.max(node.passed_before);
            if let Some((frames, _)) = node.suspended_at {
                group.suspended += 1;
                group.until_suspended += frames as f64;
            }
        }
        for receipt in receipts.iter().filter(|receipt| self.stays(receipt)) {
            groups.entry(self.kind_of(receipt.node).word()).or_default().stayed += 1;
        }
        means(groups)
    }

    fn verifier_groups(&self) -> BTreeMap<&'static str, Group> {
        let mut groups: BTreeMap<&'static str, Group> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.is_verifier()) {
            let group = groups.entry(node.verifier.word()).or_default();
            group.nodes += 1;
            group.acted += u64::from(node.answers > 0);
            group.sent += node.answers;
            if let Some((_, answers)) = node.suspended_at {
                group.suspended += 1;
                group.until_suspended += answers as f64;
            }
        }
        means(groups)
    }
}

fn means(mut groups: BTreeMap<&'static str, Group>) -> BTreeMap<&'static str, Group> {
    for group in groups.values_mut() {
        group.until_suspended /= group.suspended.max(1) as f64;
        group.passed_mean /= group.acted.max(1) as f64;
    }
    groups
}
