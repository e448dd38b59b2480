//! `candela manager`: the control plane, the storage and the page of a network.

use crate::args::App;
use crate::commands::managers::{self, ManagerCommand};
use crate::config::data_folder;
use crate::engines;
use crate::messages;
use crate::policy;
use crate::report::Exit;
use crate::roles::{ManagerPlan, absolute, engine_config, run_manager};
use anyhow::Result;
use candela_node::config::{DatabaseConfig, ManagerConfig};
use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Run a manager: it takes jobs, gives out tasks, has frames verified and keeps them.
///
/// Nothing has to be set up. Once it is ready it prints the address of its page and a ticket with
/// which workers and verifiers join. Started again on the same folder, it goes on where it was.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ManagerArgs {
    /// A verb; without one, a manager is run.
    #[command(subcommand)]
    command: Option<ManagerCommand>,
    /// Folder of its key, database and storage [env: CANDELA_MANAGER_DATA] [default: the user's own].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of its page and interface [env: CANDELA_LISTEN] [default: 127.0.0.1:4470].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address on which nodes reach it [env: CANDELA_MANAGER_BIND] [default: 0.0.0.0:0, a free port, kept].
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Address under which nodes reach it from outside, if it can't know that itself; may be given twice.
    #[arg(long, value_name = "ADDRESS")]
    advertise: Vec<SocketAddr>,
    /// A ticket of managers that this one is to join, on an empty folder; needed for its first start only.
    #[arg(long, value_name = "TICKET", env = "CANDELA_MANAGER_TICKET", hide_env_values = true)]
    join: Option<String>,
    /// Name or address by which other managers reach this one's database, from its first start on.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    database_host: String,
    /// Address on which its database listens for other managers; keep it on a network of their own.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    database_listen: IpAddr,
    /// Token that users on other machines need; made and kept if not given [env: CANDELA_TOKEN].
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The engine to inspect scenes with, installed if it isn't there [env: CANDELA_ENGINE] [default: blender-4.5.15].
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    engine_folder: Option<PathBuf>,
    /// Run the engine without the sandbox, where it can't be made: only for scenes that you trust.
    #[arg(long)]
    no_sandbox: bool,
    /// Once it is ready, print one line of JSON: `{"api": …, "ticket": …, "node": …}`.
    #[arg(long)]
    json: bool,
    /// End when standard input ends, so that it never outlives who started it.
    #[arg(long, hide = true)]
    die_with_stdin: bool,
}

impl ManagerArgs {
    /// Whether a manager is run, and not asked something.
    pub(crate) fn is_role(&self) -> bool {
        self.command.is_none()
    }
}

/// Runs it.
pub(crate) async fn run(app: &App, args: ManagerArgs) -> Result<Exit> {
    if let Some(command) = args.command {
        return managers::run(app, command).await;
    }
    let config = &app.config;
    let policy = policy::from_config(config)?;
    let data = match config.get("manager.data", args.data)? {
        Some(data) => data,
        None => data_folder("manager")?,
    };
    let build = engines::build(app, args.engine)?;
    let installed = engines::install(&build, &engines::folder(app, args.engine_folder)?).await?;
    let database = DatabaseConfig {
        host: args.database_host,
        listen: args.database_listen,
        election_ms: config.need("manager.election-ms", None)?,
    };
    let node = ManagerConfig {
        data_dir: absolute(&data)?,
        bind: config.need("manager.bind", args.bind)?,
        advertise: args.advertise,
        engine: engine_config(installed, args.no_sandbox),
        policy,
        join: args.join,
        database,
        stand_in: None,
    };
    let plan = ManagerPlan {
        node,
        listen: config.need("manager.listen", args.listen)?,
        messages: messages::plan(config)?,
        token: config.get("client.token", args.token)?,
        json: args.json,
        die_with_stdin: args.die_with_stdin,
    };
    // Boxed: what a manager holds while it runs would make this future very large.
    Box::pin(run_manager(plan)).await
}
