//! Nodes whose engine only waits: real keys, sessions and signatures, and nothing rendered.

use crate::manager::build;
use candela_core::addr::NodeAddr;
use candela_core::id::{BlobHash, LeaseId, VerificationId};
use candela_core::layers::PROBE_PX;
use candela_core::node::Role;
use candela_core::refusal::Refusal;
use candela_core::task::Statement;
use candela_net::{BindOptions, CloseReason, Endpoint, NodeKey, SessionReceiver, SessionSender};
use candela_wire::session::{
    self, Heartbeat, Hello, Report, TaskOffer, ToManager, ToManagerBody, ToNode, VerificationOffer,
    report_bytes, statement_bytes,
};
use candela_wire::ticket::Ticket;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Nodes that connect at once.
const CONNECTING: usize = 64;

/// Refusals that are shown.
const REFUSALS_SHOWN: u64 = 3;

/// Pause before a node dials again.
const AGAIN: Duration = Duration::from_millis(500);

/// What the nodes are told, and what they saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Mean time that an engine takes for a frame, in milliseconds.
    pub(crate) render_ms: AtomicU64,
    /// Whether nodes that come free go on.
    pub(crate) stopped: std::sync::atomic::AtomicBool,
    /// Nodes with a session.
    pub(crate) joined: AtomicUsize,
    /// Receipts that were acknowledged.
    pub(crate) receipts: AtomicU64,
    /// Reports that were.
    pub(crate) reports: AtomicU64,
    /// Answers that were refused.
    pub(crate) refused: AtomicU64,
    /// Sessions that ended.
    pub(crate) lost: AtomicU64,
    /// From a slot that came free to its next lease, in microseconds.
    pub(crate) idle_us: Mutex<Vec<u32>>,
}

impl Seen {
    /// The waits noted so far, which are forgotten.
    pub(crate) fn take_idle(&self) -> Vec<u32> {
        std::mem::take(&mut self.idle_us.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Nodes that run until this is dropped.
pub(crate) struct Nodes {
    pub(crate) seen: Arc<Seen>,
    tasks: JoinSet<()>,
    end: tokio_util::sync::CancellationToken,
}

impl Nodes {
    /// Starts nodes that join with the ticket.
    pub(crate) fn start(count: usize, ticket: &str) -> Nodes {
        let seen = Arc::new(Seen::default());
        let end = tokio_util::sync::CancellationToken::new();
        let turns = Arc::new(tokio::sync::Semaphore::new(CONNECTING));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let node = Node {
                seen: seen.clone(),
                turns: turns.clone(),
                ticket: ticket.to_owned(),
                end: end.clone(),
                key: NodeKey::generate(),
                number,
                seq: 0,
                rendering: None,
                verifying: None,
                sent: HashMap::new(),
                idle_since: None,
                heartbeat: Duration::from_secs(1),
            };
            tasks.spawn(async move {
                if let Err(error) = node.run().await {
                    eprintln!("a node ended: {error}");
                }
            });
        }
        Nodes { seen, tasks, end }
    }

    /// Ends all of them.
    pub(crate) async fn end(mut self) {
        self.end.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

enum Kind {
    Receipt,
    Report,
}

struct Node {
    seen: Arc<Seen>,
    turns: Arc<tokio::sync::Semaphore>,
    ticket: String,
    end: tokio_util::sync::CancellationToken,
    key: NodeKey,
    number: usize,
    seq: u64,
    rendering: Option<(TaskOffer, Instant)>,
    verifying: Option<(VerificationOffer, Instant)>,
    /// Answers that are not acknowledged yet.
    sent: HashMap<u64, Kind>,
    idle_since: Option<Instant>,
    heartbeat: Duration,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Node {
    async fn run(mut self) -> Result<(), Failure> {
        let endpoint = Endpoint::bind(&self.key, BindOptions::loopback()).await?;
        let managers = self.ticket.parse::<Ticket>()?.managers;
        let mut turn = self.number;
        let mut next: Option<NodeAddr> = None;
        let end = self.end.clone();
        loop {
            turn += 1;
            let to = next.take().unwrap_or_else(|| managers[turn % managers.len()].clone());
            let joined = tokio::select! {
                () = end.cancelled() => break,
                joined = self.join(&endpoint, &to) => joined,
            };
            match joined {
                Ok(Some((sender, receiver))) => {
                    self.seen.joined.fetch_add(1, Ordering::Relaxed);
                    let ended = self.session(&sender, receiver).await;
                    self.seen.joined.fetch_sub(1, Ordering::Relaxed);
                    if ended {
                        sender.close(CloseReason::Normal).await;
                        break;
                    }
                    self.seen.lost.fetch_add(1, Ordering::Relaxed);
                }
                Ok(None) => {}
                Err(Moved(leader)) => {
                    next = leader;
                    if next.is_some() {
                        continue;
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
        endpoint.close().await;
        Ok(())
    }

    async fn join(
        &mut self,
        endpoint: &Endpoint,
        to: &NodeAddr,
    ) -> Result<Option<(SessionSender, SessionReceiver)>, Moved> {
        let turns = self.turns.clone();
        let Ok(_turn) = turns.acquire().await else { return Ok(None) };
        let Ok(session) = endpoint.connect(to).await else { return Ok(None) };
        let (sender, mut receiver) = session.split();
        let hello = ToManagerBody::Hello(Box::new(self.hello(endpoint)));
        self.say(&sender, hello).await;
        let answer = tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await;
        let Ok(Ok(Some(bytes))) = answer else { return Ok(None) };
        match session::decode(&bytes) {
            Ok(ToNode::Welcome(welcome)) => {
                self.heartbeat = Duration::from_millis(welcome.heartbeat_ms.max(100));
                self.sent.clear();
                self.idle_since = None;
                Ok(Some((sender, receiver)))
            }
            Ok(ToNode::Moved(moved)) => Err(Moved(moved.leader)),
            _ => Ok(None),
        }
    }

    fn hello(&self, endpoint: &Endpoint) -> Hello {
        Hello {
            protocol: session::PROTOCOL,
            ticket: self.ticket.clone(),
            addr: endpoint.addr(),
            name: format!("waiting {}", self.number),
            roles: BTreeSet::from([Role::Worker, Role::Verifier]),
            engines: BTreeSet::from([build()]),
            device: "cpu x86-64 avx2, an engine that only waits".into(),
            memory_bytes: 8 << 30,
            slots: 1,
            scenes_held: BTreeSet::new(),
            leases: self.rendering.iter().map(|(offer, _)| offer.lease).collect(),
            verifications: self.verifying.iter().map(|(offer, _)| offer.verification).collect(),
        }
    }

    async fn say(&mut self, sender: &SessionSender, body: ToManagerBody) -> u64 {
        self.seq += 1;
        // A session that ended is found by the one who reads.
        sender.send(session::encode(&ToManager { seq: self.seq, body })).await.ok();
        self.seq
    }

    /// True if the node is to end.
    async fn session(&mut self, sender: &SessionSender, mut receiver: SessionReceiver) -> bool {
        // Not all at once.
        let first =
            tokio::time::Instant::now() + self.heartbeat.mul_f64(rand::random_range(0.0..1.0));
        let mut beats = tokio::time::interval_at(first, self.heartbeat);
        let end = self.end.clone();
        loop {
            let rendered = self.rendering.as_ref().map(|(_, at)| *at);
            let verified = self.verifying.as_ref().map(|(_, at)| *at);
            tokio::select! {
                () = end.cancelled() => return true,
                _ = beats.tick() => {
                    let nothing = Heartbeat {
                        scenes_held: BTreeSet::new(),
                        paused: self.seen.stopped.load(Ordering::Relaxed),
                        progress: Vec::new(),
                    };
                    self.say(sender, ToManagerBody::Heartbeat(nothing)).await;
                }
                () = until(rendered) => self.rendered(sender).await,
                () = until(verified) => self.verified(sender).await,
                received = receiver.recv() => match received {
                    Ok(Some(bytes)) => if let Ok(message) = session::decode(&bytes) {
                        self.hear(message);
                    },
                    Ok(None) | Err(_) => return false,
                },
            }
        }
    }

    fn hear(&mut self, message: ToNode) {
        let mean = self.seen.render_ms.load(Ordering::Relaxed);
        // Between half and one and a half of the mean.
        let takes = |mean: u64| Duration::from_millis(mean / 2 + rand::random_range(0..=mean));
        match message {
            ToNode::OfferTask(offer) => {
                if let Some(idle) = self.idle_since.take() {
                    let waited = u32::try_from(idle.elapsed().as_micros()).unwrap_or(u32::MAX);
                    let mut all = self.seen.idle_us.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(waited);
                }
                self.rendering = Some((*offer, Instant::now() + takes(mean)));
            }
            ToNode::OfferVerification(offer) => {
                // Of a frame it renders the twentieth part, at most.
                self.verifying = Some((*offer, Instant::now() + takes(mean / 20)));
            }
            ToNode::Revoke { lease, .. } => {
                self.rendering.take_if(|(offer, _)| offer.lease == lease);
            }
            ToNode::RevokeVerification { verification } => {
                self.verifying.take_if(|(offer, _)| offer.verification == verification);
            }
            ToNode::Ack { seq, refusal } => self.acknowledged(seq, refusal),
            _ => {}
        }
    }

    fn acknowledged(&mut self, seq: u64, refusal: Option<Refusal>) {
        let kind = self.sent.remove(&seq);
        let counter = match (&refusal, kind) {
            (Some(_), _) => &self.seen.refused,
            (None, Some(Kind::Receipt)) => &self.seen.receipts,
            (None, Some(Kind::Report)) => &self.seen.reports,
            (None, None) => return,
        };
        let before = counter.fetch_add(1, Ordering::Relaxed);
        if let Some(refusal) = refusal.filter(|_| before < REFUSALS_SHOWN) {
            eprintln!("refused: {refusal}");
        }
    }

    async fn rendered(&mut self, sender: &SessionSender) {
        let Some((offer, _)) = self.rendering.take() else { return };
        self.idle_since = Some(Instant::now());
        for frame in &offer.frames {
            let statement = statement(&offer, *frame);
            let signature = self.key.sign(&statement_bytes(&statement));
            let statement = Box::new(statement);
            let seq = self.say(sender, ToManagerBody::Receipt { statement, signature }).await;
            self.sent.insert(seq, Kind::Receipt);
        }
    }

    async fn verified(&mut self, sender: &SessionSender) {
        let Some((offer, _)) = self.verifying.take() else { return };
        let report = report(&offer);
        let signature = self.key.sign(&report_bytes(&report));
        let seq = self.say(sender, ToManagerBody::Report { report, signature }).await;
        self.sent.insert(seq, Kind::Report);
    }
}

/// Another manager leads; which, if it is known.
struct Moved(Option<NodeAddr>);

fn hash(lease: LeaseId, frame: i32) -> BlobHash {
    BlobHash(*blake3::hash(format!("{lease} {frame}").as_bytes()).as_bytes())
}

fn statement(offer: &TaskOffer, frame: i32) -> Statement {
    Statement {
        task: offer.task,
        lease: offer.lease,
        frame,
        scene: offer.scene,
        layers: hash(offer.lease, frame),
        layers_bytes: 80 << 20,
        output: hash(offer.lease, frame),
        output_bytes: 4 << 20,
        engine: offer.engine.clone(),
        device: "cpu x86-64 avx2, an engine that only waits".into(),
        render_ms: 60_000,
        peak_memory_bytes: 1 << 30,
    }
}

fn evidence(verification: VerificationId) -> BlobHash {
    BlobHash(*blake3::hash(verification.to_string().as_bytes()).as_bytes())
}

fn report(offer: &VerificationOffer) -> Report {
    let pictures = if offer.second_replica { 3 } else { 2 };
    Report {
        verification: offer.verification,
        evidence: evidence(offer.verification),
        evidence_bytes: 200_000,
        rendered_px: offer.probes.len() as u64 * pictures * u64::from(PROBE_PX * PROBE_PX),
        took_ms: 3_000,
    }
}
