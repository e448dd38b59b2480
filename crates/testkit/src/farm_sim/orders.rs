//! What the manager asks for and what it gets: tasks, frames, verifications; and the checks on them.

use super::jobs::Note;
use super::nodes::Held;
use super::world::{Event, World};
use crate::network_sim::scene;
use candela_core::farm::{Command, Fault};
use candela_core::id::{JobId, LeaseId, NodeId, TaskId, VerificationId};
use candela_core::job::FrameStatus;
use candela_core::task::TaskStatus;
use candela_core::time::Time;
use candela_core::verification::{Outcome, VerificationStatus};
use std::collections::btree_map::Entry;

/// Share of the frames on which the engine crashes.
const CRASHES: f64 = 0.000_5;

/// Share of the messages that are late by up to minutes.
const LATE: f64 = 0.003;

impl World {
    /// How long a message takes to or from a node.
    fn message_ms(&mut self, at: usize) -> u64 {
        let late = if self.dice.chance(LATE) { self.dice.between(30_000, 300_000) } else { 0 };
        self.nodes[at].delay_ms + late
    }

    pub(super) fn inspect(&mut self, at: usize) {
        let (size, samples) = super::jobs::picture(self.jobs[at].frame_ms, &mut self.dice);
        let note = Note { waits_since: self.now, held: None, rendered_ms: 0, accepted: None };
        let now = self.now;
        let job = &mut self.jobs[at];
        let id = job.id;
        job.notes = vec![note; job.count];
        job.waiting = job.count;
        job.active_at = now;
        self.tally.frames += job.count as u64;
        self.users[job.user].demand.more(now);
        let (facts, preview) = (scene::facts(size, samples), scene::preview());
        let (facts, preview) = (Box::new(facts), Some(Box::new(preview)));
        self.apply(Command::Inspected { job: id, facts, preview }).ok();
    }

    /// A frame waits, again.
    fn waits(&mut self, at: usize, frame: i32) {
        let now = self.now;
        let job = &mut self.jobs[at];
        let Some(note) = job.notes.get_mut(frame as usize - 1) else { return };
        note.held = None;
        note.waits_since = now;
        job.waiting += 1;
        if job.waiting == 1 {
            self.users[job.user].demand.more(now);
        }
    }

    /// A lease was given: checked, and sent on its way.
    pub(super) fn offered(&mut self, node: NodeId, id: TaskId) {
        self.tally.tasks += 1;
        if id <= self.last_task {
            self.tally.broken(format!("task {id} was leased twice"));
        }
        self.last_task = self.last_task.max(id);
        let at = self.at[&node];
        let held = self.farm.tasks_of(node).len();
        if held > self.nodes[at].slots as usize {
            self.tally.broken(format!("{held} tasks on {} slots", self.nodes[at].slots));
        }
        let Some(task) = self.farm.task(id) else { return };
        let TaskStatus::Leased(lease) = &task.status else { return };
        let (lease, frames) = (lease.id, task.frames.clone());
        let job_at = self.job_at[&task.job];
        for frame in &frames {
            self.given(job_at, *frame, lease);
        }
        let job = &mut self.jobs[job_at];
        if !std::mem::replace(&mut job.begun, true) {
            let priority = self.users[job.user].priority;
            let waits = self.tally.first_wait_ms.entry(priority).or_default();
            waits.push(self.now - job.active_at);
        }
        let task_ms = job.frame_ms * frames.len() as f64;
        self.users[job.user].demand.given(task_ms);
        self.tally.cold += u64::from(!self.nodes[at].holds(&job.scene));
        self.leases.insert(lease, (job_at, frames));
        let delay = self.message_ms(at);
        self.later(delay, Event::Offer(at, self.nodes[at].visit, id));
    }

    /// A frame is in a lease; it must not be in another.
    fn given(&mut self, at: usize, frame: i32, lease: LeaseId) {
        let now = self.now;
        let job = &mut self.jobs[at];
        let id = job.id;
        let Some(note) = job.notes.get_mut(frame as usize - 1) else { return };
        let twice = note.held.is_some() || note.accepted.is_some();
        note.held = Some(lease);
        let waited = now - note.waits_since;
        job.waiting = job.waiting.saturating_sub(1);
        if job.waiting == 0 {
            self.users[job.user].demand.less();
        }
        // One entry a task: that of its first frame.
        if let Entry::Vacant(entry) = self.leases.entry(lease) {
            entry.insert((at, [frame].into()));
            self.tally.task_wait_ms.push(waited);
        }
        if twice {
            self.tally.broken(format!("frame {frame} of job {id} is in two leases"));
        }
    }

    /// A node hears of its lease, fetches the scene if it must, and begins.
    pub(super) fn offer_arrives(&mut self, at: usize, visit: u32, id: TaskId) {
        let node = &self.nodes[at];
        let Some(task) = self.farm.task(id).filter(|_| node.visit == visit) else { return };
        let TaskStatus::Leased(lease) = &task.status else { return };
        // While its link is down it hears nothing; when it is back the manager learns that.
        if lease.node != node.id || node.cut_until > self.now {
            return;
        }
        let (lease, job) = (lease.id, self.job_at[&task.job]);
        let fetch_ms = self.fetch_ms(at, job);
        let begun_ms = self.now + fetch_ms;
        self.nodes[at].leases.insert(lease, Held { job, begun_ms });
        self.render_next(at, lease, job, fetch_ms);
    }

    /// What it takes to have a job's scene there.
    fn fetch_ms(&mut self, at: usize, job: usize) -> u64 {
        let (scene, mb) = (self.jobs[job].scene, self.jobs[job].scene_mb);
        if self.nodes[at].holds(&scene) {
            return 0;
        }
        self.nodes[at].fetch(scene);
        let fetch_ms = (mb / self.nodes[at].mb_per_s * 1_000.0) as u64;
        self.later(fetch_ms, Event::Fetched(at, self.nodes[at].visit));
        fetch_ms
    }

    fn render_next(&mut self, at: usize, lease: LeaseId, job: usize, after_ms: u64) {
        let jitter = 0.85 + 0.3 * self.dice.unit();
        let took = (self.jobs[job].frame_ms * self.nodes[at].slowness * jitter) as u64;
        let message = self.message_ms(at);
        let visit = self.nodes[at].visit;
        self.later(after_ms + took + message, Event::Rendered(at, visit, lease));
    }

    /// A frame's receipt arrives, or the news that the engine crashed.
    pub(super) fn rendered(&mut self, at: usize, visit: u32, lease: LeaseId) {
        let node = &self.nodes[at];
        let Some(held) = node.leases.get(&lease).copied().filter(|_| node.visit == visit) else {
            return;
        };
        // What is finished while the link is down is sent when it is up.
        if node.cut_until > self.now {
            let wait = node.cut_until - self.now + node.delay_ms + 1;
            self.later(wait, Event::Rendered(at, visit, lease));
            return;
        }
        let id = node.id;
        let Some(task) = self.farm.task_of_lease(lease).cloned() else { return };
        let Some(frame) = task.frames.first().copied() else { return };
        let took_ms = self.now.saturating_sub(held.begun_ms);
        if let Some((_, frames)) = self.leases.get_mut(&lease) {
            frames.remove(&frame);
        }
        if self.dice.chance(CRASHES) {
            self.tally.lost_ms += took_ms;
            self.waits(held.job, frame);
            let (fault, text) = (Fault::Engine, "the engine crashed".to_owned());
            let node = id;
            self.apply(Command::FrameFailed { node, lease, frame, fault, text }).ok();
        } else {
            self.received(held.job, id, &task, lease, frame, took_ms);
        }
        if self.farm.task_of_lease(lease).is_some() && self.nodes[at].leases.contains_key(&lease) {
            let begun_ms = self.now;
            self.nodes[at].leases.insert(lease, Held { begun_ms, ..held });
            self.render_next(at, lease, held.job, 0);
        } else {
            self.nodes[at].leases.remove(&lease);
            self.leases.remove(&lease);
        }
    }

    fn received(
        &mut self,
        job_at: usize,
        node: NodeId,
        task: &candela_core::task::Task,
        lease: LeaseId,
        frame: i32,
        took_ms: u64,
    ) {
        let layers = self.dice.bytes();
        let job = &mut self.jobs[job_at];
        if let Some(note) = job.notes.get_mut(frame as usize - 1) {
            note.held = None;
            note.rendered_ms = took_ms;
        }
        self.tally.used_ms += took_ms;
        let mut statement = scene::statement(task, lease, job.scene, frame, layers, took_ms);
        statement.engine = job.engine.clone();
        let (statement, signature) = (Box::new(statement), [0; 64]);
        if let Err(code) = self.apply(Command::Receipt { node, statement, signature }) {
            self.tally.broken(format!("a receipt under a valid lease was refused: {code}"));
        }
    }

    /// A lease is over before its time.
    pub(super) fn revoked(&mut self, node: NodeId, lease: LeaseId) {
        let held = self.nodes[self.at[&node]].leases.remove(&lease);
        if let Some(held) = held {
            self.tally.lost_ms += self.now.saturating_sub(held.begun_ms);
            self.tally.leases_lost += 1;
        }
        let Some((job, frames)) = self.leases.remove(&lease) else { return };
        for frame in frames {
            self.waits(job, frame);
        }
    }

    pub(super) fn frame_changed(&mut self, id: JobId, frame: i32) {
        let Some(at) = self.job_at.get(&id).copied() else { return };
        let Some(status) = self.farm.frame(id, frame).map(|frame| frame.status.clone()) else {
            return;
        };
        let Some(note) = self.jobs[at].notes.get_mut(frame as usize - 1) else { return };
        match status {
            FrameStatus::Accepted(receipt) => {
                let before = note.accepted.replace(receipt);
                let twice = before.is_some_and(|before| before != receipt);
                twice.then(|| self.tally.broken(format!("frame {frame} of job {id}: two results")));
            }
            FrameStatus::Waiting if note.rendered_ms > 0 => {
                let rendered_ms = std::mem::take(&mut note.rendered_ms);
                self.tally.used_ms -= rendered_ms;
                self.tally.rejected_ms += rendered_ms;
                self.waits(at, frame);
            }
            _ => {}
        }
    }

    /// A job is over: nothing of it waits, and everything of it is accepted.
    pub(super) fn finished(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        let id = job.id;
        job.over = true;
        let notes = std::mem::take(&mut job.notes);
        if job.waiting > 0 || notes.iter().any(|note| note.accepted.is_none()) {
            self.tally.broken(format!("job {id} is over and frames of it are not accepted"));
        }
    }

    pub(super) fn asked(&mut self, node: NodeId, id: VerificationId) {
        self.tally.verifications += 1;
        let at = self.at[&node];
        let held = self.farm.verifications_held(node).len();
        if held > self.nodes[at].slots as usize {
            self.tally.broken(format!("{held} verifications on {} slots", self.nodes[at].slots));
        }
        self.nodes[at].verifications.insert(id);
        let Some(verification) = self.farm.verification(id) else { return };
        let job = self.job_at[&verification.job];
        let probes = f64::from(verification.probes);
        // A probe is 32 of 1,280 × 32 of 720 pixels, and there are a replica and a control.
        let share = 2.0 * probes * 1_024.0 / (1_280.0 * 720.0);
        let took = 5_000.0 + self.jobs[job].frame_ms * self.nodes[at].slowness * share;
        let wait = took as u64 + self.fetch_ms(at, job) + 2 * self.message_ms(at);
        self.later(wait, Event::Answer(at, self.nodes[at].visit, id));
    }

    /// An honest verifier answers.
    pub(super) fn answer(&mut self, at: usize, visit: u32, id: VerificationId) {
        let node = &self.nodes[at];
        if node.visit != visit {
            return;
        }
        if node.cut_until > self.now {
            let wait = node.cut_until - self.now + node.delay_ms + 1;
            self.later(wait, Event::Answer(at, visit, id));
            return;
        }
        let node = node.id;
        self.nodes[at].verifications.remove(&id);
        let Some(verification) = self.farm.verification(id) else { return };
        let held = matches!(verification.status,
            VerificationStatus::Leased { node: by, .. } if by == node);
        if !held {
            return;
        }
        let others = self.farm.verifications(verification.receipt);
        let others = others.filter(|other| other.id != id && other.verdict().is_some());
        let peers = others.map(|other| (other.id, true)).collect();
        let rendered_px = scene::rendered_px(verification);
        let verdict = scene::verdict(Outcome::Accepted, node, peers, Time(self.now));
        let verdict = Box::new(verdict);
        self.apply(Command::Judged { verification: id, verdict, rendered_px }).ok();
    }
}
