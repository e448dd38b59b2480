//! `candela engine`: the exact engine builds on this machine.

use crate::args::App;
use crate::engines;
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use anyhow::Result;
use candela_core::id::EngineBuild;
use candela_engine::provision;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// Install exact builds of Blender and see which are there.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Install an engine, checked by hash, into a folder of its own.
    ///
    /// Nothing is taken from or put into the system. Worker and verifier need the very same build.
    Install(InstallArgs),
    /// List the engines that can be installed, and which are.
    List(ListArgs),
    /// Print the folder or program of an installed engine.
    Path(InstallArgs),
}

/// One engine.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The engine, like `blender-4.5.15` [default: engine.build of the settings].
    engine: Option<String>,
    /// Print JSON: `{"engine": …, "path": …}`.
    #[arg(long)]
    json: bool,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    engine_folder: Option<PathBuf>,
}

/// How they are listed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    engine_folder: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(app: &App, command: EngineCommand) -> Result<Exit> {
    match command {
        EngineCommand::List(args) => list(app, args),
        EngineCommand::Install(args) => {
            let build = engines::build(app, args.engine)?;
            let folder = engines::folder(app, args.engine_folder)?;
            let installed = engines::install(&build, &folder).await?;
            show(&installed, args.json)
        }
        EngineCommand::Path(args) => {
            let build = engines::build(app, args.engine)?;
            let folder = engines::folder(app, args.engine_folder)?;
            show(&engines::need(&build, &folder)?, args.json)
        }
    }
}

fn show(installed: &provision::Installed, json: bool) -> Result<Exit> {
    let path = engines::path(installed).display().to_string();
    if json {
        print::json_line(&json!({ "engine": installed.build.to_string(), "path": path }))?;
    } else {
        print::data(&format!("{path}\n"))?;
    }
    Ok(Exit::Done)
}

fn list(app: &App, args: ListArgs) -> Result<Exit> {
    let folder = engines::folder(app, args.engine_folder)?;
    let builds: Vec<(&str, Option<String>)> = provision::offered()
        .into_iter()
        .map(|name| {
            let found = provision::find(&EngineBuild(name.to_owned()), &folder);
            (name, found.map(|installed| engines::path(&installed).display().to_string()))
        })
        .collect();
    if args.json {
        let lines: Vec<_> =
            builds.iter().map(|(name, path)| json!({ "engine": name, "path": path })).collect();
        print::json(&lines)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[("engine", Align::Left), ("installed", Align::Left)]);
    for (name, path) in builds {
        table.row(vec![name.to_owned(), path.unwrap_or_else(|| "-".to_owned())]);
    }
    print::data(&table.render(app.out))?;
    Ok(Exit::Done)
}
