//! Who gets what: tasks to workers, verification tasks to verifiers of other owners.

use super::{Effect, Farm, Row};
use crate::id::{JobId, LeaseId, NodeId, OwnerId, TaskId, VerificationId};
use crate::job::{FrameStatus, Job, JobStatus};
use crate::seed::Seed;
use crate::task::{Lease, Receipt, Task, TaskStatus, VerificationKey};
use crate::time::Time;
use crate::verification::{Purpose, VerificationStatus, VerificationTask};
use std::collections::BTreeSet;

/// A verifier is drawn so often at random before a list of those that fit is made.
const DRAWS_MAX: u64 = 32;

/// Jobs whose scene a worker holds that are looked at for it.
const OTHERS_MAX: usize = 64;

/// Queued verification tasks that find nobody before the rest waits for the next command.
const MISSES_MAX: usize = 64;

impl Farm {
    /// Gives out what can be given out. Every choice follows from the seed.
    ///
    /// The cost of a lease grows with the logarithm of nodes and jobs, and with the workers that the
    /// job doesn't want; a command after which nothing can be given out costs next to nothing.
    pub(super) fn dispatch(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        self.stir(now);
        self.dispatch_tasks(now, seed, effects);
        self.dispatch_verifications(now, seed, effects);
    }

    fn dispatch_tasks(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        // Jobs whose turn it was and that none of the free workers suits.
        let mut passed = Vec::new();
        loop {
            let job = self.queue.next(|engine| self.ready.workers(engine).is_some());
            let Some(job) = job else { break };
            match self.match_worker(job, seed) {
                Some((node, numbers)) => {
                    let (job, numbers) = self.instead(job, node).unwrap_or((job, numbers));
                    self.lease(job, node, numbers, now, seed, effects);
                }
                None => {
                    self.queue.set_passed(job, true);
                    passed.push(job);
                }
            }
        }
        for job in passed {
            self.queue.set_passed(job, false);
        }
    }

    /// A worker for the job's next frames: at random among the suitable, those that hold the scene first.
    fn match_worker(&self, job_id: JobId, seed: &Seed) -> Option<(NodeId, BTreeSet<i32>)> {
        let job = self.jobs.get(&job_id)?;
        let engine = &job.submission.engine;
        let free = self.ready.workers(engine)?;
        let holders = self.ready.holders(&job.submission.scene, engine);
        let suitable = self.suitable(job);
        let numbers = self.next_frames(job_id, suitable.max(1))?;
        let crashed_on = self.crashed_on(job_id, &numbers);
        let draw = |left_out: &[&BTreeSet<NodeId>]| {
            let held = holders.and_then(|pool| pool.draw((seed, "holder", self.next_id), left_out));
            held.or_else(|| free.draw((seed, "worker", self.next_id), left_out))
        };
        let drawn = draw(&[&job.excluded, &crashed_on]).or_else(|| {
            // Only if nobody else could take it at all does it go where it crashed before.
            let others = crashed_on.difference(&job.excluded);
            let nobody = self.ready.count_with(engine, others) >= suitable;
            nobody.then(|| draw(&[&job.excluded])).flatten()
        });
        drawn.map(|node| (node, numbers))
    }

    /// Connected workers that may be given tasks of a job, free or not.
    fn suitable(&self, job: &Job) -> usize {
        let engine = &job.submission.engine;
        let all = self.ready.workers_with(engine).0;
        all.saturating_sub(self.ready.count_with(engine, job.excluded.iter()))
    }

    /// Workers on which the engine crashed at one of these frames.
    fn crashed_on(&self, job: JobId, numbers: &BTreeSet<i32>) -> BTreeSet<NodeId> {
        let frames = numbers.iter().filter_map(|number| self.frames.get(&job)?.get(number));
        frames.flat_map(|frame| frame.crashed_on.iter().copied()).collect()
    }

    /// Another job for a worker that would have to fetch the scene of the job whose turn it is: one
    /// of the same priority whose scene it holds, and whose user is not far ahead.
    ///
    /// When nearly every worker is busy, the one that comes free hardly ever holds the scene of the job
    /// whose turn it is. That users are not quite level for a while costs less (delay scheduling, Zaharia
    /// and others 2010).
    fn instead(&self, job_id: JobId, node: NodeId) -> Option<(JobId, BTreeSet<i32>)> {
        let hello = &self.presence.get(&node)?.hello;
        let job = self.jobs.get(&job_id)?;
        if hello.scenes_held.contains(&job.submission.scene) {
            return None;
        }
        let others = hello.scenes_held.iter().flat_map(|scene| self.ready.jobs_with(scene));
        let others = others.take(OTHERS_MAX).filter_map(|id| self.jobs.get(id)).filter(|other| {
            other.submission.priority == job.submission.priority
                && hello.engines.contains(&other.submission.engine)
                && !other.excluded.contains(&node)
        });
        let ahead = |other: &Job| {
            let ahead = self.queue.ahead(other.id, job_id)?;
            (ahead <= self.policy.scene_slack).then_some((ahead, other.id))
        };
        let (_, other) = others.filter_map(ahead).min_by(|a, b| a.0.total_cmp(&b.0))?;
        let numbers = self.next_frames(other, self.suitable(self.jobs.get(&other)?).max(1))?;
        (!self.crashed_on(other, &numbers).contains(&node)).then_some((other, numbers))
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
        let deadline = now.plus_ms(time_ms);
        let lease = Lease { id: lease_id, node, given_at: now, deadline };
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
        self.tasks_of.entry(job_id).or_default().push(task_id);
        self.leased.insert(lease_id, task_id);
        self.leases_of.or_default(node).insert(lease_id);
        self.deadlines.set(task_id, deadline.plus_ms(1));
        self.queue.begun(job_id, task_id);
        self.refresh(node);
        self.mark(Row::Task(task_id));
        effects.push(Effect::OfferTask(node, task_id));
        effects.push(Effect::JobChanged(job_id));
    }

    fn dispatch_verifications(&mut self, now: Time, seed: &Seed, effects: &mut Vec<Effect>) {
        let (mut from, mut misses) = (self.verify_from, 0);
        while self.ready.has_verifiers() && misses < MISSES_MAX {
            let Some(id) = self.verifications_queued.range(from..).next().copied() else {
                self.verify_from = VerificationId(0);
                return;
            };
            from = VerificationId(id.0 + 1);
            let Some(node) = self.match_verifier(id, seed) else {
                misses += 1;
                continue;
            };
            let given = self.canary_for(node, id, now, seed).unwrap_or_else(|| {
                self.set_verification(id, VerificationStatus::Leased { node, given_at: now });
                id
            });
            effects.push(Effect::OfferVerification(node, given));
        }
        // Those that find nobody don't hold up the others behind them: the next look begins there.
        self.verify_from = if misses < MISSES_MAX { VerificationId(0) } else { from };
    }

    /// A verifier of another owner than the worker's, drawn at random among those whose owner has
    /// said nothing on this receipt yet; among all, if there are no others.
    fn match_verifier(&self, id: VerificationId, seed: &Seed) -> Option<NodeId> {
        let verification = self.verifications.get(&id)?;
        let receipt = self.receipts.get(&verification.receipt)?;
        let verifiers = self.ready.verifiers(&receipt.statement.engine)?;
        let worker: BTreeSet<&OwnerId> =
            self.nodes.get(&receipt.node).map(|node| &node.owner).into_iter().collect();
        let mut left_out = self.owners_left_out(verification, receipt);
        left_out.extend(&worker);
        if verifiers.free_without(&left_out) == 0 {
            if verifiers.any_without(&left_out) || verifiers.free_without(&worker) == 0 {
                return None;
            }
            left_out = worker;
        }
        let fits = |node: &NodeId| {
            self.nodes.get(node).is_some_and(|node| !left_out.contains(&node.owner))
        };
        // Drawing until one fits is as even as drawing among those that fit, and needs no list of them.
        let drawn = verifiers.free.try_draw((seed, "verifier drawn", id.0), DRAWS_MAX, fits);
        drawn.or_else(|| {
            let candidates: Vec<NodeId> =
                verifiers.free.iter().copied().filter(|node| fits(node)).collect();
            candidates.get(seed.index("verifier", id.0, candidates.len())).copied()
        })
    }

    /// Owners whose verifiers are not to be asked, if there are others.
    fn owners_left_out(
        &self,
        verification: &VerificationTask,
        receipt: &Receipt,
    ) -> BTreeSet<&OwnerId> {
        let this_part = |v: &VerificationTask| {
            v.purpose.is_claim() && v.first_probe == verification.first_probe
        };
        match verification.purpose {
            // The next probes of the same round may go to whoever had the last.
            Purpose::Probe => BTreeSet::new(),
            Purpose::Confirm | Purpose::Canary => self.owners_that_saw(receipt.id, |_| true),
            Purpose::Claim => self.owners_that_saw(receipt.id, |v| !v.purpose.is_claim()),
            Purpose::ClaimConfirm => {
                let all =
                    self.owners_that_saw(receipt.id, |v| !v.purpose.is_claim() || this_part(v));
                if self.verifying_owners(receipt.id).any(|owner| !all.contains(owner)) {
                    all
                } else {
                    // Nobody is left who never saw the frame; at least somebody else than last time.
                    self.owners_that_saw(receipt.id, this_part)
                }
            }
        }
    }

    /// What a job waits for that isn't there, in words; none if it can go on.
    #[must_use]
    pub fn waits_for(&self, job_id: JobId) -> Option<String> {
        let job = self.jobs.get(&job_id).filter(|job| job.status == JobStatus::Active)?;
        let engine = &job.submission.engine;
        let has_work = self.waiting.get(&job_id).is_some_and(|waiting| !waiting.is_empty());
        let excluded = self.ready.count_with(engine, job.excluded.iter());
        let worker_there = self.ready.workers_with(engine).0 > excluded;
        if has_work && !worker_there {
            return Some(format!("a worker that has {engine} and was not rejected on this job"));
        }
        let unverified = self.receipts(job_id).any(|receipt| {
            receipt.status == crate::task::ReceiptStatus::Verifying
                && self.verifying_owners(receipt.id).next().is_none()
        });
        unverified.then(|| format!("a verifier of another owner that has {engine}"))
    }
}
