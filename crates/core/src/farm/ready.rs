//! Who may be given work now, kept up by every change, so that giving it out looks at no list of nodes.
//!
//! Workers by engine build, and of them those that hold the scene of a job under way; verifiers by
//! engine build, with how many each owner has. What changes by the passing of time alone (silences,
//! rests) is looked at when it is due.

use super::Farm;
use super::alarms::Alarms;
use super::node_map::NodeMap;
use super::pool::Pool;
use crate::id::{BlobHash, EngineBuild, JobId, NodeId, OwnerId};
use crate::job::JobStatus;
use crate::node::{Presence, Role};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// The indices for giving out work.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ready {
    /// Connected nodes as they were counted.
    counted: NodeMap<Counted>,
    workers: BTreeMap<EngineBuild, Workers>,
    verifiers: BTreeMap<EngineBuild, Verifiers>,
    verifiers_free: usize,
    /// Connected workers by the scenes that they hold.
    holders: BTreeMap<BlobHash, BTreeSet<NodeId>>,
    /// Scenes of jobs under way, by engine: who may be given work and holds the scene.
    wanted: BTreeMap<BlobHash, BTreeMap<EngineBuild, Wanted>>,
    /// Nodes that are silent or rest.
    asleep: NodeMap<()>,
    /// When a node will fall silent, or has rested.
    stirs: Alarms<NodeId>,
}

/// A connected node that isn't suspended, as it was counted.
#[derive(Debug, Clone, PartialEq)]
struct Counted {
    engines: BTreeSet<EngineBuild>,
    owner: OwnerId,
    slots: u32,
    worker: bool,
    verifier: bool,
    /// Whether it may be given a task now, and a verification task.
    worker_free: bool,
    verifier_free: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Workers {
    here: usize,
    slots: u64,
    free: Pool,
}

/// Verifiers that can run one build.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Verifiers {
    /// Those that may be given a verification task now.
    pub(super) free: Pool,
    /// Slots of all that are connected.
    pub(super) slots: u64,
    free_of: BTreeMap<OwnerId, usize>,
    here_of: BTreeMap<OwnerId, usize>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Wanted {
    jobs: BTreeSet<JobId>,
    free: Pool,
}

impl Verifiers {
    /// How many of the free ones don't belong to these owners.
    pub(super) fn free_without(&self, owners: &BTreeSet<&OwnerId>) -> usize {
        let out = owners.iter().filter_map(|owner| self.free_of.get(*owner)).sum();
        self.free.len().saturating_sub(out)
    }

    /// Whether a verifier is connected, free or not, that belongs to none of these owners.
    pub(super) fn any_without(&self, owners: &BTreeSet<&OwnerId>) -> bool {
        let out = owners.iter().filter(|owner| self.here_of.contains_key(**owner)).count();
        self.here_of.len() > out
    }

    /// Owners of connected verifiers.
    pub(super) fn owners(&self) -> impl Iterator<Item = &OwnerId> {
        self.here_of.keys()
    }
}

impl Ready {
    /// Workers that can run a build and may be given a task now.
    pub(super) fn workers(&self, engine: &EngineBuild) -> Option<&Pool> {
        self.workers.get(engine).map(|workers| &workers.free).filter(|free| !free.is_empty())
    }

    /// Those of them that hold the scene of a job under way.
    pub(super) fn holders(&self, scene: &BlobHash, engine: &EngineBuild) -> Option<&Pool> {
        self.wanted.get(scene)?.get(engine).map(|wanted| &wanted.free)
    }

    /// Jobs under way with a scene.
    pub(super) fn jobs_with(&self, scene: &BlobHash) -> impl Iterator<Item = &JobId> {
        self.wanted.get(scene).into_iter().flatten().flat_map(|wanted| &wanted.1.jobs)
    }

    /// Connected workers that can run a build, and their slots.
    pub(super) fn workers_with(&self, engine: &EngineBuild) -> (usize, u64) {
        self.workers.get(engine).map_or((0, 0), |workers| (workers.here, workers.slots))
    }

    /// How many of these nodes are among them.
    pub(super) fn count_with<'a>(
        &self,
        engine: &EngineBuild,
        nodes: impl Iterator<Item = &'a NodeId>,
    ) -> usize {
        let counted = nodes.filter_map(|node| self.counted.get(node));
        counted.filter(|node| node.worker && node.engines.contains(engine)).count()
    }

    /// Verifiers that can run a build.
    pub(super) fn verifiers(&self, engine: &EngineBuild) -> Option<&Verifiers> {
        self.verifiers.get(engine)
    }

    /// Whether any verifier may be given a verification task now.
    pub(super) fn has_verifiers(&self) -> bool {
        self.verifiers_free > 0
    }

    fn count(&mut self, node: NodeId, new: Counted, scenes: &BTreeSet<BlobHash>) {
        for engine in &new.engines {
            if new.worker {
                let workers = self.workers.entry(engine.clone()).or_default();
                workers.here += 1;
                workers.slots += u64::from(new.slots);
            }
            if new.verifier {
                let verifiers = self.verifiers.entry(engine.clone()).or_default();
                verifiers.slots += u64::from(new.slots);
                *verifiers.here_of.entry(new.owner.clone()).or_default() += 1;
            }
        }
        self.counted.insert(node, new);
        self.hold(node, scenes.iter());
    }

    fn discount(&mut self, node: NodeId, scenes: &BTreeSet<BlobHash>) {
        self.set_free(node, [false, false], scenes);
        self.unhold(node, scenes.iter());
        let Some(old) = self.counted.remove(&node) else { return };
        for engine in &old.engines {
            if old.worker
                && let Some(workers) = self.workers.get_mut(engine)
            {
                workers.here -= 1;
                workers.slots -= u64::from(old.slots);
                if workers.here == 0 {
                    self.workers.remove(engine);
                }
            }
            if old.verifier
                && let Some(verifiers) = self.verifiers.get_mut(engine)
            {
                less(&mut verifiers.here_of, &old.owner);
                verifiers.slots -= u64::from(old.slots);
                if verifiers.here_of.is_empty() {
                    self.verifiers.remove(engine);
                }
            }
        }
    }

    /// Whether a node may be given a task now, and a verification task.
    fn set_free(&mut self, node: NodeId, free: [bool; 2], scenes: &BTreeSet<BlobHash>) {
        let Some(counted) = self.counted.get_mut(&node) else { return };
        let [worker, verifier] = [free[0] && counted.worker, free[1] && counted.verifier];
        if std::mem::replace(&mut counted.worker_free, worker) != worker {
            for engine in &counted.engines {
                if let Some(workers) = self.workers.get_mut(engine) {
                    workers.free.set(node, worker);
                }
            }
            for scene in scenes {
                for (engine, wanted) in self.wanted.get_mut(scene).into_iter().flatten() {
                    wanted.free.set(node, worker && counted.engines.contains(engine));
                }
            }
        }
        if std::mem::replace(&mut counted.verifier_free, verifier) == verifier {
            return;
        }
        self.verifiers_free =
            if verifier { self.verifiers_free + 1 } else { self.verifiers_free - 1 };
        for engine in &counted.engines {
            let Some(verifiers) = self.verifiers.get_mut(engine) else { continue };
            verifiers.free.set(node, verifier);
            if verifier {
                *verifiers.free_of.entry(counted.owner.clone()).or_default() += 1;
            } else {
                less(&mut verifiers.free_of, &counted.owner);
            }
        }
    }

    fn hold<'a>(&mut self, node: NodeId, scenes: impl Iterator<Item = &'a BlobHash>) {
        let Some(counted) = self.counted.get(&node).filter(|counted| counted.worker) else {
            return;
        };
        for scene in scenes {
            self.holders.entry(*scene).or_default().insert(node);
            for (engine, wanted) in self.wanted.get_mut(scene).into_iter().flatten() {
                let free = counted.worker_free && counted.engines.contains(engine);
                wanted.free.set(node, free);
            }
        }
    }

    fn unhold<'a>(&mut self, node: NodeId, scenes: impl Iterator<Item = &'a BlobHash>) {
        for scene in scenes {
            if let Some(nodes) = self.holders.get_mut(scene) {
                nodes.remove(&node);
                if nodes.is_empty() {
                    self.holders.remove(scene);
                }
            }
            for (_, wanted) in self.wanted.get_mut(scene).into_iter().flatten() {
                wanted.free.set(node, false);
            }
        }
    }

    /// A job with that scene is under way: those that hold it are looked up once.
    fn want(&mut self, job: JobId, scene: BlobHash, engine: &EngineBuild) {
        let wanted = self.wanted.entry(scene).or_default().entry(engine.clone()).or_default();
        wanted.jobs.insert(job);
        if wanted.jobs.len() > 1 {
            return;
        }
        for node in self.holders.get(&scene).into_iter().flatten() {
            let free = self
                .counted
                .get(node)
                .is_some_and(|counted| counted.worker_free && counted.engines.contains(engine));
            wanted.free.set(*node, free);
        }
    }

    fn unwant(&mut self, job: JobId, scene: BlobHash, engine: &EngineBuild) {
        let Some(by_engine) = self.wanted.get_mut(&scene) else { return };
        if let Some(wanted) = by_engine.get_mut(engine) {
            wanted.jobs.remove(&job);
            if wanted.jobs.is_empty() {
                by_engine.remove(engine);
            }
        }
        if by_engine.is_empty() {
            self.wanted.remove(&scene);
        }
    }
}

impl Farm {
    /// Takes a node out of the indices: before it goes, or says something else of itself.
    pub(super) fn discount(&mut self, node: NodeId) {
        let scenes = self.presence.get(&node).map(|presence| &presence.hello.scenes_held);
        self.ready.discount(node, scenes.unwrap_or(&BTreeSet::new()));
        self.ready.asleep.remove(&node);
        self.ready.stirs.clear(node);
    }

    /// Takes a node that is there into the indices.
    pub(super) fn count(&mut self, id: NodeId, now: Time) {
        self.count_awake(id);
        self.look_at(id, now);
    }

    fn count_awake(&mut self, id: NodeId) {
        let (Some(node), Some(presence)) = (self.nodes.get(&id), self.presence.get(&id)) else {
            return;
        };
        if node.suspended.is_some() {
            return;
        }
        let hello = &presence.hello;
        let counted = Counted {
            engines: hello.engines.clone(),
            owner: node.owner.clone(),
            slots: hello.slots,
            worker: hello.roles.contains(&Role::Worker),
            verifier: hello.roles.contains(&Role::Verifier),
            worker_free: false,
            verifier_free: false,
        };
        self.ready.count(id, counted, &hello.scenes_held);
    }

    /// Counts a node again after it was suspended, or is no more.
    pub(super) fn recount(&mut self, node: NodeId) {
        let scenes = self.presence.get(&node).map(|presence| &presence.hello.scenes_held);
        self.ready.discount(node, scenes.unwrap_or(&BTreeSet::new()));
        self.count_awake(node);
        self.refresh(node);
    }

    /// Looks at a node again after its slots, its link or its pause changed.
    pub(super) fn refresh(&mut self, node: NodeId) {
        let Some(presence) = self.presence.get(&node) else { return };
        let up = presence.linked && !presence.paused && !self.ready.asleep.contains(&node);
        let free = [Role::Worker, Role::Verifier]
            .map(|role| up && self.free_slots(node, presence, role) > 0);
        self.ready.set_free(node, free, &presence.hello.scenes_held);
    }

    /// The same after it was heard of, or is to rest: whether it is awake, and until when.
    pub(super) fn look_at(&mut self, node: NodeId, now: Time) {
        let Some(presence) = self.presence.get(&node) else { return };
        let silent_from = self.silent_from(presence);
        let silent = silent_from <= now;
        let rests = presence.rest_until > now;
        // Who is silent is looked at when it is heard again.
        if rests {
            self.ready.stirs.set(node, presence.rest_until);
        } else if !silent {
            self.ready.stirs.set(node, silent_from);
        } else {
            self.ready.stirs.clear(node);
        }
        if silent || rests {
            self.ready.asleep.insert(node, ());
        } else {
            self.ready.asleep.remove(&node);
        }
        self.refresh(node);
    }

    /// When a node counts as silent if it isn't heard of again.
    fn silent_from(&self, presence: &Presence) -> Time {
        presence.heard_at.plus_ms(self.policy.silent_ms).plus_ms(1)
    }

    pub(super) fn is_asleep(&self, node: NodeId) -> bool {
        self.ready.asleep.contains(&node)
    }

    /// Looks at those that fall silent by now, or have rested.
    pub(super) fn stir(&mut self, now: Time) {
        while let Some(node) = self.ready.stirs.ring(now) {
            match self.presence.get(&node).map(|presence| self.silent_from(presence)) {
                // It was heard of since this was set: nothing has changed.
                Some(at) if at > now && !self.is_asleep(node) => self.ready.stirs.set(node, at),
                _ => self.look_at(node, now),
            }
        }
    }

    /// What a node holds changed from `before` to what its presence says.
    pub(super) fn holds_other(&mut self, node: NodeId, before: &BTreeSet<BlobHash>) {
        let Some(presence) = self.presence.get(&node) else { return };
        let scenes = &presence.hello.scenes_held;
        self.ready.unhold(node, before.difference(scenes));
        self.ready.hold(node, scenes.difference(before));
    }

    /// Keeps the indices after a job's status changed: the queue, and which scenes are wanted.
    pub(super) fn index_job(&mut self, job: JobId, before: Option<&JobStatus>) {
        let Some(entry) = self.jobs.get(&job) else { return };
        let (submission, status) = (&entry.submission, &entry.status);
        let was = before.is_some_and(|before| *before == JobStatus::Active);
        let active = *status == JobStatus::Active;
        if status.is_over() {
            self.queue.finish(job);
        } else {
            let (user, engine) = (&submission.user, &submission.engine);
            self.queue.begin(job, user, engine, submission.priority);
        }
        match (was, active) {
            (false, true) => self.ready.want(job, submission.scene, &submission.engine),
            (true, false) => self.ready.unwant(job, submission.scene, &submission.engine),
            _ => {}
        }
        self.queue.set_open(job, active && self.waiting.contains_key(&job));
    }

    /// Everything about nodes from the state, as at the start. Who was asleep sleeps on.
    pub(super) fn count_all(&mut self, before: Ready) {
        self.ready = Ready { asleep: before.asleep, stirs: before.stirs, ..Ready::default() };
        for job in self.jobs.values().filter(|job| job.status == JobStatus::Active) {
            self.ready.want(job.id, job.submission.scene, &job.submission.engine);
        }
        for node in self.presence.nodes().copied().collect::<Vec<_>>() {
            self.count_awake(node);
            self.refresh(node);
        }
    }

    /// Slots of a node that are free for a role, whether or not it may be given work now.
    fn free_slots(&self, node: NodeId, presence: &Presence, role: Role) -> u32 {
        let used = match role {
            Role::Worker => self.leases_of.get(&node).map_or(0, BTreeSet::len),
            Role::Verifier => self.verifications_of.get(&node).map_or(0, BTreeSet::len),
        };
        presence.hello.slots.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }
}

fn less(counts: &mut BTreeMap<OwnerId, usize>, owner: &OwnerId) {
    if let Some(count) = counts.get_mut(owner) {
        *count -= 1;
        if *count == 0 {
            counts.remove(owner);
        }
    }
}
