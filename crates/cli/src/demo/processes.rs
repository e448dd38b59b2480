//! The roles of the demonstration, as processes of this same program.
//!
//! Only `engine` starts processes; this file is the one stated exception. What is started here is this
//! program itself and its own script, never a scene or anything from outside.
//! A child ends when its standard input ends, so it never outlives the demonstration, however that died.

use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a role may take to be ready: a database and a storage are made.
const READY_MAX: Duration = Duration::from_secs(60);

/// How long a role may take to end in good order before it is killed.
const END_MAX: Duration = Duration::from_secs(15);

/// Lines of a log that are shown when something went wrong.
const TAIL_LINES: usize = 20;

struct Role {
    name: &'static str,
    child: Child,
}

/// The started roles. Dropping it kills them; [`Roles::end`] lets them end in good order.
pub(crate) struct Roles {
    program: PathBuf,
    folder: PathBuf,
    started: Vec<Role>,
}

impl Roles {
    /// No roles yet; logs go to `folder`.
    ///
    /// # Errors
    /// If this program can't be found, or the folder can't be made.
    pub(crate) fn new(folder: &Path) -> Result<Roles> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("can't make {}", folder.display()))?;
        // Of the user's own settings nothing must reach the roles.
        let settings = folder.join("candela.toml");
        std::fs::write(&settings, "")
            .with_context(|| format!("can't write {}", settings.display()))?;
        let program = std::env::current_exe().context("can't find this program")?;
        Ok(Roles { program, folder: folder.to_owned(), started: Vec::new() })
    }

    /// Starts a role under a name.
    ///
    /// # Errors
    /// If the process can't be started.
    pub(crate) fn start(&mut self, name: &'static str, arguments: Vec<OsString>) -> Result<()> {
        let log = self.log(name);
        let file = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .args(["--die-with-stdin", "--json", "--color", "never"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true);
        // Ctrl-C is for the demonstration, which then ends its roles in order.
        #[cfg(unix)]
        command.process_group(0);
        for key in crate::config::KEYS.iter().filter(|key| !key.name.starts_with("engine.")) {
            command.env_remove(key.env);
        }
        command.env("CANDELA_CONFIG", self.folder.join("candela.toml"));
        let child = command.spawn().with_context(|| format!("can't start {name}"))?;
        self.started.push(Role { name, child });
        Ok(())
    }

    /// The line of JSON that a role prints once it is ready.
    ///
    /// # Errors
    /// If it ends before, or takes too long.
    pub(crate) async fn ready(&mut self, name: &'static str) -> Result<serde_json::Value> {
        let role = self.started.iter_mut().find(|role| role.name == name);
        let stdout = role.and_then(|role| role.child.stdout.take());
        let stdout = stdout.ok_or_else(|| anyhow!("{name} was not started"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_MAX, lines.next_line()).await;
        let line =
            line.map_err(|_| anyhow!("{name} was not ready within {} s", READY_MAX.as_secs()))?;
        let Some(line) = line.with_context(|| format!("can't hear {name}"))? else {
            bail!("{name} ended before it was ready");
        };
        serde_json::from_str(&line).with_context(|| format!("can't understand what {name} says"))
    }

    /// A role that ended although nobody asked it to.
    pub(crate) fn dead(&mut self) -> Option<(&'static str, ExitStatus)> {
        self.started.iter_mut().find_map(|role| {
            let ended = role.child.try_wait().ok().flatten();
            ended.map(|status| (role.name, status))
        })
    }

    /// Comes back with an error when a role ends although nobody asked it to.
    pub(crate) async fn watch(&mut self) -> anyhow::Error {
        loop {
            if let Some((name, status)) = self.dead() {
                return anyhow!("{name} ended in the middle of it ({status})");
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// The last lines of a role's log.
    pub(crate) fn tail(&self, name: &str) -> Option<String> {
        let log = self.log(name);
        let text = std::fs::read(&log).ok()?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        Some(format!("the last lines of {}:\n{last}", log.display()))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Ends all roles in good order, the manager last, and kills what doesn't end.
    pub(crate) async fn end(&mut self) {
        while let Some(mut role) = self.started.pop() {
            drop(role.child.stdin.take());
            if tokio::time::timeout(END_MAX, role.child.wait()).await.is_err() {
                tracing::warn!(name = role.name, "a role did not end in time and is killed");
                // It may have ended just now.
                role.child.kill().await.ok();
            }
        }
    }
}

/// Runs the project's own script with the engine's Python, to make the example scene.
///
/// # Errors
/// If it fails or takes too long.
pub(crate) async fn run_script(
    program: &candela_engine::provision::Program,
    script: &Path,
    argument: &Path,
) -> Result<()> {
    use candela_engine::provision::Program;
    let mut command = match program {
        Program::Module { site, python, .. } => {
            let mut command = Command::new(python);
            command.args(["-s", "-B"]).arg(script).arg(argument).env("PYTHONPATH", site);
            command
        }
        Program::Blender { program, .. } => {
            let mut command = Command::new(program);
            command.args(["-b", "--factory-startup", "--python-exit-code", "1", "--python"]);
            command.arg(script).arg("--").arg(argument);
            command
        }
    };
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(180), command.output()).await;
    let output = output.context("the script that makes the scene takes too long")?;
    let output = output.context("can't run the script that makes the scene")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n");
        bail!("the script that makes the scene failed ({}):\n{last}", output.status);
    }
    Ok(())
}
