//! Managers, workers and verifiers as processes.

use anyhow::{Context, Result, bail};
use candela_client::Client;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Renders.
    Worker,
    /// Verifies.
    Verifier,
}

/// Where a process runs.
#[derive(Debug, Clone)]
pub struct Site {
    /// The address that it is bound to.
    pub ip: IpAddr,
    /// A command that runs what follows it; nothing: the process is started directly.
    pub through: Vec<String>,
}

impl Default for Site {
    /// This machine, reached from nowhere else.
    fn default() -> Site {
        Site { ip: Ipv4Addr::LOCALHOST.into(), through: Vec::new() }
    }
}

impl Site {
    /// Any free port of its address.
    fn free_port(&self) -> String {
        SocketAddr::new(self.ip, 0).to_string()
    }

    fn command(&self, program: &Path) -> Command {
        match self.through.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        }
    }
}

/// A process that was started; killed when dropped.
pub struct Started {
    child: Child,
    // While this is open, the process stays.
    _stdin: ChildStdin,
    /// What it says on standard error.
    pub log: PathBuf,
    /// The line of JSON with which it said that it is ready.
    pub ready: serde_json::Value,
}

impl Started {
    fn start(program: &Path, site: &Site, args: &[String], log: PathBuf) -> Result<Started> {
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = site
            .command(program)
            .args(args)
            .args(["--json", "--die-with-stdin"])
            .env("CANDELA_CONFIG", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("a process without pipes");
        };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let ready = serde_json::from_str(&line).with_context(|| {
            format!("{args:?} did not get ready: {line:?}; it said:\n{}", said())
        })?;
        Ok(Started { child, _stdin: stdin, log, ready })
    }

    /// Kills it at once, as `kill -9` does.
    ///
    /// # Errors
    /// If it can't be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Its number in the system.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    ///
    /// # Errors
    /// If the system doesn't tell.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        self.kill().ok();
    }
}

/// A manager with a folder for everything; nodes join it.
pub struct Network {
    program: PathBuf,
    /// Folder of all data and logs.
    pub folder: tempfile::TempDir,
    /// The manager; none while it is killed.
    pub manager: Option<Started>,
    site: Site,
    listen: String,
    ticket: String,
}

impl Network {
    /// Starts a manager on free ports of this machine.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn start(program: impl Into<PathBuf>) -> Result<Network> {
        Network::start_on(program, tempfile::tempdir()?)
    }

    /// The same in a folder of the caller's.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn start_on(program: impl Into<PathBuf>, folder: tempfile::TempDir) -> Result<Network> {
        Network::start_at(program, folder, Site::default())
    }

    /// The same at a site.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn start_at(
        program: impl Into<PathBuf>,
        folder: tempfile::TempDir,
        site: Site,
    ) -> Result<Network> {
        let listen = site.free_port();
        let (program, ticket) = (program.into(), String::new());
        let mut network = Network { program, folder, manager: None, site, listen, ticket };
        network.start_manager()?;
        Ok(network)
    }

    /// Starts the manager, again on the same folder and ports if it ran before.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn start_manager(&mut self) -> Result<()> {
        let manager = self.try_manager(&self.listen)?;
        let text = |key: &str| manager.ready[key].as_str().unwrap_or_default().to_owned();
        self.listen = text("api").trim_start_matches("http://").to_owned();
        if self.ticket.is_empty() {
            self.ticket = text("ticket");
        }
        self.manager = Some(manager);
        Ok(())
    }

    /// Starts a manager on the network's folder; a second one is refused.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn try_manager(&self, listen: &str) -> Result<Started> {
        self.a_manager(&self.site, "manager", listen, &[])
    }

    /// Starts a further manager, which joins the first; again on the same folder if it ran before, and
    /// on that address.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn further_manager(&self, name: &str, listen: &str, ticket: &str) -> Result<Started> {
        self.a_manager(&Site::default(), name, listen, &["--join", ticket])
    }

    /// The same at a site; without an address, on a free port.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn further_manager_at(
        &self,
        site: &Site,
        name: &str,
        listen: Option<&str>,
        ticket: &str,
    ) -> Result<Started> {
        let listen = listen.map_or_else(|| site.free_port(), str::to_owned);
        self.a_manager(site, name, &listen, &["--join", ticket])
    }

    fn a_manager(&self, site: &Site, name: &str, listen: &str, more: &[&str]) -> Result<Started> {
        let (data, engines) = (self.path(name), crate::engines_dir());
        let (engines, ip, bind) =
            (engines.to_string_lossy(), site.ip.to_string(), site.free_port());
        let mut args = vec!["manager", "--listen", listen, "--bind", &bind, "--data", &data];
        args.extend(["--database-host", &ip, "--database-listen", &ip]);
        args.extend(["--engine-folder", &engines]);
        args.extend(more);
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let log = self.folder.path().join(format!("{name}.log"));
        Started::start(&self.program, site, &args, log)
    }

    /// Starts a node with that name; `more` are further arguments.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn node(&self, name: &str, role: Role, more: &[&str]) -> Result<Started> {
        self.node_at(&Site::default(), name, role, more)
    }

    /// The same at a site.
    ///
    /// # Errors
    /// If it doesn't get ready.
    pub fn node_at(&self, site: &Site, name: &str, role: Role, more: &[&str]) -> Result<Started> {
        let role = match role {
            Role::Worker => "worker",
            Role::Verifier => "verifier",
        };
        let (data, engines) = (self.path(name), crate::engines_dir());
        let (engines, bind) = (engines.to_string_lossy(), site.free_port());
        let mut args = vec![role, "--join", &self.ticket, "--name", name, "--data", &data];
        args.extend(["--bind", &bind, "--threads", "1", "--engine-folder", &engines]);
        args.extend(more);
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let log = self.folder.path().join(format!("{name}.log"));
        Started::start(&self.program, site, &args, log)
    }

    /// Runs the program as a user and waits for it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        Ok(self.command(args).output()?)
    }

    /// The program with arguments, asked of this network's manager.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("CANDELA_CONFIG", "/dev/null")
            .env("CANDELA_MANAGER", self.api())
            .env("CANDELA_ENGINE_FOLDER", crate::engines_dir())
            .stdin(Stdio::null());
        command
    }

    /// The address of the manager's interface.
    #[must_use]
    pub fn api(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The ticket that nodes join with.
    #[must_use]
    pub fn ticket(&self) -> &str {
        &self.ticket
    }

    /// A client of the manager.
    ///
    /// # Errors
    /// If the address can't be used.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.api(), None)?)
    }

    /// A path in the network's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// The last lines of every log, for a failed test.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let entries = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.extension().is_some_and(|ending| ending == "log") {
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(25)..].join("\n");
                text.push_str(&format!("--- {}\n{last}\n", path.display()));
            }
        }
        text
    }
}
