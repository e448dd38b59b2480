//! Who takes part: nodes, their owners, and who of them is dishonest.

use super::behaviours::{VerifierKind, WorkerKind};
use super::dice::Dice;
use candela_core::id::{BlobHash, LeaseId, NodeId, VerificationId};
use candela_core::node::Role;
use std::collections::{BTreeSet, VecDeque};

/// Share of the nodes that hold both roles.
const BOTH_SHARE: f64 = 0.1;

/// A node and what the simulation knows of it.
#[derive(Debug)]
pub(super) struct SimNode {
    pub(super) id: NodeId,
    pub(super) owner: String,
    pub(super) roles: BTreeSet<Role>,
    pub(super) slots: u32,
    /// How much longer it takes than the average node.
    pub(super) slowness: f64,
    pub(super) worker: WorkerKind,
    pub(super) verifier: VerifierKind,
    /// Mean time between its disappearances.
    pub(super) leaves_every_ms: f64,
    pub(super) away_until: u64,
    pub(super) leases: BTreeSet<LeaseId>,
    pub(super) verifications: BTreeSet<VerificationId>,
    pub(super) scenes: VecDeque<BlobHash>,
    /// Frames that it sent, and answers that it gave.
    pub(super) frames: u64,
    pub(super) answers: u64,
    /// What it had done when its first frame was rejected, and when it was suspended.
    pub(super) rejected_at: Option<(u64, u64)>,
    pub(super) suspended_at: Option<(u64, u64)>,
    /// Frames that it had sent when it turned.
    pub(super) forged: u64,
    /// Forged frames of it that were accepted before the first was rejected.
    pub(super) passed_before: u64,
}

impl SimNode {
    pub(super) fn is_worker(&self) -> bool {
        self.roles.contains(&Role::Worker)
    }

    pub(super) fn is_verifier(&self) -> bool {
        self.roles.contains(&Role::Verifier)
    }
}

/// Draws all nodes: three workers for two verifiers, a part of them with both roles.
pub(super) fn population(count: usize, dishonest: f64, dice: &mut Dice) -> Vec<SimNode> {
    let workers = count * 3 / 5;
    let mut nodes: Vec<SimNode> = (0..count)
        .map(|at| {
            let first = if at < workers { Role::Worker } else { Role::Verifier };
            let mut roles = BTreeSet::from([first]);
            if dice.chance(BOTH_SHARE) {
                roles.extend([Role::Worker, Role::Verifier]);
            }
            one(roles, dice)
        })
        .collect();
    let (mut kinds, mut verifier_kinds) = (0, 0);
    for (from, to) in [(0, workers), (workers, count)] {
        let many = ((to - from) as f64 * dishonest).round() as usize;
        for node in &mut nodes[from..from + many] {
            if node.is_worker() {
                node.worker = worker_kind(kinds, dice);
                kinds += 1;
            }
            if node.is_verifier() {
                node.verifier = VerifierKind::DISHONEST[verifier_kinds % 8];
                verifier_kinds += 1;
            }
            if dice.chance(0.2) {
                node.leaves_every_ms /= 10.0;
            }
        }
    }
    let is_honest =
        |node: &SimNode| node.worker == WorkerKind::Honest && node.verifier == VerifierKind::Honest;
    let (mut honest, mut other): (Vec<_>, Vec<_>) = nodes.into_iter().partition(is_honest);
    for group in [&mut honest, &mut other] {
        dice.shuffle(group);
    }
    own(&mut honest, "owner", dice);
    own(&mut other, "gang", dice);
    honest.append(&mut other);
    dice.shuffle(&mut honest);
    honest
}

fn worker_kind(number: usize, dice: &mut Dice) -> WorkerKind {
    match WorkerKind::DISHONEST[number % WorkerKind::DISHONEST.len()] {
        WorkerKind::Turncoat { share, .. } => {
            WorkerKind::Turncoat { after: dice.between(50, 300), share }
        }
        kind => kind,
    }
}

fn one(roles: BTreeSet<Role>, dice: &mut Dice) -> SimNode {
    SimNode {
        id: NodeId(dice.bytes()),
        owner: String::new(),
        roles,
        slots: 1 + u32::from(dice.chance(0.2)),
        slowness: dice.log_between(0.5, 2.0),
        worker: WorkerKind::Honest,
        verifier: VerifierKind::Honest,
        leaves_every_ms: dice.log_between(1.0, 10.0) * 3_600_000.0,
        away_until: 0,
        leases: BTreeSet::new(),
        verifications: BTreeSet::new(),
        scenes: VecDeque::new(),
        frames: 0,
        answers: 0,
        rejected_at: None,
        suspended_at: None,
        forged: 0,
        passed_before: 0,
    }
}

/// Gives each owner one to three nodes.
fn own(nodes: &mut [SimNode], word: &str, dice: &mut Dice) {
    let (mut owner, mut left) = (0, 0);
    for node in nodes {
        if left == 0 {
            owner += 1;
            left = dice.between(1, 3);
        }
        left -= 1;
        node.owner = format!("{word} {owner}");
    }
}
