//! A scene with everything it needs, found by the engine on the user's own machine.

use crate::print;
use crate::report::{Problem, Refused};
use crate::scene::{LocalFile, LocalScene};
use anyhow::{Context, Result};
use candela_core::inspection::scene_refusals;
use candela_core::job::{Allowances, Overrides};
use candela_core::refusal::Refusal;
use candela_core::scene::MissingFile;
use candela_engine::dependencies::{Dependencies, dependencies};
use candela_engine::{Engine, EngineError, EngineOptions, Installed, OpenOptions};
use std::path::Path;

/// What a submitter says about a scene.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// What would be refused otherwise.
    pub allow: Allowances,
    /// What is set over the scene's own settings.
    pub overrides: Overrides,
}

/// Finds the files of a scene and looks at it, so that mistakes are told before anything is sent.
/// The user's own files are not changed.
///
/// # Errors
/// All refusals at once, or an error if the engine can't read the scene.
pub(crate) async fn pack(
    installed: &Installed,
    scene: &Path,
    wishes: &Wishes,
) -> Result<LocalScene> {
    let scratch = tempfile::tempdir().context("can't make a temporary folder")?;
    let options = EngineOptions::new(installed.clone(), scratch.path());
    let found = dependencies(options.clone(), scene).await.map_err(|error| failed(scene, error))?;
    let refusals = refusals(options, scene, &found.missing, wishes).await;
    if !refusals.is_empty() {
        return Err(Refused(refusals.into_iter().map(Problem::from).collect()).into());
    }
    if !found.missing.is_empty() {
        print::note(&format!("going on without {} missing files, as told", found.missing.len()));
    }
    for copy in &found.copied {
        print::note(&format!(
            "{} names files by absolute paths: a copy with relative ones is sent",
            copy.display()
        ));
    }
    Ok(local(found, scratch))
}

/// What the rules say of the scene, as the manager will.
async fn refusals(
    options: EngineOptions,
    scene: &Path,
    missing: &[MissingFile],
    wishes: &Wishes,
) -> Vec<Refusal> {
    let (Some(folder), Some(name)) = (scene.parent(), scene.file_name()) else { return Vec::new() };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    let open = OpenOptions { scene: wishes.overrides.scene.clone() };
    let facts = async {
        let mut engine = Engine::start(options).await?;
        let facts = engine.open(&folder, Path::new(name), &open).await;
        engine.quit().await;
        facts
    };
    match facts.await {
        Ok(mut facts) => {
            // Seen from the scene's folder alone more would seem to be missing.
            facts.missing = missing.to_vec();
            scene_refusals(wishes.allow, &wishes.overrides, &facts)
        }
        // The manager looks as well, and says what it finds.
        Err(error) => {
            tracing::debug!("the scene can't be looked at here: {error}");
            Vec::new()
        }
    }
}

fn local(found: Dependencies, scratch: tempfile::TempDir) -> LocalScene {
    let files = found.files.into_iter();
    let files =
        files.map(|file| LocalFile { path: file.path_in_collection, source: file.path_on_disk });
    LocalScene { main_file: found.main, files: files.collect(), _scratch: Some(scratch) }
}

/// What is the scene's fault is a refusal; what is the machine's is an error.
fn failed(scene: &Path, error: EngineError) -> anyhow::Error {
    let name = scene.display();
    let problem = match &error {
        EngineError::Declined { .. } | EngineError::Header(_) => Problem::new(
            "scene_damaged",
            format!("the engine can't read {name}: {error}"),
            "open the file in Blender and save it again",
        ),
        EngineError::Crashed { .. }
        | EngineError::OutOfMemory { .. }
        | EngineError::TimedOut { .. } => Problem::new(
            "scene_crashes_engine",
            format!("the engine fell over while it opened {name}: {error}"),
            "open the file in that Blender and render a small frame",
        ),
        _ => return anyhow::Error::new(error).context(format!("can't pack {name}")),
    };
    Refused(vec![problem]).into()
}
