//! The simulated farm: a queue of events around the real rules.

use super::Config;
use super::agenda::Agenda;
use super::fairness;
use super::jobs::{self, SimJob, User};
use super::nodes::{HERE_SHARE, SimNode, is_away_ms, population, stays_ms};
use super::tally::Tally;
use crate::network_sim::dice::Dice;
use crate::network_sim::scene;
use candela_core::farm::{Command, Effect, Farm, Reply, Rows};
use candela_core::frames::FrameSet;
use candela_core::id::{JobId, LeaseId, NodeId, ReceiptId, TaskId, VerificationId};
use candela_core::job::JobStatus;
use candela_core::policy::Policy;
use candela_core::time::Time;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// A node says that it is there this often.
const HEARD_EVERY_MS: u64 = 600_000;

/// Fairness is looked at over so long.
const LOOK_EVERY_MS: u64 = 7_200_000;

/// Those that are there at the beginning join within so long.
const JOIN_MS: u64 = 60_000;

/// Tells the stream of arrivals from the other.
const ARRIVALS: u64 = 0x6a6f_6273;

const TICK_MS: u64 = 2_000;

/// Mean time between two short failures of a node's link.
const CUT_EVERY_MS: f64 = 6.0 * 3.6e6;

/// Share of the nodes that leave without a word.
const SILENT_SHARE: f64 = 0.35;

/// The kinds of commands whose cost is told apart.
fn kind(command: &Command) -> &'static str {
    match command {
        Command::Submit(_) | Command::Inspected { .. } => "job submitted and inspected",
        Command::Joined(_) => "node joined",
        Command::LinkLost(_) => "link lost",
        Command::Heard { .. } => "node heard of",
        Command::Receipt { .. } => "receipt",
        Command::OutputStored(_) => "output stored",
        Command::Judged { .. } => "verdict",
        Command::Tick => "time goes on",
        _ => "others",
    }
}

/// Something that is going to happen. A node's number is followed by that of its visit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Submit,
    Inspect(usize),
    Retry(JobId),
    Offer(usize, u32, TaskId),
    Rendered(usize, u32, LeaseId),
    Stored(ReceiptId),
    Answer(usize, u32, VerificationId),
    Fetched(usize, u32),
    Hear(usize, u32),
    Leave(usize, u32),
    Come(usize),
    Cut(usize, u32),
    Back(usize, u32),
    Tick,
    Look,
}

pub(super) struct World {
    pub(super) config: Config,
    pub(super) dice: Dice,
    /// A stream of its own, so that what comes in doesn't depend on what becomes of it.
    arrivals: Dice,
    pub(super) farm: Farm,
    pub(super) now: u64,
    agenda: Agenda<Event>,
    pub(super) nodes: Vec<SimNode>,
    pub(super) at: HashMap<NodeId, usize>,
    pub(super) here: usize,
    pub(super) jobs: Vec<SimJob>,
    pub(super) job_at: BTreeMap<JobId, usize>,
    pub(super) open: BTreeSet<JobId>,
    pub(super) users: Vec<User>,
    /// Frames of each lease that the manager waits for, with the job's position.
    pub(super) leases: BTreeMap<LeaseId, (usize, BTreeSet<i32>)>,
    pub(super) last_task: TaskId,
    arrival_ms: f64,
    pub(super) tally: Tally,
}

impl World {
    pub(super) fn new(config: Config) -> World {
        let mut dice = Dice::new(config.seed);
        let nodes = population(config.nodes, &mut dice);
        let at = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        let users = jobs::users(config.nodes, &mut dice);
        // The nodes of the simulation say less often that they are there.
        let policy = Policy { silent_ms: 900_000, grace_ms: 1_200_000, ..config.policy.clone() };
        let farm = Farm::load(policy, jobs::engines().into(), Rows::default(), Time(1));
        let mut world = World {
            arrival_ms: jobs::arrival_ms(&config),
            arrivals: Dice::new(config.seed ^ ARRIVALS),
            config,
            dice,
            farm,
            now: 1,
            agenda: Agenda::new(),
            nodes,
            at,
            here: 0,
            jobs: Vec::new(),
            job_at: BTreeMap::new(),
            open: BTreeSet::new(),
            users,
            leases: BTreeMap::new(),
            last_task: TaskId(0),
            tally: Tally::default(),
        };
        for at in 0..world.nodes.len() {
            let comes = if world.dice.chance(HERE_SHARE) {
                world.dice.between(0, JOIN_MS)
            } else {
                (world.dice.unit() * is_away_ms(&mut world.dice) as f64) as u64
            };
            world.later(comes, Event::Come(at));
        }
        for (after, event) in
            [(60_000, Event::Submit), (TICK_MS, Event::Tick), (LOOK_EVERY_MS, Event::Look)]
        {
            world.later(after, event);
        }
        world
    }

    pub(super) fn later(&mut self, in_ms: u64, event: Event) {
        self.agenda.add(self.now + in_ms, event);
    }

    pub(super) fn arrivals_end(&self) -> u64 {
        (self.config.hours * 3.6e6) as u64
    }

    /// Runs until no more jobs come in and every job is over.
    ///
    /// # Errors
    /// If the jobs don't come to an end.
    pub(super) fn run(&mut self) -> Result<(), String> {
        let end = self.arrivals_end();
        while let Some((at, event)) = self.agenda.next() {
            self.now = self.now.max(at);
            self.happen(event);
            if self.now > end && self.open.is_empty() {
                return Ok(());
            }
            if self.now > 3 * end + 48 * 3_600_000 {
                return Err(format!("{} jobs are not over after all", self.open.len()));
            }
        }
        Err("nothing is left to happen".into())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Submit => self.submit(),
            Event::Inspect(job) => self.inspect(job),
            Event::Retry(job) => {
                self.apply(Command::Retry(job)).ok();
            }
            Event::Offer(at, visit, task) => self.offer_arrives(at, visit, task),
            Event::Rendered(at, visit, lease) => self.rendered(at, visit, lease),
            Event::Stored(receipt) => {
                self.apply(Command::OutputStored(receipt)).ok();
            }
            Event::Answer(at, visit, id) => self.answer(at, visit, id),
            Event::Fetched(at, visit) => self.hear(at, visit),
            Event::Hear(at, visit) => {
                if self.nodes[at].visit == visit {
                    self.later(HEARD_EVERY_MS, event);
                    self.hear(at, visit);
                }
            }
            Event::Leave(at, visit) => self.leave(at, visit),
            Event::Come(at) => self.come(at),
            Event::Cut(at, visit) => self.cut(at, visit),
            Event::Back(at, visit) => {
                if self.nodes[at].visit == visit {
                    self.join(at);
                }
            }
            Event::Tick => {
                self.apply(Command::Tick).ok();
                self.later(TICK_MS, Event::Tick);
            }
            Event::Look => self.look(),
        }
    }

    /// Applies a command and does what has to happen outside.
    pub(super) fn apply(&mut self, command: Command) -> Result<Reply, String> {
        let mut effects = Vec::new();
        let seed = self.dice.seed();
        let kind = kind(&command);
        let begun = Instant::now();
        let reply = self.farm.apply(command, Time(self.now), &seed, &mut effects);
        self.tally.rows += self.farm.take_changed().len() as u64;
        let cost = self.tally.commands.entry(kind).or_default();
        cost.count += 1;
        cost.took_ns += begun.elapsed().as_nanos() as u64;
        for effect in effects {
            self.follow(effect);
        }
        reply.map_err(|refusal| {
            self.tally.refused += 1;
            refusal.code.as_str().to_owned()
        })
    }

    fn follow(&mut self, effect: Effect) {
        match effect {
            Effect::Inspect(job) => {
                // The job isn't known here before the reply.
                let at = self.job_at.get(&job).copied().unwrap_or(self.jobs.len() - 1);
                self.later(3_000, Event::Inspect(at));
            }
            Effect::OfferTask(node, task) => self.offered(node, task),
            Effect::OfferVerification(node, id) => self.asked(node, id),
            Effect::StoreOutput(receipt) => {
                let took = self.dice.between(500, 5_000);
                self.later(took, Event::Stored(receipt));
            }
            Effect::Revoke(node, lease) => self.revoked(node, lease),
            Effect::RevokeVerification(node, id) => {
                self.nodes[self.at[&node]].verifications.remove(&id);
            }
            Effect::FrameChanged(job, frame) => self.frame_changed(job, frame),
            Effect::JobChanged(job) => self.job_changed(job),
            Effect::NodeChanged(_) => {}
        }
    }

    /// Submits a job of the day's curve.
    fn submit(&mut self) {
        if self.now > self.arrivals_end() {
            return;
        }
        let wait = self.arrivals.wait_ms(self.arrival_ms / jobs::day_curve(self.now));
        self.later(wait.max(1), Event::Submit);
        let job = jobs::draw_job(self.nodes.len(), &mut self.users, &mut self.arrivals);
        let Ok(frames) = FrameSet::new(1..=job.count as i32) else { return };
        let mut submission = scene::submission(self.arrivals.bytes(), frames);
        submission.scene = job.scene;
        submission.engine = job.engine.clone();
        submission.user.clone_from(&self.users[job.user].name);
        submission.priority = self.users[job.user].priority;
        self.jobs.push(job);
        match self.apply(Command::Submit(Box::new(submission))) {
            Ok(Reply::Job(id)) => {
                let at = self.jobs.len() - 1;
                self.jobs[at].id = id;
                self.job_at.insert(id, at);
                self.open.insert(id);
                self.tally.jobs += 1;
            }
            _ => {
                self.jobs.pop();
            }
        }
    }

    fn job_changed(&mut self, id: JobId) {
        let Some(status) = self.farm.job(id).map(|job| job.status.clone()) else { return };
        match status {
            JobStatus::Inspecting { .. } | JobStatus::Active => {
                self.open.insert(id);
            }
            JobStatus::Failed => self.later(1_000, Event::Retry(id)),
            _ => {
                if self.open.remove(&id)
                    && let Some(at) = self.job_at.get(&id).copied()
                {
                    self.finished(at);
                }
            }
        }
    }

    pub(super) fn come(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.here = true;
        node.visit += 1;
        node.cut_until = 0;
        let visit = node.visit;
        self.here += 1;
        self.tally.most_here = self.tally.most_here.max(self.here);
        let hears = self.dice.between(1, HEARD_EVERY_MS);
        self.later(hears, Event::Hear(at, visit));
        let mut stays = stays_ms(&mut self.dice);
        // Who is there at the beginning has been for a while.
        if visit == 1 && self.now <= JOIN_MS {
            stays = (stays as f64 * self.dice.unit()) as u64;
        }
        self.later(stays, Event::Leave(at, visit));
        let cut = self.dice.wait_ms(CUT_EVERY_MS);
        self.later(cut, Event::Cut(at, visit));
        self.join(at);
    }

    fn join(&mut self, at: usize) {
        let hello = self.nodes[at].hello(self.config.tell_scenes);
        self.apply(Command::Joined(Box::new(hello))).ok();
    }

    fn hear(&mut self, at: usize, visit: u32) {
        let node = &self.nodes[at];
        if node.visit != visit || node.cut_until > self.now {
            return;
        }
        let (node, scenes_held) = (node.id, node.scenes_told(self.config.tell_scenes));
        self.apply(Command::Heard { node, scenes_held, paused: false }).ok();
    }

    /// Its link fails for a while; half of the time that is noticed at once. It works on.
    fn cut(&mut self, at: usize, visit: u32) {
        if self.nodes[at].visit != visit {
            return;
        }
        self.tally.cut += 1;
        let away = self.dice.log_between(2e3, 4e5) as u64;
        self.nodes[at].cut_until = self.now + away;
        if self.dice.chance(0.5) {
            self.apply(Command::LinkLost(self.nodes[at].id)).ok();
        }
        self.later(away, Event::Back(at, visit));
        let next = away + self.dice.wait_ms(CUT_EVERY_MS);
        self.later(next, Event::Cut(at, visit));
    }

    fn leave(&mut self, at: usize, visit: u32) {
        if self.nodes[at].visit != visit {
            return;
        }
        self.tally.left += 1;
        self.here -= 1;
        let node = &mut self.nodes[at];
        node.here = false;
        node.visit += 1;
        let id = node.id;
        let leases = std::mem::take(&mut node.leases);
        let verifications = std::mem::take(&mut node.verifications);
        for held in leases.values() {
            self.tally.lost_ms += self.now.saturating_sub(held.begun_ms);
            self.tally.leases_lost += 1;
        }
        let away = is_away_ms(&mut self.dice);
        self.later(away, Event::Come(at));
        if self.dice.chance(SILENT_SHARE) {
            self.tally.silent += 1;
            return;
        }
        self.apply(Command::LinkLost(id)).ok();
        for lease in leases.into_keys() {
            self.apply(Command::LeaseDeclined { node: id, lease }).ok();
        }
        for verification in verifications {
            let reason = "its owner wants the machine back".to_owned();
            self.apply(Command::VerificationFailed { node: id, verification, reason }).ok();
        }
    }

    /// How even the last while was.
    fn look(&mut self) {
        self.later(LOOK_EVERY_MS, Event::Look);
        let since = self.now.saturating_sub(LOOK_EVERY_MS);
        self.tally.fairness.extend(fairness::look(&mut self.users, since));
    }
}
