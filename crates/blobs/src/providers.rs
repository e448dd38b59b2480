//! The nodes that a fetch may ask: their connections, who has failed too often, and what each said last.

use crate::error::{BlobError, ProviderFailure, Source};
use crate::limits;
use candela_core::addr::NodeAddr;
use candela_core::id::{BlobHash, NodeId};
use iroh::endpoint::{Connection, WeakConnectionHandle};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayUrl};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Connections that some fetch has open, so that fetches at the same time share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<HashMap<NodeId, WeakConnectionHandle>>>);

impl Pool {
    fn get(&self, node: NodeId) -> Option<Connection> {
        let pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.get(&node)?.upgrade().filter(|connection| connection.close_reason().is_none())
    }

    fn put(&self, node: NodeId, connection: &Connection) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|_, handle| handle.upgrade().is_some());
        pool.insert(node, connection.weak_handle());
    }
}

/// One node to ask.
#[derive(Debug)]
struct Provider {
    addr: NodeAddr,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    failures: u32,
    last: Option<String>,
    /// Whether it was dialled in vain.
    silent: bool,
}

/// The nodes of one fetch.
#[derive(Debug)]
pub(crate) struct Providers {
    endpoint: Endpoint,
    pool: Pool,
    connect_timeout: Duration,
    providers: Vec<Provider>,
}

/// Nobody answered a dial in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct NoAnswer;

/// Whether a dial ended because nothing came back, and not with a no.
fn is_silence(error: &(dyn std::error::Error + 'static)) -> bool {
    use iroh::endpoint::{ConnectError, ConnectingError, ConnectionError};
    let connection = match error.downcast_ref::<ConnectError>() {
        Some(ConnectError::Connection { source, .. }) => source,
        Some(ConnectError::Connecting {
            source: ConnectingError::ConnectionError { source, .. },
            ..
        }) => source,
        _ => return error.is::<NoAnswer>(),
    };
    matches!(connection, ConnectionError::TimedOut)
}

impl Providers {
    /// The first few of the nodes; this node itself is left out.
    pub(crate) fn new(
        endpoint: &Endpoint,
        pool: &Pool,
        connect_timeout: Duration,
        addrs: &[NodeAddr],
    ) -> Self {
        let this = NodeId(*endpoint.id().as_bytes());
        let mut seen = std::collections::HashSet::from([this]);
        let others = addrs.iter().filter(|addr| seen.insert(addr.node));
        let providers = others
            .take(limits::PROVIDERS_MAX)
            .map(|addr| Provider { addr: addr.clone(), state: tokio::sync::Mutex::default() })
            .collect();
        Providers { endpoint: endpoint.clone(), pool: pool.clone(), connect_timeout, providers }
    }

    pub(crate) fn len(&self) -> usize {
        self.providers.len()
    }

    /// Connection number `at` (counted around), unless that provider has failed too often.
    pub(crate) async fn connection(&self, at: usize) -> Option<Connection> {
        let provider = self.providers.get(at % self.len().max(1))?;
        let mut state = provider.state.lock().await;
        if state.failures >= limits::PROVIDER_FAILURES_MAX {
            return None;
        }
        let alive = |connection: &Connection| connection.close_reason().is_none();
        if let Some(connection) = state.connection.clone().filter(alive) {
            return Some(connection);
        }
        if let Some(connection) = self.pool.get(provider.addr.node) {
            state.connection = Some(connection.clone());
            return Some(connection);
        }
        match self.dial(&provider.addr).await {
            Ok(connection) => {
                self.pool.put(provider.addr.node, &connection);
                state.connection = Some(connection.clone());
                Some(connection)
            }
            Err(error) => {
                // Nobody there: asking again within this fetch would only cost the time-out again.
                state.failures = limits::PROVIDER_FAILURES_MAX;
                state.silent = is_silence(&*error);
                state.last = Some(error.to_string());
                None
            }
        }
    }

    async fn dial(&self, addr: &NodeAddr) -> Result<Connection, Source> {
        let dialling = self.endpoint.connect(iroh_addr(addr)?, iroh_blobs::ALPN);
        let dialled = tokio::time::timeout(self.connect_timeout, dialling).await;
        Ok(dialled.map_err(|_| NoAnswer)??)
    }

    /// Notes that a provider delivered.
    pub(crate) async fn delivered(&self, at: usize) {
        if let Some(provider) = self.providers.get(at % self.len().max(1)) {
            provider.state.lock().await.failures = 0;
        }
    }

    /// Notes that a provider did not deliver.
    pub(crate) async fn failed(&self, at: usize, reason: String) {
        if let Some(provider) = self.providers.get(at % self.len().max(1)) {
            let mut state = provider.state.lock().await;
            tracing::debug!(node_id = %provider.addr.node, %reason, "provider did not deliver");
            state.failures += 1;
            state.last = Some(reason);
        }
    }

    /// What to say when nobody delivered.
    pub(crate) async fn exhausted(&self, hash: BlobHash) -> BlobError {
        let mut failures = Vec::new();
        for provider in &self.providers {
            let state = provider.state.lock().await;
            let (reason, answered) = (state.last.clone(), !state.silent);
            let reason = reason.unwrap_or_else(|| "was not asked".into());
            failures.push(ProviderFailure { node: provider.addr.node, reason, answered });
        }
        BlobError::NoProvider { hash, failures }
    }
}

fn iroh_addr(addr: &NodeAddr) -> Result<EndpointAddr, Source> {
    let mut iroh = EndpointAddr::new(EndpointId::from_bytes(&addr.node.0)?);
    for socket in &addr.sockets {
        iroh = iroh.with_ip_addr(*socket);
    }
    match &addr.relay {
        Some(url) => Ok(iroh.with_relay_url(url.parse::<RelayUrl>()?)),
        None => Ok(iroh),
    }
}
