//! Develops layers with the real engine: the output follows from them, whatever the road, and a forged one is told.

mod common;

use std::path::{Path, PathBuf};

use candela_core::layers::{Pixels, Region, Size};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_engine::compare_output::{Closeness, OutputDifference, same_output};
use candela_engine::inspect::{Development, InspectOptions, inspect};
use candela_engine::layers::{LayersReader, write_layers};
use candela_engine::{
    CpuClass, DevelopRequest, Engine, EngineError, EngineOptions, OpenOptions, RenderRequest,
    RenderedLayers,
};
use common::{Bench, development_dir, settings};

const SIZE: (u32, u32) = (96, 64);

use OutputFormat::{Exr, Jpeg, Png, Png16};

/// Every road from layers to output: the scene's name, and the formats that are tried.
const ROADS: [(&str, &[OutputFormat]); 16] = [
    ("standard", &[Png, Png16, Jpeg, Exr]),
    ("transparent", &[Png, Jpeg]),
    ("adaptive denoised", &[Exr]),
    ("plain denoiser", &[Png16]),
    ("filmic", &[Png, Png16, Jpeg]),
    ("agx transparent", &[Png, Png16, Jpeg, Exr]),
    ("glare", &[Png, Png16, Jpeg, Exr]),
    ("alpha over", &[Png16]),
    ("passes", &[Exr]),
    ("defocus", &[Exr]),
    ("cryptomatte", &[Exr]),
    ("time", &[Png16]),
    ("several layers", &[Exr]),
    ("layers without a tree", &[Png]),
    ("a tree that is off", &[Png16]),
    ("a tree without an end", &[Exr]),
];

struct Delivered {
    layers: PathBuf,
    output: Vec<u8>,
}

async fn opened(bench: &Bench, name: &str, cpu_class: CpuClass) -> Engine {
    let options = EngineOptions { cpu_class, ..bench.options(name) };
    let mut engine = Engine::start(options).await.unwrap();
    engine.open(development_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
    engine
}

fn of(scene: &str, format: OutputFormat) -> RenderSettings {
    RenderSettings { scene: Some(scene.to_owned()), format, ..settings(SIZE.0, SIZE.1) }
}

async fn rendered(engine: &mut Engine, frame: i32, settings: &RenderSettings) -> Delivered {
    let settings = settings.clone();
    let request = RenderRequest { frame, region: None, seed_offset: 0, settings, output: true };
    let rendered = engine.render(&request, |_| {}).await.unwrap();
    let RenderedLayers::File { path, .. } = rendered.layers else { panic!("a frame is a file") };
    Delivered { layers: path, output: std::fs::read(rendered.output.unwrap()).unwrap() }
}

async fn developed(
    engine: &mut Engine,
    frame: i32,
    settings: &RenderSettings,
    layers: &Path,
) -> Result<Vec<u8>, EngineError> {
    let (settings, layers) = (settings.clone(), layers.to_owned());
    let request = DevelopRequest { frame, region: None, settings, layers };
    Ok(std::fs::read(engine.develop(&request).await?).unwrap())
}

fn told(closeness: &Closeness) -> String {
    match closeness.unequal_px {
        0 => "the same".into(),
        unequal => format!(
            "{unequal} pixels differ, by {:.1e} on average and {:.1e} at most",
            closeness.mean, closeness.largest
        ),
    }
}

#[tokio::test]
async fn outputs_follow_from_their_layers_on_every_road() {
    let bench = Bench::new();
    // Workers of two classes; the manager is of the better one.
    let mut lesser = opened(&bench, "lesser", CpuClass::NoAvx2NoEmbree).await;
    let mut native = opened(&bench, "native", CpuClass::Native).await;
    let mut manager = opened(&bench, "manager", CpuClass::Native).await;
    for (scene, formats) in ROADS {
        for (i, format) in formats.iter().enumerate() {
            // The layers differ between classes; what is made of them is asked of both in turn.
            let workers = [("no-avx2-no-embree", &mut lesser), ("native", &mut native)];
            for (class, worker) in workers.into_iter().take(if i == 0 { 2 } else { 1 }) {
                let settings = of(scene, *format);
                let delivered = rendered(worker, 2, &settings).await;
                let ours = developed(&mut manager, 2, &settings, &delivered.layers).await;
                let compared = same_output(&delivered.output, &ours.unwrap(), *format);
                let what = format!("{scene}, {format:?}, worker {class}");
                match compared {
                    Ok(closeness) => println!("{what}: {}", told(&closeness)),
                    Err(difference) => panic!("{what}: {difference}"),
                }
            }
        }
    }
}

/// The layers with their light changed by pixel; guides and coverage stay.
fn forged(layers: &Path, to: &Path, value: impl Fn(&Pixels, u32, u32, usize) -> f32) {
    let mut reader = LayersReader::open(layers).unwrap();
    let size = reader.header.layout.size;
    let whole = reader.region(Region::whole(size)).unwrap();
    let mut forged = whole.clone();
    let is_light = |name: &String| {
        ["Combined.", "Image."].iter().any(|p| name.contains(p)) && !name.ends_with(".A")
    };
    for (at, place) in forged.data.iter_mut().enumerate() {
        let (pixel, channel) = (at / whole.channels.len(), at % whole.channels.len());
        if is_light(&whole.channels[channel]) {
            let (x, y) = (pixel as u32 % size.width, pixel as u32 / size.width);
            *place = value(&whole, x, y, channel);
        }
    }
    write_layers(&forged, to).unwrap();
}

fn at(pixels: &Pixels, x: u32, y: u32, channel: usize) -> f32 {
    pixels.data[(y * pixels.size.width + x) as usize * pixels.channels.len() + channel]
}

type Forgery = fn(&Pixels, u32, u32, usize) -> f32;

const FORGERIES: [(&str, Forgery); 4] = [
    ("a logo of 8 × 8 pixels", |pixels, x, y, c| {
        let logo = (44..52).contains(&x) && (30..38).contains(&y);
        at(pixels, x, y, c) * if logo { 1.5 } else { 1.0 }
    }),
    ("another exposure", |pixels, x, y, c| at(pixels, x, y, c) * 1.05),
    ("scaled up from half the size", |pixels, x, y, c| {
        let (x, y) = (x / 2 * 2, y / 2 * 2);
        let sum: f32 =
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| at(pixels, x + i, y + j, c)).iter().sum();
        sum / 4.0
    }),
    ("black", |_, _, _, _| 0.0),
];

/// Every forgery is developed by the engine itself, so that nothing but the pixels gives it away.
#[tokio::test]
async fn outputs_of_something_else_are_told() {
    let bench = Bench::new();
    let mut worker = opened(&bench, "worker", CpuClass::Native).await;
    let mut manager = opened(&bench, "manager", CpuClass::Native).await;
    let false_layers = bench.folder.path().join("forged.layers");
    for format in [Png, Png16, Jpeg, Exr] {
        let settings = of("standard", format);
        let delivered = rendered(&mut worker, 2, &settings).await;
        let ours = developed(&mut manager, 2, &settings, &delivered.layers).await.unwrap();
        let told = |what: &str, output: &[u8]| match same_output(output, &ours, format) {
            Err(OutputDifference::Pixels(by)) => {
                println!(
                    "{format:?}, {what}: {} odd pixels, {:.1e} on average",
                    by.odd_px, by.mean
                );
            }
            other => panic!("{format:?}, {what}: {other:?}"),
        };
        for (what, forgery) in FORGERIES {
            forged(&delivered.layers, &false_layers, forgery);
            told(what, &developed(&mut worker, 2, &settings, &false_layers).await.unwrap());
        }
        let other_frame = rendered(&mut worker, 1, &settings).await;
        told("another frame", &other_frame.output);
        told("another view", &rendered(&mut worker, 2, &of("filmic", format)).await.output);
    }
    // What would have been denoised.
    for format in [Png, Exr] {
        let settings = of("adaptive denoised", format);
        let delivered = rendered(&mut worker, 2, &settings).await;
        let ours = developed(&mut manager, 2, &settings, &delivered.layers).await.unwrap();
        let mut noisy = LayersReader::open(&delivered.layers).unwrap();
        let mut noisy = noisy.region(Region::whole(settings.size)).unwrap();
        for name in &mut noisy.channels {
            *name = name.replace("Noisy Image", "Combined");
        }
        write_layers(&noisy, &false_layers).unwrap();
        let plain = of("standard", format);
        let plain = developed(&mut worker, 2, &plain, &false_layers).await.unwrap();
        let told = same_output(&plain, &ours, format).unwrap_err();
        assert!(matches!(told, OutputDifference::Pixels(_)), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_developed_is_known_beforehand() {
    let bench = Bench::new();
    for (scene, expected) in
        [("another scene", "takes the scene standard"), ("freestyle", "Freestyle"), ("passes", "")]
    {
        let what = InspectOptions { scene: Some(scene.into()), ..InspectOptions::default() };
        let file = "scene.blend".as_ref();
        let found = inspect(bench.options(scene), development_dir(), file, &what).await.unwrap();
        let warned = found.facts.warnings.iter().any(|w| w.contains("output can't be checked"));
        match found.development {
            Development::Differs(why) => {
                assert!(!expected.is_empty() && why[0].contains(expected), "{scene}: {why:?}");
                assert!(warned, "{:?}", found.facts.warnings);
            }
            other => assert!(expected.is_empty() && other == Development::Repeats && !warned),
        }
    }
    // It is not tried either: the engine would render the other scene.
    let mut engine = opened(&bench, "a", CpuClass::Native).await;
    let settings = of("another scene", Png);
    let delivered = rendered(&mut engine, 2, &settings).await;
    let declined = developed(&mut engine, 2, &settings, &delivered.layers).await.unwrap_err();
    assert!(matches!(declined, EngineError::Declined { code, .. } if code == "undevelopable"));
    let request = RenderRequest {
        frame: 2,
        region: None,
        seed_offset: 0,
        settings: of("nothing rendered", Png),
        output: false,
    };
    let declined = engine.render(&request, |_| {}).await.unwrap_err();
    assert_eq!(declined.to_string(), "the compositor makes the picture without the scene");
    let size = Size { width: 48, height: 32 };
    let smaller = RenderSettings { size, ..of("standard", Png) };
    developed(&mut engine, 2, &smaller, &delivered.layers).await.unwrap_err();
    let scratch = bench.folder.path().join("a/work");
    let left = walk(&scratch);
    assert!(left.is_empty(), "a development left files behind: {left:?}");
}

/// The files in a folder and in those below it.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
