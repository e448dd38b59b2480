//! Installs exact engine builds, each into a folder of its own, checked by hash.
//!
//! Worker and verifier must run the same build to the byte, so nothing is taken from a system's
//! packages: the `bpy` module comes from the Python package index with its hash pinned here, or the
//! owner names an installed Blender whose version is exactly the same.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use candela_core::id::EngineBuild;
use serde::{Deserialize, Serialize};

/// An engine that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which build.
    pub build: EngineBuild,
    /// Its version.
    pub version: [u32; 3],
    /// What to run.
    pub program: Program,
}

/// What an engine's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// Blender as a Python module.
    Module {
        /// Folder that holds the module.
        site: PathBuf,
        /// The Python that loads it.
        python: PathBuf,
        /// Where that Python's own files lie.
        prefix: PathBuf,
    },
    /// Blender as a program.
    Blender {
        /// The program.
        program: PathBuf,
        /// The folder that it lies in, with all its files.
        folder: PathBuf,
    },
}

/// An engine could not be installed or found.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Nobody offers that build.
    #[error("there is no engine {build}; offered: {}", offered().join(", "))]
    UnknownBuild {
        /// The build that was asked for.
        build: EngineBuild,
    },
    /// The wheel is made for other machines.
    #[error(
        "engine {build} can be installed on Linux on x86-64 only; set CANDELA_BLENDER to an installed Blender {version}"
    )]
    Platform {
        /// The build.
        build: EngineBuild,
        /// Its version.
        version: String,
    },
    /// The module needs one certain Python.
    #[error(
        "engine {build} needs CPython 3.11, and none was found (looked at CANDELA_PYTHON, python3.11, python3); \
         install Python 3.11, or set CANDELA_PYTHON to it, or set CANDELA_BLENDER to an installed Blender {version}"
    )]
    NoPython {
        /// The build.
        build: EngineBuild,
        /// Its version.
        version: String,
    },
    /// The named Blender is another one.
    #[error("CANDELA_BLENDER is {program}, which says {found:?}, not \"Blender {version}\"")]
    OtherBlender {
        /// The program.
        program: String,
        /// First line of its version.
        found: String,
        /// The version that is needed.
        version: String,
    },
    /// The package installer failed.
    #[error("can't install engine {build}: {text}")]
    Installer {
        /// The build.
        build: EngineBuild,
        /// The installer's last lines.
        text: String,
    },
    /// A file could not be read or written.
    #[error("{step} {}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

struct Offer {
    build: &'static str,
    version: [u32; 3],
    requirements: &'static str,
}

const OFFERS: [Offer; 1] = [Offer {
    build: "blender-4.5.15",
    version: [4, 5, 15],
    requirements: include_str!("requirements/blender-4.5.15-linux-x86_64.txt"),
}];

impl Offer {
    fn version_text(&self) -> String {
        self.version.map(|part| part.to_string()).join(".")
    }

    fn build(&self) -> EngineBuild {
        EngineBuild(self.build.to_owned())
    }
}

/// The builds that can be installed.
#[must_use]
pub fn offered() -> Vec<&'static str> {
    OFFERS.iter().map(|offer| offer.build).collect()
}

/// Written last into an engine's folder: without it the folder is not taken for an engine.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    build: String,
    requirements: String,
}

const MANIFEST: &str = "candela-engine.json";

/// Finds an installed engine: the Blender that `CANDELA_BLENDER` names, or one installed by [`install`].
#[must_use]
pub fn find(build: &EngineBuild, engines_dir: &Path) -> Option<Installed> {
    let offer = OFFERS.iter().find(|offer| offer.build == build.0)?;
    if let Ok(Some(blender)) = named_blender(offer) {
        return Some(blender);
    }
    let site = engines_dir.join(offer.build);
    if !is_complete(offer, &site) {
        return None;
    }
    let (python, prefix) = find_python()?;
    let site = site.canonicalize().ok()?;
    Some(Installed {
        build: build.clone(),
        version: offer.version,
        program: Program::Module { site, python, prefix },
    })
}

/// Installs an engine unless it is there; `say` gets lines for people about what goes on.
///
/// It may be called at the same time by several processes: one installs, the others wait.
///
/// # Errors
/// If the build isn't offered, this machine lacks the Python for it, or the installer fails.
pub fn install(
    build: &EngineBuild,
    engines_dir: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<Installed, ProvisionError> {
    let unknown = || ProvisionError::UnknownBuild { build: build.clone() };
    let offer = OFFERS.iter().find(|offer| offer.build == build.0).ok_or_else(unknown)?;
    if let Some(blender) = named_blender(offer)? {
        return Ok(blender);
    }
    if let Some(found) = find(build, engines_dir) {
        return Ok(found);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(ProvisionError::Platform {
            build: offer.build(),
            version: offer.version_text(),
        });
    }
    let no_python =
        || ProvisionError::NoPython { build: offer.build(), version: offer.version_text() };
    let (python, _) = find_python().ok_or_else(no_python)?;
    fs::create_dir_all(engines_dir).map_err(|e| io_error("can't make", engines_dir, e))?;
    let lock_path = engines_dir.join(format!("{}.lock", offer.build));
    let lock = File::create(&lock_path).map_err(|e| io_error("can't make", &lock_path, e))?;
    lock.lock().map_err(|e| io_error("can't lock", &lock_path, e))?;
    // Another process may have installed it meanwhile.
    if find(build, engines_dir).is_none() {
        install_module(offer, engines_dir, &python, say)?;
    }
    find(build, engines_dir).ok_or_else(|| ProvisionError::Installer {
        build: offer.build(),
        text: "it was installed, and is not there".to_owned(),
    })
}

fn io_error(step: &'static str, path: &Path, source: io::Error) -> ProvisionError {
    ProvisionError::Io { step, path: path.to_path_buf(), source }
}

fn is_complete(offer: &Offer, site: &Path) -> bool {
    let manifest = fs::read(site.join(MANIFEST)).ok();
    let manifest: Option<Manifest> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    manifest.is_some_and(|m| m.build == offer.build && m.requirements == offer.requirements)
}

/// Installs into a folder beside the final one, which is renamed when it is whole.
fn install_module(
    offer: &Offer,
    engines_dir: &Path,
    python: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<(), ProvisionError> {
    let part = engines_dir.join(format!("{}.part", offer.build));
    if part.exists() {
        fs::remove_dir_all(&part).map_err(|e| io_error("can't remove", &part, e))?;
    }
    fs::create_dir_all(&part).map_err(|e| io_error("can't make", &part, e))?;
    let requirements = part.join("requirements.txt");
    fs::write(&requirements, offer.requirements)
        .map_err(|e| io_error("can't write", &requirements, e))?;
    say(&format!("downloading engine {} (about 390 MB)", offer.build));
    run_installer(offer, python, &part, &requirements, say)?;
    let manifest =
        Manifest { build: offer.build.to_owned(), requirements: offer.requirements.to_owned() };
    let manifest = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    fs::write(part.join(MANIFEST), manifest).map_err(|e| io_error("can't write", &part, e))?;
    let site = engines_dir.join(offer.build);
    if site.exists() {
        fs::remove_dir_all(&site).map_err(|e| io_error("can't remove", &site, e))?;
    }
    fs::rename(&part, &site).map_err(|e| io_error("can't rename", &part, e))?;
    say(&format!("engine {} is installed", offer.build));
    Ok(())
}

fn run_installer(
    offer: &Offer,
    python: &Path,
    target: &Path,
    requirements: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<(), ProvisionError> {
    let fail = |text: String| ProvisionError::Installer { build: offer.build(), text };
    let mut arguments: Vec<OsString> = ["-m", "pip", "install", "--no-deps", "--require-hashes"]
        .iter()
        .map(OsString::from)
        .collect();
    let more = ["--only-binary", ":all:", "--no-input", "--no-compile", "--progress-bar", "off"];
    arguments.extend(more.iter().map(OsString::from));
    arguments.extend(["--disable-pip-version-check".into(), "--target".into(), target.into()]);
    arguments.extend(["-r".into(), requirements.into()]);
    let mut child = Command::new(python)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| io_error("can't start", python, e))?;
    // Standard error is short (pip's errors), so it fits the pipe while the other is read.
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            say(line.trim());
        }
    }
    let output = child.wait_with_output().map_err(|e| io_error("can't run", python, e))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(fail(lines[lines.len().saturating_sub(6)..].join("\n")))
}

/// The Python 3.11 to use and the folder of its own files.
fn find_python() -> Option<(PathBuf, PathBuf)> {
    let named = std::env::var_os("CANDELA_PYTHON").map(PathBuf::from);
    let candidates = named.into_iter().chain(["python3.11".into(), "python3".into()]);
    candidates.into_iter().find_map(|candidate| ask_python(&candidate))
}

fn ask_python(candidate: &Path) -> Option<(PathBuf, PathBuf)> {
    // Where the interpreter really is: shims and virtual environments are not seen in the sandbox.
    const ASK: &str = "import os, sys; v = sys.version_info; \
        print(sys.implementation.name, v[0], v[1]); \
        print(os.path.realpath(sys.executable)); print(os.path.realpath(sys.base_prefix))";
    let output = Command::new(candidate).args(["-c", ASK]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let lines: Vec<&str> = text.lines().collect();
    match lines[..] {
        ["cpython 3 11", python, prefix] => Some((python.into(), prefix.into())),
        _ => None,
    }
}

/// The Blender that the owner named, if any.
fn named_blender(offer: &Offer) -> Result<Option<Installed>, ProvisionError> {
    let Some(program) = std::env::var_os("CANDELA_BLENDER").filter(|p| !p.is_empty()) else {
        return Ok(None);
    };
    let program = PathBuf::from(program);
    let program = program.canonicalize().map_err(|e| io_error("can't find", &program, e))?;
    let output = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|e| io_error("can't run", &program, e))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.lines().find(|line| line.starts_with("Blender ")).unwrap_or_default();
    let version = offer.version_text();
    let same = found.strip_prefix("Blender ").and_then(|rest| rest.split(' ').next());
    if same != Some(version.as_str()) {
        let program = program.display().to_string();
        return Err(ProvisionError::OtherBlender { program, found: found.to_owned(), version });
    }
    let folder = program.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
    Ok(Some(Installed {
        build: offer.build(),
        version: offer.version,
        program: Program::Blender { program, folder },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_build_names_the_offered_ones() {
        let folder = tempfile::tempdir().unwrap();
        let build = EngineBuild("blender-9.9.9".into());
        let error = install(&build, folder.path(), &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "there is no engine blender-9.9.9; offered: blender-4.5.15");
    }

    #[test]
    fn a_folder_without_the_manifest_is_no_engine() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("blender-4.5.15")).unwrap();
        assert!(!is_complete(&OFFERS[0], &folder.path().join("blender-4.5.15")));
    }
}
