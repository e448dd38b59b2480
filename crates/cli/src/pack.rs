//! A scene with everything it needs, found by the engine on the user's own machine.

use crate::print;
use crate::report::{Problem, Refused};
use crate::scene::{LocalFile, LocalScene};
use anyhow::{Context, Result};
use candela_core::scene::MissingFile;
use candela_engine::dependencies::{Dependencies, dependencies};
use candela_engine::{EngineError, EngineOptions, Installed};
use std::path::Path;

/// Missing files that are named; the rest is counted.
const MISSING_NAMED_MAX: usize = 20;

/// Finds the files of a scene. The user's own files are not changed.
///
/// # Errors
/// A refusal if files are missing and that is not allowed, or if the engine can't read the scene.
pub(crate) async fn pack(
    installed: &Installed,
    scene: &Path,
    allow_missing: bool,
) -> Result<LocalScene> {
    let scratch = tempfile::tempdir().context("can't make a temporary folder")?;
    let options = EngineOptions::new(installed.clone(), scratch.path());
    let found = dependencies(options, scene).await.map_err(|error| failed(scene, error))?;
    if !found.missing.is_empty() {
        if !allow_missing {
            return Err(Refused(vec![missing(&found.missing)]).into());
        }
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

fn local(found: Dependencies, scratch: tempfile::TempDir) -> LocalScene {
    let files = found.files.into_iter();
    let files =
        files.map(|file| LocalFile { path: file.path_in_collection, source: file.path_on_disk });
    LocalScene { main_file: found.main, files: files.collect(), _scratch: Some(scratch) }
}

fn missing(files: &[MissingFile]) -> Problem {
    let mut names: Vec<String> = files
        .iter()
        .take(MISSING_NAMED_MAX)
        .map(|file| format!("{} ({})", file.path, file.kind))
        .collect();
    if files.len() > MISSING_NAMED_MAX {
        names.push(format!("and {} more", files.len() - MISSING_NAMED_MAX));
    }
    Problem::new(
        "files_missing",
        format!("files are missing: {}", names.join(", ")),
        "put them back, or go on without them with --allow-missing",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_files_are_named_up_to_a_number() {
        let file = |number: usize| MissingFile {
            path: format!("//textures/{number}.png"),
            kind: "image".into(),
            used_by: "wood".into(),
        };
        assert_eq!(missing(&[file(1)]).message, "files are missing: //textures/1.png (image)");
        let many: Vec<_> = (0..25).map(file).collect();
        assert!(missing(&many).message.ends_with("//textures/19.png (image), and 5 more"));
    }
}
