//! Whether regions that are rendered alone are what the whole frame has there, and what they cost.
//!
//! The suite cuts replicas and controls from whole frames. Verifiers render regions. This checks on
//! real regions that it is the same, and how wide a margin adaptive sampling wants.

use super::judging;
use super::scenery::Scene;
use super::studio::Studio;
use anyhow::{Context, Result};
use candela_core::layers::{Pixels, Region};
use candela_core::settings::RenderSettings;
use candela_engine::{Engine, OpenOptions, RenderRequest, RenderedLayers};
use std::time::Instant;

/// Margins that are tried where adaptive sampling is on, in pixels.
const MARGINS_PX: [u32; 4] = [0, 2, 4, 8];

/// What was found with one margin.
#[derive(Debug, Clone, PartialEq)]
pub struct Margin {
    /// How much was rendered around each cell.
    pub margin_px: u32,
    /// Pixels compared.
    pub pixels: u64,
    /// Of these, pixels that differ in any bit.
    pub differ: u64,
    /// The same, of a second whole frame instead of a region: what doesn't repeat by itself.
    pub whole_differ: u64,
}

/// What was found on one scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    /// The scene.
    pub scene: String,
    /// Samples per pixel.
    pub samples: u32,
    /// By margin.
    pub margins: Vec<Margin>,
    /// Seconds to start an engine and open the scene.
    pub open_s: f64,
    /// Processor seconds of the first region, for which the scene's data are built.
    pub first_s: f64,
    /// Processor seconds of each further one.
    pub next_s: f64,
    /// Processor seconds of the whole frame.
    pub frame_s: f64,
}

/// Renders a whole frame twice and a few of its cells alone, and compares.
///
/// # Errors
/// If the engine fails.
pub async fn check(
    studio: &Studio,
    scene: &Scene,
    settings: &RenderSettings,
    cells_max: usize,
) -> Result<Regions> {
    let frame = scene.frames.first().copied().context("a task without frames")?;
    let request = RenderRequest {
        frame,
        region: None,
        seed_offset: 0,
        settings: settings.clone(),
        output: false,
    };
    let (whole, frame_s, _) = rendered(studio, scene, &request, &[]).await?;
    let whole = whole.first().context("no frame")?.clone();
    let (again, _, _) = rendered(studio, scene, &request, &[]).await?;
    let all = judging::cells(settings.size);
    let step = all.len().div_ceil(cells_max.max(1)).max(1);
    let cells: Vec<Region> = all.into_iter().skip(step / 2).step_by(step).collect();
    let margins = if scene.adaptive { &MARGINS_PX[..] } else { &MARGINS_PX[..1] };
    let (mut found, mut times) = (Vec::new(), (0.0, 0.0, 0.0));
    for margin_px in margins {
        let regions: Vec<Region> =
            cells.iter().map(|cell| cell.grown(*margin_px, settings.size)).collect();
        let (pictures, _, measured) = rendered(studio, scene, &request, &regions).await?;
        times = measured;
        let mut margin = Margin { margin_px: *margin_px, pixels: 0, differ: 0, whole_differ: 0 };
        for ((cell, region), picture) in cells.iter().zip(&regions).zip(&pictures) {
            let of_whole = |pixels: &Pixels| pixels.cut(Region::whole(settings.size), *cell);
            let expected = of_whole(&whole).context("a cell outside of the frame")?;
            let core = picture.cut(*region, *cell).context("a region of another size")?;
            let again = again.first().and_then(of_whole).context("no second frame")?;
            margin.pixels += cell.size().pixels();
            margin.differ += differing(&expected, &core);
            margin.whole_differ += differing(&expected, &again);
        }
        found.push(margin);
    }
    let (open_s, first_s, next_s) = times;
    let samples = settings.samples.unwrap_or_default();
    let scene = scene.name.clone();
    Ok(Regions { scene, samples, margins: found, open_s, first_s, next_s, frame_s })
}

/// Pixels that differ in any bit of any channel.
fn differing(a: &Pixels, b: &Pixels) -> u64 {
    let channels = a.channels.len().max(1);
    let pairs = a.data.chunks_exact(channels).zip(b.data.chunks_exact(channels));
    let differs =
        |(a, b): &(&[f32], &[f32])| a.iter().zip(*b).any(|(a, b)| a.to_bits() != b.to_bits());
    pairs.filter(differs).count() as u64
}

/// Pictures of the regions, or of the whole frame if there are none, by a fresh engine, with the
/// seconds of the last and (to open, first, each further).
async fn rendered(
    studio: &Studio,
    scene: &Scene,
    request: &RenderRequest,
    regions: &[Region],
) -> Result<(Vec<Pixels>, f64, (f64, f64, f64))> {
    let mut options = studio.options("regions");
    // As verifiers do.
    options.reuse_scene_data = true;
    let started = Instant::now();
    let mut engine = Engine::start(options).await?;
    engine.open(&scene.folder, &scene.file, &OpenOptions::default()).await?;
    let open_s = started.elapsed().as_secs_f64();
    let wanted: Vec<Option<Region>> =
        if regions.is_empty() { vec![None] } else { regions.iter().copied().map(Some).collect() };
    let (mut pictures, mut seconds) = (Vec::new(), Vec::new());
    for region in wanted {
        let rendered = engine.render(&RenderRequest { region, ..request.clone() }, |_| {}).await?;
        seconds.push(rendered.cpu_seconds);
        pictures.push(match rendered.layers {
            RenderedLayers::Pixels(pixels) => pixels,
            RenderedLayers::File { path, .. } => super::material::read(&path)?,
        });
    }
    engine.quit().await;
    let first_s = seconds.first().copied().unwrap_or_default();
    let next_s = seconds.iter().skip(1).sum::<f64>() / (seconds.len().max(2) - 1) as f64;
    Ok((pictures, seconds.last().copied().unwrap_or_default(), (open_s, first_s, next_s)))
}
