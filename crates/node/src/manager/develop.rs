//! The development check: the output that a user sees must follow from the layers that were verified.
//!
//! Probes bind the layers to the scene; without this, correct layers could come with any picture.
//! The manager develops the worker's layers with an engine of its own and compares with the output.
//! What goes wrong here is not the worker's fault: an engine that crashes is replaced once, and a
//! difference only counts if a second engine develops the same picture as the first.

use crate::engines::{EnginePool, OpenScene};
use crate::scenes::SceneCache;
use bytes::Bytes;
use candela_blobs::{BlobError, Blobs, ExportMode};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::task::Statement;
use candela_engine::compare_output::{OutputDifference, check_length, same_output};
use candela_engine::{DevelopRequest, EngineError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Longest development, with opening the scene. A frame of 4K takes under a minute on two cores;
/// scenes that take minutes to evaluate exist.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// How the manager develops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DevelopOptions {
    /// Developments at once; each may take the memory of an engine.
    pub(crate) at_once: usize,
    /// How long one may take.
    pub(crate) limit: Duration,
}

impl Default for DevelopOptions {
    fn default() -> Self {
        DevelopOptions { at_once: 1, limit: LIMIT }
    }
}

/// Develops layers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Developer {
    engines: Arc<EnginePool>,
    scenes: SceneCache,
    blobs: Blobs,
    folder: PathBuf,
    limit: Duration,
    at_once: Arc<Semaphore>,
}

/// The check could not be made; nobody is to blame for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevelopError {
    #[error("develop the layers: {0}")]
    Engine(#[from] EngineError),
    #[error("the scene's output does not follow from its layers: {0}")]
    Undevelopable(String),
    #[error("developing took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("two developments of the same layers differ: {0}")]
    NotRepeatable(OutputDifference),
    #[error("{0}")]
    Unreadable(OutputDifference),
    #[error("storage: {0}")]
    Storage(#[from] BlobError),
    #[error("read the development {}: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the manager is ending")]
    Ending,
}

/// A file that goes when this does, on every path.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Which engine develops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Warm,
    Fresh,
}

/// One frame's development, as often as it takes.
struct Frame<'a> {
    developer: &'a Developer,
    open: OpenScene,
    folder: PathBuf,
    request: DevelopRequest,
}

impl Developer {
    pub(crate) fn new(
        engines: EnginePool,
        scenes: SceneCache,
        blobs: Blobs,
        folder: PathBuf,
    ) -> Developer {
        let DevelopOptions { at_once, limit } = DevelopOptions::default();
        // Left by a process that was killed.
        std::fs::remove_dir_all(&folder).ok();
        let at_once = Arc::new(Semaphore::new(at_once));
        Developer { engines: Arc::new(engines), scenes, blobs, folder, limit, at_once }
    }

    /// What is wrong with an output, if it doesn't follow from the layers. Both are in storage.
    ///
    /// # Errors
    /// If that can't be found out; the worker is not to blame.
    pub(crate) async fn check(
        &self,
        open: OpenScene,
        settings: &RenderSettings,
        statement: &Statement,
    ) -> Result<Option<String>, DevelopError> {
        let _turn = self.at_once.acquire().await.map_err(|_| DevelopError::Ending)?;
        let layers = self.layers(statement).await?;
        let frame = Frame {
            developer: self,
            folder: self.scenes.folder_of(open.scene).await?,
            open,
            request: DevelopRequest {
                frame: statement.frame,
                region: None,
                settings: settings.clone(),
                layers: layers.0.clone(),
            },
        };
        let developed = frame.developed(Which::Warm).await?;
        if let Err(wrong) = check_length(statement.output_bytes, developed.len() as u64) {
            return Ok(Some(wrong.to_string()));
        }
        let delivered = self.blobs.read(statement.output, statement.output_bytes).await?;
        let Some(wrong) = compare(&delivered, &developed, settings.format).await? else {
            return Ok(None);
        };
        // Before somebody is blamed: does another engine say the same?
        let again = frame.developed(Which::Fresh).await?;
        if compare(&delivered, &again, settings.format).await?.is_none() {
            tracing::warn!(frame = statement.frame, "one of two developments differs: {wrong}");
            return Ok(None);
        }
        match compare(&again, &developed, settings.format).await? {
            None => Ok(Some(wrong.to_string())),
            Some(unlike) => Err(DevelopError::NotRepeatable(unlike)),
        }
    }

    /// The layers as a file, for as long as it is held.
    async fn layers(&self, statement: &Statement) -> Result<Passing, BlobError> {
        let failed = |source| BlobError::File {
            step: "making the folder",
            object: self.folder.display().to_string(),
            source,
        };
        tokio::fs::create_dir_all(&self.folder).await.map_err(failed)?;
        let to = self.folder.join(format!("layers-{}-{}", statement.lease, statement.frame));
        tokio::fs::remove_file(&to).await.ok();
        let passing = Passing(to);
        self.blobs.export(statement.layers, &passing.0, ExportMode::Copy).await?;
        Ok(passing)
    }
}

impl Frame<'_> {
    /// The output that the layers give. An engine that fails is replaced once by a fresh one.
    async fn developed(&self, which: Which) -> Result<Bytes, DevelopError> {
        match self.within_the_limit(which).await {
            Err(DevelopError::Engine(error)) if may_pass(&error) => {
                tracing::info!(frame = self.request.frame, "developing once more: {error}");
                self.within_the_limit(Which::Fresh).await
            }
            done => done,
        }
    }

    async fn within_the_limit(&self, which: Which) -> Result<Bytes, DevelopError> {
        let limit = self.developer.limit;
        // An engine that is given up on is killed as it is dropped.
        let developed = tokio::time::timeout(limit, self.once(which)).await;
        developed.unwrap_or(Err(DevelopError::TimedOut(limit)))
    }

    async fn once(&self, which: Which) -> Result<Bytes, DevelopError> {
        let engines = &self.developer.engines;
        let mut warm = match which {
            Which::Warm => engines.take(self.open.clone(), &self.folder).await?,
            Which::Fresh => engines.fresh(self.open.clone(), &self.folder).await?,
        };
        let developed = match warm.engine.develop(&self.request).await {
            Ok(path) => Passing(path),
            Err(EngineError::Declined { code, text }) if code == "undevelopable" => {
                engines.give(warm).await;
                return Err(DevelopError::Undevelopable(text));
            }
            Err(error) => return Err(error.into()),
        };
        engines.give(warm).await;
        read(&developed.0).await
    }
}

/// Whether an error may be one of this engine only; what the scene or the layers make comes again.
fn may_pass(error: &EngineError) -> bool {
    !error.is_refusal() && !matches!(error, EngineError::Layers(_))
}

async fn read(path: &Path) -> Result<Bytes, DevelopError> {
    let bytes = tokio::fs::read(path).await;
    let failed = |source| DevelopError::File { path: path.to_owned(), source };
    Ok(bytes.map_err(failed)?.into())
}

/// What is wrong with the first of two outputs, if it isn't the second.
async fn compare(
    delivered: &Bytes,
    developed: &Bytes,
    format: OutputFormat,
) -> Result<Option<OutputDifference>, DevelopError> {
    let (delivered, developed) = (delivered.clone(), developed.clone());
    let compared =
        tokio::task::spawn_blocking(move || same_output(&delivered, &developed, format).err());
    match compared.await.map_err(|_| DevelopError::Ending)? {
        Some(ours @ OutputDifference::Development(_)) => Err(DevelopError::Unreadable(ours)),
        compared => Ok(compared),
    }
}

#[cfg(test)]
#[path = "develop_tests.rs"]
mod tests;
