//! The roles of this process: what the command line says, joined to what `candela-node` runs.
//!
//! Everything that starts a manager, a worker or a verifier goes through the two functions here.

use crate::args::App;
use crate::config::data_folder;
use crate::engines;
use crate::print;
use crate::report::{Exit, Problem, Refused, hinted};
use crate::shutdown;
use crate::units::Bytes;
use anyhow::{Context, Result};
use candela_api::MessagesPlan;
use candela_core::node::Role;
use candela_core::refusal::Refusal;
use candela_engine::{Device, DriverSource, Installed, SandboxMode};
use candela_node::agent::{self, AgentError};
use candela_node::config::{AgentConfig, EngineConfig, ManagerConfig};
use candela_node::manager::{self, ApplyError, StartError, TicketRequest};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What a node that renders or verifies is started with.
#[derive(Debug, Args)]
pub(crate) struct NodeRunArgs {
    /// The ticket with which it joins; `candela ticket create` makes one.
    #[arg(
        long,
        value_name = "TICKET",
        env = "CANDELA_TICKET",
        hide_env_values = true,
        required = true
    )]
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
    /// Address under which other nodes reach it from outside, if it can't know that itself; may be given twice.
    #[arg(long, value_name = "ADDRESS")]
    pub advertise: Vec<SocketAddr>,
    /// What it renders on.
    #[arg(long, value_enum, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceArg,
    /// Run the engine without the sandbox, where it can't be made: only for scenes that you trust.
    #[arg(long)]
    pub no_sandbox: bool,
    /// Once it is ready, print one line of JSON: `{"node": …, "name": …}`.
    #[arg(long)]
    pub json: bool,
    /// End when standard input ends, so that it never outlives who started it.
    #[arg(long, hide = true)]
    pub die_with_stdin: bool,
}

/// What a node renders on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceArg {
    /// The processor.
    Cpu,
    /// NVIDIA cards, by CUDA.
    Cuda,
    /// NVIDIA cards, by OptiX.
    Optix,
    /// AMD cards.
    Hip,
    /// Intel cards.
    Oneapi,
}

impl From<DeviceArg> for Device {
    fn from(device: DeviceArg) -> Device {
        match device {
            DeviceArg::Cpu => Device::Cpu,
            DeviceArg::Cuda => Device::Cuda,
            DeviceArg::Optix => Device::Optix,
            DeviceArg::Hip => Device::Hip,
            DeviceArg::Oneapi => Device::OneApi,
        }
    }
}

/// A manager, checked and complete.
pub(crate) struct ManagerPlan {
    /// What the manager is started with.
    pub node: ManagerConfig,
    /// Where the interface for people and programs listens.
    pub listen: SocketAddr,
    /// How messages are sent.
    pub messages: MessagesPlan,
    /// Token that the interface asks of anything but this machine.
    pub token: Option<String>,
    /// Whether the line that it prints once it is ready is JSON.
    pub json: bool,
    /// Whether it ends with standard input.
    pub die_with_stdin: bool,
}

/// A node that renders or verifies, checked and complete.
pub(crate) struct NodePlan {
    node: AgentConfig,
    json: bool,
    die_with_stdin: bool,
}

impl NodePlan {
    /// What the command line and the settings say, with the engine installed.
    ///
    /// # Errors
    /// If a setting can't be understood, or the engine can't be installed.
    pub(crate) async fn new(
        app: &App,
        args: NodeRunArgs,
        roles: BTreeSet<Role>,
    ) -> Result<NodePlan> {
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
        let installed =
            engines::install(&build, &engines::folder(app, args.engine_folder)?).await?;
        let mut engine = engine_config(installed, args.no_sandbox);
        let driver: Option<PathBuf> = config.get("node.engine-driver", args.engine_driver)?;
        if let Some(driver) = driver {
            engine.driver = DriverSource::from_path(&absolute(&driver)?);
        }
        if let Some(memory) = config.get::<Bytes>("node.memory", args.memory)? {
            engine.limits.memory_bytes_max = memory.0;
        }
        engine.threads = config.get("node.threads", args.threads)?;
        engine.device = args.device.into();
        let node = AgentConfig {
            data_dir: absolute(&data)?,
            ticket: args.join.context("a node needs a ticket: --join TICKET")?,
            name: config.get("node.name", args.name)?.unwrap_or_else(machine_name),
            roles,
            bind: config.need("node.bind", args.bind)?,
            advertise: args.advertise,
            engine,
            slots: config.need("node.slots", args.slots)?,
        };
        Ok(NodePlan { node, json: args.json, die_with_stdin: args.die_with_stdin })
    }
}

/// How engines are run, before anything else is said about it.
pub(crate) fn engine_config(installed: Installed, no_sandbox: bool) -> EngineConfig {
    let mut engine = EngineConfig::new(installed);
    if no_sandbox {
        print::note(
            "warning: the engine runs without a sandbox; scenes can read and change this machine's files",
        );
        engine.sandbox = SandboxMode::Off;
    }
    engine
}

/// Paths are handed on whole: what runs in a sandbox has another working folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("can't tell where {} is", path.display()))
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
/// If it can't be started, or its interface falls over.
pub(crate) async fn run_manager(plan: ManagerPlan) -> Result<Exit> {
    let listener = TcpListener::bind(plan.listen).await;
    let listener = listener.map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("can't listen on {}", plan.listen));
        hinted(error, "another manager may be running; name another address with --listen")
    })?;
    let listening = listener.local_addr().context("can't tell the interface's address")?;
    let token = token(&plan, &listening)?;
    let build = plan.node.engine.build().clone();
    let uploads_dir = plan.node.data_dir.join("uploads");
    let mut running = Box::pin(manager::run(plan.node)).await.map_err(cant_start)?;
    let api = candela_api::ApiConfig {
        tokens: token.iter().cloned().collect(),
        default_engine: Some(build),
        uploads_dir,
        messages: plan.messages,
        ..candela_api::ApiConfig::default()
    };
    let (end, ended) = oneshot::channel::<()>();
    let ending = async {
        // It ends because the sender is dropped.
        ended.await.ok();
    };
    let mut serving =
        tokio::spawn(candela_api::serve(listener, running.manager.clone(), api, ending));
    let done = async {
        announce(&running.manager, listening, token, plan.json).await?;
        tokio::select! {
            signal = shutdown::requested(plan.die_with_stdin) => {
                tracing::info!("ending: {}", signal?);
                Ok(Exit::Done)
            }
            failure = running.failed() => Err(cant_start(failure)),
            served = &mut serving => match served {
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(())) | Err(_) => Err(anyhow::anyhow!("the interface ended by itself")),
            },
        }
    };
    let done = done.await;
    drop(end);
    if !serving.is_finished() {
        // Its end was asked for.
        serving.await.ok();
    }
    running.shutdown().await;
    done
}

/// Says where the manager is, and how nodes join.
async fn announce(
    manager: &manager::Manager,
    listening: SocketAddr,
    token: Option<String>,
    json: bool,
) -> Result<()> {
    let roles = BTreeSet::from([Role::Worker, Role::Verifier]);
    let ticket =
        manager.ticket(TicketRequest { roles, owner: None, expires_s: None, manager: false }).await;
    let ticket = match ticket {
        Ok(ticket) => Some(ticket),
        // Any manager's ticket will do; this one has nothing to make one with.
        Err(ApplyError::Elsewhere(_)) => None,
        Err(error) => return Err(error).context("can't make a ticket"),
    };
    let page = format!("http://{}", reachable(listening));
    if json {
        let node = manager.addr().node.to_string();
        return print::json_line(
            &json!({ "api": page, "ticket": ticket, "node": node, "token": token }),
        );
    }
    let token = token.map(|token| format!("token:  {token}\n")).unwrap_or_default();
    let node = manager.addr().node;
    let Some(ticket) = ticket else {
        print::data(&format!("page:   {page}/\nnode:   {node}\n{token}"))?;
        print::note("it follows another manager; see `candela manager status`");
        return Ok(());
    };
    print::data(&format!("page:   {page}/\nnode:   {node}\n{token}ticket: {ticket}\n"))?;
    print::note(
        "a worker joins with `candela worker --join TICKET`, a verifier with `candela verifier --join TICKET`",
    );
    Ok(())
}

/// An address that a browser can open: "all addresses" is none.
fn reachable(listening: SocketAddr) -> SocketAddr {
    if !listening.ip().is_unspecified() {
        return listening;
    }
    let ip = if listening.is_ipv4() {
        [127, 0, 0, 1].into()
    } else {
        std::net::Ipv6Addr::LOCALHOST.into()
    };
    SocketAddr::new(ip, listening.port())
}

/// The token that users elsewhere need: the named one, or one that is made once and kept.
fn token(plan: &ManagerPlan, listening: &SocketAddr) -> Result<Option<String>> {
    if plan.token.is_some() || listening.ip().is_loopback() {
        return Ok(plan.token.clone());
    }
    let path = plan.node.data_dir.join("token");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok(Some(text.trim().to_owned()));
    }
    let bytes: [u8; 32] = rand::random();
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let written =
        std::fs::create_dir_all(&plan.node.data_dir).and_then(|()| write_secret(&path, &token));
    written.with_context(|| format!("can't write {}", path.display()))?;
    Ok(Some(token))
}

/// Writes a file that only its owner can read.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn cant_start(error: StartError) -> anyhow::Error {
    let database = matches!(&error, StartError::Database(_));
    let too_new = error.is_too_new();
    let error = anyhow::Error::new(error).context("can't run the manager");
    if too_new {
        return hinted(error, "a newer program wrote that: update this one; nothing was changed");
    }
    if database {
        return hinted(
            error,
            "one manager runs on a folder at a time; --data names another folder",
        );
    }
    error
}

/// Runs a worker or verifier until it is asked to end, or a manager refuses it for good.
///
/// # Errors
/// If it can't be started or is refused.
pub(crate) async fn run_node(plan: NodePlan) -> Result<Exit> {
    let name = plan.node.name.clone();
    let mut running = agent::run(plan.node).await.map_err(cant_run)?;
    let node = running.node.to_string();
    if plan.json {
        print::json_line(&json!({ "node": node, "name": name }))?;
    } else {
        print::note(&format!("{name} is node {node}; Ctrl-C ends it"));
    }
    let signal = tokio::select! {
        ended = running.ended() => return ended.map(|()| Exit::Done).map_err(cant_run),
        signal = shutdown::requested(plan.die_with_stdin) => signal,
    };
    running.shutdown().await;
    tracing::info!("ended: {}", signal?);
    Ok(Exit::Done)
}

fn cant_run(error: AgentError) -> anyhow::Error {
    match error {
        AgentError::Refused(refusal) => Refused(vec![Problem::from(refusal)]).into(),
        error @ AgentError::InUse(_) => hinted(error, "name another folder with --data"),
        error => anyhow::Error::new(error).context("can't start the node"),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem { code: refusal.code.to_string(), message: refusal.message, hint: refusal.hint }
    }
}
