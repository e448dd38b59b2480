//! The subcommands, a file each.

pub(crate) mod claim;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod engine;
pub(crate) mod job;
mod made;
pub(crate) mod manager;
pub(crate) mod managers;
pub(crate) mod node;
pub(crate) mod proof;
pub(crate) mod render;
pub(crate) mod ticket;
pub(crate) mod token;
pub(crate) mod verifier;
pub(crate) mod watch;
pub(crate) mod worker;

use crate::args::{App, Cli, Command, Global};
use crate::config::Config;
use crate::report::Exit;
use crate::terminal::{Color, Style};
use crate::{logging, print, report};
use anyhow::Result;

/// Runs what the command line says; errors are printed here.
pub(crate) async fn run(cli: Cli) -> Exit {
    let mut style = Style::stderr(cli.global.color.unwrap_or(Color::Auto));
    let done = match app(&cli.global) {
        Ok(app) => {
            style = app.err;
            dispatch(&app, cli).await
        }
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| {
        print::note(&report::render(&error, style));
        report::exit_of(&error)
    })
}

fn app(global: &Global) -> Result<App> {
    let config = Config::load(global.config.as_deref())?;
    let color = match global.color {
        Some(color) => color,
        // It was checked when it was read.
        None => config
            .find("output.color", None)
            .and_then(|(text, _)| <Color as clap::ValueEnum>::from_str(&text, false).ok())
            .unwrap_or(Color::Auto),
    };
    Ok(App { config, out: Style::stdout(color), err: Style::stderr(color) })
}

async fn dispatch(app: &App, cli: Cli) -> Result<Exit> {
    let Cli { global, command } = cli;
    let is_role = match &command {
        Command::Worker(_) | Command::Verifier(_) => true,
        Command::Manager(args) => args.is_role(),
        Command::Node(args) => args.command.is_none(),
        _ => false,
    };
    logging::start(app, &global, is_role)?;
    // Boxed: what a command holds while it waits would make this future very large.
    match command {
        Command::Render(args) => Box::pin(render::run(app, args)).await,
        Command::Watch(args) => Box::pin(watch::run(app, args)).await,
        Command::Demo(args) => Box::pin(demo::run(app, args)).await,
        Command::Job(command) => Box::pin(job::run(app, command)).await,
        Command::Proof(command) => Box::pin(proof::run(app, command)).await,
        Command::Claim(command) => Box::pin(claim::run(app, command)).await,
        Command::Node(args) => Box::pin(node::run(app, args)).await,
        Command::Ticket(command) => Box::pin(ticket::run(app, command)).await,
        Command::Token(command) => Box::pin(token::run(app, command)).await,
        Command::Engine(command) => Box::pin(engine::run(app, command)).await,
        Command::Config(command) => config::run(app, &command, &global.settings()),
        Command::Manager(args) => Box::pin(manager::run(app, args)).await,
        Command::Worker(args) => Box::pin(worker::run(app, args)).await,
        Command::Verifier(args) => Box::pin(verifier::run(app, args)).await,
    }
}
