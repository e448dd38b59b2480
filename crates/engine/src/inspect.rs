//! Looks at a scene before the network takes it: its facts, and a small preview that shows where it is noisy.

use std::path::Path;

use candela_core::layers::{Pixels, Region, Size};
use candela_core::scene::{DIFFERS_AGAIN, DIFFERS_BY_CLASS, PreviewFacts, SceneFacts};
use candela_core::settings::{OutputFormat, RenderSettings};

use crate::compare_output::same_output;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::layers::LayersReader;
use crate::options::{
    CpuClass, DevelopRequest, Device, EngineOptions, OpenOptions, RenderRequest, Rendered,
    RenderedLayers,
};

/// What inspection found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Facts about the scene.
    pub facts: SceneFacts,
    /// What the preview told; none if the scene can't be rendered as it is (the facts say why).
    pub preview: Option<PreviewFacts>,
    /// Whether the output follows from the layers.
    pub development: Development,
}

/// Whether a scene's output follows from its layers, so that the output can be checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Development {
    /// Not looked at, since there is no preview.
    #[default]
    Unknown,
    /// The preview's output was developed again from its layers, in another process.
    Repeats,
    /// It can't be so, or wasn't: the reasons, for people.
    Differs(Vec<String>),
}

/// What inspection is to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InspectOptions {
    /// Name of the scene in the file, or the active one.
    pub scene: Option<String>,
    /// Name of the camera, or the active one.
    pub camera: Option<String>,
    /// Whether to render with Cycles what is set to another render engine.
    pub force_cycles: bool,
    /// The first and the last frame that are wanted, or the scene's own range.
    pub frames: Option<(i32, i32)>,
}

/// Longer side of the preview in pixels.
pub const PREVIEW_EDGE_PX: u32 = 200;

/// Most samples per pixel of the preview: enough for noise to show, few enough for a second or two.
pub const PREVIEW_SAMPLES: u32 = 8;

/// What is added to the seed for the preview's second picture.
const OTHER_SEED: i32 = 7919;

/// Opens a scene, takes its facts and renders the preview: twice in one process with two seeds, once more in another.
///
/// # Errors
/// If the file is no scene for this engine, or the engine fails.
pub async fn inspect(
    options: EngineOptions,
    scene_dir: &Path,
    main_file: &Path,
    what: &InspectOptions,
) -> Result<Inspection, EngineError> {
    let lesser = lesser(&options);
    let mut engine = Engine::start(options).await?;
    let open = OpenOptions { scene: what.scene.clone() };
    let facts = engine.open(scene_dir, main_file, &open).await?;
    let renders = facts.render_engine == "CYCLES" || what.force_cycles;
    if !renders || (facts.camera.is_none() && what.camera.is_none()) || facts.size.pixels() == 0 {
        return Ok(Inspection { facts, preview: None, development: Development::Unknown });
    }
    let request = request(&facts, what);
    let known = engine.undevelopable().to_vec();
    let with_output = RenderRequest { output: known.is_empty(), ..request.clone() };
    let developable = engine.render(&with_output, |_| {}).await?;
    let first = pixels(&developable, &request)?;
    let other = RenderRequest { seed_offset: OTHER_SEED, ..request.clone() };
    let other = picture(&mut engine, &other).await?;
    engine.open(scene_dir, main_file, &open).await?;
    let again = picture(&mut engine, &request).await?;
    let development = match &developable.output {
        Some(output) => development(&mut engine, &request, &developable.layers, output).await?,
        None => Development::Differs(known),
    };
    let mut preview = compare(&first, &other, &again);
    if preview.unrepeatable_share > 0.0 {
        look_again(
            &mut engine,
            &request,
            (scene_dir, main_file, &open),
            frames_of(&facts, what),
            &mut preview,
        )
        .await?;
    }
    engine.quit().await;
    if let Some(options) = lesser {
        let mut engine = Engine::start(options).await?;
        engine.open(scene_dir, main_file, &open).await?;
        let lesser = picture(&mut engine, &request).await?;
        engine.quit().await;
        let differs = differs_by_class(&first, &other, &lesser);
        preview.class_share = differs.share;
        for (bits, differs) in preview.unsteady.iter_mut().zip(differs.pixels) {
            *bits |= if differs { DIFFERS_BY_CLASS } else { 0 };
        }
    }
    Ok(Inspection { facts, preview: Some(preview), development })
}

/// Renders more of a scene that doesn't repeat, and adds to its preview where it differs: an area that
/// flips as a whole shows in every second pair of renders only, and moves from frame to frame.
async fn look_again(
    engine: &mut Engine,
    request: &RenderRequest,
    (scene_dir, main_file, open): (&Path, &Path, &OpenOptions),
    frames: (i32, i32),
    preview: &mut PreviewFacts,
) -> Result<(), EngineError> {
    let mut seen: Vec<(i32, Pixels)> = Vec::new();
    for frame in [frames.0, frames.1, frames.0, frames.1] {
        engine.open(scene_dir, main_file, open).await?;
        let again = picture(engine, &RenderRequest { frame, ..request.clone() }).await?;
        let n = again.channels.len().max(1);
        for (_, before) in seen.iter().filter(|(of, _)| *of == frame) {
            let pixels = before.data.chunks_exact(n).zip(again.data.chunks_exact(n));
            for (bits, (a, b)) in preview.unsteady.iter_mut().zip(pixels) {
                let differs = a.iter().zip(b).any(|(a, b)| a.to_bits() != b.to_bits());
                *bits |= if differs { DIFFERS_AGAIN } else { 0 };
            }
        }
        seen.push((frame, again));
    }
    Ok(())
}

/// Develops the preview's layers as a manager would, in a process that didn't render them.
async fn development(
    engine: &mut Engine,
    request: &RenderRequest,
    layers: &RenderedLayers,
    output: &Path,
) -> Result<Development, EngineError> {
    let RenderedLayers::File { path, .. } = layers else { return Ok(Development::Unknown) };
    let develop = DevelopRequest {
        frame: request.frame,
        region: None,
        settings: request.settings.clone(),
        layers: path.clone(),
    };
    let developed = match engine.develop(&develop).await {
        Ok(developed) => developed,
        // What a development can't do is a fact of the scene. A crash is one of the engine.
        Err(EngineError::Declined { text, .. } | EngineError::Failed { text, .. }) => {
            return Ok(Development::Differs(vec![text]));
        }
        Err(error) => return Err(error),
    };
    let read =
        |path: &Path| std::fs::read(path).map_err(|e| EngineError::io("can't read", path, e));
    let compared = same_output(&read(output)?, &read(&developed)?, request.settings.format);
    Ok(match compared {
        Ok(_) => Development::Repeats,
        Err(difference) => Development::Differs(vec![difference.to_string()]),
    })
}

/// The first and the last frame.
fn frames_of(facts: &SceneFacts, what: &InspectOptions) -> (i32, i32) {
    what.frames.unwrap_or((facts.frame_start, facts.frame_end))
}

fn request(facts: &SceneFacts, what: &InspectOptions) -> RenderRequest {
    let (first, last) = frames_of(facts, what);
    let middle = i64::midpoint(i64::from(first), i64::from(last));
    let settings = RenderSettings {
        size: preview_size(facts.size),
        samples: Some(facts.samples.clamp(1, PREVIEW_SAMPLES)),
        scene: what.scene.clone(),
        camera: what.camera.clone(),
        force_cycles: what.force_cycles,
        // The one in which development shows best.
        format: OutputFormat::Exr,
    };
    let frame = i32::try_from(middle).unwrap_or(first);
    RenderRequest { frame, region: None, seed_offset: 0, settings, output: false }
}

/// A size of the frame's shape whose longer side is at most [`PREVIEW_EDGE_PX`].
fn preview_size(size: Size) -> Size {
    let longer = size.width.max(size.height);
    if longer <= PREVIEW_EDGE_PX {
        return size;
    }
    let scaled = |px: u32| {
        let scaled = u64::from(px) * u64::from(PREVIEW_EDGE_PX) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(PREVIEW_EDGE_PX).max(1)
    };
    Size { width: scaled(size.width), height: scaled(size.height) }
}

async fn picture(engine: &mut Engine, request: &RenderRequest) -> Result<Pixels, EngineError> {
    let rendered = engine.render(request, |_| {}).await?;
    let pixels = pixels(&rendered, request)?;
    if let RenderedLayers::File { path, .. } = &rendered.layers {
        std::fs::remove_file(path).map_err(|e| EngineError::io("can't remove", path, e))?;
    }
    Ok(pixels)
}

fn pixels(rendered: &Rendered, request: &RenderRequest) -> Result<Pixels, EngineError> {
    match &rendered.layers {
        RenderedLayers::Pixels(pixels) => Ok(pixels.clone()),
        RenderedLayers::File { path, .. } => {
            Ok(LayersReader::open(path)?.region(Region::whole(request.settings.size))?)
        }
    }
}

/// Numbers of the channels that are colour of a picture: not depth, not what only guides the denoiser.
fn colours(channels: &[String]) -> Vec<usize> {
    let is_colour = |name: &String| {
        let pass = name.rsplit_once('/').map_or(name.as_str(), |(_, rest)| rest);
        [
            "Combined.R",
            "Combined.G",
            "Combined.B",
            "Noisy Image.R",
            "Noisy Image.G",
            "Noisy Image.B",
        ]
        .contains(&pass)
    };
    (0..channels.len()).filter(|i| is_colour(&channels[*i])).collect()
}

/// The same engine as a processor without newer instructions runs it; none if this is one, or a card.
fn lesser(options: &EngineOptions) -> Option<EngineOptions> {
    if options.device != Device::Cpu || options.cpu_class != CpuClass::Native {
        return None;
    }
    let mut lesser = options.clone();
    lesser.cpu_class = CpuClass::NoAvx2NoEmbree;
    lesser.scratch_dir = options.scratch_dir.join("lesser");
    Some(lesser)
}

/// Where another class of processor shows something else.
struct ByClass {
    /// Share of the noisy pixels.
    share: f64,
    /// Whether it does, one per pixel.
    pixels: Vec<bool>,
}

/// Noisy pixels in which another class of processor shows something else: by the rule and the figures
/// with which workers are compared (`candela-proof`, agreement), over all colours at once.
fn differs_by_class(first: &Pixels, other: &Pixels, lesser: &Pixels) -> ByClass {
    let colours = colours(&first.channels);
    let n = first.channels.len().max(1);
    let length = |of: &dyn Fn(usize) -> f32| -> f64 {
        colours.iter().map(|c| f64::from(of(*c)).powi(2)).sum::<f64>().sqrt()
    };
    let (mut noisy, mut wrong, mut differs) = (0_u64, 0_u64, Vec::new());
    let pixels = first.data.chunks_exact(n).zip(other.data.chunks_exact(n));
    for ((first, other), lesser) in pixels.zip(lesser.data.chunks_exact(n)) {
        let bright = length(&|c| first[c]);
        let tolerance = (1e-4 * bright).max(1e-6);
        let allowed = 0.1 * length(&|c| other[c] - first[c]).min(0.1 * bright);
        let off = length(&|c| lesser[c] - first[c]);
        // A distance that is no number is not within anything.
        let differs_here = off.is_nan() || off > allowed.max(tolerance);
        differs.push(differs_here);
        if allowed >= tolerance {
            noisy += 1;
            wrong += u64::from(differs_here);
        }
    }
    ByClass { share: wrong as f64 / noisy.max(1) as f64, pixels: differs }
}

fn compare(first: &Pixels, other: &Pixels, again: &Pixels) -> PreviewFacts {
    let colours = colours(&first.channels);
    let n = first.channels.len().max(1);
    let mut noise = Vec::with_capacity(first.size.pixels() as usize);
    let mut unsteady = Vec::with_capacity(noise.capacity());
    let (mut unrepeatable, mut black) = (0_u64, true);
    let pixels =
        first.data.chunks_exact(n).zip(other.data.chunks_exact(n)).zip(again.data.chunks_exact(n));
    for ((first, other), again) in pixels {
        let differs = first.iter().zip(again).any(|(a, b)| a.to_bits() != b.to_bits());
        unrepeatable += u64::from(differs);
        unsteady.push(if differs { DIFFERS_AGAIN } else { 0 });
        let noise_here = colours.iter().map(|c| (first[*c] - other[*c]).abs()).fold(0.0, f32::max);
        noise.push(if noise_here.is_finite() { noise_here } else { 0.0 });
        black &= colours.iter().all(|c| first[*c] <= 0.0 && other[*c] <= 0.0);
    }
    let unrepeatable_share = unrepeatable as f64 / noise.len().max(1) as f64;
    PreviewFacts {
        size: first.size,
        noise,
        unrepeatable_share,
        black,
        class_share: 0.0,
        unsteady,
        undevelopable: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_keep_the_shape() {
        for (size, expected) in [
            ((1920, 1080), (200, 112)),
            ((1600, 4096), (78, 200)),
            ((64, 10), (64, 10)),
            ((5000, 1), (200, 1)),
        ] {
            let size = Size { width: size.0, height: size.1 };
            let expected = Size { width: expected.0, height: expected.1 };
            assert_eq!(preview_size(size), expected);
        }
    }

    #[test]
    fn noise_and_repeatability_are_told_apart() {
        let channels = vec!["V/Combined.R".to_owned(), "V/Depth.Z".to_owned()];
        let pixels = |data: [f32; 4]| Pixels {
            size: Size { width: 2, height: 1 },
            channels: channels.clone(),
            data: data.to_vec(),
        };
        let first = pixels([1.0, 5.0, 0.5, 5.0]);
        let facts = compare(&first, &pixels([3.0, 9.0, 0.5, 5.0]), &pixels([1.0, 5.0, 0.5, 6.0]));
        assert_eq!(facts.noise, vec![2.0, 0.0]);
        assert!((facts.unrepeatable_share - 0.5).abs() < 1e-9);
        assert_eq!(facts.unsteady, [0, DIFFERS_AGAIN]);
        assert!(!facts.black);
    }
}
