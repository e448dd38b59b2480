//! The port of a node's endpoint, the same again after a restart.
//!
//! Tickets name a manager's port. And who is connected to a node keeps sending to the place where it
//! was last heard: a node that comes back at the same place is reached at once.

use candela_blobs::{Blobs, ReadPolicy};
use candela_net::{BindOptions, Endpoint, NetError, NodeKey, Pipe, PipePolicy};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Where an endpoint is bound, and what it serves.
pub(crate) struct Binding<'a> {
    /// The node's folder, in which the port is remembered.
    pub(crate) folder: &'a Path,
    /// Port 0 takes the port of the last time, or any free one.
    pub(crate) bind: SocketAddr,
    pub(crate) advertise: &'a [SocketAddr],
    pub(crate) key: &'a NodeKey,
    pub(crate) blobs: &'a Blobs,
    pub(crate) readers: ReadPolicy,
    /// Of a manager: whom it takes pipes from.
    pub(crate) pipes: Option<PipePolicy>,
}

/// Requests over HTTP that a manager passes on to the leader.
pub(crate) const API_ALPN: &[u8] = b"candela/api/1";

/// Blobs that a manager has others keep.
pub(crate) const HOLD_ALPN: &[u8] = b"candela/hold/1";

/// The pipes of other managers.
pub(crate) struct ManagerPipes {
    pub(crate) api: mpsc::Receiver<Pipe>,
    pub(crate) hold: mpsc::Receiver<Pipe>,
}

/// Opens the endpoint, with sessions and blobs.
pub(crate) async fn bind(
    binding: Binding<'_>,
) -> Result<(Arc<Endpoint>, Option<ManagerPipes>), NetError> {
    let remembered = binding.folder.join("port");
    let last = std::fs::read_to_string(&remembered).ok().and_then(|text| text.trim().parse().ok());
    let wanted = binding.bind.port();
    let port = if wanted == 0 { last.unwrap_or(0) } else { wanted };
    let attempt = async |port| {
        let bind = SocketAddr::new(binding.bind.ip(), port);
        let advertise = binding.advertise.to_vec();
        let options = BindOptions { bind, advertise, ..BindOptions::default() };
        let handler = binding.blobs.protocol(binding.readers.clone());
        let builder =
            Endpoint::builder(binding.key, options).protocol(candela_blobs::ALPN, handler);
        match &binding.pipes {
            Some(policy) => {
                let (builder, api) = builder.pipes(API_ALPN, policy.clone());
                let (builder, hold) = builder.pipes(HOLD_ALPN, policy.clone());
                Ok::<_, NetError>((builder.bind().await?, Some(ManagerPipes { api, hold })))
            }
            None => Ok((builder.bind().await?, None)),
        }
    };
    let (endpoint, pipes) = match attempt(port).await {
        Err(error) if wanted == 0 && port != 0 => {
            tracing::warn!(%error, port, "the port of the last time is taken; another is used");
            attempt(0).await?
        }
        bound => bound?,
    };
    let bound = endpoint.addr().sockets.last().map_or(port, SocketAddr::port);
    if let Err(error) = std::fs::write(&remembered, bound.to_string()) {
        tracing::warn!(%error, "the port can't be remembered for the next start");
    }
    Ok((Arc::new(endpoint), pipes))
}
