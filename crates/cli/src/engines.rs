//! Engines as the commands need them: which build, where, installed if it isn't there.

use crate::args::App;
use crate::config::data_folder;
use crate::print;
use crate::report::WithHint;
use anyhow::{Context, Result, anyhow};
use candela_core::id::EngineBuild;
use candela_engine::provision::{self, Installed, Program, ProvisionError};
use std::path::{Path, PathBuf};

/// The build that the arguments or the settings name.
///
/// # Errors
/// If the setting can't be understood.
pub(crate) fn build(app: &App, flag: Option<String>) -> Result<EngineBuild> {
    app.config.need("engine.build", flag).map(EngineBuild)
}

/// Where engines are kept.
///
/// # Errors
/// If nothing says where, and the environment names no home.
pub(crate) fn folder(app: &App, flag: Option<PathBuf>) -> Result<PathBuf> {
    match app.config.get("engine.folder", flag)? {
        Some(folder) => Ok(folder),
        None => data_folder("engines"),
    }
}

/// An engine that is there.
///
/// # Errors
/// If it isn't.
pub(crate) fn need(build: &EngineBuild, folder: &Path) -> Result<Installed> {
    let found = provision::find(build, folder);
    found
        .ok_or_else(|| anyhow!("the engine {build} is not installed"))
        .hint(format!("`candela engine install {build}` installs it"))
}

/// Installs an engine unless it is there, and says what it does.
///
/// # Errors
/// If it can't be installed.
pub(crate) async fn install(build: &EngineBuild, folder: &Path) -> Result<Installed> {
    if let Some(found) = provision::find(build, folder) {
        return Ok(found);
    }
    print::note(&format!("installing {build} into {}", folder.display()));
    let (build, folder) = (build.clone(), folder.to_owned());
    let installing = tokio::task::spawn_blocking(move || {
        provision::install(&build, &folder, &mut |line| print::note(&format!("  {line}")))
    });
    match installing.await.context("the installation broke off")? {
        Ok(installed) => Ok(installed),
        Err(error @ ProvisionError::UnknownBuild { .. }) => {
            Err(error).hint("`candela engine list` names those that can be installed")
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder or program of an engine.
pub(crate) fn path(installed: &Installed) -> &Path {
    match &installed.program {
        Program::Module { site, .. } => site,
        Program::Blender { program, .. } => program,
    }
}

/// The version of Blender that a build's name says, as a .blend file's header has it.
pub(crate) fn file_version(build: &EngineBuild) -> Option<[u32; 2]> {
    let mut parts = build.0.strip_prefix("blender-")?.split('.');
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_name() {
        let version = |name: &str| file_version(&EngineBuild(name.to_owned()));
        assert_eq!(version("blender-4.5.15"), Some([4, 5]));
        assert_eq!(version("blender-5.0.0"), Some([5, 0]));
        assert_eq!(version("mitsuba-3"), None);
    }
}
