//! What nodes may read from the manager's storage: the blobs of scenes, and nothing else.
//!
//! Evidence and workers' tiles lie in the same storage. A verifier that could read them by their
//! hash could repeat what another found instead of rendering.

use candela_blobs::{BlobError, Blobs};
use candela_core::id::BlobHash;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::JoinSet;

/// Scenes whose blobs are looked up at a time: a manager with thousands of jobs is to start soon.
const OPENED_AT_ONCE: usize = 8;

/// The blobs of scenes that jobs are made of. Cheap to clone; clones are the same library.
#[derive(Clone)]
pub(crate) struct Library {
    blobs: Blobs,
    shelves: Arc<RwLock<Shelves>>,
}

#[derive(Default)]
struct Shelves {
    scenes: BTreeMap<BlobHash, BTreeSet<BlobHash>>,
    /// How many scenes a blob is part of.
    parts: BTreeMap<BlobHash, usize>,
}

impl Shelves {
    fn open(&mut self, scene: BlobHash, blobs: BTreeSet<BlobHash>) {
        self.close(scene);
        for blob in &blobs {
            *self.parts.entry(*blob).or_default() += 1;
        }
        self.scenes.insert(scene, blobs);
    }

    fn close(&mut self, scene: BlobHash) {
        for blob in self.scenes.remove(&scene).unwrap_or_default() {
            if let Some(scenes) = self.parts.get_mut(&blob) {
                *scenes -= 1;
                if *scenes == 0 {
                    self.parts.remove(&blob);
                }
            }
        }
    }
}

impl Library {
    pub(crate) fn new(blobs: Blobs) -> Library {
        Library { blobs, shelves: Arc::default() }
    }

    /// Lets nodes read a scene from now on.
    ///
    /// # Errors
    /// When the scene's collection can't be read.
    pub(crate) async fn open(&self, scene: BlobHash) -> Result<(), BlobError> {
        if self.read(|shelves| shelves.scenes.contains_key(&scene)) {
            return Ok(());
        }
        let of_scene = self.blobs.collection_blobs(scene).await?;
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        shelves.open(scene, of_scene.into_iter().collect());
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

    /// Lets nodes read a scene no more; what other scenes are made of too stays open.
    pub(crate) fn close(&self, scene: BlobHash) {
        self.shelves.write().unwrap_or_else(PoisonError::into_inner).close(scene);
    }

    /// Whether nodes may read a blob.
    pub(crate) fn has(&self, blob: &BlobHash) -> bool {
        self.read(|shelves| shelves.parts.contains_key(blob))
    }

    fn read<T>(&self, read: impl FnOnce(&Shelves) -> T) -> T {
        read(&self.shelves.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_open_while_any_of_its_scenes_is() {
        let blob = |n| BlobHash([n; 32]);
        let mut shelves = Shelves::default();
        shelves.open(blob(1), [blob(1), blob(7), blob(8)].into());
        shelves.open(blob(2), [blob(2), blob(8)].into());
        shelves.close(blob(1));
        shelves.close(blob(1));
        assert_eq!(shelves.parts.into_keys().collect::<Vec<_>>(), [blob(2), blob(8)]);
    }
}
