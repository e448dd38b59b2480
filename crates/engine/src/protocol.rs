//! The lines that an engine's process sends, and their translation into the types of the rules.
//!
//! The process is not trusted: lengths are cut here, and numbers are checked where they are used.

use candela_core::layers::Size;
use candela_core::scene::{MissingFile, SceneFacts};
use candela_core::settings::{OutputFormat, RenderSettings};
use serde::Deserialize;
use serde_json::{Value, json};

/// How far a render is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Samples per pixel done.
    pub samples_done: u32,
    /// Samples per pixel in all.
    pub samples: u32,
    /// Seconds left, as the engine estimates.
    pub seconds_left: Option<f64>,
    /// The engine's own count of its memory, in bytes.
    pub memory_bytes: u64,
}

/// One line from the engine.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Answer {
    Progress(Progress),
    Done { result: Value },
    Error { code: String, text: String },
}

/// A device that can render.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeviceInfo {
    /// `CPU`, `CUDA`, `OPTIX`, `HIP`, `ONEAPI` or `METAL`.
    pub kind: String,
    /// Name of the product.
    pub name: String,
}

/// What an engine says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hello {
    /// Version of the engine.
    pub version: [u32; 3],
    /// Devices that it can render on.
    #[serde(default)]
    pub devices: Vec<DeviceInfo>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RenderAnswer {
    pub(crate) layers: Vec<LayerAnswer>,
    #[serde(default)]
    pub(crate) seconds: f64,
    #[serde(default)]
    pub(crate) cpu_seconds: f64,
    #[serde(default)]
    pub(crate) peak_memory_bytes: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LayerAnswer {
    pub(crate) name: String,
    pub(crate) denoised: bool,
    pub(crate) passes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FileAnswer {
    pub(crate) path: String,
    pub(crate) absolute: String,
    pub(crate) kind: String,
    pub(crate) used_by: String,
    pub(crate) library: Option<String>,
    pub(crate) exists: bool,
    pub(crate) files: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DependenciesAnswer {
    pub(crate) files: Vec<FileAnswer>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RemapAnswer {
    pub(crate) changed: u64,
}

#[derive(Debug, Deserialize)]
struct Missing {
    path: String,
    kind: String,
    used_by: String,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Facts {
    saved_by: [u32; 3],
    engine_version: [u32; 3],
    render_engine: String,
    scene_name: String,
    scenes: Vec<String>,
    camera: Option<String>,
    cameras: Vec<String>,
    frame_start: i32,
    frame_end: i32,
    frame_step: u32,
    fps: f64,
    width: u32,
    height: u32,
    percentage: u32,
    border: bool,
    samples: u32,
    adaptive_sampling: bool,
    denoiser: Option<String>,
    path_guiding: bool,
    time_limit_s: f64,
    seed_animated: bool,
    compositor: bool,
    output_file_nodes: u32,
    sequencer: bool,
    file_format: String,
    device: String,
    scripts: Vec<String>,
    unbaked: Vec<String>,
    undevelopable: Vec<String>,
    missing: Vec<Missing>,
    warnings: Vec<String>,
}

/// Most entries of a list of facts, and most characters of a text.
const LIST_MAX: usize = 500;
const TEXT_MAX: usize = 1000;

/// Most bytes of a list of facts: a row of the database holds all of them.
const LIST_BYTES_MAX: usize = 128 << 10;

fn cut(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

fn cut_all(texts: Vec<String>) -> Vec<String> {
    cut_list(texts, cut, String::len)
}

fn cut_list<T, U>(entries: Vec<T>, cut: impl Fn(T) -> U, bytes: impl Fn(&U) -> usize) -> Vec<U> {
    let mut left = LIST_BYTES_MAX;
    let entries = entries.into_iter().take(LIST_MAX).map(cut);
    entries
        .map_while(|entry| {
            left = left.checked_sub(bytes(&entry))?;
            Some(entry)
        })
        .collect()
}

impl Facts {
    /// Why the scene's output does not follow from its layers.
    pub(crate) fn take_undevelopable(&mut self) -> Vec<String> {
        cut_all(std::mem::take(&mut self.undevelopable))
    }

    /// As the rules know them; `saved_by` is what the file's header says.
    pub(crate) fn into_core(self, header_version: [u32; 2]) -> SceneFacts {
        let third = if self.saved_by[..2] == header_version { self.saved_by[2] } else { 0 };
        let missing = |m: Missing| MissingFile {
            path: cut(m.path),
            kind: cut(m.kind),
            used_by: cut(m.used_by),
        };
        SceneFacts {
            saved_by: [header_version[0], header_version[1], third],
            engine_version: self.engine_version,
            render_engine: cut(self.render_engine),
            scene_name: cut(self.scene_name),
            scenes: cut_all(self.scenes),
            camera: self.camera.map(cut),
            cameras: cut_all(self.cameras),
            frame_start: self.frame_start,
            frame_end: self.frame_end,
            frame_step: self.frame_step.max(1),
            fps: if self.fps.is_finite() { self.fps } else { 24.0 },
            size: Size { width: self.width, height: self.height },
            percentage: self.percentage,
            border: self.border,
            samples: self.samples,
            adaptive_sampling: self.adaptive_sampling,
            denoiser: self.denoiser.map(cut),
            path_guiding: self.path_guiding,
            time_limit_s: self.time_limit_s,
            seed_animated: self.seed_animated,
            compositor: self.compositor,
            output_file_nodes: self.output_file_nodes,
            sequencer: self.sequencer,
            file_format: cut(self.file_format),
            device: cut(self.device),
            scripts: cut_all(self.scripts),
            unbaked: cut_all(self.unbaked),
            missing: cut_list(self.missing, missing, |m| {
                m.path.len() + m.kind.len() + m.used_by.len()
            }),
            warnings: cut_all(self.warnings),
        }
    }
}

/// The settings as the driver reads them.
pub(crate) fn settings(settings: &RenderSettings) -> Value {
    let format = match settings.format {
        OutputFormat::Png => "png",
        OutputFormat::Png16 => "png16",
        OutputFormat::Jpeg => "jpeg",
        OutputFormat::Exr => "exr",
    };
    json!({
        "width": settings.size.width,
        "height": settings.size.height,
        "samples": settings.samples,
        "scene": settings.scene,
        "camera": settings.camera,
        "force_cycles": settings.force_cycles,
        "format": format,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_engine_says_of_a_scene_stays_small() {
        let text = || "語".repeat(TEXT_MAX + 1);
        let texts = || vec![text(); LIST_MAX + 1];
        let missing = || Missing { path: text(), kind: "image".into(), used_by: text() };
        let mut facts = Facts {
            scenes: texts(),
            cameras: texts(),
            scripts: texts(),
            unbaked: texts(),
            undevelopable: texts(),
            missing: (0..=LIST_MAX).map(|_| missing()).collect(),
            warnings: vec!["short".into(); LIST_MAX + 1],
            ..Facts::default()
        };
        let list = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        let undevelopable = facts.take_undevelopable();
        let facts = facts.into_core([405, 0]);
        assert_eq!(facts.warnings.len(), LIST_MAX);
        for texts in [&facts.scenes, &facts.cameras, &facts.scripts, &facts.unbaked, &undevelopable]
        {
            assert!(!texts.is_empty() && list(texts) <= LIST_BYTES_MAX);
            assert_eq!(texts[0].chars().count(), TEXT_MAX);
        }
        let bytes = |m: &MissingFile| m.path.len() + m.kind.len() + m.used_by.len();
        assert!(!facts.missing.is_empty());
        assert!(facts.missing.iter().map(bytes).sum::<usize>() <= LIST_BYTES_MAX);
    }
}
