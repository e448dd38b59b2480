//! Who has a slot free, kept up by every change, so that giving out work doesn't look at every node.
//!
//! What depends on the time only (silences, rests) is looked at when work is given out.

use super::Farm;
use crate::id::{EngineBuild, JobId, NodeId};
use crate::node::Role;
use crate::task::TaskStatus;
use std::collections::{BTreeMap, BTreeSet};

/// The indices for giving out work.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ready {
    /// Connected workers that have a slot free and are not suspended, in the order of their ids.
    workers: Vec<NodeId>,
    /// The same of the verifiers.
    verifiers: Vec<NodeId>,
    /// The builds that each connected worker can run, as they were counted.
    builds: BTreeMap<NodeId, BTreeSet<EngineBuild>>,
    /// Connected workers by build.
    workers_with: BTreeMap<EngineBuild, usize>,
    /// Tasks under way by job.
    under_way: BTreeMap<JobId, usize>,
}

impl Ready {
    /// Nodes with a slot free, in the order of their ids.
    pub(super) fn of(&self, role: Role) -> &[NodeId] {
        match role {
            Role::Worker => &self.workers,
            Role::Verifier => &self.verifiers,
        }
    }

    /// Connected workers that can run a build.
    pub(super) fn workers_with(&self, engine: &EngineBuild) -> usize {
        self.workers_with.get(engine).copied().unwrap_or(0)
    }

    /// Tasks of a job that are under way.
    pub(super) fn under_way(&self, job: JobId) -> usize {
        self.under_way.get(&job).copied().unwrap_or(0)
    }

    pub(super) fn begun(&mut self, job: JobId) {
        *self.under_way.entry(job).or_default() += 1;
    }

    pub(super) fn ended(&mut self, job: JobId) {
        if let Some(count) = self.under_way.get_mut(&job) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&job);
            }
        }
    }

    fn set(&mut self, role: Role, node: NodeId, free: bool) {
        let list = match role {
            Role::Worker => &mut self.workers,
            Role::Verifier => &mut self.verifiers,
        };
        match (list.binary_search(&node), free) {
            (Err(at), true) => list.insert(at, node),
            (Ok(at), false) => {
                list.remove(at);
            }
            _ => {}
        }
    }

    fn count_builds(&mut self, node: NodeId, builds: Option<&BTreeSet<EngineBuild>>) {
        if self.builds.get(&node) == builds {
            return;
        }
        for build in self.builds.remove(&node).unwrap_or_default() {
            if let Some(count) = self.workers_with.get_mut(&build) {
                *count -= 1;
            }
        }
        if let Some(builds) = builds {
            for build in builds {
                *self.workers_with.entry(build.clone()).or_default() += 1;
            }
            self.builds.insert(node, builds.clone());
        }
        self.workers_with.retain(|_, count| *count > 0);
    }
}

impl Farm {
    /// Looks at a node again after something about it changed.
    pub(super) fn refresh(&mut self, node: NodeId) {
        for role in [Role::Worker, Role::Verifier] {
            let free = self.free_slots(node, role) > 0;
            self.ready.set(role, node, free);
        }
    }

    /// The same after it came, went, or said something else of itself.
    pub(super) fn refresh_presence(&mut self, node: NodeId) {
        let hello = self.presence.get(&node).map(|presence| &presence.hello);
        let worker = hello.filter(|hello| hello.roles.contains(&Role::Worker));
        self.ready.count_builds(node, worker.map(|hello| &hello.engines));
        self.refresh(node);
    }

    /// Everything from the state, as at the start.
    pub(super) fn refresh_all(&mut self) {
        self.ready = Ready::default();
        for node in self.presence.keys().copied().collect::<Vec<_>>() {
            self.refresh_presence(node);
        }
        for task in self.leased.values().filter_map(|task| self.tasks.get(task)) {
            if matches!(task.status, TaskStatus::Leased(_)) {
                self.ready.begun(task.job);
            }
        }
    }

    /// Slots of a node that are free for a role, whether or not it may be given work now.
    pub(super) fn free_slots(&self, node: NodeId, role: Role) -> u32 {
        let Some(presence) = self.presence.get(&node) else { return 0 };
        let suspended = self.nodes.get(&node).is_none_or(|node| node.suspended.is_some());
        if suspended || !presence.hello.roles.contains(&role) {
            return 0;
        }
        let used = match role {
            Role::Worker => self.leases_of.get(&node).map_or(0, BTreeSet::len),
            Role::Verifier => self.verifications_of.get(&node).map_or(0, BTreeSet::len),
        };
        presence.hello.slots.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }
}
