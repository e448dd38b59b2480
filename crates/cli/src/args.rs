//! The command line: what can be said, with the help text as its documentation.

use crate::commands::{
    claim, config, demo, engine, job, manager, node, proof, render, ticket, token, verifier, watch,
    worker,
};
use crate::config::Config;
use crate::terminal::{Color, Style};
use anyhow::Result;
use candela_client::Client;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Renders Blender scenes on machines of many people, and has every frame checked by a third party.
///
/// `candela demo` shows the whole of it on this machine.
/// `candela render scene.blend --output frames/` renders a scene on a network that is there.
/// `candela manager`, `candela worker` and `candela verifier` make a network.
///
/// Exit codes: 0 done; 1 the job failed, was refused or cancelled; 2 wrong usage, or something broke;
/// 130 interrupted with Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "candela", version, propagate_version = false, max_term_width = 100)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The configuration file [env: CANDELA_CONFIG] [default: candela.toml in the user's folder].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Whether to colour what is printed [env: CANDELA_COLOR] [default: auto].
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<Color>,
    /// What to log to standard error, like `debug` or `candela_node=debug,info` [env: RUST_LOG].
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// How to write it: as text, or one JSON object per line [env: CANDELA_LOG_FORMAT] [default: text].
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, with a field for each figure.
    Json,
}

impl Global {
    /// Those of them that are settings, for `candela config show`.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let color = self.color.as_ref().and_then(clap::ValueEnum::to_possible_value);
        let color = color.map(|value| ("output.color", value.get_name().to_owned()));
        let log = self.log.clone().map(|log| ("output.log", log));
        let format = self.log_format.as_ref().and_then(clap::ValueEnum::to_possible_value);
        let format = format.map(|value| ("output.log-format", value.get_name().to_owned()));
        color.into_iter().chain(log).chain(format).collect()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Render(render::RenderArgs),
    Watch(watch::WatchArgs),
    Demo(demo::DemoArgs),
    #[command(subcommand)]
    Job(job::JobCommand),
    #[command(subcommand)]
    Claim(claim::ClaimCommand),
    #[command(subcommand)]
    Proof(proof::ProofCommand),
    Node(node::NodeArgs),
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Engine(engine::EngineCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Manager(manager::ManagerArgs),
    Worker(worker::WorkerArgs),
    Verifier(verifier::VerifierArgs),
}

/// How a manager is reached, for every command that asks one.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Manager")]
pub(crate) struct ApiArgs {
    /// Where the manager's interface is [env: CANDELA_MANAGER] [default: http://127.0.0.1:4470].
    #[arg(long, value_name = "URL")]
    pub manager: Option<String>,
    /// The manager's token; not needed on its own machine [env: CANDELA_TOKEN].
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct App {
    /// Settings from environment and file.
    pub config: Config,
    /// Colours of standard output.
    pub out: Style,
    /// Colours of standard error.
    pub err: Style,
}

impl App {
    /// A connection to the manager that the arguments or the settings name.
    ///
    /// # Errors
    /// If the address can't be understood.
    pub(crate) fn client(&self, args: &ApiArgs) -> Result<Client> {
        let manager: String = self.config.need("client.manager", args.manager.clone())?;
        let token = self.config.get("client.token", args.token.clone())?;
        crate::api::connect(&manager, token)
    }
}
