//! Warm engines: kept with the scene that they have open, for the next task of that scene.

use crate::config::EngineConfig;
use candela_core::id::BlobHash;
use candela_core::scene::SceneFacts;
use candela_engine::OpenOptions;
use candela_engine::{Engine, EngineError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// What an engine has open: scene, main file and the scene's name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenScene {
    pub(crate) scene: BlobHash,
    pub(crate) main_file: String,
    pub(crate) name: Option<String>,
}

/// An engine with a scene open.
pub(crate) struct WarmEngine {
    pub(crate) engine: Engine,
    pub(crate) open: OpenScene,
    pub(crate) facts: SceneFacts,
}

/// Idle engines, and how new ones are made.
pub(crate) struct EnginePool {
    config: EngineConfig,
    scratch: PathBuf,
    most: usize,
    made: AtomicU64,
    idle: Mutex<Vec<WarmEngine>>,
}

impl EnginePool {
    pub(crate) fn new(config: EngineConfig, scratch: PathBuf, most: usize) -> EnginePool {
        // Left by a process that was killed; nothing in it is of use.
        std::fs::remove_dir_all(&scratch).ok();
        EnginePool { config, scratch, most, made: AtomicU64::new(0), idle: Mutex::default() }
    }

    /// An engine that has the scene open: a warm one, or a fresh one.
    pub(crate) async fn take(
        &self,
        open: OpenScene,
        folder: &Path,
    ) -> Result<WarmEngine, EngineError> {
        let warm = {
            let mut idle = self.idle.lock().await;
            idle.iter().position(|engine| engine.open == open).map(|at| idle.swap_remove(at))
        };
        match warm {
            Some(warm) => Ok(warm),
            None => self.fresh(open, folder).await,
        }
    }

    /// An engine in a process of its own that has rendered nothing yet.
    pub(crate) async fn fresh(
        &self,
        open: OpenScene,
        folder: &Path,
    ) -> Result<WarmEngine, EngineError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let scratch = self.scratch.join(format!("engine-{number}"));
        let mut options = self.config.options(scratch);
        // The regions of one frame then share what was built of the scene. A second replica is
        // rendered in a process of its own, so what differs between two buildings still shows.
        options.reuse_scene_data = true;
        let mut engine = Engine::start(options).await?;
        let options = OpenOptions { scene: open.name.clone() };
        let facts = engine.open(folder, Path::new(&open.main_file), &options).await?;
        Ok(WarmEngine { engine, open, facts })
    }

    /// Keeps an engine for the next task; the one that has been idle the longest makes room.
    pub(crate) async fn give(&self, engine: WarmEngine) {
        let surplus = {
            let mut idle = self.idle.lock().await;
            idle.push(engine);
            (idle.len() > self.most).then(|| idle.remove(0))
        };
        if let Some(surplus) = surplus {
            surplus.engine.quit().await;
        }
    }

    /// Ends every idle engine.
    pub(crate) async fn end(&self) {
        for engine in std::mem::take(&mut *self.idle.lock().await) {
            engine.engine.quit().await;
        }
        std::fs::remove_dir_all(&self.scratch).ok();
    }
}
