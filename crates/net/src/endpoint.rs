//! The socket of a node: binds it, says where it is reached, dials and takes sessions, and serves
//! the protocols of other parts.

use crate::accept::{SessionAcceptor, handshake_filter};
use crate::admission::AcceptOptions;
use crate::close::CloseReason;
use crate::error::NetError;
use crate::key::NodeKey;
use crate::limits;
use crate::pipe::{Pipe, PipeAcceptor, PipeConnections, PipePolicy};
use crate::session::{Session, SessionOptions};
use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use iroh::endpoint::{
    ConnectError, ConnectWithOptsError, ConnectingError, Connection, ConnectionError,
    PortmapperConfig, QuicTransportConfig, TransportErrorCode, presets,
};
use iroh::protocol::{DynProtocolHandler, Router};
use iroh::{EndpointAddr, EndpointId, RelayMode, RelayUrl, Watcher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// Version of the session protocol: framing, opening, reasons to close.
pub const SESSION_VERSION: u32 = 1;

/// What sessions are called on the wire; it carries [`SESSION_VERSION`].
pub const SESSION_ALPN: &[u8] = b"candela/session/1";

/// TLS alert 120, `no_application_protocol`: the other side has none of the protocols we offered.
const NO_COMMON_PROTOCOL: u8 = 120;

/// Where and how an endpoint is bound.
#[derive(Debug, Clone)]
pub struct BindOptions {
    /// The local socket; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Addresses under which others reach this node from outside (a forwarded port); named first.
    pub advertise: Vec<SocketAddr>,
    /// URL of a relay, for nodes that can't be reached directly; none is used unless given.
    pub relay: Option<String>,
    /// How sessions behave.
    pub session: SessionOptions,
    /// How many sessions are taken.
    pub accept: AcceptOptions,
}

impl Default for BindOptions {
    fn default() -> Self {
        BindOptions {
            bind: (Ipv4Addr::UNSPECIFIED, 0).into(),
            advertise: Vec::new(),
            relay: None,
            session: SessionOptions::default(),
            accept: AcceptOptions::default(),
        }
    }
}

impl BindOptions {
    /// A free port that only this machine reaches.
    #[must_use]
    pub fn loopback() -> Self {
        BindOptions { bind: (Ipv4Addr::LOCALHOST, 0).into(), ..BindOptions::default() }
    }
}

/// An endpoint to be: collects the protocols of other parts before the socket opens.
#[derive(Debug)]
pub struct EndpointBuilder {
    key: NodeKey,
    options: BindOptions,
    protocols: Vec<(Vec<u8>, Box<dyn DynProtocolHandler>)>,
    pub(crate) session_alpn: Vec<u8>,
}

/// The endpoint of a node. Call [`Endpoint::close`] before dropping it, or peers wait for the idle time.
#[derive(Debug)]
pub struct Endpoint {
    router: Router,
    options: BindOptions,
    sessions: Mutex<mpsc::Receiver<Session>>,
    session_alpn: Vec<u8>,
    pipes: PipeConnections,
}

impl EndpointBuilder {
    /// Adds a protocol that another part serves; `blobs` offers its handler in this form.
    #[must_use]
    pub fn protocol(
        mut self,
        alpn: impl Into<Vec<u8>>,
        handler: Box<dyn DynProtocolHandler>,
    ) -> Self {
        self.protocols.push((alpn.into(), handler));
        self
    }

    /// Takes pipes of a protocol from the nodes that the policy lets; they come out of the receiver.
    #[must_use]
    pub fn pipes(self, alpn: &[u8], policy: PipePolicy) -> (Self, mpsc::Receiver<Pipe>) {
        let (acceptor, pipes) = PipeAcceptor::new(policy);
        (self.protocol(alpn, acceptor.into()), pipes)
    }

    /// Opens the socket.
    ///
    /// # Errors
    /// When the address can't be had or the relay is not a URL.
    pub async fn bind(self) -> Result<Endpoint, NetError> {
        let EndpointBuilder { key, options, protocols, session_alpn } = self;
        let bind = options.bind;
        let failed = |source| NetError::Bind { bind, source };
        let mut builder = iroh::Endpoint::builder(presets::Minimal)
            .secret_key(key.0.clone())
            .relay_mode(relay_mode(options.relay.as_deref())?)
            .portmapper_config(PortmapperConfig::Disabled)
            .transport_config(transport(&options.session))
            .clear_ip_transports()
            .bind_addr(bind)
            .map_err(|error| failed(error.into()))?;
        for address in &options.advertise {
            builder = builder.external_addr(*address);
        }
        let endpoint = builder.bind().await.map_err(|error| failed(error.into()))?;
        if bind.ip().is_unspecified() {
            await_local_addresses(&endpoint).await;
        }
        let (acceptor, sessions) = SessionAcceptor::new(options.session.clone(), &options.accept);
        let mut router = Router::builder(endpoint)
            .incoming_filter(handshake_filter(&options.accept))
            .accept(&session_alpn, acceptor);
        for (alpn, handler) in protocols {
            router = router.accept(alpn, handler);
        }
        let router = router.spawn();
        Ok(Endpoint {
            router,
            options,
            sessions: Mutex::new(sessions),
            session_alpn,
            pipes: PipeConnections::default(),
        })
    }
}

impl Endpoint {
    /// Starts an endpoint with this identity.
    #[must_use]
    pub fn builder(key: &NodeKey, options: BindOptions) -> EndpointBuilder {
        let session_alpn = SESSION_ALPN.to_vec();
        EndpointBuilder { key: key.clone(), options, protocols: Vec::new(), session_alpn }
    }

    /// Opens an endpoint that serves sessions only.
    ///
    /// # Errors
    /// As [`EndpointBuilder::bind`].
    pub async fn bind(key: &NodeKey, options: BindOptions) -> Result<Endpoint, NetError> {
        Endpoint::builder(key, options).bind().await
    }

    /// This node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(*self.iroh().id().as_bytes())
    }

    /// Where this node is reached, as far as it knows: advertised addresses first, then what was
    /// bound; when that is "any address", every local one including loopback.
    #[must_use]
    pub fn addr(&self) -> NodeAddr {
        let known = self.iroh().addr();
        let mut sockets = self.options.advertise.clone();
        let bound = self.iroh().bound_sockets();
        let any = |socket: &&SocketAddr| socket.ip().is_unspecified();
        sockets.extend(bound.iter().filter(|socket| !any(socket)));
        sockets.extend(known.ip_addrs().filter(|socket| !any(socket)));
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let any_v4 = bound.iter().filter(any).filter(|socket| socket.is_ipv4());
        sockets.extend(any_v4.map(|socket| SocketAddr::new(loopback, socket.port())));
        let mut seen = std::collections::HashSet::new();
        sockets.retain(|socket| seen.insert(*socket));
        let relay = known.relay_urls().next().map(ToString::to_string);
        NodeAddr { node: self.node_id(), sockets, relay }
    }

    /// Opens a session with a node.
    ///
    /// # Errors
    /// When nobody answers, the node speaks another version, or it turns the session away.
    pub async fn connect(&self, to: &NodeAddr) -> Result<Session, NetError> {
        let connection = self.dial(to, &self.session_alpn).await?;
        Session::open(connection, &self.options.session).await
    }

    pub(crate) async fn dial(&self, to: &NodeAddr, alpn: &[u8]) -> Result<Connection, NetError> {
        let node = to.node;
        let dialling = self.iroh().connect(iroh_addr(to)?, alpn);
        match tokio::time::timeout(limits::CONNECT_TIMEOUT, dialling).await {
            Ok(dialled) => dialled.map_err(|error| connect_error(node, error)),
            Err(elapsed) => Err(NetError::Connect { node, source: elapsed.into() }),
        }
    }

    pub(crate) fn pipes(&self) -> &PipeConnections {
        &self.pipes
    }

    /// The next session that another node opened; `None` once the endpoint is closed.
    ///
    /// Cancelling the wait loses nothing.
    pub async fn accept(&self) -> Option<Session> {
        self.sessions.lock().await.recv().await
    }

    /// Closes the endpoint and every session on it; peers read [`CloseReason::Shutdown`].
    ///
    /// What is queued on sessions may be lost: close them first.
    pub async fn close(&self) {
        if let Err(error) = self.router.shutdown().await {
            tracing::warn!(%error, "a protocol handler panicked");
        }
    }

    /// The iroh endpoint, for `blobs` only: nobody else names iroh.
    #[must_use]
    pub fn iroh(&self) -> &iroh::Endpoint {
        self.router.endpoint()
    }
}

fn relay_mode(relay: Option<&str>) -> Result<RelayMode, NetError> {
    let Some(url) = relay else { return Ok(RelayMode::Disabled) };
    let parsed = url.parse::<RelayUrl>();
    let parsed =
        parsed.map_err(|error| NetError::RelayUrl { url: url.into(), source: error.into() })?;
    Ok(RelayMode::custom([parsed]))
}

fn transport(session: &SessionOptions) -> QuicTransportConfig {
    // iroh's own bounds for a single path: above them it warns and keeps its defaults.
    let path_keep_alive = session.keep_alive.min(Duration::from_secs(5));
    let path_idle = session.idle_timeout.min(Duration::from_secs(15));
    QuicTransportConfig::builder()
        .keep_alive_interval(session.keep_alive)
        .max_idle_timeout(session.idle_timeout.try_into().ok())
        .default_path_keep_alive_interval(path_keep_alive)
        .default_path_max_idle_timeout(path_idle)
        .build()
}

async fn await_local_addresses(endpoint: &iroh::Endpoint) {
    let mut addresses = endpoint.watch_addr();
    let known = async {
        while addresses.get().ip_addrs().next().is_none() && addresses.updated().await.is_ok() {}
    };
    if tokio::time::timeout(limits::LOCAL_ADDRESSES_TIMEOUT, known).await.is_err() {
        tracing::debug!("this machine's addresses are not known yet");
    }
}

fn iroh_addr(to: &NodeAddr) -> Result<EndpointAddr, NetError> {
    let node = to.node;
    let id = EndpointId::from_bytes(&node.0).map_err(|_| NetError::NotAKey { node })?;
    let mut address = EndpointAddr::new(id);
    for socket in &to.sockets {
        address = address.with_ip_addr(*socket);
    }
    if let Some(url) = &to.relay {
        let relay = url.parse::<RelayUrl>();
        let relay =
            relay.map_err(|error| NetError::RelayUrl { url: url.clone(), source: error.into() })?;
        address = address.with_relay_url(relay);
    }
    Ok(address)
}

fn connect_error(node: NodeId, error: ConnectError) -> NetError {
    let ended = match &error {
        ConnectError::Connect { source: ConnectWithOptsError::SelfConnect { .. }, .. } => {
            return NetError::SelfDial { node };
        }
        ConnectError::Connecting {
            source: ConnectingError::ConnectionError { source, .. },
            ..
        }
        | ConnectError::Connection { source, .. } => Some(source),
        _ => None,
    };
    match ended {
        Some(ConnectionError::ConnectionClosed(close))
            if close.error_code == TransportErrorCode::crypto(NO_COMMON_PROTOCOL) =>
        {
            NetError::Version { node, version: SESSION_VERSION }
        }
        Some(ConnectionError::ConnectionClosed(close))
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            NetError::NotTaken { node, reason: CloseReason::Busy }
        }
        _ => NetError::Connect { node, source: error.into() },
    }
}
