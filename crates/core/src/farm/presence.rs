//! Nodes: connected, heard of, silent, gone. A link that drops is not a failure.

use super::{Effect, Farm, Reply, Row};
use crate::id::{BlobHash, LeaseId, NodeId, VerificationId};
use crate::node::{Hello, Node, Presence, Record};
use crate::refusal::{Refusal, RefusalCode};
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
        self.discount(id);
        let (leases, verifications) = (hello.leases.clone(), hello.verifications.clone());
        let presence =
            Presence { hello, heard_at: now, linked: true, paused: false, rest_until: Time(0) };
        self.presence.insert(id, presence);
        self.count(id, now);
        self.graces.set(id, now.plus_ms(self.policy.grace_ms).plus_ms(1));
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
        self.refresh(node);
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
        let asleep = self.is_asleep(node);
        let presence = self.presence_mut(node)?;
        let same = presence.linked && presence.paused == paused;
        presence.heard_at = now;
        presence.linked = true;
        presence.paused = paused;
        if presence.hello.scenes_held != scenes_held {
            let before = std::mem::replace(&mut presence.hello.scenes_held, scenes_held);
            self.holds_other(node, &before);
        }
        // Most say nothing new: then the alarm that was set stays, and is set again when it rings.
        if asleep || !same {
            self.look_at(node, now);
        }
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
        while let Some(node) = self.graces.ring(now) {
            let presence = self.presence.get(&node).map(|presence| presence.heard_at);
            let Some(since) = presence.or_else(|| self.absent.get(&node).copied()) else {
                continue;
            };
            if now.since_ms(since) <= grace_ms {
                self.graces.set(node, since.plus_ms(grace_ms).plus_ms(1));
                continue;
            }
            self.discount(node);
            self.presence.remove(&node);
            self.absent.remove(&node);
            self.reconcile_leases(node, &BTreeSet::new(), effects);
            self.reconcile_verifications(node, &BTreeSet::new(), effects);
            effects.push(Effect::NodeChanged(node));
        }
        self.end_overdue(now, effects);
        self.forget_old(now);
        self.forget_jobs(now);
    }

    fn end_overdue(&mut self, now: Time, effects: &mut Vec<Effect>) {
        while let Some(task) = self.deadlines.ring(now) {
            self.return_task(task, effects);
        }
        while let Some(verification) = self.answers_due.ring(now) {
            let status = self.verifications.get(&verification).map(|v| &v.status);
            let Some(VerificationStatus::Leased { node, .. }) = status else { continue };
            let node = *node;
            // Who holds a task for so long gets none for as long.
            self.rest(node, now, self.policy.verification_ms_max);
            self.requeue_verification(verification);
            effects.push(Effect::RevokeVerification(node, verification));
        }
    }

    /// Gives a node no work for so long.
    pub(super) fn rest(&mut self, node: NodeId, now: Time, rest_ms: u64) {
        if let Some(presence) = self.presence.get_mut(&node) {
            presence.rest_until = now.plus_ms(rest_ms);
            self.look_at(node, now);
        }
    }

    pub(super) fn drop_lease(&mut self, lease: LeaseId, node: NodeId) {
        let task = self.leased.remove(&lease).and_then(|task| self.tasks.get(&task));
        if let Some((job, task)) = task.map(|task| (task.job, task.id)) {
            self.deadlines.clear(task);
            self.queue.ended(job, task);
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
                self.recount(node);
            }
        }
    }
}
