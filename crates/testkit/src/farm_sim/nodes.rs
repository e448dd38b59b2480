//! The nodes: who takes part, how fast, how well connected and for how long.

use crate::network_sim::dice::Dice;
use crate::network_sim::scene;
use candela_core::id::{BlobHash, EngineBuild, LeaseId, NodeId, VerificationId};
use candela_core::node::{Hello, Role};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Scenes of a node's cache.
const SCENES_KEPT: usize = 4;

/// A lease that a node works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) job: usize,
    /// When it began with the present frame.
    pub(super) begun_ms: u64,
}

/// A node and what it is doing.
#[derive(Debug)]
pub(super) struct SimNode {
    pub(super) id: NodeId,
    pub(super) roles: BTreeSet<Role>,
    pub(super) engines: BTreeSet<EngineBuild>,
    pub(super) owner: String,
    pub(super) slots: u32,
    /// How much longer it takes than the average node.
    pub(super) slowness: f64,
    /// What a message takes on its way.
    pub(super) delay_ms: u64,
    /// Bytes of a scene per second, in MB.
    pub(super) mb_per_s: f64,
    pub(super) here: bool,
    /// Counts how often it came, so that what it had planned before is known as stale.
    pub(super) visit: u32,
    /// Its link is down until then, and it works on.
    pub(super) cut_until: u64,
    pub(super) leases: BTreeMap<LeaseId, Held>,
    pub(super) verifications: BTreeSet<VerificationId>,
    pub(super) scenes: VecDeque<BlobHash>,
}

/// The second engine build; most nodes run both.
pub(super) fn other_engine() -> EngineBuild {
    EngineBuild("blender-4.2.9".into())
}

/// Draws all nodes: 19 of 20 are workers, one of ten is a verifier.
pub(super) fn population(count: usize, dice: &mut Dice) -> Vec<SimNode> {
    (0..count).map(|at| one(at, dice)).collect()
}

fn one(at: usize, dice: &mut Dice) -> SimNode {
    let mut roles = BTreeSet::from([Role::Worker]);
    let draw = dice.unit();
    if draw < 0.10 {
        roles.insert(Role::Verifier);
    }
    if draw < 0.05 {
        roles.remove(&Role::Worker);
    }
    let engines = match dice.between(0, 9) {
        0 => vec![other_engine()],
        1..=2 => vec![scene::engine()],
        _ => vec![scene::engine(), other_engine()],
    };
    // One of fifty is behind a very slow link.
    let (low, high) = if dice.chance(0.02) { (1e3, 3e4) } else { (10.0, 500.0) };
    SimNode {
        id: NodeId(dice.bytes()),
        roles,
        engines: engines.into_iter().collect(),
        owner: format!("owner {}", at / 2),
        slots: if dice.chance(0.1) { 2 } else { 1 },
        slowness: dice.log_between(0.55, 1.8),
        delay_ms: dice.log_between(low, high) as u64,
        mb_per_s: dice.log_between(1.0, 50.0),
        here: false,
        visit: 0,
        cut_until: 0,
        leases: BTreeMap::new(),
        verifications: BTreeSet::new(),
        scenes: VecDeque::new(),
    }
}

impl SimNode {
    /// What it says of itself when it connects.
    pub(super) fn hello(&self, tell_scenes: bool) -> Hello {
        let mut hello = scene::hello(self.id, &self.owner, &self.roles, self.slots);
        hello.engines.clone_from(&self.engines);
        hello.scenes_held = self.scenes_told(tell_scenes);
        hello.leases = self.leases.keys().copied().collect();
        hello.verifications.clone_from(&self.verifications);
        hello
    }

    /// The scenes that it says it holds.
    pub(super) fn scenes_told(&self, tell_scenes: bool) -> BTreeSet<BlobHash> {
        if tell_scenes { self.scenes.iter().copied().collect() } else { BTreeSet::new() }
    }

    pub(super) fn holds(&self, scene: &BlobHash) -> bool {
        self.scenes.contains(scene)
    }

    /// Fetches a scene, and lets the oldest go.
    pub(super) fn fetch(&mut self, scene: BlobHash) {
        self.scenes.push_back(scene);
        if self.scenes.len() > SCENES_KEPT {
            self.scenes.pop_front();
        }
    }
}

/// How long a node stays, in milliseconds; 8.9 h on the average.
pub(super) fn stays_ms(dice: &mut Dice) -> u64 {
    (dice.log_between(2.0, 24.0) * 3.6e6) as u64
}

/// How long it is away, in milliseconds; 3.4 h on the average.
pub(super) fn is_away_ms(dice: &mut Dice) -> u64 {
    (dice.log_between(1.0, 8.0) * 3.6e6) as u64
}

/// Share of its time that a node is connected.
pub(super) const HERE_SHARE: f64 = 8.85 / (8.85 + 3.37);

/// Slots of connected workers over all nodes, on the average.
pub(super) const SLOTS_HERE: f64 = 0.95 * 1.1 * HERE_SHARE;

/// Mean of a node's speed: the mean of one over its slowness.
pub(super) const SPEED: f64 = 1.064;
