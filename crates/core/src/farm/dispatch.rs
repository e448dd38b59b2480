//! Who gets what: tasks to workers, verification tasks to verifiers of other owners.

use super::{Effect, Farm, Row};
use crate::id::{BlobHash, EngineBuild, JobId, LeaseId, NodeId, TaskId, VerificationId};
use crate::job::{FrameStatus, JobStatus};
use crate::node::{Presence, Role};
use crate::seed::Seed;
use crate::task::{Lease, Task, TaskStatus, VerificationKey};
use crate::time::Time;
use crate::verification::{Purpose, VerificationStatus};
use std::collections::{BTreeMap, BTreeSet};

/// A verifier is drawn so often at random before a list of those that fit is made.
const DRAWS_MAX: u64 = 8;

impl Farm {
    /// Gives out what can be given out. Every choice follows from the seed.
    pub(super) fn dispatch(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        self.dispatch_tasks(now, seed, effects);
        self.dispatch_verifications(now, seed, effects);
    }

    fn dispatch_tasks(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        let mut open: BTreeSet<JobId> = self.open_jobs();
        if open.is_empty() || self.ready.of(Role::Worker).is_empty() {
            return;
        }
        let mut idle = self.idle(Role::Worker, now);
        while !idle.is_empty() {
            let Some(job) = self.next_job(&open) else { return };
            let Some((node, numbers)) = self.match_worker(job, &idle, seed) else {
                open.remove(&job);
                continue;
            };
            self.lease(job, node, numbers, now, seed, effects);
            use_slot(&mut idle, node);
        }
    }

    fn open_jobs(&self) -> BTreeSet<JobId> {
        let waiting = self.waiting.iter().filter(|waiting| !waiting.1.is_empty());
        let jobs = waiting.filter_map(|waiting| self.jobs.get(waiting.0));
        jobs.filter(|job| job.status == JobStatus::Active).map(|job| job.id).collect()
    }

    /// Free slots per node that may be given work now.
    fn idle(&self, role: Role, now: Time) -> BTreeMap<NodeId, u32> {
        let ready = self.ready.of(role).iter().filter(|id| self.is_ready(**id, now));
        ready.map(|id| (*id, self.free_slots(*id, role))).collect()
    }

    /// Whether a node with a slot free may be given work now.
    fn is_ready(&self, node: NodeId, now: Time) -> bool {
        self.presence.get(&node).is_some_and(|presence| {
            presence.linked
                && now.since_ms(presence.heard_at) <= self.policy.silent_ms
                && !presence.paused
                && presence.rest_until <= now
        })
    }

    /// The open job whose turn it is: by priority, then who has the fewest tasks under way, then age.
    fn next_job(&self, open: &BTreeSet<JobId>) -> Option<JobId> {
        open.iter().copied().min_by_key(|id| {
            let priority = self.jobs.get(id).map_or(0, |job| job.submission.priority);
            (std::cmp::Reverse(priority), self.ready.under_way(*id), *id)
        })
    }

    /// A worker for the job's next frames: at random among the suitable, those that hold the scene first.
    fn match_worker(
        &self,
        job_id: JobId,
        idle: &BTreeMap<NodeId, u32>,
        seed: &Seed,
    ) -> Option<(NodeId, BTreeSet<i32>)> {
        let job = self.jobs.get(&job_id)?;
        let fit = |node: &NodeId| {
            let presence = self.presence.get(node);
            !job.excluded.contains(node)
                && presence.is_some_and(|p| {
                    p.hello.roles.contains(&Role::Worker)
                        && p.hello.engines.contains(&job.submission.engine)
                })
        };
        let suitable: Vec<NodeId> = idle.keys().copied().filter(fit).collect();
        if suitable.is_empty() {
            return None;
        }
        let all = self.ready.workers_with(&job.submission.engine);
        let excluded = job.excluded.iter().filter(|node| {
            self.presence.get(node).is_some_and(|p| {
                p.hello.roles.contains(&Role::Worker)
                    && p.hello.engines.contains(&job.submission.engine)
            })
        });
        let slots = all.saturating_sub(excluded.count()).max(1);
        let numbers = self.next_frames(job_id, slots)?;
        let crashed_on: BTreeSet<NodeId> = numbers
            .iter()
            .filter_map(|number| self.frames.get(&job_id)?.get(number))
            .flat_map(|frame| frame.crashed_on.iter().copied())
            .collect();
        let fresh = |node: &NodeId| !crashed_on.contains(node);
        let mut candidates: Vec<NodeId> = suitable.iter().copied().filter(fresh).collect();
        if candidates.is_empty() {
            // Only if nobody else could take it at all does it go where it crashed before.
            if self.presence.keys().any(|node| fit(node) && fresh(node)) {
                return None;
            }
            candidates = suitable;
        }
        let holds = self.that_hold(&candidates, job.submission.scene);
        let candidates = if holds.is_empty() { candidates } else { holds };
        let at = seed.index("worker", self.next_id, candidates.len());
        Some((candidates[at], numbers))
    }

    fn that_hold(&self, nodes: &[NodeId], scene: BlobHash) -> Vec<NodeId> {
        let holds = |node: &NodeId| {
            self.presence.get(node).is_some_and(|p| p.hello.scenes_held.contains(&scene))
        };
        nodes.iter().copied().filter(holds).collect()
    }

    /// The next frames of a job: a landmark alone, else as many as fill the target time.
    ///
    /// The number is also held below half an even share of what is left, so that the last tasks are short
    /// (guided self-scheduling, Polychronopoulos and Kuck 1987). A frame that crashed goes alone.
    fn next_frames(&self, job_id: JobId, slots: usize) -> Option<BTreeSet<i32>> {
        let waiting = self.waiting.get(&job_id).filter(|waiting| !waiting.is_empty())?;
        let job = self.jobs.get(&job_id)?;
        if let Some(landmark) = job.landmarks.iter().find(|number| waiting.contains(number)) {
            return Some(BTreeSet::from([*landmark]));
        }
        let by_time = job
            .frame_s()
            .map_or(1.0, |frame_s| (self.policy.task_target_s / frame_s.max(1e-3)).floor());
        let share = waiting.len().div_ceil(2 * slots);
        let count = (by_time.max(1.0) as usize).min(self.policy.task_frames_max).min(share).max(1);
        let frames = self.frames.get(&job_id)?;
        let crashed = |number: &i32| frames.get(number).is_some_and(|f| !f.crashed_on.is_empty());
        let first = *waiting.first()?;
        if crashed(&first) {
            return Some(BTreeSet::from([first]));
        }
        Some(waiting.iter().copied().take_while(|number| !crashed(number)).take(count).collect())
    }

    fn lease(
        &mut self,
        job_id: JobId,
        node: NodeId,
        numbers: BTreeSet<i32>,
        now: Time,
        seed: &Seed,
        effects: &mut Vec<Effect>,
    ) {
        let task_id = TaskId(self.new_id());
        let lease_id = LeaseId(self.new_id());
        let time_ms = self.policy.frame_ms_max.saturating_mul(numbers.len() as u64);
        let lease = Lease { id: lease_id, node, given_at: now, deadline: now.plus_ms(time_ms) };
        let key = VerificationKey(seed.draw("verification key", task_id.0));
        if let Some(job) = self.jobs.get_mut(&job_id) {
            let before = job.landmarks.len();
            job.landmarks.retain(|landmark| !numbers.contains(landmark));
            if job.landmarks.len() != before {
                self.mark(Row::Job(job_id));
            }
        }
        for number in &numbers {
            self.set_frame(job_id, *number, FrameStatus::InTask(task_id), effects);
        }
        let status = TaskStatus::Leased(lease);
        let task = Task { id: task_id, job: job_id, frames: numbers, status, key };
        self.tasks.insert(task_id, task);
        self.leased.insert(lease_id, task_id);
        self.leases_of.entry(node).or_default().insert(lease_id);
        self.ready.begun(job_id);
        self.refresh(node);
        self.mark(Row::Task(task_id));
        effects.push(Effect::OfferTask(node, task_id));
        effects.push(Effect::JobChanged(job_id));
    }

    fn dispatch_verifications(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        if self.verifications_queued.is_empty() {
            return;
        }
        for id in self.verifications_queued.clone() {
            if self.ready.of(Role::Verifier).is_empty() {
                return;
            }
            let Some(node) = self.match_verifier(id, now, seed) else { continue };
            let given = self.canary_for(node, id, now, seed).unwrap_or_else(|| {
                self.set_verification(id, VerificationStatus::Leased { node, given_at: now });
                id
            });
            effects.push(Effect::OfferVerification(node, given));
        }
    }

    /// A verifier of another owner than the worker's, drawn at random among those whose owner has
    /// said nothing on this receipt yet; among all, if there are no others.
    fn match_verifier(&self, id: VerificationId, now: Time, seed: &Seed) -> Option<NodeId> {
        let verification = self.verifications.get(&id)?;
        let receipt = self.receipts.get(&verification.receipt)?;
        let engine = &receipt.statement.engine;
        let ready = self.ready.of(Role::Verifier);
        let may = |node: &NodeId| {
            self.is_ready(*node, now) && self.may_verify(*node, receipt.node, engine)
        };
        // The next probes of the same round may go to whoever had the last.
        let seen = match verification.purpose {
            Purpose::Probe => BTreeSet::new(),
            Purpose::Claim => self.owners_that_saw(receipt.id, |v| !v.purpose.is_claim()),
            Purpose::ClaimConfirm => self.owners_that_saw(receipt.id, |v| {
                !v.purpose.is_claim() || v.first_probe == verification.first_probe
            }),
            Purpose::Confirm | Purpose::Canary => self.owners_that_saw(receipt.id, |_| true),
        };
        let is_fresh =
            |node: &NodeId| self.nodes.get(node).is_some_and(|node| !seen.contains(&node.owner));
        // Drawing until one fits is as even as drawing among those that fit, and needs no list of them.
        for draw in 0..DRAWS_MAX {
            let at = seed.index("verifier drawn", id.0 << 8 | draw, ready.len());
            if let Some(node) = ready.get(at).filter(|node| is_fresh(node) && may(node)) {
                return Some(*node);
            }
        }
        let eligible: Vec<NodeId> = ready.iter().copied().filter(may).collect();
        let fresh: Vec<NodeId> = eligible.iter().copied().filter(is_fresh).collect();
        let candidates = if fresh.is_empty() {
            let others = self.presence.keys().filter(|node| is_fresh(node));
            if others.into_iter().any(|node| self.may_verify(*node, receipt.node, engine)) {
                return None;
            }
            eligible
        } else {
            fresh
        };
        if candidates.is_empty() {
            return None;
        }
        Some(candidates[seed.index("verifier", id.0, candidates.len())])
    }

    pub(super) fn may_verify(
        &self,
        verifier: NodeId,
        worker: NodeId,
        engine: &EngineBuild,
    ) -> bool {
        let owner = |node| self.nodes.get(&node).map(|node| &node.owner);
        let presence = self.presence.get(&verifier);
        owner(verifier) != owner(worker)
            && verifier != worker
            && self.nodes.get(&verifier).is_some_and(|node| node.suspended.is_none())
            && presence.is_some_and(|p| {
                p.hello.roles.contains(&Role::Verifier) && p.hello.engines.contains(engine)
            })
    }

    /// What a job waits for that isn't there, in words; none if it can go on.
    #[must_use]
    pub fn waits_for(&self, job_id: JobId) -> Option<String> {
        let job = self.jobs.get(&job_id).filter(|job| job.status == JobStatus::Active)?;
        let engine = &job.submission.engine;
        let usable = |presence: &&Presence, role| {
            let id = presence.hello.addr.node;
            presence.hello.roles.contains(&role)
                && presence.hello.engines.contains(engine)
                && self.nodes.get(&id).is_some_and(|node| node.suspended.is_none())
        };
        let has_work = self.waiting.get(&job_id).is_some_and(|waiting| !waiting.is_empty());
        let worker_there = self.presence.values().any(|presence| {
            usable(&presence, Role::Worker) && !job.excluded.contains(&presence.hello.addr.node)
        });
        if has_work && !worker_there {
            return Some(format!("a worker that has {engine} and was not rejected on this job"));
        }
        let unverified = self.receipts(job_id).any(|receipt| {
            receipt.status == crate::task::ReceiptStatus::Verifying
                && !self.presence.keys().any(|node| self.may_verify(*node, receipt.node, engine))
        });
        unverified.then(|| format!("a verifier of another owner that has {engine}"))
    }
}

fn use_slot(idle: &mut BTreeMap<NodeId, u32>, node: NodeId) {
    if let Some(free) = idle.get_mut(&node) {
        *free -= 1;
        if *free == 0 {
            idle.remove(&node);
        }
    }
}
