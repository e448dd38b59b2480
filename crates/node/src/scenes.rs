//! Scene folders: collections laid out as files, once for each scene, for engines to read.

use candela_blobs::{BlobError, Blobs, ExportMode};
use candela_core::id::BlobHash;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Lays out scenes whose blobs are here. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SceneCache {
    blobs: Blobs,
    folder: PathBuf,
    // Scenes are laid out one at a time, so that two tasks of one scene don't get in each other's way.
    one: Arc<Mutex<()>>,
}

impl SceneCache {
    pub(crate) fn new(blobs: Blobs, folder: PathBuf) -> SceneCache {
        SceneCache { blobs, folder, one: Arc::default() }
    }

    /// The folder of a scene; laid out now if it isn't yet.
    pub(crate) async fn folder_of(&self, scene: BlobHash) -> Result<PathBuf, BlobError> {
        let _one = self.one.lock().await;
        let folder = self.folder.join(scene.to_string());
        if !folder.is_dir() {
            std::fs::create_dir_all(&self.folder).map_err(|source| BlobError::File {
                step: "making the folder",
                object: self.folder.display().to_string(),
                source,
            })?;
            self.blobs.export_collection(scene, &folder, ExportMode::Copy).await?;
        }
        Ok(folder)
    }

    /// Scenes that are laid out.
    pub(crate) fn held(&self) -> Vec<BlobHash> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }
}
