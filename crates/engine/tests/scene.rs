//! Opens scenes with the real engine: facts, refusals, crashes, inspection, the files of a scene.

mod common;

use candela_engine::dependencies::dependencies;
use candela_engine::inspect::{InspectOptions, inspect};
use candela_engine::{Engine, EngineError, OpenOptions, RenderRequest};
use common::{Bench, fixture, scene_dir, settings};

async fn facts_of(path: &str) -> Option<Result<candela_core::scene::SceneFacts, EngineError>> {
    let (folder, file) = fixture(path)?;
    let bench = Bench::new();
    let mut engine = Engine::start(bench.options("a")).await.unwrap();
    Some(engine.open(&folder, &file, &OpenOptions::default()).await)
}

#[tokio::test]
async fn the_own_scene_is_inspected() {
    let bench = Bench::new();
    let what = InspectOptions::default();
    let found =
        inspect(bench.options("a"), scene_dir(), "scene.blend".as_ref(), &what).await.unwrap();
    let facts = &found.facts;
    assert_eq!(facts.saved_by, [4, 5, facts.saved_by[2]]);
    assert_eq!((facts.render_engine.as_str(), facts.camera.as_deref()), ("CYCLES", Some("Camera")));
    assert_eq!((facts.frame_start, facts.frame_end, facts.samples), (1, 3, 8));
    assert_eq!(facts.denoiser.as_deref(), Some("OPENIMAGEDENOISE"));
    let missing: Vec<_> =
        facts.missing.iter().map(|m| (m.path.as_str(), m.kind.as_str())).collect();
    assert_eq!(missing, [("//textures/gone.png", "image")]);
    assert!(facts.seed_animated && !facts.compositor);
    assert_eq!(facts.scripts, ["text block evil.py"]);
    let preview = found.preview.unwrap();
    assert_eq!(preview.noise.len() as u64, preview.size.pixels());
    assert!(preview.noise.iter().any(|noise| *noise > 0.0));
    assert!(preview.unrepeatable_share.abs() < f64::EPSILON);
    assert!(!preview.black);
}

#[tokio::test]
async fn declines_leave_the_engine_usable() {
    let bench = Bench::new();
    let mut engine = Engine::start(bench.options("a")).await.unwrap();
    let request = |settings| RenderRequest {
        frame: 1,
        region: None,
        seed_offset: 0,
        settings,
        output: false,
    };
    let error = engine.render(&request(settings(16, 16)), |_| {}).await.unwrap_err();
    assert!(matches!(error, EngineError::NotOpen), "{error}");
    engine.open(scene_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
    let mut wrong = settings(16, 16);
    wrong.camera = Some("Nobody".into());
    let error = engine.render(&request(wrong), |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the scene has no camera 'Nobody'");
    assert!(error.is_refusal());
    engine.render(&request(settings(16, 16)), |_| {}).await.unwrap();
    let not_blend = bench.file("scene.blend", "<!DOCTYPE html>");
    let folder = not_blend.parent().unwrap();
    let error =
        engine.open(folder, "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a .blend file: it looks like a web page; the download may have failed"
    );
}

#[tokio::test]
async fn files_of_a_scene_get_names_that_still_resolve() {
    let bench = Bench::new();
    let path = scene_dir().join("scene.blend");
    let found = dependencies(bench.options("a"), &path).await.unwrap();
    assert_eq!(found.main, "scene.blend");
    assert_eq!(found.files.len(), 1);
    assert_eq!(found.missing.len(), 1);
    assert!(found.copied.is_empty());
    let Some((folder, file)) = fixture("engineer-bedroom/bedroom_cycles.blend") else { return };
    let found = dependencies(bench.options("b"), &folder.join(file)).await.unwrap();
    let blends = found.files.iter().filter(|f| f.path_in_collection.ends_with(".blend")).count();
    assert!(found.missing.is_empty(), "{:?}", found.missing);
    assert!(blends > 15 && found.files.len() > 80, "{blends} of {}", found.files.len());
}

#[tokio::test]
async fn absolute_paths_become_relative_in_a_copy() {
    let bench = Bench::new();
    let main = scene_dir().canonicalize().unwrap().join("shot/absolute.blend");
    let before = std::fs::read(&main).unwrap();
    let found = dependencies(bench.options("a"), &main).await.unwrap();
    assert!(found.missing.is_empty(), "{:?}", found.missing);
    assert_eq!(found.copied, std::slice::from_ref(&main));
    assert_eq!(found.files.len(), 2);
    assert!(found.files[0].path_in_collection.starts_with("_outside/"), "{:?}", found.files);
    assert!(std::fs::read(&main).unwrap() == before, "the user's own file was changed");
    let collection = bench.folder.path().join("collection");
    for file in &found.files {
        let to = collection.join(&file.path_in_collection);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file.path_on_disk, to).unwrap();
    }
    let mut engine = Engine::start(bench.options("b")).await.unwrap();
    let facts =
        engine.open(&collection, found.main.as_ref(), &OpenOptions::default()).await.unwrap();
    assert!(facts.missing.is_empty(), "{:?}", facts.missing);
}

#[tokio::test]
async fn real_scenes_are_refused_for_what_they_are() {
    let newer = facts_of("saved-by-5.2/37_lamp_Cycles.blend").await;
    if let Some(newer) = newer {
        let error = newer.unwrap_err().to_string();
        assert!(
            error.starts_with("saved by Blender 5.2, which is newer than the engine (4.5)"),
            "{error}"
        );
    }
    if let Some(model) = facts_of("bunny/bunny-draco.glb").await {
        let error = model.unwrap_err().to_string();
        assert_eq!(error, "not a .blend file: it looks like a binary glTF model (.glb)");
    }
    if let Some(facts) = facts_of("ancient-2.48/Suzanne_248.blend").await {
        let facts = facts.unwrap();
        assert_eq!(
            (facts.saved_by[..2].to_vec(), facts.render_engine == "CYCLES"),
            (vec![2, 48], false)
        );
    }
    if let Some(facts) = facts_of("no-camera/LowpolyGeometrynodeTree.blend").await {
        assert_eq!(facts.unwrap().camera, None);
    }
    if let Some(facts) = facts_of("document-gn/blender/scene.blend").await {
        let facts = facts.unwrap();
        assert_eq!((facts.missing.len(), facts.output_file_nodes), (5, 1));
    }
    if let Some(facts) = facts_of("python-driver/cube_compositor.blend").await {
        let facts = facts.unwrap();
        assert!(!facts.scripts.is_empty() && facts.output_file_nodes > 0, "{facts:?}");
    }
}

#[tokio::test]
async fn a_crash_is_an_error_with_the_engines_words() {
    let Some((folder, file)) = fixture("packt-smoke/ch16_smoke.blend") else { return };
    let bench = Bench::new();
    let mut engine = Engine::start(bench.options("a")).await.unwrap();
    let facts = engine.open(&folder, &file, &OpenOptions::default()).await.unwrap();
    let caches: Vec<_> = facts.missing.iter().filter(|file| file.kind == "cache").collect();
    assert_eq!(caches.len(), 1, "a fluid that was not baked: {:?}", facts.missing);
    let mut settings = settings(32, 18);
    settings.force_cycles = true;
    settings.samples = Some(1);
    let request = RenderRequest { frame: 2, region: None, seed_offset: 0, settings, output: true };
    let error = engine.render(&request, |_| {}).await.unwrap_err();
    let EngineError::Crashed { how, engine_text } = &error else { panic!("{error}") };
    // It aborts or faults, by chance.
    assert!(how.starts_with("signal "), "{how}");
    assert!(
        engine_text.iter().any(|line| line.contains("Manta")
            || line.contains("Fluid")
            || line.contains("Read blend")),
        "{engine_text:?}"
    );
}
