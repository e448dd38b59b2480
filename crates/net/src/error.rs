//! What can go wrong between nodes.

use crate::close::CloseReason;
use candela_core::id::NodeId;
use std::net::SocketAddr;

pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// A step of the network layer that did not work.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The socket can't be had.
    #[error("binding the endpoint to {bind}")]
    Bind {
        /// The address asked for.
        bind: SocketAddr,
        /// Why not.
        source: Source,
    },
    /// The configured relay is not a URL.
    #[error("{url:?} is not the URL of a relay")]
    RelayUrl {
        /// What was configured.
        url: String,
        /// Why not.
        source: Source,
    },
    /// The bytes of a node id are not a public key.
    #[error("{node} is not a public key")]
    NotAKey {
        /// The id.
        node: NodeId,
    },
    /// A node was asked to dial itself: keep that in the process, see [`crate::Session::pair`].
    #[error("node {node} is this node itself")]
    SelfDial {
        /// This node.
        node: NodeId,
    },
    /// The other side speaks no session protocol of our version.
    #[error(
        "node {node} doesn't speak version {version} of the session protocol: one of the two must be updated"
    )]
    Version {
        /// The node dialled.
        node: NodeId,
        /// Our version.
        version: u32,
    },
    /// The other side turned the session away before it began.
    #[error("node {node} didn't take the session")]
    NotTaken {
        /// The node dialled.
        node: NodeId,
        /// What it said.
        #[source]
        reason: CloseReason,
    },
    /// Nobody answered at any of the addresses.
    #[error("connecting to node {node}")]
    Connect {
        /// The node dialled.
        node: NodeId,
        /// What happened.
        source: Source,
    },
    /// The address list to dial is empty.
    #[error("there is no node to connect to")]
    NobodyToDial,
    /// Our own message is too long; it was not sent and the session lives on.
    #[error("a message of {bytes} bytes is longer than the {max} bytes that a session carries")]
    MessageTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A peer announced a message beyond the limit; the session was closed.
    #[error("node {node} announced a message of {bytes} bytes, the limit is {max}")]
    PeerMessageTooLarge {
        /// The peer.
        node: NodeId,
        /// The announced length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The peer reads too slowly for [`crate::SessionSender::try_send`]; nothing was sent.
    #[error("the queue of messages to node {node} is full")]
    QueueFull {
        /// The peer.
        node: NodeId,
    },
    /// The session is over.
    #[error("the session with node {node} has ended")]
    Closed {
        /// The peer.
        node: NodeId,
        /// Why.
        #[source]
        reason: CloseReason,
    },
}

impl NetError {
    /// Whether trying the same node again later can help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            NetError::Connect { .. } | NetError::Closed { .. } => true,
            NetError::NotTaken { reason, .. } => !matches!(reason, CloseReason::Refused(_)),
            _ => false,
        }
    }
}
