//! What nodes may read from the manager's storage: the blobs of scenes, and nothing else.
//!
//! Evidence and workers' tiles lie in the same storage. A verifier that could read them by their
//! hash could repeat what another found instead of rendering.

use candela_blobs::{BlobError, Blobs};
use candela_core::id::BlobHash;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::JoinSet;

/// Scenes whose blobs are looked up at a time: a manager with thousands of jobs is to start soon.
const OPENED_AT_ONCE: usize = 8;

/// The blobs of scenes that jobs are made of. Cheap to clone; clones are the same library.
#[derive(Clone)]
pub(crate) struct Library {
    blobs: Blobs,
    open: Arc<RwLock<BTreeSet<BlobHash>>>,
}

impl Library {
    pub(crate) fn new(blobs: Blobs) -> Library {
        Library { blobs, open: Arc::default() }
    }

    /// Lets nodes read a scene from now on.
    ///
    /// # Errors
    /// When the scene's collection can't be read.
    pub(crate) async fn open(&self, scene: BlobHash) -> Result<(), BlobError> {
        if self.has(&scene) {
            return Ok(());
        }
        let of_scene = self.blobs.collection_blobs(scene).await?;
        self.open.write().unwrap_or_else(PoisonError::into_inner).extend(of_scene);
        Ok(())
    }

    /// The same for every scene of these; what can't be read is logged, and stays closed.
    pub(crate) async fn open_all(&self, scenes: BTreeSet<BlobHash>) {
        let mut opening = JoinSet::new();
        for scene in scenes {
            if opening.len() >= OPENED_AT_ONCE {
                opening.join_next().await;
            }
            let library = self.clone();
            opening.spawn(async move {
                if let Err(error) = library.open(scene).await {
                    tracing::warn!(%scene, "nodes can't read a scene: {error}");
                }
            });
        }
        opening.join_all().await;
    }

    /// Whether nodes may read a blob.
    pub(crate) fn has(&self, blob: &BlobHash) -> bool {
        self.open.read().unwrap_or_else(PoisonError::into_inner).contains(blob)
    }
}
