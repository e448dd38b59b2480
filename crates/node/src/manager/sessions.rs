//! Sessions with nodes: who is connected, what they say, what they are told.

use crate::manager::desk::Request;
use crate::manager::errands::Errands;
use crate::manager::handle::{ApplyError, FrameProgress, Manager, ProgressBoard};
use crate::manager::pace::Pace;
use candela_core::farm::{Command, Fault, Reply};
use candela_core::id::{NodeId, OwnerId};
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_net::{CloseReason, Endpoint, Session, SessionReceiver, SessionSender};
use candela_wire::cluster::ManagerHello;
use candela_wire::session::{self, Hello, ToManager, ToManagerBody, ToNode, Welcome};
use candela_wire::ticket::Ticket;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// A node that connects and says nothing is let go after this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Reports of one node that are judged at once; what it says further waits.
const JUDGED_AT_ONCE: usize = 32;

/// How often a node is asked to say that it is there: twice before it counts as silent. 2,000 nodes that
/// do so each second cost a fifth of a core.
const HEARTBEAT_MS: u64 = 2_000;

/// The links to the nodes that are connected.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<LinkTable>>);

#[derive(Default)]
struct LinkTable {
    next: u64,
    links: BTreeMap<NodeId, Link>,
}

struct Link {
    number: u64,
    sender: SessionSender,
    /// The ticket that its node said.
    ticket: Option<[u8; 32]>,
}

impl Links {
    /// Makes this session the node's; gives its number and the one it replaces.
    fn put(
        &self,
        node: NodeId,
        sender: SessionSender,
        ticket: Option<[u8; 32]>,
    ) -> (u64, Option<SessionSender>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.next += 1;
        let number = table.next;
        let old = table.links.insert(node, Link { number, sender, ticket });
        (number, old.map(|old| old.sender))
    }

    /// Takes a session away; false if a newer one has replaced it.
    fn take(&self, node: NodeId, number: u64) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let current = table.links.get(&node).is_some_and(|link| link.number == number);
        if current {
            table.links.remove(&node);
        }
        current
    }

    /// Whether the node has a session.
    pub(crate) fn has(&self, node: &NodeId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).links.contains_key(node)
    }

    /// Sends without waiting. A node that doesn't read loses its session, and says hello again.
    pub(crate) fn tell(&self, node: NodeId, message: &ToNode) {
        let sender = {
            let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            table.links.get(&node).map(|link| link.sender.clone())
        };
        let Some(sender) = sender else { return };
        if let Err(error) = sender.try_send(session::encode(message)) {
            tracing::info!(node_id = %node.short(), %error, "a node doesn't read; its session ends");
            tokio::spawn(async move { sender.close(CloseReason::Busy).await });
        }
    }

    /// Ends a node's session; it joins again.
    pub(crate) fn end_one(&self, node: NodeId) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Link { sender, .. }) = table.links.remove(&node) {
            tokio::spawn(async move { sender.close(CloseReason::Shutdown).await });
        }
    }

    /// Ends the sessions of those who joined with a ticket.
    pub(crate) fn end_ticket(&self, ticket: [u8; 32]) {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Each is taken away where it is listened to, so that the rules hear of it.
        for link in table.links.values().filter(|link| link.ticket == Some(ticket)) {
            let sender = link.sender.clone();
            let reason = CloseReason::Refused("the ticket was taken back".to_owned());
            tokio::spawn(async move { sender.close(reason).await });
        }
    }

    /// Ends every session.
    pub(crate) fn end_all(&self) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, Link { sender, .. }) in std::mem::take(&mut table.links) {
            tokio::spawn(async move { sender.close(CloseReason::Shutdown).await });
        }
    }
}

/// What every session needs.
#[derive(Clone)]
pub(crate) struct Reception {
    pub manager: Manager,
    pub links: Links,
    pub progress: ProgressBoard,
    pub errands: Errands,
}

impl Reception {
    /// Takes sessions until the endpoint closes.
    pub(crate) async fn run(self, endpoint: Arc<Endpoint>) {
        while let Some(session) = endpoint.accept().await {
            let reception = self.clone();
            tokio::spawn(async move { reception.serve(session).await });
        }
    }

    async fn serve(&self, session: Session) {
        let node = session.peer();
        let (sender, mut receiver) = session.split();
        let hello = match tokio::time::timeout(HELLO_TIMEOUT, read_hello(&mut receiver)).await {
            Ok(Ok(_)) if !self.manager.council.leads() => return self.send_on(&sender).await,
            Ok(Ok(First::Manager(hello))) => return self.take_manager(node, hello, &sender).await,
            Ok(Ok(First::Node(hello))) => *hello,
            Ok(Err(refusal)) => return turn_away(&sender, refusal).await,
            Err(_) => return sender.close(CloseReason::Protocol).await,
        };
        let number = match self.welcome(node, hello, &sender).await {
            Ok(number) => number,
            Err(refusal) => return turn_away(&sender, refusal).await,
        };
        tracing::info!(node_id = %node.short(), "a node joined");
        let reason = self.listen(node, &mut receiver).await;
        sender.close(reason).await;
        if self.links.take(node, number) {
            tracing::info!(node_id = %node.short(), "a node's link is down");
            self.forget_progress(node);
            // Refused only if the node is gone already.
            self.manager.apply(Command::LinkLost(node)).await.ok();
        }
    }

    /// Names the leader, and ends the session.
    async fn send_on(&self, sender: &SessionSender) {
        let moved = Box::new(self.manager.council.moved());
        // It may be gone already.
        sender.try_send(session::encode(&ToNode::Moved(moved))).ok();
        sender.close(CloseReason::Normal).await;
    }

    /// Takes in another manager, if it may join.
    async fn take_manager(&self, node: NodeId, hello: Box<ManagerHello>, sender: &SessionSender) {
        if hello.addr.node != node {
            let text = format!("{} says that it is {}", node.short(), hello.addr.node.short());
            let refusal = Refusal::new(RefusalCode::MessageNotAllowed, text);
            return turn_away(sender, refusal).await;
        }
        let (reply, answer) = oneshot::channel();
        let request = Request::JoinManagers(hello, reply);
        if self.manager.requests.send(request).await.is_err() {
            return turn_away(sender, busy("the manager is ending")).await;
        }
        match answer.await {
            Ok(Ok(welcome)) => {
                tracing::info!(node_id = %node.short(), number = welcome.number, "a manager joins");
                let welcome = ToNode::ManagerWelcome(Box::new(welcome));
                // If it is gone, it asks again and gets the same number.
                sender.try_send(session::encode(&welcome)).ok();
                sender.close(CloseReason::Normal).await;
            }
            Ok(Err(ApplyError::Elsewhere(_))) => self.send_on(sender).await,
            Ok(Err(error)) => turn_away(sender, refusal_of(error)).await,
            Err(_) => turn_away(sender, busy("the manager is ending")).await,
        }
    }

    async fn welcome(
        &self,
        node: NodeId,
        hello: Hello,
        sender: &SessionSender,
    ) -> Result<u64, Refusal> {
        let (owner, roles) = self.check_ticket(&hello.ticket, node).await?;
        let ticket = hello.ticket.parse::<Ticket>().ok().map(|ticket| ticket.id());
        let owner = OwnerId(owner.unwrap_or_else(|| node.short()));
        let hello = hello.into_core(node, owner, &roles)?;
        let welcome = ToNode::Welcome(Welcome {
            node_name: hello.name.clone(),
            grace_ms: self.errands.policy().grace_ms,
            heartbeat_ms: HEARTBEAT_MS,
            storage: vec![self.manager.addr().clone()],
            managers: self.manager.council.addrs(),
        });
        sender.try_send(session::encode(&welcome)).map_err(|error| busy(&error.to_string()))?;
        // The link is there before the node is: what is offered to it at once finds its way.
        let (number, replaced) = self.links.put(node, sender.clone(), ticket);
        if let Some(replaced) = replaced {
            replaced.close(CloseReason::Replaced).await;
        }
        match self.manager.apply(Command::Joined(Box::new(hello))).await {
            Ok(_) => Ok(number),
            Err(error) => {
                self.links.take(node, number);
                Err(refusal_of(error))
            }
        }
    }

    async fn check_ticket(
        &self,
        ticket: &str,
        node: NodeId,
    ) -> Result<(Option<String>, BTreeSet<Role>), Refusal> {
        let (reply, answer) = oneshot::channel();
        let request = Request::CheckTicket(ticket.to_owned(), node, reply);
        self.manager.requests.send(request).await.map_err(|_| busy("the manager is ending"))?;
        let checked = answer.await.map_err(|_| busy("the manager is ending"))?;
        checked.map_err(refusal_of)
    }

    /// Hears a node until its session ends. One message after the other: who floods, waits.
    async fn listen(&self, node: NodeId, receiver: &mut SessionReceiver) -> CloseReason {
        let mut pace = Pace::new(Instant::now());
        let judging = Arc::new(Semaphore::new(JUDGED_AT_ONCE));
        loop {
            let bytes = match receiver.recv().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return CloseReason::Normal,
                Err(error) => {
                    tracing::debug!(node_id = %node.short(), %error, "a session broke");
                    return CloseReason::Protocol;
                }
            };
            let message: ToManager = match session::decode(&bytes) {
                Ok(message) => message,
                Err(error) => {
                    tracing::info!(node_id = %node.short(), %error, "a message can't be read");
                    return CloseReason::Refused(error.to_string());
                }
            };
            if matches!(message.body, ToManagerBody::Bye) {
                return CloseReason::Normal;
            }
            let wait = pace.wait(Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            self.hear(node, message, &judging).await;
        }
    }

    async fn hear(&self, node: NodeId, message: ToManager, judging: &Arc<Semaphore>) {
        let seq = message.seq;
        let command = match message.body {
            ToManagerBody::Hello(_) | ToManagerBody::JoinManagers(_) => {
                return self.ack(node, seq, Some(said_twice()));
            }
            ToManagerBody::Bye => return,
            ToManagerBody::Heartbeat(heartbeat) => {
                self.note_progress(node, &heartbeat.progress);
                let (scenes_held, paused) = (heartbeat.scenes_held, heartbeat.paused);
                Command::Heard { node, scenes_held, paused }
            }
            ToManagerBody::LeaseDeclined { lease, reason } => {
                tracing::info!(node_id = %node.short(), lease_id = %lease, reason, "a task was declined");
                Command::LeaseDeclined { node, lease }
            }
            ToManagerBody::FrameFailed { lease, frame, fault, text } => {
                let whose = if fault == Fault::Engine { "engine" } else { "worker" };
                tracing::info!(node_id = %node.short(), lease_id = %lease, frame, whose, text, "a frame failed");
                Command::FrameFailed { node, lease, frame, fault, text }
            }
            ToManagerBody::Receipt { statement, signature } => {
                let signed = session::statement_bytes(&statement);
                if candela_net::verify(&node, &signed, &signature).is_err() {
                    return self.ack(node, seq, Some(wrong_signature("receipt")));
                }
                Command::Receipt { node, statement, signature }
            }
            ToManagerBody::Report { report, signature } => {
                let signed = session::report_bytes(&report);
                if candela_net::verify(&node, &signed, &signature).is_err() {
                    return self.ack(node, seq, Some(wrong_signature("report")));
                }
                let reception = self.clone();
                let Ok(turn) = judging.clone().acquire_owned().await else { return };
                tokio::spawn(async move {
                    let _turn = turn;
                    let judged = reception.errands.judge(node, report, signature).await;
                    reception.ack(node, seq, judged.err());
                });
                return;
            }
            ToManagerBody::VerificationFailed { verification, reason } => {
                tracing::info!(node_id = %node.short(), verification_id = %verification, reason, "a verification failed");
                Command::VerificationFailed { node, verification, reason }
            }
        };
        let heartbeat = matches!(command, Command::Heard { .. });
        let result: Result<Reply, ApplyError> = self.manager.apply(command).await;
        match result {
            Ok(_) if heartbeat => {}
            Ok(_) => self.ack(node, seq, None),
            Err(ApplyError::Refused(refusal)) if refusal.code != RefusalCode::StorageFull => {
                self.ack(node, seq, Some(refusal));
            }
            // Not acknowledged: the node joins again and says it again.
            Err(_) => self.links.end_one(node),
        }
    }

    fn ack(&self, node: NodeId, seq: u64, refusal: Option<Refusal>) {
        if let Some(refusal) = &refusal {
            tracing::info!(node_id = %node.short(), code = %refusal.code, "refused: {refusal}");
        }
        self.links.tell(node, &ToNode::Ack { seq, refusal });
    }

    fn note_progress(&self, node: NodeId, frames: &[session::FrameProgress]) {
        let mut board = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        board.retain(|_, progress| progress.node != node);
        for frame in frames {
            let progress = FrameProgress {
                node,
                lease: frame.lease,
                frame: frame.frame,
                samples_done: frame.samples_done,
                samples: frame.samples,
                memory_bytes: frame.memory_bytes,
            };
            board.insert((frame.lease, frame.frame), progress);
        }
    }

    fn forget_progress(&self, node: NodeId) {
        let mut board = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        board.retain(|_, progress| progress.node != node);
    }
}

/// The first message of a session.
enum First {
    Node(Box<Hello>),
    Manager(Box<ManagerHello>),
}

async fn read_hello(receiver: &mut SessionReceiver) -> Result<First, Refusal> {
    let not_hello = |text: String| Refusal::new(RefusalCode::MessageNotAllowed, text);
    let bytes = receiver
        .recv()
        .await
        .map_err(|error| not_hello(error.to_string()))?
        .ok_or_else(|| not_hello("a node says hello first".into()))?;
    let message: ToManager =
        session::decode(&bytes).map_err(|error| not_hello(error.to_string()))?;
    match message.body {
        ToManagerBody::Hello(hello) => Ok(First::Node(hello)),
        ToManagerBody::JoinManagers(hello) => Ok(First::Manager(hello)),
        _ => Err(not_hello("a node says hello first".into())),
    }
}

async fn turn_away(sender: &SessionSender, refusal: Refusal) {
    tracing::info!(node_id = %sender.peer().short(), code = %refusal.code, "turned away: {refusal}");
    let text = refusal.message.clone();
    // It may be gone already.
    sender.try_send(session::encode(&ToNode::Refused(refusal))).ok();
    sender.close(CloseReason::Refused(text)).await;
}

pub(crate) fn refusal_of(error: ApplyError) -> Refusal {
    match error {
        ApplyError::Refused(refusal) => refusal,
        ApplyError::Unavailable(why) => busy(&why),
        elsewhere @ ApplyError::Elsewhere(_) => busy(&elsewhere.to_string()),
    }
}

fn busy(why: &str) -> Refusal {
    Refusal::new(RefusalCode::Busy, why.to_owned()).with_hint("try again in a moment")
}

fn said_twice() -> Refusal {
    Refusal::new(RefusalCode::MessageNotAllowed, "hello is said once in a session")
}

fn wrong_signature(of: &str) -> Refusal {
    Refusal::new(RefusalCode::SignatureWrong, format!("the {of}'s signature is not the node's"))
}
