//! The demonstration: a whole network on this machine, one of whose workers cheats and is found out.
//!
//! What the user sees is what a user of a real network sees: the scene goes through the same code as
//! `candela render`, and everything is asked of the manager over its HTTP interface.

mod folder;
mod processes;
pub(crate) mod story;

pub(crate) use folder::Folder;
pub(crate) use processes::{Roles, run_script};

use crate::api::asked;
use anyhow::{Context, Result, bail};
use candela_client::Client;
use candela_engine::Installed;
use candela_wire::api::{NodeInfo, RoleName, TicketRequest};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The worker that does what it should.
pub(crate) const HONEST: &str = "alice";
/// The worker that renders half of the samples.
pub(crate) const CHEAT: &str = "mallory";
/// The verifier.
pub(crate) const VERIFIER: &str = "victor";
/// The managers; the others join the first.
const MANAGERS: [&str; 3] = ["manager", "manager-2", "manager-3"];

const SCENE_SCRIPT: &str = include_str!("../../assets/demo_scene.py");
const CHEATING_DRIVER: &str = include_str!("half_samples.py");

/// How long the three nodes may take to join.
const JOIN_MAX: Duration = Duration::from_secs(90);

/// Makes the example scene.
///
/// # Errors
/// If the script fails.
pub(crate) async fn make_scene(installed: &Installed, folder: &Path) -> Result<PathBuf> {
    let script = write(folder, "demo_scene.py", SCENE_SCRIPT)?;
    let scene = folder.join("candela.blend");
    run_script(&installed.program, &script, &scene).await?;
    crate::scene::check(&scene, None)?;
    Ok(scene)
}

/// A network of a process for each role.
pub(crate) struct Network {
    /// The processes.
    pub(crate) roles: Roles,
    folder: PathBuf,
    engines: PathBuf,
    managers: usize,
    /// Pages of the managers, once they are ready.
    pub(crate) pages: Vec<String>,
}

impl Network {
    /// Nothing runs yet; everything of it lies in `folder`.
    ///
    /// # Errors
    /// If the folder can't be used.
    pub(crate) fn new(folder: &Path, engines: &Path, managers: usize) -> Result<Network> {
        let engines = std::path::absolute(engines).context("can't tell where the engines are")?;
        let (roles, folder) = (Roles::new(&folder.join("logs"))?, folder.to_owned());
        Ok(Network { roles, folder, engines, managers, pages: Vec::new() })
    }

    /// Starts the manager, then the nodes, and waits until all of them have joined.
    ///
    /// # Errors
    /// If one of them doesn't start or doesn't join.
    pub(crate) async fn start(&mut self) -> Result<Client> {
        let first = self.manager(MANAGERS[0], None).await?;
        let client = crate::api::connect(&first, None)?;
        self.pages.push(first);
        for name in &MANAGERS[1..self.managers.clamp(1, MANAGERS.len())] {
            let request = TicketRequest {
                roles: Vec::new(),
                owner: None,
                expires_s: Some(600),
                manager: true,
            };
            let ticket = asked(client.ticket(&request).await).context("can't make a ticket")?;
            let page = self.manager(name, Some(&ticket.ticket)).await?;
            self.pages.push(page);
        }
        let driver = write(&self.folder, "half_samples.py", CHEATING_DRIVER)?;
        self.join(&client, "worker", HONEST, RoleName::Worker, None).await?;
        self.join(&client, "worker", CHEAT, RoleName::Worker, Some(&driver)).await?;
        self.join(&client, "verifier", VERIFIER, RoleName::Verifier, None).await?;
        self.wait_for_nodes(&client).await?;
        Ok(client)
    }

    /// Starts a manager; the address of its page.
    async fn manager(&mut self, name: &'static str, ticket: Option<&str>) -> Result<String> {
        let mut arguments = self.arguments("manager", name);
        arguments.extend(words(&["--listen", "127.0.0.1:0"]));
        if let Some(ticket) = ticket {
            arguments.extend(words(&["--join", ticket]));
        }
        self.roles.start(name, arguments)?;
        let said = self.roles.ready(name).await?;
        let api = said.get("api").and_then(|api| api.as_str());
        Ok(api.context("a manager doesn't say where it is")?.to_owned())
    }

    fn arguments(&self, command: &str, name: &str) -> Vec<OsString> {
        let mut arguments = words(&[command, "--data"]);
        arguments.push(self.folder.join(name).into());
        arguments.push("--engine-folder".into());
        arguments.push(self.engines.clone().into());
        arguments.extend(words(&["--bind", "127.0.0.1:0"]));
        arguments
    }

    async fn join(
        &mut self,
        client: &Client,
        command: &str,
        name: &'static str,
        role: RoleName,
        driver: Option<&Path>,
    ) -> Result<()> {
        // Everybody is somebody else: nobody checks work of their own.
        let request = TicketRequest {
            roles: vec![role],
            owner: Some(name.to_owned()),
            expires_s: Some(3_600),
            manager: false,
        };
        let ticket = asked(client.ticket(&request).await).context("can't make a ticket")?.ticket;
        let mut arguments = self.arguments(command, name);
        arguments.extend(words(&["--name", name, "--threads", "1", "--join", &ticket]));
        if let Some(driver) = driver {
            arguments.extend([OsString::from("--engine-driver"), driver.into()]);
        }
        self.roles.start(name, arguments)
    }

    async fn wait_for_nodes(&mut self, client: &Client) -> Result<()> {
        let started = Instant::now();
        loop {
            let nodes = asked(client.nodes().await)?;
            let linked = |name: &&str| {
                nodes.iter().any(|node: &NodeInfo| node.linked && node.name == **name)
            };
            let missing: Vec<&str> =
                [HONEST, CHEAT, VERIFIER].into_iter().filter(|name| !linked(name)).collect();
            if missing.is_empty() {
                return Ok(());
            }
            if let Some((name, status)) = self.roles.dead() {
                bail!("{name} ended before it had joined ({status})");
            }
            if started.elapsed() > JOIN_MAX {
                bail!("{} did not join within {} s", missing.join(" and "), JOIN_MAX.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}
