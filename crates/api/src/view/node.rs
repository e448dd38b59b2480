//! Nodes.

use crate::limits::TASK_FRAMES_TOLD_MAX;
use candela_core::farm::Farm;
use candela_core::node::{Node, Role};
use candela_wire::api::{NodeInfo, NodeTask};

/// A node with what it does now.
pub(crate) fn info(farm: &Farm, node: &Node) -> NodeInfo {
    let presence = farm.presence(node.id);
    let linked = presence.is_some_and(|presence| presence.linked);
    let hello = presence.filter(|presence| presence.linked).map(|presence| &presence.hello);
    let tasks = farm.tasks_of(node.id).into_iter().filter_map(|id| farm.task(id));
    let tasks = tasks.map(|task| NodeTask {
        task_id: task.id.0,
        job_id: task.job.0,
        frames: task.frames.iter().copied().take(TASK_FRAMES_TOLD_MAX).collect(),
        frames_left: task.frames.len(),
    });
    NodeInfo {
        id: node.id.to_string(),
        name: node.name.clone(),
        owner: node.owner.0.clone(),
        roles: node.roles.iter().map(|role| (*role).into()).collect(),
        joined_at_ms: node.joined_at.0,
        linked,
        paused: presence.is_some_and(|presence| presence.paused),
        heard_at_ms: presence.map(|presence| presence.heard_at.0),
        device: hello.map(|hello| hello.device.clone()),
        memory_bytes: hello.map(|hello| hello.memory_bytes),
        engines: hello.into_iter().flat_map(|h| &h.engines).map(ToString::to_string).collect(),
        slots: hello.map_or(0, |hello| hello.slots),
        record: node.record.into(),
        check_rate: node.roles.contains(&Role::Worker).then(|| check_rate(farm, node)),
        suspended: node.suspended.clone(),
        tasks: tasks.collect(),
        verifications: farm.verifications_held(node.id).len(),
    }
}

/// The share of its frames that would be checked now. What a frame is worth differs from job to job:
/// the last one whose scene was inspected stands for those to come.
fn check_rate(farm: &Farm, node: &Node) -> f64 {
    let last = farm.jobs().rev().find(|job| job.inspected.is_some());
    let credit = last.map_or(1, |job| farm.credit_of(job.id));
    super::probability(farm.check_rate(node.id, credit))
}
