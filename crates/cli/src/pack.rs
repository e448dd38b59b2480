//! A scene with everything it needs, found by the engine.

use crate::scene::{LocalFile, LocalScene};
use anyhow::{Context, Result};
use candela_engine::Installed;
use std::path::Path;

/// Finds the files of a scene.
///
/// # Errors
/// If the engine can't open it.
pub(crate) async fn pack(_installed: &Installed, scene: &Path, _allow_missing: bool) -> Result<LocalScene> {
    let source = scene.canonicalize().with_context(|| format!("can't find {}", scene.display()))?;
    let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let main = LocalFile { path: name.clone(), source };
    Ok(LocalScene { main_file: name, files: vec![main] })
}
