//! What a submitter may set over the scene's own settings.

use crate::layers::Size;

/// Format of the output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// 8-bit PNG with the scene's view transform.
    Png,
    /// 16-bit PNG with the scene's view transform.
    Png16,
    /// JPEG, quality 90, with the scene's view transform.
    Jpeg,
    /// OpenEXR, 32-bit float, linear.
    Exr,
}

impl OutputFormat {
    /// The file name's ending, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            OutputFormat::Png | OutputFormat::Png16 => "png",
            OutputFormat::Jpeg => "jpg",
            OutputFormat::Exr => "exr",
        }
    }
}

/// Everything that a render needs besides scene and frame; the same for worker and verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderSettings {
    /// Size of the whole frame in pixels.
    pub size: Size,
    /// Samples per pixel, or the scene's own.
    pub samples: Option<u32>,
    /// Name of the scene in the file, or the active one.
    pub scene: Option<String>,
    /// Name of the camera, or the active one.
    pub camera: Option<String>,
    /// Whether to render with Cycles what is set to another render engine.
    pub force_cycles: bool,
    /// Format of the output.
    pub format: OutputFormat,
}
