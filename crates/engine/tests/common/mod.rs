//! What the tests with a real engine share: the installed engine, a scene made by a script, fixtures.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candela_core::id::EngineBuild;
use candela_core::layers::Size;
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_engine::provision::Program;
use candela_engine::{EngineOptions, Installed};

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// The engine, installed into a folder that outlives the test run.
pub(crate) fn installed() -> Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    let install = || {
        let named = std::env::var_os("CANDELA_ENGINES").map(PathBuf::from);
        let folder = named.unwrap_or_else(|| workspace().join("target/candela-engines"));
        let build = EngineBuild("blender-4.5.15".into());
        candela_engine::install(&build, &folder, &mut |line| eprintln!("{line}")).unwrap()
    };
    INSTALLED.get_or_init(install).clone()
}

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn options(&self, name: &str) -> EngineOptions {
        EngineOptions::new(installed(), self.folder.path().join(name))
    }

    pub(crate) fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

/// A folder with `scene.blend`, made by the script beside this file; made once per test program.
pub(crate) fn scene_dir() -> &'static Path {
    static SCENE: OnceLock<tempfile::TempDir> = OnceLock::new();
    SCENE.get_or_init(|| made_by("make_scene.py")).path()
}

/// A folder with the scenes of `make_development.py`, all in one `scene.blend`; made once per test program.
pub(crate) fn development_dir() -> &'static Path {
    static SCENE: OnceLock<tempfile::TempDir> = OnceLock::new();
    SCENE.get_or_init(|| made_by("make_development.py")).path()
}

fn made_by(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let Program::Module { site, python, .. } = installed().program else {
        panic!("the tests make their scene with the Python module");
    };
    let script = workspace().join("crates/engine/tests/common").join(script);
    let output = std::process::Command::new(python)
        .arg(script)
        .arg(folder.path())
        .env("PYTHONPATH", site)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(folder.path().join("scene.blend").exists(), "{said}");
    folder
}

/// Settings of a tiny frame of the test scene.
pub(crate) fn settings(width: u32, height: u32) -> RenderSettings {
    RenderSettings {
        size: Size { width, height },
        samples: None,
        scene: None,
        camera: None,
        force_cycles: false,
        format: OutputFormat::Png,
    }
}

/// A real scene of the test collection, which is not part of the project; none where it isn't there.
pub(crate) fn fixture(path: &str) -> Option<(PathBuf, PathBuf)> {
    let named = std::env::var_os("CANDELA_FIXTURES").map(PathBuf::from);
    // Else in a folder `fixtures` of one that stands beside the workspace.
    let beside = || {
        let entries = std::fs::read_dir(workspace().parent()?).ok()?.flatten();
        entries.map(|entry| entry.path().join("fixtures")).find(|folder| folder.is_dir())
    };
    let file = named.or_else(beside).unwrap_or_default().join(path);
    if !file.exists() {
        eprintln!("skipped: there is no {}", file.display());
        return None;
    }
    Some((file.parent()?.to_path_buf(), file.file_name()?.into()))
}
