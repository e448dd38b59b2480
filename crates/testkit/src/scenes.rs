//! Scenes, drivers and the engine that tests use.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Where the tests' engine lies, so that it is installed once: `CANDELA_ENGINES`, or in `target`.
#[must_use]
pub fn engines_dir() -> PathBuf {
    let named = std::env::var_os("CANDELA_ENGINES").map(PathBuf::from);
    named.unwrap_or_else(|| workspace().join("target/candela-engines"))
}

/// Has the program install the tests' engine, unless it is there.
///
/// # Errors
/// If that fails.
pub fn engine(program: &str) -> Result<()> {
    let output = Command::new(program)
        .args(["engine", "install", "blender-4.5.15"])
        .env("CANDELA_CONFIG", "/dev/null")
        .env("CANDELA_ENGINE_FOLDER", engines_dir())
        .output()?;
    if !output.status.success() {
        bail!("the engine can't be installed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The driver of an attack, by the name of its file.
#[must_use]
pub fn driver(name: &str) -> String {
    let path = workspace().join("crates/testkit/attacks").join(format!("{name}.py"));
    path.to_string_lossy().into_owned()
}

/// A file of the real scenes that are no part of the project; none where they aren't.
///
/// They lie in `CANDELA_FIXTURES`, or in a folder `fixtures` of one that stands beside the workspace.
#[must_use]
pub fn fixture(path: &str) -> Option<PathBuf> {
    let named = std::env::var_os("CANDELA_FIXTURES").map(PathBuf::from);
    let beside = || {
        let entries = std::fs::read_dir(workspace().parent()?).ok()?.flatten();
        entries.map(|entry| entry.path().join("fixtures")).find(|folder| folder.is_dir())
    };
    let path = named.or_else(beside).unwrap_or_default().join(path);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Runs a script with the engine's Python.
fn script(script: &Path, args: &[&str]) -> Result<()> {
    let site = engines_dir().join("blender-4.5.15");
    let python = std::env::var("CANDELA_PYTHON").unwrap_or_else(|_| "python3.11".to_owned());
    let output = Command::new(python)
        .arg(script)
        .args(args)
        .env("PYTHONPATH", site)
        .output()
        .context("start the engine's Python")?;
    if !output.status.success() {
        bail!("{} failed: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The demonstration scene, made by its script into the given folder.
///
/// # Errors
/// If the script fails.
pub fn demo_scene(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("demo.blend");
    make_scene(&workspace().join("crates/cli/assets/demo_scene.py"), &path)?;
    Ok(path)
}

/// Has a script make a scene.
pub(crate) fn make_scene(maker: &Path, path: &Path) -> Result<()> {
    script(maker, &[&path.to_string_lossy()])
}

/// Renders a frame without Candela, as a person would: paths of the layers' EXR and of the output.
///
/// # Errors
/// If the script fails.
pub fn by_hand(
    scene: &Path,
    frame: i32,
    percentage: u32,
    samples: Option<u32>,
    folder: &Path,
) -> Result<(PathBuf, PathBuf)> {
    let layers = folder.join(format!("by-hand-{frame}.exr"));
    let output = folder.join(format!("by-hand-{frame}.png"));
    let (frame, percentage) = (frame.to_string(), percentage.to_string());
    let samples = samples.map(|samples| samples.to_string());
    let (scene, to_layers, to_output) =
        (scene.to_string_lossy(), layers.to_string_lossy(), output.to_string_lossy());
    let mut args = vec![&*scene, &frame, &percentage, &*to_layers, &*to_output];
    args.extend(samples.as_deref());
    script(&workspace().join("crates/testkit/drivers/by_hand.py"), &args)?;
    Ok((layers, output))
}
