//! The simulated network: a queue of events around the real rules.

use super::Config;
use super::behaviours::{VerifierKind, WorkerKind};
use super::dice::Dice;
use super::population::{SimNode, population};
use super::scene;
use super::truth::Truth;
use candela_core::farm::{Command, Effect, Farm, Reply, Rows};
use candela_core::frames::FrameSet;
use candela_core::id::{JobId, LeaseId, NodeId, ReceiptId, VerificationId};
use candela_core::job::{FrameStatus, JobStatus};
use candela_core::layers::Size;
use candela_core::policy::Policy;
use candela_core::task::TaskStatus;
use candela_core::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// A node says that it is there this often.
const HEARD_EVERY_MS: u64 = 20_000;

/// Scenes of a node's cache.
const SCENES_KEPT: usize = 4;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Submit,
    Inspect(JobId),
    Rendered(usize, LeaseId),
    Stored(ReceiptId),
    Answer(usize, VerificationId),
    Hear(usize),
    Leave(usize),
    Return(usize),
    Tick,
}

/// What a job's frames cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) size: Size,
    pub(super) frame_ms: f64,
}

/// What was counted on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) commands: u64,
    pub(super) tasks: u64,
    pub(super) stale_answers: u64,
    pub(super) stale_receipts: u64,
    pub(super) left: u64,
    pub(super) retried: u64,
    /// Forged receipts that were accepted at some time.
    pub(super) ever_accepted: BTreeSet<ReceiptId>,
}

pub(super) struct World {
    pub(super) config: Config,
    pub(super) dice: Dice,
    pub(super) farm: Farm,
    pub(super) now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    number: u64,
    pub(super) nodes: Vec<SimNode>,
    pub(super) at: BTreeMap<NodeId, usize>,
    pub(super) work: BTreeMap<JobId, Work>,
    pub(super) open: BTreeSet<JobId>,
    pub(super) truth: Truth,
    pub(super) tally: Tally,
}

impl World {
    pub(super) fn new(config: Config) -> World {
        let mut dice = Dice::new(config.seed);
        let nodes = population(config.nodes, config.dishonest, &mut dice);
        let at = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        // The nodes of the simulation say less often that they are there.
        let policy = Policy { silent_ms: 30_000, grace_ms: 120_000, ..config.policy.clone() };
        let farm = Farm::load(policy, [scene::engine()].into(), Rows::default(), Time(1));
        let mut world = World {
            config,
            dice,
            farm,
            now: 1,
            queue: BinaryHeap::new(),
            number: 0,
            nodes,
            at,
            work: BTreeMap::new(),
            open: BTreeSet::new(),
            truth: Truth::default(),
            tally: Tally::default(),
        };
        for at in 0..world.nodes.len() {
            let joins = world.dice.between(0, HEARD_EVERY_MS);
            world.later(joins, Event::Return(at));
        }
        world.later(HEARD_EVERY_MS, Event::Submit);
        world.later(0, Event::Tick);
        world
    }

    pub(super) fn later(&mut self, in_ms: u64, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((self.now + in_ms, self.number, event)));
    }

    /// Runs until every job is over.
    ///
    /// # Errors
    /// If the jobs don't come to an end.
    pub(super) fn run(&mut self) -> Result<(), String> {
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            self.now = self.now.max(at);
            self.happen(event);
            if self.tally.tasks >= self.config.tasks && self.open.is_empty() && self.is_quiet() {
                return Ok(());
            }
            if self.now > self.config.limit_ms {
                return Err(format!("{} jobs are not over after all", self.open.len()));
            }
        }
        Err("nothing is left to happen".into())
    }

    /// Whether nothing is under way that could open a job again.
    fn is_quiet(&mut self) -> bool {
        let jobs: Vec<JobId> = self.work.keys().copied().collect();
        for job in jobs {
            if self.farm.job(job).is_some_and(|job| !job.status.is_over()) {
                self.open.insert(job);
            }
        }
        self.open.is_empty()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Submit => self.submit(),
            Event::Inspect(job) => self.inspect(job),
            Event::Rendered(at, lease) => {
                if !self.put_off(at, event) {
                    self.rendered(at, lease);
                }
            }
            Event::Answer(at, id) => {
                if !self.put_off(at, event) {
                    self.answer(at, id);
                }
            }
            Event::Stored(receipt) => self.stored(receipt),
            Event::Hear(at) => self.hear(at),
            Event::Leave(at) => self.leave(at),
            Event::Return(at) => self.come_back(at),
            Event::Tick => {
                self.apply(Command::Tick).ok();
                self.farm.take_changed();
                self.later(10_000, Event::Tick);
            }
        }
    }

    /// What a node finishes while it is away, it tells when it is back.
    fn put_off(&mut self, at: usize, event: Event) -> bool {
        let back = self.nodes[at].away_until;
        let away = back > self.now;
        if away {
            self.later(back - self.now + 1, event);
        }
        away
    }

    /// Applies a command and does what has to happen outside.
    pub(super) fn apply(&mut self, command: Command) -> Result<Reply, String> {
        let mut effects = Vec::new();
        self.tally.commands += 1;
        let seed = self.dice.seed();
        let reply = self.farm.apply(command, Time(self.now), &seed, &mut effects);
        for effect in effects {
            self.follow(effect);
        }
        reply.map_err(|refusal| refusal.code.as_str().to_owned())
    }

    fn follow(&mut self, effect: Effect) {
        match effect {
            Effect::Inspect(job) => self.later(3_000, Event::Inspect(job)),
            Effect::OfferTask(node, task) => self.offered(node, task),
            Effect::OfferVerification(node, id) => self.asked(node, id),
            Effect::StoreOutput(receipt) => {
                let took = self.dice.between(500, 3_000);
                self.later(took, Event::Stored(receipt));
            }
            Effect::Revoke(node, lease) => {
                self.nodes[self.at[&node]].leases.remove(&lease);
            }
            Effect::RevokeVerification(node, id) => {
                self.nodes[self.at[&node]].verifications.remove(&id);
            }
            Effect::NodeChanged(node) => self.node_changed(node),
            Effect::FrameChanged(job, frame) => self.frame_changed(job, frame),
            Effect::JobChanged(job) => self.job_changed(job),
        }
    }

    fn node_changed(&mut self, id: NodeId) {
        let Some(known) = self.farm.node(id) else { return };
        let node = &mut self.nodes[self.at[&id]];
        if known.suspended.is_some() {
            node.suspended_at.get_or_insert((node.frames, node.answers));
        } else {
            node.suspended_at = None;
        }
        if known.record.frames_rejected > 0 {
            node.rejected_at.get_or_insert((node.frames, node.forged));
        }
    }

    fn frame_changed(&mut self, job: JobId, frame: i32) {
        let status = self.farm.frame(job, frame).map(|frame| frame.status.clone());
        let Some(FrameStatus::Accepted(receipt)) = status else { return };
        if self.truth.forgery(receipt).is_some() && self.tally.ever_accepted.insert(receipt) {
            let worker = self.farm.receipt_of(receipt).map(|receipt| receipt.node);
            if let Some(worker) = worker {
                let node = &mut self.nodes[self.at[&worker]];
                node.passed_before += u64::from(node.rejected_at.is_none());
            }
        }
    }

    fn job_changed(&mut self, job: JobId) {
        let Some(status) = self.farm.job(job).map(|job| job.status.clone()) else { return };
        match status {
            JobStatus::Inspecting { .. } | JobStatus::Active => {
                self.open.insert(job);
            }
            JobStatus::Failed => {
                self.tally.retried += 1;
                self.open.insert(job);
                self.apply(Command::Retry(job)).ok();
            }
            _ => {
                self.open.remove(&job);
            }
        }
    }

    /// Submits a job, unless there is enough to do; then looks again later.
    fn submit(&mut self) {
        if self.tally.tasks >= self.config.tasks {
            return;
        }
        let next = self.dice.wait_ms(self.config.arrival_ms).max(1);
        self.later(next, Event::Submit);
        let waiting: usize = self.open.iter().map(|job| self.farm.frame_counts(*job).waiting).sum();
        if waiting > 4 * self.nodes.len() {
            return;
        }
        let (low, high) = [(1.0, 20.0), (20.0, 400.0), (400.0, 3_000.0), (3_000.0, 8_000.0)]
            [[0, 0, 0, 0, 1, 1, 1, 1, 2, 3][(self.dice.next() % 10) as usize]];
        let most = (self.config.tasks as f64 / 8.0).max(20.0);
        let frames = self.dice.log_between(low, high).min(most) as i32;
        let Ok(frames) = FrameSet::new(1..=frames.max(1)) else { return };
        let submission = scene::submission(self.dice.bytes(), frames);
        self.apply(Command::Submit(Box::new(submission))).ok();
    }

    fn inspect(&mut self, job: JobId) {
        let sizes = [(640, 360), (1280, 720), (1920, 1080)];
        let (width, height) = sizes[(self.dice.next() % 3) as usize];
        let samples = 1 << self.dice.between(4, 9);
        let size = Size { width, height };
        let frame_ms = (size.pixels() as f64 * f64::from(samples) / 8_000.0).clamp(2e3, 240e3);
        self.work.insert(job, Work { size, frame_ms });
        let facts = Box::new(scene::facts(size, samples));
        let preview = Some(Box::new(scene::preview()));
        self.apply(Command::Inspected { job, facts, preview }).ok();
    }

    fn offered(&mut self, node: NodeId, task: candela_core::id::TaskId) {
        self.tally.tasks += 1;
        let at = self.at[&node];
        let Some(task) = self.farm.task(task) else { return };
        let TaskStatus::Leased(lease) = &task.status else { return };
        let (job, lease) = (task.job, lease.id);
        self.nodes[at].leases.insert(lease);
        let scene = self.farm.job(job).map(|job| job.submission.scene);
        if let Some(scene) = scene.filter(|scene| !self.nodes[at].scenes.contains(scene)) {
            self.nodes[at].scenes.push_back(scene);
            if self.nodes[at].scenes.len() > SCENES_KEPT {
                self.nodes[at].scenes.pop_front();
            }
        }
        self.render_next(at, job, lease);
    }

    pub(super) fn render_next(&mut self, at: usize, job: JobId, lease: LeaseId) {
        let frame_ms = self.work.get(&job).map_or(10e3, |work| work.frame_ms);
        let jitter = 0.8 + 0.4 * self.dice.unit();
        let took = (frame_ms * self.nodes[at].slowness * jitter) as u64;
        self.later(took.max(200), Event::Rendered(at, lease));
    }

    fn asked(&mut self, node: NodeId, id: VerificationId) {
        let at = self.at[&node];
        self.nodes[at].verifications.insert(id);
        let Some(verification) = self.farm.verification(id) else { return };
        let took = 2_000 + 500 * u64::from(verification.probes);
        let took = (took as f64 * self.nodes[at].slowness) as u64;
        if self.nodes[at].verifier == VerifierKind::Late {
            if self.dice.chance(0.5) {
                self.later(self.farm.policy().verification_ms_max * 11 / 10, Event::Answer(at, id));
            } else {
                self.later(1_000, Event::Leave(at));
            }
            return;
        }
        self.later(took, Event::Answer(at, id));
    }

    fn hear(&mut self, at: usize) {
        self.later(HEARD_EVERY_MS, Event::Hear(at));
        let node = &self.nodes[at];
        if node.away_until <= self.now {
            let (id, scenes_held) = (node.id, node.scenes.iter().copied().collect());
            self.apply(Command::Heard { node: id, scenes_held, paused: false }).ok();
        }
    }

    fn leave(&mut self, at: usize) {
        if self.nodes[at].away_until > self.now {
            return;
        }
        self.tally.left += 1;
        let away = self.dice.log_between(5e3, 1.2e6) as u64;
        self.nodes[at].away_until = self.now + away;
        if self.dice.chance(0.5) {
            self.apply(Command::LinkLost(self.nodes[at].id)).ok();
        }
        self.later(away, Event::Return(at));
    }

    /// Joins, for the first time or again; sometimes it has forgotten what it was doing.
    fn come_back(&mut self, at: usize) {
        let first = self.farm.node(self.nodes[at].id).is_none();
        if first {
            self.later(HEARD_EVERY_MS, Event::Hear(at));
        }
        let stays = self.dice.wait_ms(self.nodes[at].leaves_every_ms).max(1);
        self.later(stays, Event::Leave(at));
        let forgets = self.dice.chance(0.3);
        let node = &mut self.nodes[at];
        if forgets {
            node.leases.clear();
            node.verifications.clear();
        }
        let mut hello = scene::hello(node.id, &node.owner, &node.roles, node.slots);
        hello.scenes_held = node.scenes.iter().copied().collect();
        hello.leases = node.leases.clone();
        hello.verifications = node.verifications.clone();
        self.apply(Command::Joined(Box::new(hello))).ok();
    }

    pub(super) fn is_crash(&mut self, kind: WorkerKind) -> bool {
        let share = if kind == WorkerKind::Crashes { 0.4 } else { 0.001 };
        self.dice.chance(share)
    }
}
