//! The handle through which everything else talks to the manager's loop.

use crate::manager::council::Council;
use crate::manager::desk::Request;
use crate::manager::films::{FilmAnswer, FilmError, FilmWanted, Films};
use crate::manager::mirror::{Kind, Mirror, scene_pin};
use crate::manager::tally::{Counter, Tally};
use crate::manager::tickets::TicketRequest;
use crate::port::API_ALPN;
use candela_blobs::Blobs;
use candela_core::addr::NodeAddr;
use candela_core::farm::{Command, Farm, Reply};
use candela_core::id::{BlobHash, EngineBuild, JobId, LeaseId, NodeId};
use candela_core::refusal::Refusal;
use candela_net::{Endpoint, NodeKey, Pipe};
use candela_taskdb::{Leadership, TaskDb};
use candela_wire::cluster::ManagerRow;
use candela_wire::ticket::TicketRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The manager can't answer at present; whether the command was carried out is unknown.
    #[error("the manager can't answer at present: {0}")]
    Unavailable(String),
    /// This manager doesn't lead; the one that does, if it is known. Nothing was carried out.
    #[error("{}", elsewhere(.0.is_some()))]
    Elsewhere(Option<Box<NodeAddr>>),
}

fn elsewhere(known: bool) -> &'static str {
    if known {
        "another manager leads"
    } else {
        "the managers have no leader at present: too few of them are there"
    }
}

/// Something changed, for those who watch. What it is now is read from the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FarmEvent {
    /// A job.
    Job(JobId),
    /// A frame of a job.
    Frame(JobId, i32),
    /// A node.
    Node(NodeId),
}

/// How far a worker is with a frame; only in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameProgress {
    /// Who renders.
    pub node: NodeId,
    /// Under which lease.
    pub lease: LeaseId,
    /// The frame.
    pub frame: i32,
    /// Samples per pixel rendered so far.
    pub samples_done: u32,
    /// Samples per pixel in all.
    pub samples: u32,
    /// Memory that the engine uses.
    pub memory_bytes: u64,
}

pub(super) type ProgressBoard = Arc<Mutex<BTreeMap<(LeaseId, i32), FrameProgress>>>;

/// A manager that runs in this process. Cheap to clone.
#[derive(Clone)]
pub struct Manager {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) events: broadcast::Sender<FarmEvent>,
    pub(super) blobs: Blobs,
    pub(super) progress: ProgressBoard,
    pub(super) engines: Arc<BTreeSet<EngineBuild>>,
    pub(super) addr: NodeAddr,
    pub(super) key: NodeKey,
    pub(super) council: Council,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) mirror: Mirror,
    pub(super) pipes: Arc<Mutex<Option<mpsc::Receiver<Pipe>>>>,
    pub(super) counter: Counter,
    pub(super) db: Arc<TaskDb>,
    pub(super) films: Films,
}

impl Manager {
    /// Has a command carried out; returns when it is durable.
    ///
    /// # Errors
    /// A refusal, or that the manager can't answer.
    pub async fn apply(&self, command: Command) -> Result<Reply, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Apply(Box::new(command), reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Reads the state. `read` runs between two commands and should be short.
    ///
    /// # Errors
    /// That the manager can't answer.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Farm) -> R + Send + 'static,
    ) -> Result<R, ApplyError> {
        let (reply, answer) = oneshot::channel();
        let read = Box::new(move |farm: &Farm| {
            // Whoever asked may be gone.
            reply.send(read(farm)).ok();
        });
        self.send(Request::Read(read)).await?;
        answer.await.map_err(|_| gone())
    }

    /// Makes a ticket with which nodes can join.
    ///
    /// # Errors
    /// A refusal, or that the manager can't answer.
    pub async fn ticket(&self, request: TicketRequest) -> Result<String, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Ticket(request, reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// All tickets that were ever made, the oldest first.
    ///
    /// # Errors
    /// That the manager can't answer.
    pub async fn tickets(&self) -> Result<Vec<TicketRow>, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Tickets(reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// The secret that webhooks are signed with, the same for all managers of the network.
    ///
    /// # Errors
    /// That this manager doesn't lead.
    pub async fn webhook_secret(&self) -> Result<String, ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::WebhookSecret(reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Takes a ticket back: nobody joins with it any more, and who did has to leave.
    ///
    /// # Errors
    /// A refusal if there is no such ticket, or that the manager can't answer.
    pub async fn revoke_ticket(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::RevokeTicket(id, reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// A film of verified outputs, if it is there or is made within `wait`; otherwise how far it is.
    ///
    /// # Errors
    /// It can't be made, or too many are at once.
    pub async fn film(&self, wanted: FilmWanted, wait: Duration) -> Result<FilmAnswer, FilmError> {
        self.films.get(wanted, wait).await
    }

    /// Whether this manager leads, and decides.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.council.leads()
    }

    /// Where the leader is, if it is another manager and known.
    #[must_use]
    pub fn leader(&self) -> Option<NodeAddr> {
        self.council.leader()
    }

    /// A stream to the leader, for a request that is its.
    ///
    /// # Errors
    /// That no other manager leads, or it can't be reached.
    pub async fn pipe_to_leader(&self) -> Result<Pipe, ApplyError> {
        let leader = self.leader().ok_or(ApplyError::Elsewhere(None))?;
        let pipe = self.endpoint.pipe(&leader, API_ALPN).await;
        pipe.map_err(|error| ApplyError::Unavailable(error.to_string()))
    }

    /// Has so many managers keep a scene that is here that losing any minority of them loses nothing.
    ///
    /// # Errors
    /// That too few of them could.
    pub async fn hold_scene(&self, scene: BlobHash) -> Result<(), ApplyError> {
        let held = self.mirror.hold(&scene_pin(scene), scene, Kind::Collection).await;
        held.map_err(|error| ApplyError::Unavailable(error.to_string()))
    }

    /// The streams of other managers' requests; once.
    #[must_use]
    pub fn take_pipes(&self) -> Option<mpsc::Receiver<Pipe>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Who leads and how far each manager's copy is, as this one knows.
    #[must_use]
    pub fn leadership(&self) -> Leadership {
        self.council.leadership()
    }

    /// What this manager has written since it started.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.counter.now()
    }

    /// The managers of the network.
    #[must_use]
    pub fn managers(&self) -> Vec<ManagerRow> {
        self.council.managers()
    }

    /// Takes a lost manager out, so that the others are a majority with one fewer.
    ///
    /// # Errors
    /// A refusal, or that the managers can't agree.
    pub async fn remove_manager(&self, number: u64) -> Result<(), ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::RemoveManager(number, reply)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// Everything that changes from now on. A receiver that lags loses events and is told so.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<FarmEvent> {
        self.events.subscribe()
    }

    /// The manager's storage.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// How far the frames are that are being rendered.
    #[must_use]
    pub fn progress(&self) -> Vec<FrameProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The engine builds that jobs may name.
    #[must_use]
    pub fn engines(&self) -> &BTreeSet<EngineBuild> {
        &self.engines
    }

    /// Where nodes reach this manager.
    #[must_use]
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// Ends the manager in good order; returns when its database is closed.
    pub async fn shutdown(&self) {
        let (reply, answer) = oneshot::channel();
        if self.send(Request::Shutdown(reply)).await.is_ok() {
            answer.await.ok();
        }
    }

    pub(super) async fn send(&self, request: Request) -> Result<(), ApplyError> {
        self.requests.send(request).await.map_err(|_| gone())
    }
}

pub(super) fn gone() -> ApplyError {
    ApplyError::Unavailable("it is ending, or starting".to_owned())
}
