//! What inspection found out about a scene: facts from the engine, on which the rules decide.

use crate::layers::Size;

/// A file that the scene names and that was not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// The path as the scene names it, e.g. `//textures/wood.png`.
    pub path: String,
    /// What wants it: `image`, `library`, `font`, `sound`, `cache`, `volume`, …
    pub kind: String,
    /// The data-block that names it.
    pub used_by: String,
}

/// Facts about an opened scene, from the engine. Nothing in here is a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneFacts {
    /// Version that saved the file, e.g. `[4, 5, 1]`; from the file's header.
    pub saved_by: [u32; 3],
    /// Version of the engine that looked.
    pub engine_version: [u32; 3],
    /// The scene's render engine as the file names it: `CYCLES`, `BLENDER_EEVEE_NEXT`, …
    pub render_engine: String,
    /// Name of the active scene.
    pub scene_name: String,
    /// Names of all scenes in the file.
    pub scenes: Vec<String>,
    /// Name of the active camera; none: it can't be rendered.
    pub camera: Option<String>,
    /// All cameras of the active scene.
    pub cameras: Vec<String>,
    /// First frame of the scene's range.
    pub frame_start: i32,
    /// Last frame, inclusive.
    pub frame_end: i32,
    /// Every how many frames one is rendered.
    pub frame_step: u32,
    /// Frames per second.
    pub fps: f64,
    /// Resolution before the percentage.
    pub size: Size,
    /// The file's own resolution percentage.
    pub percentage: u32,
    /// Whether a render border is on; the network renders the whole frame and says so.
    pub border: bool,
    /// Samples per pixel, at most.
    pub samples: u32,
    /// Whether adaptive sampling is on.
    pub adaptive_sampling: bool,
    /// Whether the final render is denoised.
    pub denoiser: Option<String>,
    /// Whether path guiding is on: then a region is not bit-identical to the frame.
    pub path_guiding: bool,
    /// Time limit per frame in seconds; its result depends on the machine's speed.
    pub time_limit_s: f64,
    /// Whether the seed changes with the frame.
    pub seed_animated: bool,
    /// Whether the active scene has a compositor tree in use.
    pub compositor: bool,
    /// Output file nodes that were muted.
    pub output_file_nodes: u32,
    /// Whether the sequencer would replace the render.
    pub sequencer: bool,
    /// The file's own output format: `PNG`, `OPEN_EXR`, `FFMPEG`, …
    pub file_format: String,
    /// The device the file asks for: `CPU` or `GPU`.
    pub device: String,
    /// Drivers and handlers that want scripts, which never run.
    pub scripts: Vec<String>,
    /// Simulations without a baked cache, by object.
    pub unbaked: Vec<String>,
    /// Files that the scene names and that are not there.
    pub missing: Vec<MissingFile>,
    /// What the engine itself said while opening, at most a few lines.
    pub warnings: Vec<String>,
}

/// Bit of a preview pixel that differed between two renders with the same seed.
pub const DIFFERS_AGAIN: u8 = 1;

/// Bit of a noisy preview pixel in which a processor without its newer instructions shows something else.
pub const DIFFERS_BY_CLASS: u8 = 2;

/// What a small preview of the scene told.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewFacts {
    /// Size of the preview, whose shape is the frame's.
    pub size: Size,
    /// Noise per preview pixel, row by row from the top left: how far two renders with different seeds differ.
    pub noise: Vec<f32>,
    /// Share of the preview's pixels, from 0 to 1, that differ between two renders with the same seed in two processes.
    pub unrepeatable_share: f64,
    /// Whether the middle frame of the preview is black all over.
    pub black: bool,
    /// Share of the preview's noisy pixels, from 0 to 1, in which a processor without its newer
    /// instructions shows something else: where rounding decides what is seen.
    pub class_share: f64,
    /// One per preview pixel: [`DIFFERS_AGAIN`] and [`DIFFERS_BY_CLASS`], or 0; row by row. Says where
    /// whole areas of honest frames may differ.
    pub unsteady: Vec<u8>,
    /// Why the output can't be developed again from its layers; empty if it can.
    pub undevelopable: Vec<String>,
}

impl SceneFacts {
    /// Size of a frame at that percentage, rounded as Blender does: down, and never below one pixel.
    #[must_use]
    pub fn size_at(&self, percentage: u32) -> Size {
        let scaled = |px: u32| {
            let scaled = u64::from(px) * u64::from(percentage) / 100;
            u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
        };
        Size { width: scaled(self.size.width), height: scaled(self.size.height) }
    }
}
