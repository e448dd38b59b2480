//! Worker and verifier: a node that joins a manager and does what it is offered.
//!
//! [`Agent`] is one loop over its session, its results and the time; [`render`] and [`verify`] are
//! what runs beside it. A link that drops stops no work: results wait and are sent once.

mod managers;
mod outbox;
mod render;
mod sweep;
mod verify;

use crate::config::AgentConfig;
use crate::engines::EnginePool;
use crate::port::{self, Binding};
use crate::scenes::SceneCache;
use candela_blobs::{BlobError, Blobs, Fetcher};
use candela_core::addr::NodeAddr;
use candela_core::id::{LeaseId, NodeId, VerificationId};
use candela_core::limits::SCENES_HELD_MAX;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_net::{
    Backoff, BackoffOptions, CloseReason, Endpoint, KeyError, NetError, NodeKey, Session,
    SessionReceiver, SessionSender,
};
use candela_wire::session::{
    self, FrameProgress, Heartbeat, Hello, TaskOffer, ToManager, ToManagerBody, ToNode,
    VerificationOffer, Welcome,
};
use candela_wire::ticket::Ticket;
use managers::Managers;
use outbox::Outbox;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Results that wait for the loop at most.
const RESULTS_WAITING: usize = 64;

/// So often a node follows one manager to the next without a pause.
const MOVES_MAX: u32 = 3;

/// How long an answer to hello may take.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a node could not be started, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its folder can't be used.
    #[error("use the data folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another node runs on its folder.
    #[error("another node runs on the data folder {}", .0.display())]
    InUse(PathBuf),
    /// Its storage can't be opened.
    #[error("open the storage")]
    Storage(#[from] BlobError),
    /// Its key can't be read.
    #[error("read the node's key")]
    Key(#[from] KeyError),
    /// It can't be reached.
    #[error("open the endpoint")]
    Endpoint(#[from] NetError),
    /// The manager says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A node that runs, and what ends with it.
pub struct Running {
    /// Who it is.
    pub node: NodeId,
    stop: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
}

impl Running {
    /// Waits until the node ends by itself: a manager refused it for good.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), AgentError> {
        match (&mut self.task).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Ends it: engines are killed, the manager is told.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // What it ended with was asked for.
        self.task.await.ok();
    }
}

/// What runs beside the loop shares this.
pub(crate) struct Shared {
    pub(crate) config: AgentConfig,
    pub(crate) key: NodeKey,
    pub(crate) blobs: Blobs,
    pub(crate) fetcher: Fetcher,
    pub(crate) scenes: SceneCache,
    pub(crate) engines: EnginePool,
    /// Slots of the two roles.
    pub(crate) rendering: Semaphore,
    pub(crate) verifying: Semaphore,
    pub(crate) progress: Mutex<BTreeMap<(LeaseId, i32), FrameProgress>>,
    /// Where scenes are, as the manager last said.
    pub(crate) storage: Mutex<Vec<NodeAddr>>,
    pub(crate) results: mpsc::Sender<Outcome>,
}

impl Shared {
    pub(crate) fn storage(&self) -> Vec<NodeAddr> {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it renders on, for receipts and people.
    pub(crate) fn device(&self) -> String {
        let engine = &self.config.engine;
        let threads = engine.threads.map_or_else(String::new, |n| format!(", {n} threads"));
        let class = engine.cpu_class.name();
        format!("{} {} {class}{threads}", engine.device.name(), std::env::consts::ARCH)
    }
}

/// What the work beside the loop comes to.
pub(crate) enum Outcome {
    /// Something to send, of a lease or a verification task.
    Say(ToManagerBody),
    /// A task is over on this side.
    TaskOver(LeaseId),
    /// A verification task is over on this side.
    VerificationOver(VerificationId),
}

struct Agent {
    shared: Arc<Shared>,
    endpoint: Arc<Endpoint>,
    managers: Managers,
    outbox: Outbox,
    tasks: BTreeMap<LeaseId, CancellationToken>,
    verifications: BTreeMap<VerificationId, CancellationToken>,
    results: mpsc::Receiver<Outcome>,
    stop: CancellationToken,
    heartbeat: Duration,
    _lock: std::fs::File,
}

/// What came of saying hello.
enum Joined {
    /// The manager took the node.
    Session(SessionSender, SessionReceiver),
    /// Another one leads.
    Moved(NodeAddr),
}

/// How a session ended.
enum Ended {
    /// The link is down: dial again.
    Lost,
    /// The node is to end.
    Stopped,
}

/// Starts a node; returns when its storage and endpoint are open. It joins by itself.
///
/// # Errors
/// If its folder is in use or damaged, or the ticket is none.
pub async fn run(config: AgentConfig) -> Result<Running, AgentError> {
    let ticket: Ticket = config.ticket.parse().map_err(Refusal::from)?;
    let folder = config.data_dir.clone();
    let lock = lock_folder(&folder)?;
    let key = NodeKey::load_or_create(&folder.join("node.key"))?;
    let blobs = Blobs::open(&folder.join("blobs"), candela_blobs::OpenOptions::default()).await?;
    // Layers and evidence are for the managers: nobody else may read what was not verified.
    let managers = Managers::open(&folder, &ticket.managers);
    let readers = managers.clone();
    let policy: candela_blobs::ReadPolicy = Arc::new(move |node, _| readers.has(node));
    let (endpoint, _) = port::bind(Binding {
        folder: &folder,
        bind: config.bind,
        advertise: &config.advertise,
        key: &key,
        blobs: &blobs,
        readers: policy,
        pipes: None,
    })
    .await?;
    let (results_in, results) = mpsc::channel(RESULTS_WAITING);
    let slots = config.slots.max(1) as usize;
    let shared = Arc::new(Shared {
        scenes: SceneCache::new(blobs.clone(), folder.join("scenes")),
        engines: EnginePool::new(config.engine.clone(), folder.join("scratch"), 2 * slots),
        fetcher: blobs.fetcher(endpoint.iroh()),
        rendering: Semaphore::new(slots),
        verifying: Semaphore::new(slots),
        progress: Mutex::default(),
        storage: Mutex::new(ticket.managers.clone()),
        results: results_in,
        key,
        blobs,
        config,
    });
    let stop = CancellationToken::new();
    let agent = Agent {
        shared,
        endpoint,
        managers,
        outbox: Outbox::default(),
        tasks: BTreeMap::new(),
        verifications: BTreeMap::new(),
        results,
        stop: stop.clone(),
        heartbeat: Duration::from_secs(1),
        _lock: lock,
    };
    let node = agent.endpoint.node_id();
    let task = tokio::spawn(agent.run());
    Ok(Running { node, stop, task })
}

/// One node runs on a folder at a time.
fn lock_folder(folder: &std::path::Path) -> Result<std::fs::File, AgentError> {
    let failed = |source| AgentError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let lock = std::fs::File::create(folder.join("lock")).map_err(failed)?;
    lock.try_lock().map_err(|_| AgentError::InUse(folder.to_owned()))?;
    Ok(lock)
}

impl Agent {
    async fn run(mut self) -> Result<(), AgentError> {
        let mut backoff = Backoff::new(BackoffOptions::default(), rand::random());
        let (mut turn, mut moves) = (0, 0);
        let mut next: Option<NodeAddr> = None;
        let stop = self.stop.clone();
        let sweeping = tokio::spawn(sweep::run(self.shared.blobs.clone()));
        let result = loop {
            let manager = next.take().unwrap_or_else(|| {
                turn += 1;
                self.managers.at(turn)
            });
            let joined = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                joined = self.join(&manager) => joined,
            };
            match joined {
                Ok(Joined::Moved(leader)) if moves < MOVES_MAX => {
                    tracing::debug!(node_id = %leader.node.short(), "another manager leads");
                    (next, moves) = (Some(leader), moves + 1);
                    continue;
                }
                Ok(Joined::Moved(_)) => tracing::info!("the managers don't agree who leads"),
                Ok(Joined::Session(sender, receiver)) => {
                    turn = self.managers.place_of(&manager);
                    backoff.reset();
                    tracing::info!(node_id = %manager.node.short(), "joined a manager");
                    if matches!(self.session(&sender, receiver).await, Ended::Stopped) {
                        self.say_bye(&sender).await;
                        break Ok(());
                    }
                    tracing::info!(node_id = %manager.node.short(), "the link is down; dialling again");
                }
                Err(AgentError::Refused(refusal)) if !is_passing(&refusal) => {
                    break Err(AgentError::Refused(refusal));
                }
                Err(error) => tracing::info!("can't join: {}", chain(&error)),
            }
            moves = 0;
            if self.pause(backoff.next_pause()).await {
                break Ok(());
            }
        };
        sweeping.abort();
        self.end().await;
        result
    }

    /// Lets results come in while there is no link; true if the node is to end.
    async fn pause(&mut self, pause: Duration) -> bool {
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return true,
                () = &mut pause => return false,
                Some(outcome) = self.results.recv() => {
                    self.take(outcome);
                }
            }
        }
    }

    async fn join(&mut self, manager: &NodeAddr) -> Result<Joined, AgentError> {
        let session: Session = self.endpoint.connect(manager).await?;
        let (sender, mut receiver) = session.split();
        let hello = ToManager { seq: 0, body: ToManagerBody::Hello(Box::new(self.hello())) };
        sender.send(session::encode(&hello)).await?;
        let answer = tokio::time::timeout(WELCOME_TIMEOUT, receiver.recv()).await;
        let bytes = match answer {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) => return Err(closed(sender.closed().await)),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                let late = Refusal::new(RefusalCode::Busy, "the manager doesn't answer");
                return Err(AgentError::Refused(late));
            }
        };
        match session::decode(&bytes) {
            Ok(ToNode::Welcome(welcome)) => self.welcomed(&welcome),
            Ok(ToNode::Refused(refusal)) => return Err(AgentError::Refused(refusal)),
            Ok(ToNode::Moved(moved)) => {
                self.managers.learn(&moved.managers);
                let none = || Refusal::new(RefusalCode::Busy, "the managers have no leader now");
                let leader = moved.leader.ok_or_else(|| AgentError::Refused(none()))?;
                return Ok(Joined::Moved(leader));
            }
            Ok(_) | Err(_) => {
                let odd =
                    Refusal::new(RefusalCode::VersionMismatch, "the manager doesn't say welcome")
                        .with_hint("manager and node may be of different versions");
                return Err(AgentError::Refused(odd));
            }
        }
        for message in self.outbox.unsent() {
            sender.send(session::encode(&message)).await?;
        }
        Ok(Joined::Session(sender, receiver))
    }

    fn hello(&self) -> Hello {
        let config = &self.shared.config;
        Hello {
            protocol: session::PROTOCOL,
            ticket: config.ticket.clone(),
            addr: self.endpoint.addr(),
            name: config.name.clone(),
            roles: config.roles.clone(),
            engines: [config.engine.build().clone()].into(),
            device: self.shared.device(),
            memory_bytes: config.engine.limits.memory_bytes_max,
            slots: config.slots,
            scenes_held: self.scenes_held(),
            leases: self.tasks.keys().copied().chain(self.outbox.leases()).collect(),
            verifications: self
                .verifications
                .keys()
                .copied()
                .chain(self.outbox.verifications())
                .collect(),
        }
    }

    fn scenes_held(&self) -> std::collections::BTreeSet<candela_core::id::BlobHash> {
        self.shared.scenes.held().into_iter().take(SCENES_HELD_MAX).collect()
    }

    fn welcomed(&mut self, welcome: &Welcome) {
        self.heartbeat = Duration::from_millis(welcome.heartbeat_ms.clamp(100, 60_000));
        if !welcome.storage.is_empty() {
            let mut storage = self.shared.storage.lock().unwrap_or_else(PoisonError::into_inner);
            storage.clone_from(&welcome.storage);
        }
        self.managers.learn(&welcome.managers);
    }

    /// One session, until it ends.
    async fn session(&mut self, sender: &SessionSender, mut receiver: SessionReceiver) -> Ended {
        let mut beats = tokio::time::interval(self.heartbeat);
        let stop = self.stop.clone();
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ended::Stopped,
                _ = beats.tick() => Some(self.beat()),
                Some(outcome) = self.results.recv() => self.take(outcome),
                received = receiver.recv() => match received {
                    Ok(Some(bytes)) => match session::decode(&bytes) {
                        Ok(ToNode::Shutdown) => return Ended::Lost,
                        Ok(message) => { self.hear(message); None }
                        Err(error) => {
                            tracing::warn!("a message of the manager can't be read: {error}");
                            None
                        }
                    },
                    Ok(None) | Err(_) => return Ended::Lost,
                },
            };
            if let Some(message) = message
                && sender.send(session::encode(&message)).await.is_err()
            {
                return Ended::Lost;
            }
        }
    }

    fn beat(&self) -> ToManager {
        let progress = self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = progress.values().cloned().collect();
        let heartbeat = Heartbeat { scenes_held: self.scenes_held(), paused: false, progress };
        ToManager { seq: 0, body: ToManagerBody::Heartbeat(heartbeat) }
    }

    /// Takes a result in; what is to be sent now. It stays in the outbox until it is acknowledged.
    fn take(&mut self, outcome: Outcome) -> Option<ToManager> {
        match outcome {
            Outcome::Say(body) => Some(self.outbox.put(body)),
            Outcome::TaskOver(lease) => {
                self.tasks.remove(&lease);
                None
            }
            Outcome::VerificationOver(verification) => {
                self.verifications.remove(&verification);
                None
            }
        }
    }

    fn hear(&mut self, message: ToNode) {
        match message {
            ToNode::Welcome(welcome) => self.welcomed(&welcome),
            ToNode::Refused(refusal) => tracing::warn!("the manager refuses: {refusal}"),
            ToNode::Ack { seq, refusal } => {
                let said = self.outbox.acknowledged(seq);
                if let Some(refusal) = refusal {
                    tracing::warn!(code = %refusal.code, "refused: {refusal}");
                    if let (RefusalCode::LeaseStale, Some(lease)) =
                        (refusal.code, said.and_then(|said| outbox::lease_of(&said)))
                    {
                        self.revoke(lease);
                    }
                }
            }
            ToNode::OfferTask(offer) => self.start_task(*offer),
            ToNode::Revoke { lease, .. } => self.revoke(lease),
            ToNode::OfferVerification(offer) => self.start_verification(*offer),
            ToNode::RevokeVerification { verification } => {
                if let Some(running) = self.verifications.remove(&verification) {
                    running.cancel();
                }
                self.outbox.forget_verification(verification);
            }
            ToNode::Shutdown | ToNode::Moved(_) | ToNode::ManagerWelcome(_) => {}
        }
    }

    fn revoke(&mut self, lease: LeaseId) {
        if let Some(running) = self.tasks.remove(&lease) {
            tracing::info!(lease_id = %lease, "the lease is over");
            running.cancel();
        }
        self.outbox.forget_lease(lease);
    }

    fn start_task(&mut self, offer: TaskOffer) {
        let cancel = self.stop.child_token();
        if self.tasks.insert(offer.lease, cancel.clone()).is_none() {
            tracing::info!(task_id = %offer.task, lease_id = %offer.lease, frames = ?offer.frames, "a task");
            tokio::spawn(render::task(self.shared.clone(), offer, cancel));
        }
    }

    fn start_verification(&mut self, offer: VerificationOffer) {
        let cancel = self.stop.child_token();
        if self.verifications.insert(offer.verification, cancel.clone()).is_none() {
            tracing::info!(verification_id = %offer.verification, frame = offer.frame, probes = offer.probes.len(), "a verification task");
            tokio::spawn(verify::verification(self.shared.clone(), offer, cancel));
        }
    }

    async fn say_bye(&self, sender: &SessionSender) {
        let bye = ToManager { seq: 0, body: ToManagerBody::Bye };
        // It may be gone already.
        sender.send(session::encode(&bye)).await.ok();
        sender.close(CloseReason::Normal).await;
    }

    async fn end(self) {
        self.shared.engines.end().await;
        self.endpoint.close().await;
        if let Err(error) = self.shared.blobs.shutdown().await {
            tracing::warn!(%error, "the storage did not close in good order");
        }
    }
}

/// Refusals that go away by themselves.
fn is_passing(refusal: &Refusal) -> bool {
    matches!(refusal.code, RefusalCode::Busy | RefusalCode::StorageFull)
}

fn closed(reason: CloseReason) -> AgentError {
    let code = match &reason {
        CloseReason::Refused(_) => RefusalCode::MessageNotAllowed,
        _ => RefusalCode::Busy,
    };
    AgentError::Refused(Refusal::new(code, reason.to_string()))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
