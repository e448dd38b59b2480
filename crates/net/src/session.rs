//! A session: one connection to one node, with messages in both directions over one stream.
//!
//! On the wire a message is its length (`u32`, big-endian) and its bytes. The dialler opens the
//! stream with an empty message and the other side answers with one when it has taken the session;
//! until then the session does not exist for the callers.
//!
//! Sending goes through a queue with a bound, written by one task, so that a close can let what is
//! queued arrive first. Receiving reads the stream directly: a receiver that doesn't read slows the
//! peer down instead of filling memory.

use crate::close::CloseReason;
use crate::error::NetError;
use crate::limits;
use crate::stream::{EMPTY_MESSAGE, Queued, close_now, take_message, write_queue};
use bytes::{Bytes, BytesMut};
use candela_core::id::NodeId;
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// One read from the stream.
const READ_BYTES: usize = 64 << 10;

/// How sessions behave.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// How often a silent connection says that it lives.
    pub keep_alive: Duration,
    /// Silence after which the peer is taken as gone. The shorter of both sides' counts.
    pub idle_timeout: Duration,
    /// Messages that may wait to be sent.
    pub queue_messages: usize,
    /// Bytes that may wait to be sent; at least one longest message fits always.
    pub queue_bytes: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions {
            keep_alive: limits::KEEP_ALIVE,
            idle_timeout: limits::IDLE_TIMEOUT,
            queue_messages: limits::QUEUE_MESSAGES,
            queue_bytes: limits::QUEUE_BYTES,
        }
    }
}

/// A session with a node whose key the connection has proven.
///
/// Dropping all of its parts closes it with [`CloseReason::Normal`] after what is queued was sent.
#[derive(Debug)]
pub struct Session {
    sender: SessionSender,
    receiver: SessionReceiver,
}

/// The sending half of a session; clones share one queue.
#[derive(Debug, Clone)]
pub struct SessionSender {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The receiving half of a session.
#[derive(Debug)]
pub struct SessionReceiver {
    source: Source,
    // Keeps the queue open while only the receiving half is in use.
    sender: SessionSender,
}

#[derive(Debug)]
enum Source {
    Quic { stream: RecvStream, buffer: BytesMut },
    Memory(mpsc::Receiver<Queued>),
}

#[derive(Debug)]
struct Shared {
    peer: NodeId,
    link: Link,
}

#[derive(Debug)]
enum Link {
    /// The reason is the one that we closed it with.
    Quic { connection: Connection, ours: watch::Sender<Option<CloseReason>> },
    /// The reason is shared by both sides.
    Memory(Arc<watch::Sender<Option<CloseReason>>>),
}

impl Session {
    /// Two ends of a session inside this process, for roles that live in one node: a node can't dial itself.
    ///
    /// The first end is held by `a` (its peer is `b`), the second by `b`.
    #[must_use]
    pub fn pair(a: NodeId, b: NodeId, options: &SessionOptions) -> (Session, Session) {
        let reason = Arc::new(watch::Sender::new(None));
        let (to_b, from_a) = mpsc::channel(options.queue_messages.max(1));
        let (to_a, from_b) = mpsc::channel(options.queue_messages.max(1));
        let end = |peer, queue, from| {
            let shared = Arc::new(Shared { peer, link: Link::Memory(reason.clone()) });
            Session::of(shared, queue, options, Source::Memory(from))
        };
        (end(b, to_b, from_b), end(a, to_a, from_a))
    }

    /// Opens the session on a connection that we dialled.
    pub(crate) async fn open(
        connection: Connection,
        options: &SessionOptions,
    ) -> Result<Session, NetError> {
        let peer = NodeId(*connection.remote_id().as_bytes());
        let opening = async {
            let (mut send, mut receive) = connection.open_bi().await.ok()?;
            send.write_all(&EMPTY_MESSAGE).await.ok()?;
            let mut answer = EMPTY_MESSAGE;
            receive.read_exact(&mut answer).await.ok()?;
            (answer == EMPTY_MESSAGE).then_some((send, receive))
        };
        match tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, opening).await {
            Ok(Some((send, receive))) => Ok(Session::on(connection, send, receive, options)),
            opened => {
                let reason = match (connection.close_reason(), opened) {
                    (Some(error), _) => CloseReason::from_connection(&error, None),
                    (None, Ok(_)) => CloseReason::Protocol,
                    (None, Err(_)) => CloseReason::Lost("no answer to the opening".into()),
                };
                close_now(&connection, &CloseReason::Protocol);
                Err(NetError::NotTaken { node: peer, reason })
            }
        }
    }

    /// Waits for the dialler to open the session; the session is not taken until [`Opened::take`].
    pub(crate) async fn opened(connection: Connection) -> Option<Opened> {
        connection.set_receive_window(VarInt::from_u32(limits::RECEIVE_WINDOW_BYTES));
        let opening = async {
            let (send, mut receive) = connection.accept_bi().await.ok()?;
            let mut opening = EMPTY_MESSAGE;
            receive.read_exact(&mut opening).await.ok()?;
            (opening == EMPTY_MESSAGE).then_some((send, receive))
        };
        match tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, opening).await {
            Ok(Some((send, receive))) => Some(Opened { connection, send, receive }),
            _ => {
                close_now(&connection, &CloseReason::Protocol);
                None
            }
        }
    }

    fn on(
        connection: Connection,
        send: SendStream,
        receive: RecvStream,
        options: &SessionOptions,
    ) -> Session {
        connection.set_receive_window(VarInt::from_u32(limits::RECEIVE_WINDOW_BYTES));
        let (queue, queued) = mpsc::channel(options.queue_messages.max(1));
        let ours = watch::Sender::new(None);
        tokio::spawn(write_queue(connection.clone(), send, queued, ours.subscribe()));
        let peer = NodeId(*connection.remote_id().as_bytes());
        let shared = Arc::new(Shared { peer, link: Link::Quic { connection, ours } });
        let source = Source::Quic { stream: receive, buffer: BytesMut::new() };
        Session::of(shared, queue, options, source)
    }

    fn of(
        shared: Arc<Shared>,
        queue: mpsc::Sender<Queued>,
        options: &SessionOptions,
        source: Source,
    ) -> Session {
        let room = options.queue_bytes.clamp(limits::MESSAGE_BYTES_MAX, u32::MAX as usize);
        let sender = SessionSender { shared, queue, room: Arc::new(Semaphore::new(room)) };
        Session { receiver: SessionReceiver { source, sender: sender.clone() }, sender }
    }

    /// The node at the other end.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.sender.peer()
    }

    /// The two halves.
    #[must_use]
    pub fn split(self) -> (SessionSender, SessionReceiver) {
        (self.sender, self.receiver)
    }

    /// See [`SessionSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), NetError> {
        self.sender.send(message).await
    }

    /// See [`SessionReceiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, NetError> {
        self.receiver.recv().await
    }

    /// See [`SessionSender::close`].
    pub async fn close(&self, reason: CloseReason) {
        self.sender.close(reason).await;
    }

    /// See [`SessionSender::closed`].
    pub async fn closed(&self) -> CloseReason {
        self.sender.closed().await
    }
}

/// A session that a peer wants and that was not taken yet.
pub(crate) struct Opened {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

impl Opened {
    /// Tells the dialler that the session stands.
    pub(crate) async fn take(mut self, options: &SessionOptions) -> Option<Session> {
        self.send.write_all(&EMPTY_MESSAGE).await.ok()?;
        Some(Session::on(self.connection, self.send, self.receive, options))
    }
}

impl SessionSender {
    /// The node at the other end.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.shared.peer
    }

    /// Queues a message; waits while the queue is full. Done does not mean that the peer has it.
    ///
    /// Cancelling the wait sends nothing.
    ///
    /// # Errors
    /// When the message is too long (the session lives on), or the session has ended.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), NetError> {
        let bytes = self.check(message.into())?;
        let queue = async {
            let _room = self.room.clone().acquire_many_owned(needed(&bytes)).await.ok()?;
            self.queue.send(Queued { bytes, _room }).await.ok()
        };
        let queued = tokio::select! {
            queued = queue => queued,
            _ = self.shared.closed() => None,
        };
        match queued {
            Some(()) => Ok(()),
            None => Err(self.ended().await),
        }
    }

    /// Queues a message if there is room; for callers that must not wait for a slow peer.
    ///
    /// # Errors
    /// As [`SessionSender::send`], and [`NetError::QueueFull`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<(), NetError> {
        let bytes = self.check(message.into())?;
        let node = self.peer();
        let room = self.room.clone().try_acquire_many_owned(needed(&bytes));
        let Ok(_room) = room else { return Err(NetError::QueueFull { node }) };
        self.queue.try_send(Queued { bytes, _room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NetError::QueueFull { node },
            mpsc::error::TrySendError::Closed(_) => {
                let lost = || CloseReason::Lost("the queue is gone".into());
                NetError::Closed { node, reason: self.shared.reason().unwrap_or_else(lost) }
            }
        })
    }

    /// Sends what is queued, then closes with a reason that the other side can read.
    ///
    /// The first reason counts. A peer that doesn't read holds this up for [`limits::FLUSH_TIMEOUT`].
    pub async fn close(&self, reason: CloseReason) {
        self.shared.ask_to_close(reason);
        self.shared.closed().await;
    }

    /// Waits for the end of the session and says why it ended.
    pub async fn closed(&self) -> CloseReason {
        self.shared.closed().await
    }

    fn check(&self, bytes: Bytes) -> Result<Bytes, NetError> {
        if bytes.len() > limits::MESSAGE_BYTES_MAX {
            let max = limits::MESSAGE_BYTES_MAX;
            return Err(NetError::MessageTooLarge { bytes: bytes.len(), max });
        }
        match self.shared.reason() {
            Some(reason) => Err(NetError::Closed { node: self.peer(), reason }),
            None => Ok(bytes),
        }
    }

    async fn ended(&self) -> NetError {
        NetError::Closed { node: self.peer(), reason: self.shared.closed().await }
    }
}

impl SessionReceiver {
    /// The node at the other end.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.sender.peer()
    }

    /// The next message; `None` when the session was closed with [`CloseReason::Normal`].
    ///
    /// Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// [`NetError::Closed`] with the reason for any other end, and
    /// [`NetError::PeerMessageTooLarge`] when the peer announced too long a message, which also
    /// closes the session.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, NetError> {
        match &mut self.source {
            Source::Quic { stream, buffer } => loop {
                match take_message(buffer) {
                    Ok(Some(message)) => return Ok(Some(message)),
                    Ok(None) => {}
                    Err(bytes) => {
                        self.sender.shared.close_at_once(&CloseReason::TooLarge);
                        let (node, max) = (self.sender.peer(), limits::MESSAGE_BYTES_MAX);
                        return Err(NetError::PeerMessageTooLarge { node, bytes, max });
                    }
                }
                match stream.read_chunk(READ_BYTES).await {
                    Ok(Some(chunk)) => buffer.extend_from_slice(&chunk),
                    // The stream ends just before the connection does.
                    Ok(None) | Err(_) => break,
                }
            },
            Source::Memory(queue) => {
                let shared = &self.sender.shared;
                let queued = tokio::select! {
                    biased;
                    queued = queue.recv() => queued,
                    _ = shared.closed() => None,
                };
                if let Some(queued) = queued {
                    return Ok(Some(queued.bytes));
                }
            }
        }
        self.end().await
    }

    async fn end(&self) -> Result<Option<Bytes>, NetError> {
        let shared = &self.sender.shared;
        let reason = match tokio::time::timeout(limits::FLUSH_TIMEOUT, shared.closed()).await {
            Ok(reason) => reason,
            Err(_) => {
                shared.close_at_once(&CloseReason::Protocol);
                CloseReason::Lost("the peer stopped sending".into())
            }
        };
        match reason {
            CloseReason::Normal => Ok(None),
            reason => Err(NetError::Closed { node: self.peer(), reason }),
        }
    }
}

impl Shared {
    async fn closed(&self) -> CloseReason {
        match &self.link {
            Link::Quic { connection, ours } => {
                let error = connection.closed().await;
                CloseReason::from_connection(&error, ours.borrow().clone())
            }
            Link::Memory(reason) => match reason.subscribe().wait_for(Option::is_some).await {
                Ok(reason) => reason.clone().unwrap_or(CloseReason::Normal),
                Err(_) => CloseReason::Normal,
            },
        }
    }

    /// The reason, if it is known that the session ends.
    fn reason(&self) -> Option<CloseReason> {
        match &self.link {
            Link::Quic { connection, ours } => {
                let ours = ours.borrow().clone();
                let ended = connection.close_reason();
                ended.map(|error| CloseReason::from_connection(&error, ours.clone())).or(ours)
            }
            Link::Memory(reason) => reason.borrow().clone(),
        }
    }

    fn ask_to_close(&self, reason: CloseReason) {
        let slot = match &self.link {
            Link::Quic { ours, .. } => ours,
            Link::Memory(reason) => reason,
        };
        slot.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(reason);
            }
            first
        });
    }

    fn close_at_once(&self, reason: &CloseReason) {
        self.ask_to_close(reason.clone());
        if let Link::Quic { connection, .. } = &self.link {
            close_now(connection, reason);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A connection is closed by the task that writes; it sees that nobody queues any more.
        if let Link::Memory(_) = &self.link {
            self.ask_to_close(CloseReason::Normal);
        }
    }
}

fn needed(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.len().max(1)).unwrap_or(u32::MAX)
}
