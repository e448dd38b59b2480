//! Nodes: connected, heard of, silent, gone. A link that drops is not a failure.

use super::{Effect, Farm, Reply, Row};
use crate::id::{BlobHash, LeaseId, NodeId, VerificationId};
use crate::node::{Hello, Node, Presence, Record};
use crate::refusal::{Refusal, RefusalCode};
use crate::task::TaskStatus;
use crate::time::Time;
use crate::verification::VerificationStatus;
use std::collections::BTreeSet;

impl Farm {
    pub(super) fn joined(
        &mut self,
        hello: Hello,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        super::submit::check_name(&hello.name)?;
        let id = hello.addr.node;
        let node = self.nodes.get(&id);
        let changed = node.is_none_or(|node| {
            node.name != hello.name || node.owner != hello.owner || node.roles != hello.roles
        });
        if changed {
            let node = Node {
                id,
                name: hello.name.clone(),
                owner: hello.owner.clone(),
                roles: hello.roles.clone(),
                joined_at: node.map_or(now, |node| node.joined_at),
                record: node.map_or_else(Record::default, |node| node.record),
                suspended: node.and_then(|node| node.suspended.clone()),
            };
            self.nodes.insert(id, node);
            self.mark(Row::Node(id));
        }
        self.absent.remove(&id);
        let (leases, verifications) = (hello.leases.clone(), hello.verifications.clone());
        let presence =
            Presence { hello, heard_at: now, linked: true, paused: false, rest_until: Time(0) };
        self.presence.insert(id, presence);
        self.refresh_presence(id);
        self.reconcile_leases(id, &leases, effects);
        self.reconcile_verifications(id, &verifications, effects);
        effects.push(Effect::NodeChanged(id));
        Ok(Reply::Done)
    }

    /// What the node doesn't work on any more is queued again; what is not its any more, it is told.
    fn reconcile_leases(
        &mut self,
        node: NodeId,
        held: &BTreeSet<LeaseId>,
        effects: &mut Vec<Effect>,
    ) {
        let ours = self.leases_of.get(&node).cloned().unwrap_or_default();
        for lost in ours.difference(held) {
            if let Some(task) = self.leased.get(lost).copied() {
                self.return_task(task, effects);
            }
        }
        for stale in held.difference(&ours) {
            effects.push(Effect::Revoke(node, *stale));
        }
    }

    fn reconcile_verifications(
        &mut self,
        node: NodeId,
        held: &BTreeSet<VerificationId>,
        effects: &mut Vec<Effect>,
    ) {
        let ours = self.verifications_of.get(&node).cloned().unwrap_or_default();
        for lost in ours.difference(held) {
            self.requeue_verification(*lost);
        }
        for stale in held.difference(&ours) {
            effects.push(Effect::RevokeVerification(node, *stale));
        }
    }

    pub(super) fn link_lost(
        &mut self,
        node: NodeId,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        self.presence_mut(node)?.linked = false;
        effects.push(Effect::NodeChanged(node));
        Ok(Reply::Done)
    }

    pub(super) fn heard(
        &mut self,
        node: NodeId,
        scenes_held: BTreeSet<BlobHash>,
        paused: bool,
        now: Time,
    ) -> Result<Reply, Refusal> {
        let presence = self.presence_mut(node)?;
        presence.heard_at = now;
        presence.linked = true;
        presence.paused = paused;
        presence.hello.scenes_held = scenes_held;
        Ok(Reply::Done)
    }

    fn presence_mut(&mut self, node: NodeId) -> Result<&mut Presence, Refusal> {
        self.presence.get_mut(&node).ok_or_else(|| {
            Refusal::new(RefusalCode::NoSuchNode, format!("the node {} is not here", node.short()))
                .with_hint("say hello first")
        })
    }

    /// Ends what has lasted too long: silences, and leases past their deadline.
    pub(super) fn tick(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let grace_ms = self.policy.grace_ms;
        let gone: Vec<NodeId> = self
            .presence
            .values()
            .filter(|presence| now.since_ms(presence.heard_at) > grace_ms)
            .map(|presence| presence.hello.addr.node)
            .collect();
        let given_up = self.absent.iter().filter(|absent| now.since_ms(*absent.1) > grace_ms);
        let given_up: Vec<NodeId> = given_up.map(|absent| *absent.0).collect();
        for node in gone.into_iter().chain(given_up) {
            self.presence.remove(&node);
            self.absent.remove(&node);
            self.refresh_presence(node);
            self.reconcile_leases(node, &BTreeSet::new(), effects);
            self.reconcile_verifications(node, &BTreeSet::new(), effects);
            effects.push(Effect::NodeChanged(node));
        }
        self.end_overdue(now, effects);
        self.forget_old(now);
    }

    fn end_overdue(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let overdue: Vec<_> = self
            .leased
            .values()
            .filter_map(|task| self.tasks.get(task))
            .filter(|task| matches!(&task.status, TaskStatus::Leased(l) if l.deadline < now))
            .map(|task| task.id)
            .collect();
        for task in overdue {
            self.return_task(task, effects);
        }
        let limit_ms = self.policy.verification_ms_max;
        let overdue: Vec<_> = self
            .verifications_of
            .values()
            .flatten()
            .filter_map(|id| self.verifications.get(id))
            .filter_map(|verification| match verification.status {
                VerificationStatus::Leased { node, given_at } => {
                    (now.since_ms(given_at) > limit_ms).then_some((node, verification.id))
                }
                _ => None,
            })
            .collect();
        for (node, verification) in overdue {
            // Who holds a task for so long gets none for as long.
            if let Some(presence) = self.presence.get_mut(&node) {
                presence.rest_until = now.plus_ms(limit_ms);
            }
            self.requeue_verification(verification);
            effects.push(Effect::RevokeVerification(node, verification));
        }
    }

    pub(super) fn drop_lease(&mut self, lease: LeaseId, node: NodeId) {
        let task = self.leased.remove(&lease);
        if let Some(job) = task.and_then(|task| self.tasks.get(&task)).map(|task| task.job) {
            self.ready.ended(job);
        }
        self.unsettled.insert(lease);
        if let Some(leases) = self.leases_of.get_mut(&node) {
            leases.remove(&lease);
            if leases.is_empty() {
                self.leases_of.remove(&node);
            }
        }
        self.refresh(node);
    }

    /// Does something to a node's record, if the node is known.
    pub(super) fn record(&mut self, node: NodeId, change: impl FnOnce(&mut Node)) {
        if let Some(entry) = self.nodes.get_mut(&node) {
            let was = entry.suspended.is_some();
            change(entry);
            let changed = was != entry.suspended.is_some();
            self.mark(Row::Node(node));
            if changed {
                self.refresh(node);
            }
        }
    }
}
