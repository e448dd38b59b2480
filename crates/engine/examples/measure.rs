//! Measures a scene: seconds to open, to render a frame and a 64 × 64 probe, and whether it all repeats to the bit.
//!
//! `cargo run -p candela-engine --example measure -- ENGINES_DIR SCENE.blend PERCENT SAMPLES FRAME`
//! With `REUSE=1` in the environment, probes share what the engine built of the scene.

use std::path::{Path, PathBuf};
use std::time::Instant;

use candela_core::id::EngineBuild;
use candela_core::layers::{Pixels, Region};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_engine::layers::LayersReader;
use candela_engine::{
    DevelopRequest, Engine, EngineOptions, OpenOptions, RenderRequest, Rendered, RenderedLayers,
};

type AnyError = Box<dyn std::error::Error>;

fn pixels(rendered: &Rendered) -> Result<Pixels, AnyError> {
    Ok(match &rendered.layers {
        RenderedLayers::Pixels(pixels) => pixels.clone(),
        RenderedLayers::File { path, header } => {
            LayersReader::open(path)?.region(Region::whole(header.layout.size))?
        }
    })
}

/// Share of pixels that differ in any bit, and the largest difference.
fn differ(a: &Pixels, b: &Pixels) -> (f64, f32) {
    let n = a.channels.len();
    let pairs = a.data.chunks_exact(n).zip(b.data.chunks_exact(n));
    let count =
        pairs.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.to_bits() != b.to_bits())).count();
    let most = a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    (count as f64 / a.size.pixels() as f64, most)
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [engines, scene, percent, samples, frame] = &args[..] else {
        return Err("usage: measure ENGINES_DIR SCENE.blend PERCENT SAMPLES FRAME".into());
    };
    let installed = candela_engine::install(
        &EngineBuild("blender-4.5.15".into()),
        Path::new(engines),
        &mut |line| eprintln!("{line}"),
    )?;
    let scene = PathBuf::from(scene);
    let folder = scene.parent().ok_or("no folder")?;
    let file = Path::new(scene.file_name().ok_or("no file")?);
    let scratch = std::env::temp_dir().join(format!("candela-measure-{}", std::process::id()));
    let mut options = EngineOptions::new(installed.clone(), scratch.join("a"));
    options.reuse_scene_data = std::env::var_os("REUSE").is_some();
    let mut engine = Engine::start(options).await?;
    let started = Instant::now();
    let facts = engine.open(folder, file, &OpenOptions::default()).await?;
    println!("open with start {:.2} s", started.elapsed().as_secs_f64());
    let settings = RenderSettings {
        size: facts.size_at(percent.parse()?),
        samples: Some(samples.parse()?),
        scene: None,
        camera: None,
        force_cycles: false,
        format: OutputFormat::Png,
    };
    let request = RenderRequest {
        frame: frame.parse()?,
        region: None,
        seed_offset: 0,
        settings: settings.clone(),
        output: true,
    };
    let started = Instant::now();
    let first = engine.render(&request, |_| {}).await?;
    println!(
        "frame {} × {}: {:.2} s in the engine, {:.2} s in all, peak {} MB",
        settings.size.width,
        settings.size.height,
        first.seconds,
        started.elapsed().as_secs_f64(),
        first.peak_memory_bytes >> 20
    );
    let whole = pixels(&first)?;
    println!("channels {:?}", whole.channels);
    let again = engine.render(&request, |_| {}).await?;
    println!("again in the same process: differ {:?}", differ(&whole, &pixels(&again)?));
    let (x0, y0) =
        (settings.size.width.saturating_sub(64) / 2, settings.size.height.saturating_sub(64) / 2);
    let probe = Region {
        x0,
        y0,
        x1: (x0 + 64).min(settings.size.width),
        y1: (y0 + 64).min(settings.size.height),
    };
    for margin in [0, 4, 8] {
        let grown = probe.grown(margin, settings.size);
        let part = engine
            .render(&RenderRequest { region: Some(grown), ..request.clone() }, |_| {})
            .await?;
        let core = pixels(&part)?.cut(grown, probe).ok_or("cut")?;
        let expected = whole.cut(Region::whole(settings.size), probe).ok_or("cut")?;
        println!(
            "probe, margin {margin}: {:.2} s, differ {:?}",
            part.seconds,
            differ(&expected, &core)
        );
    }
    let probe_request = RenderRequest { region: Some(probe), ..request.clone() };
    engine.forget_scene_data();
    let again = engine.render(&probe_request, |_| {}).await?;
    let expected = whole.cut(Region::whole(settings.size), probe).ok_or("cut")?;
    println!(
        "probe, data built anew: {:.2} s, differ {:?}",
        again.seconds,
        differ(&expected, &pixels(&again)?)
    );
    let control = RenderRequest { seed_offset: 1, ..probe_request.clone() };
    let kept = engine.render(&control, |_| {}).await?;
    engine.forget_scene_data();
    let anew = engine.render(&control, |_| {}).await?;
    println!(
        "control: {:.2} s, data built anew {:.2} s, differ {:?}",
        kept.seconds,
        anew.seconds,
        differ(&pixels(&kept)?, &pixels(&anew)?)
    );
    let moved = |frame: i32| RenderRequest { frame, ..probe_request.clone() };
    engine.render(&moved(request.frame + 1), |_| {}).await?;
    let back = engine.render(&probe_request, |_| {}).await?;
    println!(
        "after another frame: {:.2} s, differ {:?}",
        back.seconds,
        differ(&expected, &pixels(&back)?)
    );
    if let RenderedLayers::File { path, .. } = &first.layers {
        let develop = DevelopRequest {
            frame: request.frame,
            region: None,
            settings: settings.clone(),
            layers: path.clone(),
        };
        let started = Instant::now();
        let developed = engine.develop(&develop).await?;
        let output = first.output.as_ref().ok_or("no output")?;
        let same = std::fs::read(developed)? == std::fs::read(output)?;
        println!(
            "development: {:.2} s, same file as the output: {same}; kept {}",
            started.elapsed().as_secs_f64(),
            output.display()
        );
    }
    let mut other = Engine::start(EngineOptions::new(installed, scratch.join("b"))).await?;
    other.open(folder, file, &OpenOptions::default()).await?;
    let other = other.render(&request, |_| {}).await?;
    let same = std::fs::read(other.output.as_ref().ok_or("no output")?)?
        == std::fs::read(first.output.as_ref().ok_or("no output")?)?;
    println!(
        "another process: differ {:?}, same output file: {same}",
        differ(&whole, &pixels(&other)?)
    );
    Ok(())
}
