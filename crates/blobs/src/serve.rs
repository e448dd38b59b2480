//! Lets other nodes read from the store: single blobs and their parts, and only whom the policy lets.

use crate::limits;
use crate::store::{Blobs, core_hash};
use candela_core::id::{BlobHash, NodeId};
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, DynProtocolHandler, ProtocolHandler};
use iroh_blobs::api::Store;
use iroh_blobs::protocol::{ERR_LIMIT, GetRequest};
use iroh_blobs::provider::events::{
    AbortReason, ConnectMode, EventMask, EventSender, ObserveMode, ProviderMessage, RequestMode,
    ThrottleMode,
};
use iroh_blobs::provider::handle_connection;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// The protocol's name, for the endpoint.
pub const ALPN: &[u8] = iroh_blobs::ALPN;

/// Who may read which blob; asked for every request, so that a change counts at once.
pub type ReadPolicy = Arc<dyn Fn(&NodeId, &BlobHash) -> bool + Send + Sync>;

impl Blobs {
    /// What serves this store on an endpoint.
    ///
    /// Only reading of single blobs is offered: no writing, no watching, and no request for a
    /// sequence of hashes as a whole, through which a stranger's list could name blobs that the
    /// policy would not give.
    #[must_use]
    pub fn protocol(&self, policy: ReadPolicy) -> Box<dyn DynProtocolHandler> {
        Box::new(Server { store: self.store().clone(), policy, readers: Arc::default() })
    }
}

#[derive(Clone)]
struct Server {
    store: Store,
    policy: ReadPolicy,
    readers: Arc<Mutex<HashMap<NodeId, usize>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl ProtocolHandler for Server {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let node = NodeId(*connection.remote_id().as_bytes());
        let Some(_reader) = Reader::new(&self.readers, node) else {
            connection.close(ERR_LIMIT, b"limit");
            connection.closed().await;
            return Ok(());
        };
        // One channel for each connection: so every request is known to be this node's.
        let (events, requests) = EventSender::channel(16, MASK);
        let judge = judge(node, self.policy.clone(), requests);
        let serve = handle_connection(connection, self.store.clone(), events);
        // The judge ends when the last request has dropped its end of the channel.
        tokio::join!(serve, judge);
        Ok(())
    }
}

const MASK: EventMask = EventMask {
    connected: ConnectMode::None,
    get: RequestMode::Intercept,
    get_many: RequestMode::Disabled,
    push: RequestMode::Disabled,
    observe: ObserveMode::Intercept,
    throttle: ThrottleMode::None,
};

async fn judge(node: NodeId, policy: ReadPolicy, mut requests: mpsc::Receiver<ProviderMessage>) {
    while let Some(message) = requests.recv().await {
        match message {
            ProviderMessage::GetRequestReceived(message) => {
                let allowed = may_read(&node, &policy, &message.inner.request);
                let answer = if allowed { Ok(()) } else { Err(AbortReason::Permission) };
                let _ = message.tx.send(answer).await;
            }
            ProviderMessage::ObserveRequestReceived(message) => {
                let _ = message.tx.send(Err(AbortReason::Permission)).await;
            }
            // The others are off, or need no answer.
            _ => {}
        }
    }
}

fn may_read(node: &NodeId, policy: &ReadPolicy, request: &GetRequest) -> bool {
    let hash = core_hash(request.hash);
    let allowed = request.ranges.is_blob() && policy(node, &hash);
    if !allowed {
        tracing::debug!(node_id = %node, blob = %hash, "may not read");
    }
    allowed
}

/// A connection that counts; it stops counting when this is dropped.
struct Reader {
    readers: Arc<Mutex<HashMap<NodeId, usize>>>,
    node: NodeId,
}

impl Reader {
    fn new(readers: &Arc<Mutex<HashMap<NodeId, usize>>>, node: NodeId) -> Option<Self> {
        let mut counts = readers.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&node).copied().unwrap_or(0);
        if own >= limits::READERS_PER_NODE_MAX
            || counts.values().sum::<usize>() >= limits::READERS_MAX
        {
            return None;
        }
        counts.insert(node, own + 1);
        drop(counts);
        Some(Reader { readers: readers.clone(), node })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut counts = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.node) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.node);
            }
        }
    }
}
