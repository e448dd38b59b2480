//! A warm engine: one scene open in one sandboxed process, one request at a time.

use std::path::{Path, PathBuf};

use candela_core::layers::{Region, TileGrid};
use candela_core::scene::SceneFacts;
use candela_core::settings::RenderSettings;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::exr_read::{self, WantedLayer};
use crate::exr_write;
use crate::header;
use crate::launch::{Launch, SceneMount};
use crate::layers::LayersReader;
use crate::limits::START_S_MAX;
use crate::options::{
    DevelopRequest, EngineOptions, OpenOptions, RenderRequest, Rendered, RenderedLayers,
    VideoRequest,
};
use crate::output;
use crate::process::Process;
use crate::protocol::{self, Facts, Hello, Progress, RenderAnswer};

/// An engine. Dropping it kills its process; the files that it gave stay.
pub struct Engine {
    options: EngineOptions,
    launch: Launch,
    process: Option<Process>,
    scene_open: bool,
    results: u64,
    fresh: bool,
    undevelopable: Vec<String>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What a request that was given up on left behind can be gigabytes.
        self.kill();
        self.launch.clear_work().ok();
    }
}

impl Engine {
    /// Makes the folders; the process starts with the first request.
    ///
    /// # Errors
    /// If a folder can't be made or the driver is not there.
    pub async fn start(options: EngineOptions) -> Result<Self, EngineError> {
        let launch = Launch::new(&options)?;
        Ok(Engine {
            options,
            launch,
            process: None,
            scene_open: false,
            results: 0,
            fresh: false,
            undevelopable: Vec::new(),
        })
    }

    /// Asks what engine this is. A scene that was open is closed.
    ///
    /// # Errors
    /// If the process can't be started, the sandbox can't be made, or the engine fails.
    pub async fn hello(&mut self) -> Result<Hello, EngineError> {
        self.launch(&SceneMount::None)?;
        self.ask("hello", json!({}), START_S_MAX, &mut |_| {}).await
    }

    /// Opens a scene in a fresh process: `main_file` within `scene_dir`, of which nothing else of the disk is seen.
    ///
    /// # Errors
    /// If the file is no .blend, cut off, or of a newer version; if the engine declines or fails.
    pub async fn open(
        &mut self,
        scene_dir: &Path,
        main_file: &Path,
        options: &OpenOptions,
    ) -> Result<SceneFacts, EngineError> {
        let path = scene_dir.join(main_file);
        let version = self.options.installed.version;
        let checked = tokio::task::spawn_blocking(move || {
            let header = header::check_whole(&path)?;
            header::check_version(&header, [version[0], version[1]])?;
            Ok::<_, EngineError>(header)
        });
        let header = joined(checked.await)??;
        self.launch(&SceneMount::Folder(scene_dir.to_path_buf()))?;
        let inside = self.launch.scene_inside(scene_dir, main_file);
        let limit_s = self.options.limits.open_s_max;
        let request = json!({ "path": inside, "scene": options.scene });
        let mut facts: Facts = self.ask("open", request, limit_s, &mut |_| {}).await?;
        self.undevelopable = facts.take_undevelopable();
        self.scene_open = true;
        Ok(facts.into_core(header.version))
    }

    /// Renders a frame or a region of the open scene.
    ///
    /// # Errors
    /// If no scene is open, the engine declines, fails, crashes or breaks a limit. After a crash the
    /// scene has to be opened again.
    pub async fn render(
        &mut self,
        request: &RenderRequest,
        mut on_progress: impl FnMut(Progress) + Send,
    ) -> Result<Rendered, EngineError> {
        self.check_region(request.region, &request.settings)?;
        self.launch.clear_work()?;
        let wants_output = request.output && request.region.is_none();
        let output = format!("output.{}", request.settings.format.extension());
        let message = json!({
            "frame": request.frame,
            "region": request.region.map(|r| [r.x0, r.y0, r.x1, r.y1]),
            "seed_offset": request.seed_offset,
            "fresh": std::mem::take(&mut self.fresh),
            "settings": protocol::settings(&request.settings),
            "layers_path": self.launch.work_inside("layers.exr"),
            "output_path": wants_output.then(|| self.launch.work_inside(&output)),
        });
        let limit_s = self.options.limits.render_s_max;
        let answer: RenderAnswer =
            self.open_ask("render", message, limit_s, &mut on_progress).await?;
        let wanted = wanted(&answer);
        let layers = self.take_layers(request, wanted).await?;
        let output = if wants_output { Some(self.take_result(&output)?) } else { None };
        let seen = self.process.as_ref().map_or(0, Process::peak_memory_bytes);
        Ok(Rendered {
            layers,
            output,
            seconds: answer.seconds,
            cpu_seconds: answer.cpu_seconds,
            peak_memory_bytes: answer.peak_memory_bytes.max(seen),
        })
    }

    /// Develops layers: the output file, which belongs to the caller.
    ///
    /// # Errors
    /// As [`Engine::render`], and if the layers are not of the size that the settings say. What
    /// [`Engine::undevelopable`] knows of is declined with the code `undevelopable`.
    pub async fn develop(&mut self, request: &DevelopRequest) -> Result<PathBuf, EngineError> {
        self.check_region(request.region, &request.settings)?;
        let developed = self.develop_in_work(request).await;
        // The layers are as large as they get, and the engine may be idle for long.
        self.launch.clear_work()?;
        developed
    }

    /// Why the open scene's output can't be developed from its layers; empty if it can, as far as can be seen.
    #[must_use]
    pub fn undevelopable(&self) -> &[String] {
        &self.undevelopable
    }

    async fn develop_in_work(&mut self, request: &DevelopRequest) -> Result<PathBuf, EngineError> {
        self.launch.clear_work()?;
        let exr = self.launch.work_outside("layers.exr");
        let (layers, size) = (request.layers.clone(), request.settings.size);
        let expected = request.region.map_or(size, Region::size);
        let written = tokio::task::spawn_blocking(move || {
            let mut reader = LayersReader::open(&layers)?;
            if reader.header.layout.size != expected {
                return Err(EngineError::protocol("develop", "the layers have another size"));
            }
            Ok(exr_write::write(&mut reader, &exr)?)
        });
        joined(written.await)??;
        let output = format!("output.{}", request.settings.format.extension());
        let message = json!({
            "frame": request.frame,
            "region": request.region.map(|r| [r.x0, r.y0, r.x1, r.y1]),
            "settings": protocol::settings(&request.settings),
            "layers_path": self.launch.work_inside("layers.exr"),
            "output_path": self.launch.work_inside(&output),
        });
        let limit_s = self.options.limits.render_s_max;
        let _: Value = self.open_ask("develop", message, limit_s, &mut |_| {}).await?;
        self.take_result(&output)
    }

    /// Makes an MP4 (H.264) of pictures; it belongs to the caller. A scene that was open is closed.
    ///
    /// Pictures that lie in one folder are read where they are: thousands of them are not copied.
    ///
    /// # Errors
    /// If a picture can't be read, or the engine fails.
    pub async fn encode_video(&mut self, request: &VideoRequest) -> Result<PathBuf, EngineError> {
        if request.frames.is_empty() || !request.fps.is_finite() || request.fps <= 0.0 {
            return Err(EngineError::protocol(
                "encode_video",
                "it needs frames and a rate above 0",
            ));
        }
        let inside = match in_one_folder(&request.frames) {
            Some((folder, names)) => {
                self.launch(&SceneMount::Folder(folder.to_path_buf()))?;
                names.into_iter().map(|name| self.launch.scene_inside(folder, name)).collect()
            }
            None => {
                // A process that starts empties the folder, so it starts before the frames are put there.
                self.launch(&SceneMount::None)?;
                self.copy_into_work(&request.frames).await?
            }
        };
        let message = json!({
            "frames": inside,
            "width": request.size.width,
            "height": request.size.height,
            "fps": request.fps,
            "output_path": self.launch.work_inside("film.mp4"),
        });
        let limit_s = self.options.limits.render_s_max;
        let _: Value = self.ask("encode_video", message, limit_s, &mut |_| {}).await?;
        self.take_result("film.mp4")
    }

    async fn copy_into_work(&self, frames: &[PathBuf]) -> Result<Vec<PathBuf>, EngineError> {
        let mut inside = Vec::new();
        for (i, frame) in frames.iter().enumerate() {
            let ending = frame.extension().and_then(|e| e.to_str()).unwrap_or("png");
            let name = format!("film-{i:06}.{ending}");
            let to = self.launch.work_outside(&name);
            tokio::fs::copy(frame, &to)
                .await
                .map_err(|e| EngineError::io("can't copy", frame, e))?;
            inside.push(self.launch.work_inside(&name));
        }
        Ok(inside)
    }

    /// Makes the next render build the scene's data anew, even if it is a region of the same frame as the last.
    ///
    /// Wanted for a second replica: where a scene is not repeatable, renders differ only if they
    /// don't share that data.
    pub fn forget_scene_data(&mut self) {
        self.fresh = true;
    }

    /// Ends the process in an orderly way, or after two seconds not.
    pub async fn quit(mut self) {
        if let Some(process) = self.process.take() {
            process.quit().await;
        }
    }

    /// Kills the process and everything that it started; the scene is closed.
    pub fn kill(&mut self) {
        self.process = None;
        self.scene_open = false;
    }

    /// The last lines that the engine printed.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.process.as_ref().map(Process::last_lines).unwrap_or_default()
    }

    pub(crate) fn launch(&mut self, scene: &SceneMount) -> Result<(), EngineError> {
        self.kill();
        self.launch.clear_work()?;
        let spec = self.launch.spec(&self.options, scene)?;
        self.process = Some(Process::start(spec, self.launch.work_outside(""))?);
        Ok(())
    }

    async fn open_ask<T: DeserializeOwned>(
        &mut self,
        step: &'static str,
        message: Value,
        limit_s: u64,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<T, EngineError> {
        if !self.scene_open {
            return Err(EngineError::NotOpen);
        }
        self.ask(step, message, limit_s, on_progress).await
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &mut self,
        step: &'static str,
        mut message: Value,
        limit_s: u64,
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<T, EngineError> {
        message["op"] = json!(step);
        let process = self.process.as_mut().ok_or(EngineError::NotOpen)?;
        match process.request(step, &message, limit_s, on_progress).await {
            Ok(answer) => serde_json::from_value(answer)
                .map_err(|e| EngineError::protocol(step, e.to_string())),
            Err(error) => {
                // After these the process lives and is as it was.
                if !matches!(error, EngineError::Declined { .. } | EngineError::Failed { .. }) {
                    self.kill();
                }
                Err(error)
            }
        }
    }

    fn check_region(
        &self,
        region: Option<Region>,
        settings: &RenderSettings,
    ) -> Result<(), EngineError> {
        let size = settings.size;
        let empty = TileGrid { size }.is_empty();
        if empty || region.is_some_and(|region| !region.fits(size)) {
            return Err(EngineError::Declined {
                code: "bad-region".into(),
                text: format!(
                    "there is no such region in a frame of {} × {}",
                    size.width, size.height
                ),
            });
        }
        Ok(())
    }

    async fn take_layers(
        &mut self,
        request: &RenderRequest,
        wanted: Vec<WantedLayer>,
    ) -> Result<RenderedLayers, EngineError> {
        let exr = self.launch.checked_work_file("layers.exr")?;
        let to = self.next_result("layers");
        let expected = request.region.map_or(request.settings.size, Region::size);
        let whole = request.region.is_none();
        let read = tokio::task::spawn_blocking(move || {
            let layers = if whole {
                let header = exr_read::to_layers(&exr, &wanted, &to)?;
                RenderedLayers::File { path: to, header }
            } else {
                RenderedLayers::Pixels(exr_read::to_pixels(&exr, &wanted)?)
            };
            let size = match &layers {
                RenderedLayers::File { header, .. } => header.layout.size,
                RenderedLayers::Pixels(pixels) => pixels.size,
            };
            if size != expected {
                let problem = format!(
                    "it is {} × {} pixels, not {} × {}",
                    size.width, size.height, expected.width, expected.height
                );
                return Err(EngineError::protocol("render", problem));
            }
            std::fs::remove_file(&exr).map_err(|e| EngineError::io("can't remove", &exr, e))?;
            Ok(layers)
        });
        joined(read.await)?
    }

    fn take_result(&mut self, name: &str) -> Result<PathBuf, EngineError> {
        let from = self.launch.checked_work_file(name)?;
        output::strip_comments(&from).map_err(|e| EngineError::io("can't clean", &from, e))?;
        let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("out");
        let to = self.next_result(ending);
        std::fs::rename(&from, &to).map_err(|e| EngineError::io("can't move", &from, e))?;
        Ok(to)
    }

    fn next_result(&mut self, ending: &str) -> PathBuf {
        self.results += 1;
        self.launch.results_dir().join(format!("{:06}.{ending}", self.results))
    }

    pub(crate) fn work_file(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.launch.work_inside(name), self.launch.work_outside(name))
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.options
    }
}

/// The folder in which all of these lie, and their names in it.
fn in_one_folder(frames: &[PathBuf]) -> Option<(&Path, Vec<&Path>)> {
    let folder = frames.first()?.parent()?;
    let name = |frame: &'_ PathBuf| frame.parent() == Some(folder);
    let names = frames.iter().map(|frame| frame.file_name().map(Path::new));
    let names: Option<Vec<&Path>> = names.collect();
    frames.iter().all(name).then_some(())?;
    Some((folder, names?))
}

fn wanted(answer: &RenderAnswer) -> Vec<WantedLayer> {
    answer
        .layers
        .iter()
        .map(|layer| WantedLayer {
            name: layer.name.clone(),
            denoised: layer.denoised,
            passes: layer.passes.clone(),
        })
        .collect()
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, EngineError> {
    result
        .map_err(|e| EngineError::protocol("render", format!("reading the result broke off: {e}")))
}
