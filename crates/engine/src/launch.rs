//! The folders of one engine and how its process is started: what is bound where, which program, which environment.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use crate::error::EngineError;
use crate::options::{Device, DriverSource, EngineOptions};
use crate::provision::Program;
use crate::sandbox::{Bind, ProcessSpec, SandboxMode};

/// The own driver: file names and contents.
pub(crate) const DRIVER_FILES: [(&str, &str); 4] = [
    ("candela_driver.py", include_str!("driver/candela_driver.py")),
    ("candela_develop.py", include_str!("driver/candela_develop.py")),
    ("candela_facts.py", include_str!("driver/candela_facts.py")),
    ("candela_files.py", include_str!("driver/candela_files.py")),
];

/// What of the disk the engine sees of scenes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SceneMount {
    /// Nothing.
    None,
    /// One folder, at a fixed place.
    Folder(PathBuf),
    /// Everything, at its own place, to read only: for the user's own scene on the user's own machine.
    Disk,
}

/// The folders of one engine, and where the process sees them.
pub(crate) struct Launch {
    scratch: PathBuf,
    boxed: bool,
}

const INSIDE_SCENE: &str = "/candela/scene";
const INSIDE_WORK: &str = "/candela/work";
const INSIDE_DRIVER: &str = "/candela/driver";
const INSIDE_ENGINE: &str = "/candela/engine";
const INSIDE_CUSTOM: &str = "/candela/custom";
const INSIDE_MODULES: &str = "/candela/modules";

impl Launch {
    /// Makes the folders and writes the driver.
    pub(crate) fn new(options: &EngineOptions) -> Result<Self, EngineError> {
        let scratch = &options.scratch_dir;
        for folder in ["root", "work", "driver", "results"].map(|name| scratch.join(name)) {
            std::fs::create_dir_all(&folder)
                .map_err(|e| EngineError::io("can't make", &folder, e))?;
        }
        let scratch =
            scratch.canonicalize().map_err(|e| EngineError::io("can't find", scratch, e))?;
        for (name, contents) in DRIVER_FILES {
            let path = scratch.join("driver").join(name);
            std::fs::write(&path, contents)
                .map_err(|e| EngineError::io("can't write", &path, e))?;
        }
        if let DriverSource::Python(path) | DriverSource::Program(path) = &options.driver {
            path.metadata()
                .map_err(|e| EngineError::io("can't find the engine driver", path, e))?;
        }
        Ok(Launch { scratch, boxed: options.sandbox == SandboxMode::On })
    }

    fn seen(&self, inside: &str, outside: PathBuf) -> PathBuf {
        if self.boxed { PathBuf::from(inside) } else { outside }
    }

    /// Where the process sees the main file of a scene.
    pub(crate) fn scene_inside(&self, scene_dir: &Path, main_file: &Path) -> PathBuf {
        self.seen(INSIDE_SCENE, absolute(scene_dir)).join(main_file)
    }

    /// A file of the writable folder as the process sees it.
    pub(crate) fn work_inside(&self, name: &str) -> PathBuf {
        self.seen(INSIDE_WORK, self.scratch.join("work")).join(name)
    }

    /// A file of the writable folder as it lies on the disk.
    pub(crate) fn work_outside(&self, name: &str) -> PathBuf {
        self.scratch.join("work").join(name)
    }

    /// Where results go, which the process doesn't see.
    pub(crate) fn results_dir(&self) -> PathBuf {
        self.scratch.join("results")
    }

    /// A file that the engine should have written; not a link to something else.
    pub(crate) fn checked_work_file(&self, name: &str) -> Result<PathBuf, EngineError> {
        let path = self.work_outside(name);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => Ok(path),
            Ok(_) => Err(EngineError::protocol("render", format!("{name} is not a file"))),
            Err(error) => Err(EngineError::io("the engine did not write", &path, error)),
        }
    }

    /// Empties the writable folder.
    pub(crate) fn clear_work(&self) -> Result<(), EngineError> {
        let work = self.work_outside("");
        let failed = |error| EngineError::io("can't empty", &work, error);
        for entry in std::fs::read_dir(&work).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_dir = path.symlink_metadata().is_ok_and(|m| m.is_dir());
            let removed =
                if is_dir { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(failed)?;
        }
        std::fs::create_dir_all(work.join("tmp")).map_err(failed)
    }

    /// How to start the process.
    pub(crate) fn spec(
        &self,
        options: &EngineOptions,
        scene: &SceneMount,
    ) -> Result<ProcessSpec, EngineError> {
        let mut binds = vec![
            read_only(self.scratch.join("driver"), INSIDE_DRIVER),
            Bind { host: self.work_outside(""), inside: INSIDE_WORK.into(), writable: true },
        ];
        match scene {
            SceneMount::None => {}
            SceneMount::Folder(folder) => binds.push(read_only(absolute(folder), INSIDE_SCENE)),
            SceneMount::Disk => binds.extend(disk()),
        }
        let driver = self.seen(INSIDE_DRIVER, self.scratch.join("driver"));
        let script = match &options.driver {
            DriverSource::Own => driver.join("candela_driver.py"),
            DriverSource::Python(path) | DriverSource::Program(path) => {
                let host = absolute(path);
                let inside = Path::new(INSIDE_CUSTOM).join(path.file_name().unwrap_or_default());
                binds.push(Bind { host: host.clone(), inside: inside.clone(), writable: false });
                if self.boxed { inside } else { host }
            }
        };
        let mut python_path = vec![driver];
        if let Some(modules) = modules_beside(&options.driver) {
            binds.push(read_only(modules.clone(), INSIDE_MODULES));
            python_path.push(self.seen(INSIDE_MODULES, modules));
        }
        let (mut program, mut args);
        match &options.installed.program {
            Program::Module { site, python, prefix } => {
                binds.push(read_only(site.clone(), INSIDE_ENGINE));
                if !prefix.starts_with("/usr") {
                    binds.push(Bind {
                        host: prefix.clone(),
                        inside: prefix.clone(),
                        writable: false,
                    });
                }
                python_path.push(self.seen(INSIDE_ENGINE, site.clone()));
                program = python.clone();
                args = ["-s", "-B", "-u"].map(str::to_owned).to_vec();
            }
            Program::Blender { program: path, folder } => {
                binds.push(Bind { host: folder.clone(), inside: folder.clone(), writable: false });
                program = path.clone();
                let flags =
                    ["-b", "--factory-startup", "--disable-autoexec", "--python-use-system-env"];
                args = flags.map(str::to_owned).to_vec();
                args.extend(["--python-exit-code", "1", "--python"].map(str::to_owned));
            }
        }
        if matches!(options.driver, DriverSource::Program(_)) {
            (program, args) = (script, Vec::new());
        } else {
            args.push(script.to_string_lossy().into_owned());
        }
        Ok(ProcessSpec {
            mode: options.sandbox,
            program,
            args,
            environment: self.environment(options, scene, &python_path),
            directory: self.work_inside(""),
            binds,
            root: self.scratch.join("root"),
            own_tmp: *scene != SceneMount::Disk,
            graphics: options.device != Device::Cpu,
            limits: options.limits.clone(),
        })
    }

    fn environment(
        &self,
        options: &EngineOptions,
        scene: &SceneMount,
        python_path: &[PathBuf],
    ) -> BTreeMap<String, String> {
        let own_tmp = self.boxed && *scene != SceneMount::Disk;
        let tmp = if own_tmp { PathBuf::from("/tmp") } else { self.work_inside("tmp") };
        let tmp = tmp.to_string_lossy().into_owned();
        let driver_options = json!({
            "scratch": self.work_inside(""),
            "threads": options.threads,
            "device": options.device.name(),
            "cpu_class": options.cpu_class.name(),
            "reuse_scene_data": options.reuse_scene_data,
            "nice": options.limits.nice,
        });
        let python_path: Vec<_> = python_path.iter().map(|p| p.to_string_lossy()).collect();
        [
            ("CANDELA_DRIVER_OPTIONS", driver_options.to_string()),
            ("PYTHONPATH", python_path.join(":")),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOME", tmp.clone()),
            ("TMPDIR", tmp.clone()),
            ("BLENDER_USER_RESOURCES", format!("{tmp}/blender")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

fn read_only(host: PathBuf, inside: &str) -> Bind {
    Bind { host, inside: inside.into(), writable: false }
}

/// The folder of modules that a Python driver may import: `modules` beside it, if there is one.
fn modules_beside(driver: &DriverSource) -> Option<PathBuf> {
    let DriverSource::Python(path) = driver else { return None };
    let folder = absolute(path).parent()?.join("modules");
    folder.is_dir().then_some(folder)
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// The folders at the top of the disk, except those that the sandbox has of its own.
fn disk() -> Vec<Bind> {
    const OWN: [&str; 6] = ["proc", "sys", "dev", "usr", "candela", "lost+found"];
    let entries = std::fs::read_dir("/").into_iter().flatten().flatten();
    let folders = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    folders
        .filter(|e| !OWN.iter().any(|own| e.file_name() == *own))
        .map(|e| Bind { host: e.path(), inside: e.path(), writable: false })
        .collect()
}

/// Whether a path stays where it starts: relative, and without a step up.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
        && path.components().next().is_some()
}
