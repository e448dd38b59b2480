//! How a node is reached.

use crate::id::NodeId;
use std::net::SocketAddr;

/// A node's key and the places where it may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddr {
    /// Who answers there: the connection proves it.
    pub node: NodeId,
    /// Socket addresses to try.
    pub sockets: Vec<SocketAddr>,
    /// URL of a relay that knows the node, for nodes that can't be reached directly.
    pub relay: Option<String>,
}
