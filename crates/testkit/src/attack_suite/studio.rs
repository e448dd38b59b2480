//! Renders what the suite compares, and keeps it, so that a second run renders nothing.
//!
//! A series is a few frames of one scene rendered in one way by one process. Each frame leaves its
//! layers, its output and a note of what it cost; the note is written last, so that what was cut off
//! is rendered again.

use super::scenery::Scene;
use crate::workspace;
use anyhow::{Context, Result};
use candela_core::id::BlobHash;
use candela_engine::{
    CpuClass, DevelopRequest, DriverSource, Engine, EngineOptions, Installed, OpenOptions,
    RenderRequest, Rendered, RenderedLayers,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// How far the engines step back behind other processes.
const NICE: u8 = 4;

/// Frames of one scene, rendered in one way by one process.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it is, in the names of files: `worker-native`, `control-no-avx2`, an attack's name.
    pub way: String,
    /// What drives the engine.
    pub driver: DriverSource,
    /// The driver's text, if it isn't the own one.
    pub driver_text: String,
    /// The processor's class.
    pub class: CpuClass,
    /// What is added to the scene's seed.
    pub seed_offset: i32,
    /// The frames.
    pub frames: Vec<i32>,
    /// Whether the output is wanted too.
    pub output: bool,
}

/// A rendered frame.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The layers file.
    pub layers: PathBuf,
    /// Its hash.
    pub layers_hash: BlobHash,
    /// The output, if it was wanted.
    pub output: Option<PathBuf>,
    /// Seconds of processor time that rendering took.
    pub cpu_s: f64,
    /// The most memory that the engine had had by then, in bytes.
    pub peak_memory_bytes: u64,
}

/// Renders, a few processes at once.
pub struct Studio {
    installed: Installed,
    /// Of the own driver, from which every picture follows.
    driver: blake3::Hash,
    cache: PathBuf,
    scratch: tempfile::TempDir,
    threads: u32,
    slots: Semaphore,
    numbers: AtomicU64,
}

impl Studio {
    /// A studio that keeps its pictures in `cache` and runs `at_once` processes on all cores.
    ///
    /// # Errors
    /// If folders can't be made.
    pub fn new(installed: Installed, cache: &Path, at_once: usize) -> Result<Studio> {
        std::fs::create_dir_all(cache)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Studio {
            installed,
            driver: own_driver()?,
            cache: cache.canonicalize()?,
            scratch: tempfile::Builder::new().prefix("candela-proof-").tempdir()?,
            threads: u32::try_from(cores.div_ceil(at_once.max(1)))?,
            slots: Semaphore::new(at_once.max(1)),
            numbers: AtomicU64::new(0),
        })
    }

    /// Where pictures are kept.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Options of a new engine, with a folder of its own.
    #[must_use]
    pub fn options(&self, what: &str) -> EngineOptions {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let folder = self.scratch.path().join(format!("{what}-{number}"));
        let mut options = EngineOptions::new(self.installed.clone(), folder);
        options.threads = Some(self.threads);
        options.limits.nice = NICE;
        options
    }

    /// The pictures of a series, in the order of its frames; those that are kept are not rendered again.
    ///
    /// # Errors
    /// If the engine fails, or a file can't be written.
    pub async fn render(&self, scene: &Scene, series: &Series) -> Result<Vec<Picture>> {
        let kept = |frame: &i32| self.kept(scene, series, *frame);
        if let Some(pictures) = series.frames.iter().map(kept).collect() {
            return Ok(pictures);
        }
        let _slot = self.slots.acquire().await?;
        let mut options = self.options(&series.way);
        let folder = options.scratch_dir.clone();
        (options.driver, options.cpu_class) = (series.driver.clone(), series.class);
        let mut engine = Engine::start(options).await?;
        engine.open(&scene.folder, &scene.file, &OpenOptions::default()).await?;
        let mut pictures = Vec::new();
        for frame in &series.frames {
            if let Some(picture) = kept(frame) {
                pictures.push(picture);
                continue;
            }
            let request = RenderRequest {
                frame: *frame,
                region: None,
                seed_offset: series.seed_offset,
                settings: scene.settings.clone(),
                output: series.output,
            };
            let rendered = engine.render(&request, |_| {}).await?;
            let (cpu_s, wall_s) = (rendered.cpu_seconds, rendered.seconds);
            eprintln!("{} {} {frame}: {cpu_s:.1} s, {wall_s:.1} s in all", scene.name, series.way);
            pictures.push(self.keep(scene, series, *frame, rendered)?);
        }
        engine.quit().await;
        std::fs::remove_dir_all(folder)?;
        Ok(pictures)
    }

    /// The outputs that follow from kept frames' layers, developed by an honest engine.
    ///
    /// # Errors
    /// If the engine fails, or a file can't be written.
    pub async fn develop(&self, scene: &Scene, frames: &[(i32, &Picture)]) -> Result<Vec<PathBuf>> {
        let developed = |picture: &Picture| picture.layers.with_extension("developed.png");
        let all: Vec<PathBuf> = frames.iter().map(|(_, picture)| developed(picture)).collect();
        if all.iter().all(|path| path.is_file()) {
            return Ok(all);
        }
        let _slot = self.slots.acquire().await?;
        let options = self.options("develop");
        let folder = options.scratch_dir.clone();
        let mut engine = Engine::start(options).await?;
        engine.open(&scene.folder, &scene.file, &OpenOptions::default()).await?;
        for ((frame, picture), to) in frames.iter().zip(&all).filter(|(_, to)| !to.is_file()) {
            let request = DevelopRequest {
                frame: *frame,
                region: None,
                settings: scene.settings.clone(),
                layers: picture.layers.clone(),
            };
            let part = to.with_extension("part");
            moved(&engine.develop(&request).await?, &part)?;
            std::fs::rename(&part, to)?;
        }
        engine.quit().await;
        std::fs::remove_dir_all(folder)?;
        Ok(all)
    }

    /// Path of a frame's files without their endings: the name holds all that decides on the pixels.
    fn stem(&self, scene: &Scene, series: &Series, frame: i32) -> PathBuf {
        let settings = &scene.settings;
        let mut hasher = blake3::Hasher::new();
        hasher.update(scene.contents.as_bytes());
        hasher.update(self.installed.build.0.as_bytes());
        hasher.update(self.driver.as_bytes());
        hasher.update(format!("{settings:?} {}", series.seed_offset).as_bytes());
        hasher.update(series.driver_text.as_bytes());
        let hash = hasher.finalize().to_hex();
        self.cache.join(&scene.name).join(format!("{}-{frame}-{}", series.way, &hash[..12]))
    }

    fn kept(&self, scene: &Scene, series: &Series, frame: i32) -> Option<Picture> {
        let stem = self.stem(scene, series, frame);
        let note = std::fs::read(stem.with_extension("json")).ok()?;
        let note: Value = serde_json::from_slice(&note).ok()?;
        Some(Picture {
            layers: stem.with_extension("layers"),
            layers_hash: note["layers"].as_str()?.parse().ok()?,
            output: series.output.then(|| stem.with_extension("png")),
            cpu_s: note["cpu_s"].as_f64()?,
            peak_memory_bytes: note["peak_memory_bytes"].as_u64()?,
        })
    }

    fn keep(
        &self,
        scene: &Scene,
        series: &Series,
        frame: i32,
        rendered: Rendered,
    ) -> Result<Picture> {
        let stem = self.stem(scene, series, frame);
        std::fs::create_dir_all(stem.parent().context("no folder")?)?;
        let RenderedLayers::File { path, .. } = rendered.layers else {
            anyhow::bail!("a whole frame came back as pixels");
        };
        let hash = BlobHash(*blake3::hash(&std::fs::read(&path)?).as_bytes());
        moved(&path, &stem.with_extension("layers"))?;
        if let Some(output) = rendered.output {
            moved(&output, &stem.with_extension("png"))?;
        }
        let note = json!({
            "layers": hash.to_string(),
            "cpu_s": rendered.cpu_seconds,
            "peak_memory_bytes": rendered.peak_memory_bytes,
        });
        std::fs::write(stem.with_extension("json"), serde_json::to_vec(&note)?)?;
        self.kept(scene, series, frame).context("what was just kept is gone")
    }
}

/// The hash of the own driver's files.
fn own_driver() -> Result<blake3::Hash> {
    let entries = std::fs::read_dir(workspace().join("crates/engine/src/driver"))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "py"));
    paths.sort();
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        hasher.update(&std::fs::read(path)?);
    }
    Ok(hasher.finalize())
}

/// Moves a file, also to another disk.
fn moved(from: &Path, to: &Path) -> Result<()> {
    if std::fs::rename(from, to).is_err() {
        std::fs::copy(from, to)?;
        std::fs::remove_file(from)?;
    }
    Ok(())
}
