//! Tests over the rules: a table of every state × command, the stories that matter, and a seeded walk.

mod checking;
mod claiming;
mod forgetting;
mod sharing;
mod stories;
mod table;
mod telling;
mod verifiers;
mod walk;

use super::{Command, Effect, Farm, Reply, Rows};
use crate::addr::NodeAddr;
use crate::frames::FrameSet;
use crate::id::{
    BlobHash, EngineBuild, JobId, LeaseId, NodeId, OwnerId, SubmissionId, TaskId, VerificationId,
};
use crate::job::{Allowances, FramesWanted, Overrides, Submission};
use crate::layers::Size;
use crate::node::{Hello, Role};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::scene::{PreviewFacts, SceneFacts};
use crate::seed::Seed;
use crate::task::{Statement, TaskStatus};
use crate::time::Time;
use crate::verification::{Floor, Found, Outcome, Peer, Verdict};
use std::collections::BTreeSet;

pub(crate) fn engine() -> EngineBuild {
    EngineBuild("blender-4.5.15".into())
}

pub(crate) fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

pub(crate) fn facts() -> SceneFacts {
    SceneFacts {
        saved_by: [4, 5, 0],
        engine_version: [4, 5, 15],
        render_engine: "CYCLES".into(),
        scene_name: "Scene".into(),
        scenes: vec!["Scene".into()],
        camera: Some("Camera".into()),
        cameras: vec!["Camera".into()],
        frame_start: 1,
        frame_end: 3,
        frame_step: 1,
        fps: 24.0,
        size: Size { width: 640, height: 360 },
        percentage: 100,
        border: false,
        samples: 32,
        adaptive_sampling: false,
        denoiser: None,
        path_guiding: false,
        time_limit_s: 0.0,
        seed_animated: false,
        compositor: false,
        output_file_nodes: 0,
        sequencer: false,
        file_format: "PNG".into(),
        device: "CPU".into(),
        scripts: Vec::new(),
        unbaked: Vec::new(),
        missing: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(crate) fn preview() -> PreviewFacts {
    PreviewFacts {
        size: Size { width: 2, height: 1 },
        noise: vec![0.1, 0.2],
        unrepeatable_share: 0.0,
        unsteady: Vec::new(),
        black: false,
        class_share: 0.0,
        undevelopable: Vec::new(),
    }
}

pub(crate) fn submission(frames: &str) -> Submission {
    Submission {
        submission_id: SubmissionId([9; 16]),
        user: "ada".into(),
        name: "shot".into(),
        scene: BlobHash([1; 32]),
        main_file: "shot.blend".into(),
        frames: FramesWanted::These(FrameSet::parse(frames).unwrap()),
        engine: engine(),
        overrides: Overrides::default(),
        allow: Allowances::default(),
        priority: 0,
        notify: crate::message::Notify::default(),
    }
}

pub(crate) fn hello(n: u8, roles: &[Role]) -> Hello {
    Hello {
        addr: NodeAddr { node: node(n), sockets: Vec::new(), relay: None },
        name: format!("node {n}"),
        owner: OwnerId(format!("owner {n}")),
        roles: roles.iter().copied().collect(),
        engines: BTreeSet::from([engine()]),
        device: "cpu".into(),
        memory_bytes: 8 << 30,
        slots: 1,
        scenes_held: BTreeSet::new(),
        leases: BTreeSet::new(),
        verifications: BTreeSet::new(),
    }
}

/// A farm with a clock, and what it asked for.
#[derive(Clone)]
pub(super) struct World {
    pub(super) farm: Farm,
    pub(super) now: Time,
    pub(super) effects: Vec<Effect>,
}

impl World {
    pub(super) fn new() -> World {
        let engines = BTreeSet::from([engine()]);
        let farm = Farm::load(Policy::default(), engines, Rows::default(), Time(1_000));
        World { farm, now: Time(1_000), effects: Vec::new() }
    }

    pub(super) fn apply(&mut self, command: Command) -> Result<Reply, Refusal> {
        self.now = self.now.plus_ms(1);
        let seed = Seed([7; 32]);
        self.farm.apply(command, self.now, &seed, &mut self.effects)
    }

    pub(super) fn ok(&mut self, command: Command) -> Reply {
        self.apply(command).unwrap()
    }

    pub(super) fn join(&mut self, n: u8, roles: &[Role]) {
        self.ok(Command::Joined(Box::new(hello(n, roles))));
    }

    pub(super) fn submit(&mut self, frames: &str) -> JobId {
        self.submit_this(submission(frames))
    }

    pub(super) fn submit_this(&mut self, submission: Submission) -> JobId {
        match self.ok(Command::Submit(Box::new(submission))) {
            Reply::Job(job) => job,
            other => panic!("not a job: {other:?}"),
        }
    }

    pub(super) fn inspect(&mut self, job: JobId) {
        let (facts, preview) = (Box::new(facts()), Some(Box::new(preview())));
        self.ok(Command::Inspected { job, facts, preview });
    }

    /// Two workers (1, 2), two verifiers (3, 4), one active job.
    pub(super) fn busy(frames: &str) -> (World, JobId) {
        let mut world = World::new();
        world.join(1, &[Role::Worker]);
        world.join(2, &[Role::Worker]);
        world.join(3, &[Role::Verifier]);
        world.join(4, &[Role::Verifier]);
        let job = world.submit(frames);
        world.inspect(job);
        (world, job)
    }

    /// Task, lease and frames that a node has.
    pub(super) fn held(&self, n: u8) -> Option<(TaskId, LeaseId, Vec<i32>)> {
        let task = self.farm.task(*self.farm.tasks_of(node(n)).first()?)?;
        match &task.status {
            TaskStatus::Leased(lease) => {
                Some((task.id, lease.id, task.frames.iter().copied().collect()))
            }
            _ => None,
        }
    }

    pub(super) fn statement(task: TaskId, lease: LeaseId, frame: i32) -> Statement {
        Statement {
            task,
            lease,
            frame,
            scene: BlobHash([1; 32]),
            layers: BlobHash([frame as u8; 32]),
            layers_bytes: 1_000,
            output: BlobHash([frame as u8; 32]),
            output_bytes: 1_000,
            engine: engine(),
            device: "cpu".into(),
            render_ms: 5_000,
            peak_memory_bytes: 1 << 20,
        }
    }

    /// Sends receipts for all frames that the node has, and says that the outputs are stored.
    pub(super) fn render(&mut self, n: u8) -> usize {
        let Some((task, lease, frames)) = self.held(n) else { return 0 };
        for frame in &frames {
            let statement = Box::new(World::statement(task, lease, *frame));
            let command = Command::Receipt { node: node(n), statement, signature: [0; 64] };
            if let Reply::Receipt(receipt) = self.ok(command) {
                self.ok(Command::OutputStored(receipt));
            }
        }
        frames.len()
    }

    pub(super) fn verification_of(&self, n: u8) -> Option<VerificationId> {
        self.farm.verifications_held(node(n)).first().copied()
    }

    /// A verdict that follows from honest pictures: the same as all others of the receipt.
    pub(super) fn judged(&self, n: u8, id: VerificationId, outcome: Outcome) -> Command {
        self.judged_as(n, id, outcome, true)
    }

    /// A verdict; `same`: whether its pictures are those that earlier answers show.
    pub(super) fn judged_as(
        &self,
        n: u8,
        id: VerificationId,
        outcome: Outcome,
        same: bool,
    ) -> Command {
        let receipt = self.farm.verification(id).map(|v| v.receipt);
        let earlier = receipt.into_iter().flat_map(|receipt| self.farm.verifications(receipt));
        let earlier = earlier.filter(|v| v.verdict().is_some());
        let counts = Default::default();
        let peer = |v: &crate::verification::VerificationTask| Peer {
            verification: v.id,
            same: same && v.verdict().is_some_and(|verdict| verdict.reason != "garbage"),
            counts,
        };
        let verdict = Box::new(Verdict {
            outcome,
            verifier: node(n),
            device: "cpu".into(),
            report: None,
            worker_tiles: None,
            probes: Vec::new(),
            with: Vec::new(),
            peers: earlier.map(peer).collect(),
            floor: Floor { disagree_share: 0.001, bad_probe_share: 0.0 },
            probes_first: 5,
            reject_p: 1.0,
            accept_p: 0.0,
            found: Found::ByPictures,
            developed: false,
            reason: if same { outcome.word().into() } else { "garbage".into() },
            judged_at: self.now,
        });
        Command::Judged { verification: id, verdict, rendered_px: 8_192 }
    }

    /// One answer of an honest verifier; `outcome` says what it finds in a frame.
    pub(super) fn verify_one(&mut self, outcome: &dyn Fn(i32) -> Outcome) -> usize {
        let held = (3..=9).filter_map(|n| Some((n, self.verification_of(n)?)));
        let held = held.min_by_key(|(_, id)| *id);
        let Some((n, id)) = held else { return 0 };
        let verification = self.farm.verification(id).unwrap();
        let frame = self.farm.receipt_of(verification.receipt).unwrap().statement.frame;
        let canary = verification.purpose == crate::verification::Purpose::Canary;
        let outcome = if canary { Outcome::Accepted } else { outcome(frame) };
        let command = self.judged(n, id, outcome);
        self.ok(command);
        1
    }

    /// The same until nothing is left to answer.
    pub(super) fn verify_frames(&mut self, outcome: &dyn Fn(i32) -> Outcome) -> usize {
        let mut judged = 0;
        while self.verify_one(outcome) > 0 {
            judged += 1;
        }
        judged
    }

    /// Lets the verifiers answer until they have nothing left; `outcome` says what they find.
    pub(super) fn verify(&mut self, outcome: impl Fn(NodeId) -> Outcome) -> usize {
        let mut judged = 0;
        loop {
            let Some((n, id)) =
                [3, 4].into_iter().find_map(|n| Some((n, self.verification_of(n)?)))
            else {
                return judged;
            };
            let verification = self.farm.verification(id).unwrap();
            let worker = self.farm.receipt_of(verification.receipt).unwrap().node;
            let canary = verification.purpose == crate::verification::Purpose::Canary;
            let found = if canary { Outcome::Accepted } else { outcome(worker) };
            let command = self.judged(n, id, found);
            self.ok(command);
            judged += 1;
        }
    }
}
