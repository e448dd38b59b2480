//! How an engine is run, what it is asked, and what it gives.

use std::path::{Path, PathBuf};

use candela_core::layers::{Pixels, Region, Size};
use candela_core::settings::RenderSettings;

use crate::layers::LayersHeader;
use crate::limits::EngineLimits;
use crate::provision::Installed;
use crate::sandbox::SandboxMode;

/// What runs inside the engine's process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DriverSource {
    /// The driver that is part of this crate.
    #[default]
    Own,
    /// A Python file, run by the engine's Python with the own driver importable as `candela_driver`,
    /// and with what lies in a folder `modules` beside it.
    Python(PathBuf),
    /// A program that speaks the same lines.
    Program(PathBuf),
}

impl DriverSource {
    /// The driver at a path: Python if it ends in `.py`, a program otherwise.
    #[must_use]
    pub fn from_path(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending == "py" => DriverSource::Python(path.to_path_buf()),
            _ => DriverSource::Program(path.to_path_buf()),
        }
    }
}

/// What to render on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// NVIDIA cards, by CUDA.
    Cuda,
    /// NVIDIA cards, by OptiX.
    Optix,
    /// AMD cards.
    Hip,
    /// Intel cards.
    OneApi,
}

impl Device {
    /// Name as Cycles has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Device::Cpu => "CPU",
            Device::Cuda => "CUDA",
            Device::Optix => "OPTIX",
            Device::Hip => "HIP",
            Device::OneApi => "ONEAPI",
        }
    }
}

/// Which of its abilities the processor uses; all but the first are for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CpuClass {
    /// All that it has.
    #[default]
    Native,
    /// No AVX2.
    NoAvx2,
    /// No AVX2, and Cycles' own ray tracing tree instead of Embree.
    NoAvx2NoEmbree,
}

impl CpuClass {
    /// Name as the driver has it, e.g. `no-avx2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CpuClass::Native => "native",
            CpuClass::NoAvx2 => "no-avx2",
            CpuClass::NoAvx2NoEmbree => "no-avx2-no-embree",
        }
    }
}

/// How an engine is run.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The engine's program.
    pub installed: Installed,
    /// What drives it.
    pub driver: DriverSource,
    /// Folder for this engine alone: its writable folder, and its results.
    pub scratch_dir: PathBuf,
    /// What it may use.
    pub limits: EngineLimits,
    /// Threads for rendering; all of the machine's by default.
    pub threads: Option<u32>,
    /// What it renders on.
    pub device: Device,
    /// For tests: a lesser processor.
    pub cpu_class: CpuClass,
    /// Whether regions of one frame share what the engine built of the scene: the same pixels, sooner.
    ///
    /// Off by default: two renders that share it agree also where a scene is not repeatable, so who
    /// looks for unstable pixels must call [`Engine::forget_scene_data`](crate::Engine::forget_scene_data).
    pub reuse_scene_data: bool,
    /// Whether it is shut in.
    pub sandbox: SandboxMode,
}

impl EngineOptions {
    /// The usual options: own driver, default limits, processor, sandbox on.
    #[must_use]
    pub fn new(installed: Installed, scratch_dir: impl Into<PathBuf>) -> Self {
        EngineOptions {
            installed,
            driver: DriverSource::default(),
            scratch_dir: scratch_dir.into(),
            limits: EngineLimits::default(),
            threads: None,
            device: Device::default(),
            cpu_class: CpuClass::default(),
            reuse_scene_data: false,
            sandbox: SandboxMode::default(),
        }
    }
}

/// How a scene is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Name of the scene in the file whose facts are wanted, or the active one.
    pub scene: Option<String>,
}

/// One render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderRequest {
    /// Number of the frame.
    pub frame: i32,
    /// The part of the frame, or all of it.
    pub region: Option<Region>,
    /// What is added to the scene's seed; 0 for the scene's own picture.
    pub seed_offset: i32,
    /// The settings.
    pub settings: RenderSettings,
    /// Whether the output is wanted too; only for whole frames.
    pub output: bool,
}

/// What a render gave.
#[derive(Debug)]
pub struct Rendered {
    /// The layers.
    pub layers: RenderedLayers,
    /// The output file, if it was wanted. It belongs to the caller.
    pub output: Option<PathBuf>,
    /// Seconds that the engine took.
    pub seconds: f64,
    /// Seconds of processor time that it took, all threads added up; 0 if the driver doesn't say.
    pub cpu_seconds: f64,
    /// The most memory that the engine has had so far, in bytes.
    pub peak_memory_bytes: u64,
}

/// Layers of a whole frame are a file, those of a region pixels.
#[derive(Debug)]
pub enum RenderedLayers {
    /// A whole frame's layers file; it belongs to the caller.
    File {
        /// Where it lies.
        path: PathBuf,
        /// What it holds.
        header: LayersHeader,
    },
    /// A region's pixels.
    Pixels(Pixels),
}

/// One development.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevelopRequest {
    /// Number of the frame.
    pub frame: i32,
    /// The part of the frame that the layers cover, or all of it.
    pub region: Option<Region>,
    /// The settings.
    pub settings: RenderSettings,
    /// The layers file.
    pub layers: PathBuf,
}

/// One film.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoRequest {
    /// The pictures, in order; all of one format.
    pub frames: Vec<PathBuf>,
    /// Size of the film.
    pub size: Size,
    /// Frames per second.
    pub fps: f64,
}
