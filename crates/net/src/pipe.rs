//! Pipes: plain streams of bytes between two nodes, for protocols that bring their own framing.
//!
//! Managers pass on to the leader what they are asked over HTTP, and have one another keep blobs; each
//! request has a pipe of its own on one connection.

use crate::endpoint::Endpoint;
use crate::error::NetError;
use crate::limits;
use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh::protocol::{AcceptError, ProtocolHandler};
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// Pipes that wait to be taken, at most; more wait before it.
const WAITING: usize = 256;

/// Whom pipes are taken from; asked for each connection.
pub type PipePolicy = Arc<dyn Fn(&NodeId) -> bool + Send + Sync>;

/// A stream of bytes in both directions. Dropping it ends both.
pub struct Pipe {
    send: SendStream,
    recv: RecvStream,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.recv), context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.send), context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.send), context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.send), context)
    }
}

/// Connections on which pipes were opened, by node.
#[derive(Debug, Default)]
pub(crate) struct PipeConnections(Mutex<HashMap<(NodeId, Vec<u8>), Connection>>);

impl Endpoint {
    /// Opens a pipe for a protocol to a node; the other side sees it with its first bytes.
    ///
    /// # Errors
    /// When nobody answers, or the node takes no pipes from this one.
    pub async fn pipe(&self, to: &NodeAddr, alpn: &[u8]) -> Result<Pipe, NetError> {
        let node = to.node;
        let kept = self.pipes().get(node, alpn);
        let failed = |source| NetError::Connect { node, source };
        if let Some(connection) = kept
            && let Ok((send, recv)) = connection.open_bi().await
        {
            return Ok(Pipe { send, recv });
        }
        let connection = self.dial(to, alpn).await?;
        self.pipes().put(node, alpn, connection.clone());
        let opened = tokio::time::timeout(limits::CONNECT_TIMEOUT, connection.open_bi()).await;
        let (send, recv) = opened
            .map_err(|elapsed| failed(elapsed.into()))?
            .map_err(|error| failed(error.into()))?;
        Ok(Pipe { send, recv })
    }
}

impl PipeConnections {
    fn get(&self, node: NodeId, alpn: &[u8]) -> Option<Connection> {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(&(node, alpn.to_vec())).filter(|c| c.close_reason().is_none()).cloned()
    }

    fn put(&self, node: NodeId, alpn: &[u8], connection: Connection) {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|_, connection| connection.close_reason().is_none());
        connections.insert((node, alpn.to_vec()), connection);
    }
}

/// Takes the pipes that other nodes open.
pub(crate) struct PipeAcceptor {
    policy: PipePolicy,
    taken: mpsc::Sender<Pipe>,
}

impl PipeAcceptor {
    pub(crate) fn new(policy: PipePolicy) -> (Self, mpsc::Receiver<Pipe>) {
        let (taken, pipes) = mpsc::channel(WAITING);
        (PipeAcceptor { policy, taken }, pipes)
    }
}

impl fmt::Debug for PipeAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeAcceptor").finish_non_exhaustive()
    }
}

impl ProtocolHandler for PipeAcceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let node = NodeId(*connection.remote_id().as_bytes());
        if !(self.policy)(&node) {
            tracing::debug!(node_id = %node, "no pipes are taken from this node");
            connection.close(1_u32.into(), b"not for you");
            connection.closed().await;
            return Ok(());
        }
        while let Ok((send, recv)) = connection.accept_bi().await {
            if self.taken.send(Pipe { send, recv }).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
