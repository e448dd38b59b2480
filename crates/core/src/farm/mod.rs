//! The whole state of the network in memory, and the one function that changes it.
//!
//! [`Farm::apply`] takes a command and the time; it changes the state, remembers which rows changed
//! and returns what has to happen outside (effects), or refuses and changes nothing.
//! The caller makes the changed rows durable before any effect leaves.

mod accept;
mod alarms;
mod canaries;
mod claims;
mod dispatch;
mod eta;
mod forget;
mod index;
mod messages;
mod node_map;
mod opinions;
mod pool;
mod presence;
mod queue;
mod ready;
mod receipts;
mod reject;
mod status;
pub mod submit;
mod table;
mod verify;
pub mod view;

#[cfg(test)]
pub(crate) mod tests;

use crate::claim::Claim;
use crate::counts::TileCounts;
use crate::id::{
    BlobHash, ClaimId, EngineBuild, JobId, LeaseId, MessageId, NodeId, ReceiptId, SubmissionId,
    TaskId, VerificationId,
};
use crate::job::{Frame, FrameStatus, Job, Submission};
use crate::node::{Hello, Node, Presence};
use crate::policy::Policy;
use crate::refusal::{Refusal, RefusalCode};
use crate::scene::{PreviewFacts, SceneFacts};
use crate::seed::Seed;
use crate::task::{Receipt, Statement, Task};
use crate::time::Time;
use crate::verification::{Verdict, VerificationTask};
use alarms::Alarms;
pub use eta::Eta;
use node_map::NodeMap;
use std::collections::{BTreeMap, BTreeSet};
use table::Table;

/// Something that happened or is asked for. Times, signatures and sizes were checked at the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A user submits a job.
    Submit(Box<Submission>),
    /// A user ends a job.
    Cancel(JobId),
    /// A user wants failed or cancelled frames tried again.
    Retry(JobId),
    /// A user moves a job before others or behind them.
    Prioritise {
        /// The job.
        job: JobId,
        /// Higher goes first.
        priority: i32,
    },
    /// The scene was looked at.
    Inspected {
        /// The job.
        job: JobId,
        /// What was found.
        facts: Box<SceneFacts>,
        /// What the preview told; none if the facts left nothing to render.
        preview: Option<Box<PreviewFacts>>,
    },
    /// The scene could not be looked at.
    InspectionFailed {
        /// The job.
        job: JobId,
        /// The refusals; if there are none, the engine fell over.
        refusals: Vec<Refusal>,
        /// The engine's own words.
        text: String,
    },
    /// A node connected, for the first time or again.
    Joined(Box<Hello>),
    /// A node's link is down.
    LinkLost(NodeId),
    /// A node was heard of.
    Heard {
        /// Who.
        node: NodeId,
        /// Scenes whose blobs it has by now.
        scenes_held: BTreeSet<BlobHash>,
        /// Whether its owner lets it work.
        paused: bool,
    },
    /// A worker doesn't take a task, or gives it back.
    LeaseDeclined {
        /// Who.
        node: NodeId,
        /// The lease.
        lease: LeaseId,
    },
    /// A worker could not render a frame.
    FrameFailed {
        /// Who.
        node: NodeId,
        /// The lease.
        lease: LeaseId,
        /// The frame.
        frame: i32,
        /// Whose fault it looks like.
        fault: Fault,
        /// The engine's own words.
        text: String,
    },
    /// A worker states that a frame is rendered.
    Receipt {
        /// Who signed.
        node: NodeId,
        /// What was stated.
        statement: Box<Statement>,
        /// The signature.
        signature: [u8; 64],
    },
    /// The output of a receipt is in the manager's storage.
    OutputStored(ReceiptId),
    /// Blobs that a receipt names can't be had.
    BlobsLost {
        /// The receipt.
        receipt: ReceiptId,
        /// Whether the worker was there and did not deliver what it signed.
        blame: bool,
        /// Why, for people.
        reason: String,
    },
    /// A verification task was answered and judged.
    Judged {
        /// The verification task.
        verification: VerificationId,
        /// The verdict, with the verifier's id.
        verdict: Box<Verdict>,
        /// Pixels that the verifier rendered for it.
        rendered_px: u64,
    },
    /// A verifier could not do it, or its answer is of no use.
    VerificationFailed {
        /// Who.
        node: NodeId,
        /// The verification task.
        verification: VerificationId,
        /// Why, for people.
        reason: String,
    },
    /// A user says that an accepted frame is not what the scene defines.
    Claim {
        /// The job.
        job: JobId,
        /// The frame.
        frame: i32,
        /// Who.
        user: String,
        /// What is wrong, in the user's words.
        comment: String,
    },
    /// A message was delivered, or given up.
    Told {
        /// The job.
        job: JobId,
        /// The message.
        message: MessageId,
    },
    /// Time goes on.
    Tick,
}

/// Whose fault a failed frame looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine crashed, ran out of memory or out of time: the scene's or the machine's, which shows at the next worker.
    Engine,
    /// The worker itself: its disk is full, its engine can't be started.
    Worker,
}

/// What has to happen outside once the changes are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Have the scene looked at.
    Inspect(JobId),
    /// Send a task to a worker.
    OfferTask(NodeId, TaskId),
    /// Tell a worker that a lease is over.
    Revoke(NodeId, LeaseId),
    /// Send a verification task to a verifier.
    OfferVerification(NodeId, VerificationId),
    /// Tell a verifier that a verification task is over.
    RevokeVerification(NodeId, VerificationId),
    /// Pull a receipt's output into storage.
    StoreOutput(ReceiptId),
    /// A job changed, for those who watch.
    JobChanged(JobId),
    /// A frame changed, for those who watch.
    FrameChanged(JobId, i32),
    /// A node came, went, or has another record, for those who watch.
    NodeChanged(NodeId),
}

/// Answer to a command that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Done,
    /// The job of a submission.
    Job(JobId),
    /// The receipt of a statement.
    Receipt(ReceiptId),
    /// The claim that was made.
    Claim(ClaimId),
}

/// A row that changed: to be written from the state, or deleted if it is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The counter of ids.
    Counter,
    /// A job, without what its inspection found.
    Job(JobId),
    /// What the inspection of a job found.
    Inspection(JobId),
    /// A frame of a job.
    Frame(JobId, i32),
    /// A task.
    Task(TaskId),
    /// A receipt.
    Receipt(ReceiptId),
    /// A verification task.
    Verification(VerificationId),
    /// A node.
    Node(NodeId),
    /// A bad result claim.
    Claim(ClaimId),
}

/// Everything that is kept, as it is loaded at the start.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The next id.
    pub next_id: u64,
    /// All jobs.
    pub jobs: Vec<Job>,
    /// All frames.
    pub frames: Vec<Frame>,
    /// All tasks.
    pub tasks: Vec<Task>,
    /// All receipts.
    pub receipts: Vec<Receipt>,
    /// All verification tasks.
    pub verifications: Vec<VerificationTask>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// All bad result claims.
    pub claims: Vec<Claim>,
}

/// The state.
#[derive(Debug, Clone, PartialEq)]
pub struct Farm {
    pub(crate) policy: Policy,
    pub(crate) engines: BTreeSet<EngineBuild>,
    pub(crate) next_id: u64,
    pub(crate) jobs: Table<JobId, Job>,
    pub(crate) frames: BTreeMap<JobId, BTreeMap<i32, Frame>>,
    pub(crate) tasks: Table<TaskId, Task>,
    pub(crate) receipts: Table<ReceiptId, Receipt>,
    pub(crate) verifications: Table<VerificationId, VerificationTask>,
    pub(crate) nodes: NodeMap<Node>,
    pub(crate) claims: BTreeMap<ClaimId, Claim>,
    pub(crate) presence: NodeMap<Presence>,
    /// Nodes that hold work and are not connected, and since when they are waited for.
    pub(crate) absent: BTreeMap<NodeId, Time>,
    // Indices, rebuilt at the start.
    pub(crate) submissions: BTreeMap<SubmissionId, JobId>,
    pub(crate) waiting: BTreeMap<JobId, BTreeSet<i32>>,
    pub(crate) leased: BTreeMap<LeaseId, TaskId>,
    pub(crate) leases_of: NodeMap<BTreeSet<LeaseId>>,
    pub(crate) by_lease: BTreeMap<LeaseId, BTreeMap<i32, ReceiptId>>,
    pub(crate) receipts_of: BTreeMap<JobId, BTreeSet<ReceiptId>>,
    pub(crate) tasks_of: BTreeMap<JobId, Vec<TaskId>>,
    pub(crate) rounds: BTreeMap<ReceiptId, Vec<VerificationId>>,
    pub(crate) verifications_queued: BTreeSet<VerificationId>,
    pub(crate) verifications_of: NodeMap<BTreeSet<VerificationId>>,
    /// Claims by what they are about; a receipt has one at most.
    pub(crate) claimed: BTreeMap<ReceiptId, ClaimId>,
    /// Accepted receipts of each worker that may be opened again: not settled, and not too old.
    pub(crate) weak: NodeMap<BTreeSet<ReceiptId>>,
    /// Receipts rejected by opinions, as long as these can turn out false.
    pub(crate) convicted: BTreeSet<ReceiptId>,
    /// Receipts whose verdict is known, for canaries.
    pub(crate) known: BTreeSet<ReceiptId>,
    /// What was counted between verifiers that saw the same, by scene and pair of classes.
    pub(crate) seen_between: BTreeMap<(BlobHash, String, String), TileCounts>,
    /// Verifying receipts that no check was drawn for, by worker.
    pub(crate) undrawn: BTreeSet<(NodeId, ReceiptId)>,
    /// When weak receipts can't be opened again any more.
    ageing: Alarms<ReceiptId>,
    /// When the grace time of a node is over, if it isn't heard until then.
    graces: Alarms<NodeId>,
    /// When a task is taken back from its worker.
    deadlines: Alarms<TaskId>,
    /// When a verification task is taken back from its verifier.
    answers_due: Alarms<VerificationId>,
    /// When a job that is over is forgotten.
    forgetting: Alarms<JobId>,
    /// Jobs that have messages to be delivered.
    untold: BTreeSet<JobId>,
    /// Rows of forgotten jobs that are still to be deleted.
    leftovers: BTreeSet<Row>,
    /// Who may be given work.
    pub(crate) ready: ready::Ready,
    /// Whose turn it is to get workers.
    pub(crate) queue: queue::Queue,
    /// Where the queue of verification tasks is looked at next.
    pub(crate) verify_from: VerificationId,
    /// Frames of each job that are neither accepted nor failed, and those that are failed.
    pub(crate) left: BTreeMap<JobId, (usize, usize)>,
    /// Leases that may have to be settled before the command is over.
    pub(crate) unsettled: BTreeSet<LeaseId>,
    changed: BTreeSet<Row>,
}

impl Farm {
    /// The state as it follows from the rows. `now`: nodes that hold work are waited for from here on.
    #[must_use]
    pub fn load(policy: Policy, engines: BTreeSet<EngineBuild>, mut rows: Rows, now: Time) -> Farm {
        let leftovers = rows.take_leftovers();
        let queue = queue::Queue::new(policy.tasks_per_user_max);
        let mut farm = Farm {
            policy,
            engines,
            next_id: rows.next_id.max(1),
            jobs: rows.jobs.into_iter().map(|job| (job.id, job)).collect(),
            frames: BTreeMap::new(),
            tasks: rows.tasks.into_iter().map(|task| (task.id, task)).collect(),
            receipts: rows.receipts.into_iter().map(|r| (r.id, r)).collect(),
            verifications: rows.verifications.into_iter().map(|v| (v.id, v)).collect(),
            nodes: rows.nodes.into_iter().map(|node| (node.id, node)).collect(),
            claims: rows.claims.into_iter().map(|claim| (claim.id, claim)).collect(),
            presence: NodeMap::default(),
            absent: BTreeMap::new(),
            submissions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            leased: BTreeMap::new(),
            leases_of: NodeMap::default(),
            by_lease: BTreeMap::new(),
            receipts_of: BTreeMap::new(),
            tasks_of: BTreeMap::new(),
            rounds: BTreeMap::new(),
            verifications_queued: BTreeSet::new(),
            verifications_of: NodeMap::default(),
            claimed: BTreeMap::new(),
            weak: NodeMap::default(),
            convicted: BTreeSet::new(),
            known: BTreeSet::new(),
            seen_between: BTreeMap::new(),
            undrawn: BTreeSet::new(),
            ageing: Alarms::default(),
            graces: Alarms::default(),
            deadlines: Alarms::default(),
            answers_due: Alarms::default(),
            forgetting: Alarms::default(),
            untold: BTreeSet::new(),
            leftovers,
            ready: ready::Ready::default(),
            queue,
            verify_from: VerificationId(0),
            left: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            changed: BTreeSet::new(),
        };
        for frame in rows.frames {
            if frame.status == FrameStatus::Waiting {
                farm.waiting.entry(frame.job).or_default().insert(frame.number);
            }
            farm.count_left(frame.job, None, Some(&frame.status));
            farm.frames.entry(frame.job).or_default().insert(frame.number, frame);
        }
        farm.index(now);
        farm
    }

    /// Who is connected, from a state that was thrown away: what is only in memory is not undone.
    #[must_use]
    pub fn with_presence_of(mut self, before: &Farm) -> Farm {
        self.absent.retain(|node, _| !before.presence.contains(node));
        self.presence.clone_from(&before.presence);
        self.graces.clone_from(&before.graces);
        for (node, since) in &self.absent {
            self.graces.set(*node, since.plus_ms(self.policy.grace_ms).plus_ms(1));
        }
        self.count_all(before.ready.clone());
        self
    }

    /// Changes the state by one command, or refuses and changes nothing.
    ///
    /// # Errors
    /// A refusal, for the sender.
    pub fn apply(
        &mut self,
        command: Command,
        now: Time,
        seed: &Seed,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let reply = match command {
            Command::Submit(submission) => self.submit(*submission, now, effects),
            Command::Cancel(job) => self.cancel(job, now, effects),
            Command::Retry(job) => self.retry(job, now, effects),
            Command::Prioritise { job, priority } => self.prioritise(job, priority, effects),
            Command::Inspected { job, facts, preview } => {
                self.inspected(job, *facts, preview.map(|preview| *preview), now, effects)
            }
            Command::InspectionFailed { job, refusals, text } => {
                self.inspection_failed(job, refusals, text, now, effects)
            }
            Command::Joined(hello) => self.joined(*hello, now, effects),
            Command::LinkLost(node) => self.link_lost(node, effects),
            Command::Heard { node, scenes_held, paused } => {
                self.heard(node, scenes_held, paused, now)
            }
            Command::LeaseDeclined { node, lease } => {
                self.lease_declined(node, lease, now, effects)
            }
            Command::FrameFailed { node, lease, frame, fault, text } => {
                self.frame_failed(node, lease, frame, fault, text, now, effects)
            }
            Command::Receipt { node, statement, signature } => {
                self.receipt(node, *statement, signature, now, effects)
            }
            Command::OutputStored(receipt) => self.output_stored(receipt, effects),
            Command::BlobsLost { receipt, blame, reason } => {
                self.blobs_lost(receipt, blame, &reason, now, effects)
            }
            Command::Judged { verification, verdict, rendered_px } => {
                self.judged(verification, *verdict, rendered_px, now, effects)
            }
            Command::VerificationFailed { node, verification, reason } => {
                self.verification_failed(node, verification, &reason, now, effects)
            }
            Command::Claim { job, frame, user, comment } => {
                self.claim(job, frame, user, comment, now, effects)
            }
            Command::Told { job, message } => self.told(job, message),
            Command::Tick => {
                self.tick(now, effects);
                Ok(Reply::Done)
            }
        }?;
        self.settle_leases(now, effects);
        self.dispatch(now, seed, effects);
        Ok(reply)
    }

    /// What was under way when the state was last saved and has to be set going again.
    #[must_use]
    pub fn resume(&self) -> Vec<Effect> {
        let inspections = self
            .jobs
            .values()
            .filter(|job| matches!(job.status, crate::job::JobStatus::Inspecting { .. }))
            .map(|job| Effect::Inspect(job.id));
        let outputs = self
            .receipts
            .values()
            .filter(|receipt| receipt.status == crate::task::ReceiptStatus::Storing)
            .map(|receipt| Effect::StoreOutput(receipt.id));
        inspections.chain(outputs).collect()
    }

    /// The rows that changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<Row> {
        std::mem::take(&mut self.changed)
    }

    /// The figures on which the rules turn.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn mark(&mut self, row: Row) {
        self.changed.insert(row);
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.mark(Row::Counter);
        id
    }

    fn job_mut(&mut self, job: JobId) -> Result<&mut Job, Refusal> {
        self.jobs.get_mut(&job).ok_or_else(|| no_such_job(job))
    }
}

/// The refusal for a job that isn't there.
#[must_use]
pub fn no_such_job(job: JobId) -> Refusal {
    Refusal::new(RefusalCode::NoSuchJob, format!("there is no job {job}"))
        .with_hint("`candela job list` shows the jobs")
}
