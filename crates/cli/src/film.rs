//! A film of a job's frames, made by the engine.

use crate::follow::Outcome;
use anyhow::{Context, Result, bail};
use candela_core::layers::Size;
use candela_engine::{Engine, EngineOptions, Installed, VideoRequest};
use std::path::{Path, PathBuf};

/// Frames per second if the scene doesn't say.
const FPS: f64 = 24.0;

/// Encodes the downloaded frames, in order, as an MP4.
///
/// # Errors
/// If there are none, the engine fails, or the file can't be written.
pub(crate) async fn encode(installed: &Installed, outcome: &Outcome, to: &Path) -> Result<()> {
    let frames: Vec<PathBuf> = outcome.files.values().cloned().collect();
    let Some(render) = outcome.job.render.as_ref().filter(|_| !frames.is_empty()) else {
        bail!("there are no frames to make a film of");
    };
    let scratch = tempfile::tempdir().context("can't make a temporary folder")?;
    let options = EngineOptions::new(installed.clone(), scratch.path());
    let mut engine = Engine::start(options).await.context("can't start the engine for the film")?;
    let request = VideoRequest {
        frames,
        size: Size { width: render.width_px, height: render.height_px },
        fps: outcome.job.fps.unwrap_or(FPS),
    };
    let film = engine.encode_video(&request).await.context("can't make the film");
    engine.quit().await;
    let film = film?;
    if let Some(folder) = to.parent() {
        tokio::fs::create_dir_all(folder)
            .await
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
    }
    // The scratch folder may lie on another disk, so it can't just be renamed.
    tokio::fs::copy(film, to).await.with_context(|| format!("can't write {}", to.display()))?;
    Ok(())
}
