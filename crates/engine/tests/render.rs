//! Renders with the real engine: regions against the frame, processes against each other, output, development.

mod common;

use candela_core::layers::{Pixels, Region};
use candela_engine::layers::LayersReader;
use candela_engine::{
    CpuClass, DevelopRequest, Engine, EngineOptions, OpenOptions, RenderRequest, Rendered,
    RenderedLayers, VideoRequest,
};
use common::{Bench, scene_dir, settings};

const SIZE: (u32, u32) = (131, 97);

fn request(region: Option<Region>) -> RenderRequest {
    RenderRequest {
        frame: 2,
        region,
        seed_offset: 0,
        settings: settings(SIZE.0, SIZE.1),
        output: region.is_none(),
    }
}

async fn opened(bench: &Bench, name: &str) -> Engine {
    let mut engine = Engine::start(bench.options(name)).await.unwrap();
    engine.open(scene_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
    engine
}

fn pixels(rendered: &Rendered) -> Pixels {
    match &rendered.layers {
        RenderedLayers::Pixels(pixels) => pixels.clone(),
        RenderedLayers::File { path, header } => {
            LayersReader::open(path).unwrap().region(Region::whole(header.layout.size)).unwrap()
        }
    }
}

fn bits(pixels: &Pixels) -> Vec<u32> {
    pixels.data.iter().map(|value| value.to_bits()).collect()
}

#[tokio::test]
async fn a_region_is_the_frame_to_the_bit_and_so_is_another_process() {
    let bench = Bench::new();
    let mut engine = opened(&bench, "a").await;
    let mut progress = Vec::new();
    let frame = engine.render(&request(None), |p| progress.push(p)).await.unwrap();
    assert!(progress.iter().any(|p| p.samples == 8), "{progress:?}");
    let whole = pixels(&frame);
    let names = ["Noisy Image.R", "Noisy Image.G", "Noisy Image.B", "Noisy Image.A"];
    assert_eq!(whole.channels[..4], names.map(|n| format!("ViewLayer/{n}")));
    assert_eq!(whole.channels.len(), 10);
    for region in [(64, 64, 131, 97), (0, 0, 64, 64), (37, 11, 54, 40), (130, 96, 131, 97)] {
        let region = Region { x0: region.0, y0: region.1, x1: region.2, y1: region.3 };
        let part = pixels(&engine.render(&request(Some(region)), |_| {}).await.unwrap());
        let expected = whole.cut(Region::whole(whole.size), region).unwrap();
        assert_eq!(part.channels, expected.channels);
        assert!(bits(&part) == bits(&expected), "{region:?} differs from the frame");
    }
    let mut other = opened(&bench, "b").await;
    let again = other.render(&request(None), |_| {}).await.unwrap();
    assert!(bits(&pixels(&again)) == bits(&whole), "another process rendered another frame");
    let same_output = std::fs::read(again.output.unwrap()).unwrap()
        == std::fs::read(frame.output.unwrap()).unwrap();
    assert!(same_output, "another process wrote another output");
    let control = RenderRequest { seed_offset: 1, ..request(None) };
    let control = pixels(&engine.render(&control, |_| {}).await.unwrap());
    assert!(bits(&control) != bits(&whole));
    let back = pixels(&engine.render(&request(None), |_| {}).await.unwrap());
    assert!(bits(&back) == bits(&whole), "a control left something behind");
}

#[tokio::test]
async fn regions_that_share_the_scenes_data_are_the_same() {
    let bench = Bench::new();
    let region = Region { x0: 40, y0: 20, x1: 104, y1: 84 };
    let mut engines = Vec::new();
    for reuse_scene_data in [false, true] {
        let options =
            EngineOptions { reuse_scene_data, ..bench.options(&reuse_scene_data.to_string()) };
        let mut engine = Engine::start(options).await.unwrap();
        engine.open(scene_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
        engines.push(engine);
    }
    let [apart, shared] = &mut engines[..] else { panic!("there are two") };
    // Frame, seed, and columns to the right: from one to the next each of them changes.
    for (frame, seed_offset, right) in
        [(1, 0, 0), (1, 1, 0), (1, 1, 27), (3, 1, 27), (3, 0, 27), (1, 0, 0)]
    {
        let region = Region { x0: region.x0 + right, x1: region.x1 + right, ..region };
        let request = RenderRequest { frame, seed_offset, ..request(Some(region)) };
        let expected = pixels(&apart.render(&request, |_| {}).await.unwrap());
        let found = pixels(&shared.render(&request, |_| {}).await.unwrap());
        assert!(bits(&found) == bits(&expected), "frame {frame}, seed {seed_offset}, {region:?}");
    }
}

#[tokio::test]
async fn developing_the_layers_gives_the_output_and_a_film_can_be_made() {
    let bench = Bench::new();
    let mut engine = opened(&bench, "a").await;
    let frame = engine.render(&request(None), |_| {}).await.unwrap();
    let RenderedLayers::File { path, .. } = &frame.layers else { panic!("a frame is a file") };
    let develop = DevelopRequest {
        frame: 2,
        region: None,
        settings: request(None).settings,
        layers: path.clone(),
    };
    let developed = engine.develop(&develop).await.unwrap();
    let output = frame.output.clone().unwrap();
    assert!(decoded(&developed) == decoded(&output), "development gives another picture");
    let again = engine.render(&request(None), |_| {}).await.unwrap();
    assert!(bits(&pixels(&again)) == bits(&pixels(&frame)), "development left something behind");
    let region = Region { x0: 20, y0: 30, x1: 85, y1: 79 };
    let cut = LayersReader::open(path).unwrap().region(region).unwrap();
    let part = bench.folder.path().join("part.layers");
    candela_engine::layers::write_layers(&cut, &part).unwrap();
    let develop = DevelopRequest { region: Some(region), layers: part, ..develop };
    let developed = decoded(&engine.develop(&develop).await.unwrap());
    assert_eq!(developed[16..24], [0, 0, 0, 65, 0, 0, 0, 49], "the size in the PNG's header");
    let film = VideoRequest {
        frames: vec![output.clone(), output],
        size: request(None).settings.size,
        fps: 12.5,
    };
    let film = engine.encode_video(&film).await.unwrap();
    let bytes = std::fs::read(film).unwrap();
    assert_eq!(&bytes[4..8], b"ftyp");
    engine.quit().await;
}

#[tokio::test]
async fn a_lesser_processor_renders_nearly_the_same() {
    let bench = Bench::new();
    let whole = pixels(&opened(&bench, "a").await.render(&request(None), |_| {}).await.unwrap());
    for class in [CpuClass::NoAvx2, CpuClass::NoAvx2NoEmbree] {
        let options = EngineOptions { cpu_class: class, ..bench.options(class.name()) };
        let mut engine = Engine::start(options).await.unwrap();
        engine.open(scene_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
        let other = pixels(&engine.render(&request(None), |_| {}).await.unwrap());
        let far = |(a, b): &(&f32, &f32)| (*a - *b).abs() > 0.01 * a.abs().max(0.01);
        let far = whole.data.iter().zip(&other.data).filter(far).count();
        assert!(bits(&other) != bits(&whole), "{class:?} is no other class");
        assert!(far * 50 < whole.data.len(), "{class:?}: {far} of {}", whole.data.len());
    }
}

fn decoded(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
