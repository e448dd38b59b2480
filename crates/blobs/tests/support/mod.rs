//! Nodes for tests: a store in a temporary folder, served on loopback.

#![allow(dead_code, reason = "each test file uses a part")]

use candela_blobs::{ALPN, Blobs, Fetcher, OpenOptions, ReadPolicy};
use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use iroh::RelayMode;
use iroh::endpoint::presets;
use iroh::protocol::Router;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn endpoint() -> iroh::Endpoint {
    iroh::Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .clear_ip_transports()
        .bind_addr((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .bind()
        .await
        .unwrap()
}

pub(crate) fn addr(endpoint: &iroh::Endpoint) -> NodeAddr {
    let node = NodeId(*endpoint.id().as_bytes());
    NodeAddr { node, sockets: endpoint.bound_sockets(), relay: None }
}

pub(crate) async fn open(folder: &Path) -> Blobs {
    Blobs::open(folder, OpenOptions::default()).await.unwrap()
}

/// Collects garbage all the time.
pub(crate) async fn open_tidy(folder: &Path) -> Blobs {
    let options = OpenOptions { gc_interval: Duration::from_millis(200), ..OpenOptions::default() };
    Blobs::open(folder, options).await.unwrap()
}

pub(crate) struct Node {
    pub blobs: Blobs,
    pub fetcher: Fetcher,
    pub router: Router,
    pub folder: tempfile::TempDir,
}

impl Node {
    pub(crate) async fn new() -> Node {
        Node::with_policy(Arc::new(|_, _| true)).await
    }

    pub(crate) async fn with_policy(policy: ReadPolicy) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let blobs = open(folder.path()).await;
        let endpoint = endpoint().await;
        let router = Router::builder(endpoint.clone()).accept(ALPN, blobs.protocol(policy)).spawn();
        let fetcher = blobs.fetcher(&endpoint);
        Node { blobs, fetcher, router, folder }
    }

    pub(crate) fn addr(&self) -> NodeAddr {
        addr(self.router.endpoint())
    }

    pub(crate) async fn stop(&self) {
        self.router.shutdown().await.unwrap();
        self.blobs.shutdown().await.unwrap();
    }
}

/// Bytes that don't repeat, from a seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut data = Vec::with_capacity(bytes + 8);
    while data.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(bytes);
    data
}
