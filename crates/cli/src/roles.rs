//! The roles of this process: what the command line says, joined to what `candela-node` runs.
//!
//! Everything that starts a manager, a worker or a verifier goes through the two functions here.

use crate::args::App;
use crate::config::data_folder;
use crate::engines;
use crate::report::Exit;
use crate::shutdown;
use crate::units::Bytes;
use anyhow::{Context, Result, bail};
use candela_core::node::Role;
use candela_engine::Installed;
use clap::Args;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a node that renders or verifies is started with.
#[derive(Debug, Args)]
pub(crate) struct NodeRunArgs {
    /// The ticket with which it joins; `candela ticket create` makes one.
    #[arg(long, value_name = "TICKET", env = "CANDELA_TICKET", hide_env_values = true, required = true)]
    pub join: Option<String>,
    /// Folder of its key, scenes and results [env: CANDELA_NODE_DATA] [default: the user's own].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What people call it [env: CANDELA_NODE_NAME] [default: the machine's name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Tasks that it works on at once, of each role [env: CANDELA_SLOTS] [default: 1].
    #[arg(long, value_name = "N")]
    pub slots: Option<u32>,
    /// Threads of one task [env: CANDELA_THREADS] [default: all of the machine's].
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Memory of one task, like `8GiB` [env: CANDELA_MEMORY] [default: 8GiB].
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Bytes>,
    /// Another program or Python file that drives the engine [env: CANDELA_ENGINE_DRIVER].
    #[arg(long, value_name = "PATH")]
    pub engine_driver: Option<PathBuf>,
    /// The engine to offer, installed if it isn't there [env: CANDELA_ENGINE] [default: blender-4.5.15].
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<String>,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    pub engine_folder: Option<PathBuf>,
    /// Address on which other nodes reach it [env: CANDELA_NODE_BIND] [default: 0.0.0.0:0, any free port].
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<SocketAddr>,
    /// Once it is ready, print one line of JSON: `{"node": …, "name": …}`.
    #[arg(long)]
    pub json: bool,
    /// End when standard input ends, so that it never outlives who started it.
    #[arg(long, hide = true)]
    pub die_with_stdin: bool,
}

/// A manager, checked and complete.
#[derive(Debug)]
pub(crate) struct ManagerPlan {
    /// Folder of its key, database and storage.
    pub data: PathBuf,
    /// Where the interface for people and programs listens.
    pub listen: SocketAddr,
    /// Where nodes reach it.
    pub bind: SocketAddr,
    /// Token that the interface asks of anything but this machine.
    pub token: Option<String>,
    /// The engine with which scenes are inspected.
    pub engine: Installed,
    /// Whether the line that it prints once it is ready is JSON.
    pub json: bool,
}

/// A node that renders or verifies, checked and complete.
#[derive(Debug)]
pub(crate) struct NodePlan {
    /// What it does.
    pub roles: BTreeSet<Role>,
    /// The ticket with which it joins.
    pub ticket: String,
    /// Folder of its key, scenes and results.
    pub data: PathBuf,
    /// What people call it.
    pub name: String,
    /// Tasks at once, of each role.
    pub slots: u32,
    /// Threads of one task.
    pub threads: Option<u32>,
    /// Memory of one task.
    pub memory_bytes: Option<u64>,
    /// Another driver for the engine.
    pub engine_driver: Option<PathBuf>,
    /// The engine that it offers.
    pub engine: Installed,
    /// Where other nodes reach it.
    pub bind: SocketAddr,
    /// Whether the line that it prints once it is ready is JSON.
    pub json: bool,
}

impl NodePlan {
    /// What the command line and the settings say, with the engine installed.
    ///
    /// # Errors
    /// If a setting can't be understood, or the engine can't be installed.
    pub(crate) async fn new(app: &App, args: NodeRunArgs, roles: BTreeSet<Role>) -> Result<NodePlan> {
        let config = &app.config;
        let folder = match roles.first() {
            Some(role) if roles.len() == 1 => role.word(),
            _ => "node",
        };
        let data = match config.get("node.data", args.data)? {
            Some(data) => data,
            None => data_folder(folder)?,
        };
        let build = engines::build(app, args.engine)?;
        let engine = engines::install(&build, &engines::folder(app, args.engine_folder)?).await?;
        let memory: Option<Bytes> = config.get("node.memory", args.memory)?;
        Ok(NodePlan {
            roles,
            ticket: args.join.context("a node needs a ticket: --join TICKET")?,
            data: std::path::absolute(&data).context("can't tell where the data folder is")?,
            name: config.get("node.name", args.name)?.unwrap_or_else(machine_name),
            slots: config.need("node.slots", args.slots)?,
            threads: config.get("node.threads", args.threads)?,
            memory_bytes: memory.map(|memory| memory.0),
            engine_driver: config.get("node.engine-driver", args.engine_driver)?,
            engine,
            bind: config.need("node.bind", args.bind)?,
            json: args.json,
        })
    }
}

/// What the machine calls itself.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "node".to_owned() } else { name.trim().to_owned() }
}

/// Runs a manager until it is asked to end.
///
/// # Errors
/// If it can't be started.
pub(crate) async fn run_manager(plan: ManagerPlan, die_with_stdin: bool) -> Result<Exit> {
    let _ = (plan, shutdown::requested(die_with_stdin));
    bail!("this build holds no manager yet")
}

/// Runs a worker or verifier until it is asked to end.
///
/// # Errors
/// If it can't be started.
pub(crate) async fn run_node(plan: NodePlan, die_with_stdin: bool) -> Result<Exit> {
    let _ = (plan, shutdown::requested(die_with_stdin));
    bail!("this build holds no worker yet")
}
