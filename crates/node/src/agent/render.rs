//! A task on its worker: fetch the scene, render frame by frame, commit to each, say so.

use super::{Outcome, Shared};
use crate::engines::{OpenScene, WarmEngine};
use candela_blobs::{BlobError, FetchOptions, ImportMode};
use candela_core::farm::Fault;
use candela_core::id::{BlobHash, LeaseId};
use candela_core::task::Statement;
use candela_engine::{EngineError, Progress};
use candela_engine::{RenderRequest, Rendered, RenderedLayers};
use candela_wire::session::{FrameProgress, TaskOffer, ToManagerBody, statement_bytes};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// A scene with all its files at most: 64 GiB.
const SCENE_BYTES_MAX: u64 = 64 << 30;

/// Why a frame, or the whole task, came to nothing on this machine.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("storage: {0}")]
    Storage(#[from] BlobError),
}

impl WorkError {
    /// Whose fault it looks like from here.
    fn fault(&self) -> Fault {
        match self {
            WorkError::Engine(
                EngineError::Crashed { .. }
                | EngineError::OutOfMemory { .. }
                | EngineError::TimedOut { .. }
                | EngineError::Failed { .. }
                | EngineError::Declined { .. }
                | EngineError::Header(_)
                | EngineError::Layers(_)
                | EngineError::Protocol { .. },
            ) => Fault::Engine,
            WorkError::Engine(_) | WorkError::Storage(_) => Fault::Worker,
        }
    }
}

/// Works on a task until it is done, it fails, or it is taken back.
pub(super) async fn task(shared: Arc<Shared>, offer: TaskOffer, cancel: CancellationToken) {
    let lease = offer.lease;
    tokio::select! {
        () = cancel.cancelled() => {}
        () = work(&shared, &offer) => {}
    }
    forget_progress(&shared, lease);
    // The loop is gone only if the node is ending.
    shared.results.send(Outcome::TaskOver(lease)).await.ok();
}

async fn work(shared: &Shared, offer: &TaskOffer) {
    let Ok(_slot) = shared.rendering.acquire().await else { return };
    let (Some(first), lease) = (offer.frames.first().copied(), offer.lease) else { return };
    let mut failed_at = first;
    if let Err(error) = frames(shared, offer, &mut failed_at).await {
        let (fault, text) = (error.fault(), error.to_string());
        tracing::warn!(lease_id = %lease, frame = failed_at, "a frame failed: {text}");
        say(shared, ToManagerBody::FrameFailed { lease, frame: failed_at, fault, text }).await;
        if fault == Fault::Engine {
            Box::pin(rest(shared, offer, failed_at)).await;
        }
    }
}

/// The frames after one that failed by the engine: the lease still holds them.
async fn rest(shared: &Shared, offer: &TaskOffer, failed: i32) {
    let frames: Vec<i32> = offer.frames.iter().copied().filter(|frame| *frame > failed).collect();
    if !frames.is_empty() {
        let offer = TaskOffer { frames, ..offer.clone() };
        // The slot is still this task's.
        let mut failed_at = failed;
        if let Err(error) = self::frames(shared, &offer, &mut failed_at).await {
            let (lease, fault, text) = (offer.lease, error.fault(), error.to_string());
            say(shared, ToManagerBody::FrameFailed { lease, frame: failed_at, fault, text }).await;
            if fault == Fault::Engine {
                Box::pin(rest(shared, &offer, failed_at)).await;
            }
        }
    }
}

async fn frames(shared: &Shared, offer: &TaskOffer, at: &mut i32) -> Result<(), WorkError> {
    let Some(first) = offer.frames.first() else { return Ok(()) };
    *at = *first;
    let folder = scene_folder(shared, offer.scene).await?;
    let open = OpenScene {
        scene: offer.scene,
        main_file: offer.main_file.clone(),
        name: offer.settings.scene.clone(),
    };
    let mut warm = shared.engines.take(open, &folder).await?;
    for frame in &offer.frames {
        *at = *frame;
        let rendered = render(shared, &mut warm, offer, *frame).await?;
        let body = commit(shared, offer, *frame, rendered).await?;
        say(shared, body).await;
    }
    shared.engines.give(warm).await;
    Ok(())
}

/// The folder of a scene; what is missing of it is fetched.
pub(super) async fn scene_folder(shared: &Shared, scene: BlobHash) -> Result<PathBuf, BlobError> {
    let options = FetchOptions {
        bytes_max: SCENE_BYTES_MAX,
        ..FetchOptions::pinned(format!("scene/{scene}"))
    };
    let stats = shared.fetcher.fetch_collection(scene, &shared.storage(), &options).await?;
    if stats.bytes_transferred > 0 {
        tracing::info!(
            bytes = stats.bytes_transferred,
            local = stats.bytes_local,
            "a scene was fetched"
        );
    }
    shared.scenes.folder_of(scene).await
}

async fn render(
    shared: &Shared,
    warm: &mut WarmEngine,
    offer: &TaskOffer,
    frame: i32,
) -> Result<Rendered, EngineError> {
    let request = RenderRequest {
        frame,
        region: None,
        seed_offset: 0,
        settings: offer.settings.clone(),
        output: true,
    };
    let lease = offer.lease;
    let note = |progress: Progress| {
        let mut board = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = FrameProgress {
            lease,
            frame,
            samples_done: progress.samples_done,
            samples: progress.samples,
            memory_bytes: progress.memory_bytes,
        };
        board.insert((lease, frame), entry);
    };
    let rendered = warm.engine.render(&request, note).await;
    let mut board = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    board.remove(&(lease, frame));
    rendered
}

/// Puts layers and output into storage and states it.
async fn commit(
    shared: &Shared,
    offer: &TaskOffer,
    frame: i32,
    rendered: Rendered,
) -> Result<ToManagerBody, WorkError> {
    let peak_memory_bytes = rendered.peak_memory_bytes;
    let render_ms = (rendered.seconds.max(0.0) * 1_000.0) as u64;
    let (RenderedLayers::File { path: layers, .. }, Some(output)) =
        (rendered.layers, rendered.output)
    else {
        let problem = "a whole frame came back without its layers or its output".to_owned();
        return Err(EngineError::Protocol { step: "render", problem }.into());
    };
    let pin = |what| format!("work/{}/{}/{frame}/{what}", unix_s(), offer.lease);
    let layers = add(shared, &layers, &pin("layers")).await?;
    let output = add(shared, &output, &pin("output")).await?;
    shared.blobs.sync().await?;
    let statement = Statement {
        task: offer.task,
        lease: offer.lease,
        frame,
        scene: offer.scene,
        layers: layers.hash,
        layers_bytes: layers.bytes,
        output: output.hash,
        output_bytes: output.bytes,
        engine: offer.engine.clone(),
        device: shared.device(),
        render_ms,
        peak_memory_bytes,
    };
    let signature = shared.key.sign(&statement_bytes(&statement));
    tracing::info!(lease_id = %offer.lease, frame, render_ms, "rendered");
    Ok(ToManagerBody::Receipt { statement: Box::new(statement), signature })
}

async fn add(shared: &Shared, path: &Path, pin: &str) -> Result<candela_blobs::Added, BlobError> {
    let added = shared.blobs.add_path(path, ImportMode::Copy, pin).await;
    // The engine's copy has served.
    tokio::fs::remove_file(path).await.ok();
    added
}

pub(super) async fn say(shared: &Shared, body: ToManagerBody) {
    // The loop is gone only if the node is ending.
    shared.results.send(Outcome::Say(body)).await.ok();
}

pub(super) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn forget_progress(shared: &Shared, lease: LeaseId) {
    let mut board = shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
    board.retain(|(of, _), _| *of != lease);
}
