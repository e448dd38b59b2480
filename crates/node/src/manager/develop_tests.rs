//! What the development check makes of engines that crash, hang or disagree; the engine is a script that does as it is told.

use super::*;
use crate::config::EngineConfig;
use candela_core::id::{BlobHash, EngineBuild, LeaseId, TaskId};
use candela_core::layers::{Pixels, Size};
use candela_engine::layers::write_layers;
use candela_engine::provision::Program;
use candela_engine::{DriverSource, Installed, SandboxMode};
use std::os::unix::fs::PermissionsExt as _;

const SIZE: Size = Size { width: 64, height: 48 };

/// Each engine does what the file with its name says: fails, or hands out the picture of that name.
const SCRIPT: &str = r#"#!/bin/sh
engine=$(basename "$(dirname "$(pwd)")")
while read -r line; do
  case "$line" in
    *'"op":"develop"'*)
      does=$(cat "PLAN/$engine")
      case "$does" in
        crash) exit 3 ;;
        hang) sleep 5 ;;
        undevelopable)
          echo '{"event":"error","code":"undevelopable","text":"lines are drawn"}' ;;
        *)
          cp "PLAN/$does" output.png
          echo '{"event":"done","result":{}}' ;;
      esac ;;
    *) echo '{"event":"done","result":{}}' ;;
  esac
done
"#;

struct Bench {
    folder: tempfile::TempDir,
    blobs: Blobs,
    layers: BlobHash,
}

fn picture(shade: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(SIZE.width, SIZE.height, image::Rgb([shade; 3]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let options = candela_blobs::OpenOptions::default();
        let blobs = Blobs::open(&path("blobs"), options).await.unwrap();
        std::fs::create_dir(path("plan")).unwrap();
        for (name, shade) in [("right", 100), ("other", 140)] {
            std::fs::write(path("plan").join(name), picture(shade)).unwrap();
        }
        let script = SCRIPT.replace("PLAN", &path("plan").display().to_string());
        std::fs::write(path("engine.sh"), script).unwrap();
        let runs = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path("engine.sh"), runs).unwrap();
        // A scene that is laid out already: the least that passes for a .blend file.
        let scene = path("scenes").join(BlobHash([7; 32]).to_string());
        std::fs::create_dir_all(&scene).unwrap();
        let blend = [&b"BLENDER-v405ENDB"[..], &[0; 20]].concat();
        std::fs::write(scene.join("scene.blend"), blend).unwrap();
        let data = vec![0.5; SIZE.pixels() as usize];
        let pixels = Pixels { size: SIZE, channels: vec!["V/Combined.R".into()], data };
        write_layers(&pixels, &path("layers.file")).unwrap();
        let layers = std::fs::read(path("layers.file")).unwrap();
        let layers = blobs.add_bytes(layers, "layers").await.unwrap().hash;
        Bench { folder, blobs, layers }
    }

    fn developer(&self) -> Developer {
        let path = |name: &str| self.folder.path().join(name);
        let (site, python, prefix) = (path(""), path("python"), path(""));
        let mut config = EngineConfig::new(Installed {
            build: EngineBuild("script".into()),
            version: [4, 5, 0],
            program: Program::Module { site, python, prefix },
        });
        config.driver = DriverSource::Program(path("engine.sh"));
        config.sandbox = SandboxMode::Off;
        let engines = EnginePool::new(config, path("developing"), 2);
        let scenes = SceneCache::new(self.blobs.clone(), path("scenes"));
        let mut developer = Developer::new(engines, scenes, self.blobs.clone(), path("layers"));
        developer.limit = Duration::from_secs(1);
        developer
    }

    async fn check(&self, engines: &[&str], delivered: Vec<u8>) -> String {
        for (number, does) in engines.iter().enumerate() {
            let name = self.folder.path().join(format!("plan/engine-{number}"));
            std::fs::write(name, does).unwrap();
        }
        let output_bytes = delivered.len() as u64;
        let output = self.blobs.add_bytes(delivered, "output").await.unwrap().hash;
        let scene = BlobHash([7; 32]);
        let statement = Statement {
            task: TaskId(1),
            lease: LeaseId(1),
            frame: 1,
            scene,
            layers: self.layers,
            layers_bytes: 0,
            output,
            output_bytes,
            engine: EngineBuild("script".into()),
            device: String::new(),
            render_ms: 0,
            peak_memory_bytes: 0,
        };
        let settings = RenderSettings {
            size: SIZE,
            samples: None,
            scene: None,
            camera: None,
            force_cycles: false,
            format: OutputFormat::Png,
        };
        let open = OpenScene { scene, main_file: "scene.blend".into(), name: None };
        let developer = self.developer();
        match developer.check(open, &settings, &statement).await {
            Ok(None) => "passes".into(),
            Ok(Some(wrong)) => format!("wrong: {wrong}"),
            Err(error) => format!("error: {error}"),
        }
    }

    /// Files that a check left in the folders of layers and engines.
    fn left_over(&self) -> Vec<PathBuf> {
        let mut todo: Vec<PathBuf> =
            ["layers", "developing"].iter().map(|name| self.folder.path().join(name)).collect();
        let mut found = Vec::new();
        while let Some(folder) = todo.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true if path.ends_with("driver") => {}
                    true => todo.push(path),
                    false => found.push(path),
                }
            }
        }
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_fail_are_nobodys_fault() {
    let bench = Bench::new().await;
    let (right, forged) = (picture(100), picture(140));
    let cases: [(&[&str], &[u8], &str); 9] = [
        (&["right"], &right, "passes"),
        (&["crash", "right"], &right, "passes"),
        (&["crash", "crash"], &right, "error: develop the layers: the engine crashed"),
        (&["right", "right"], &forged, "wrong: the output does not follow from the layers"),
        (&["right", "right"], b"no picture", "wrong: the output can't be read"),
        (&["other", "right"], &right, "passes"),
        (&["right", "other"], &picture(180), "error: two developments of the same layers differ"),
        (&["hang"], &right, "error: developing took longer than 1 s"),
        (
            &["undevelopable"],
            &right,
            "error: the scene's output does not follow from its layers: lines",
        ),
    ];
    for (engines, delivered, expected) in cases {
        let said = bench.check(engines, delivered.to_vec()).await;
        assert!(said.starts_with(expected), "{engines:?}: {said}");
        let left = bench.left_over();
        assert!(left.is_empty(), "{engines:?} left {left:?}");
    }
    let long = vec![0; 200_000];
    let said = bench.check(&["right"], long).await;
    assert!(said.starts_with("wrong: the output has 200000 bytes"), "{said}");
}
