//! `candela manager status` and `candela manager remove`: the managers of a network.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use anyhow::Result;
use candela_wire::api::ManagersInfo;
use clap::{Args, Subcommand};

/// What can be asked of managers that run.
#[derive(Debug, Subcommand)]
pub(crate) enum ManagerCommand {
    /// Show who leads, how far each manager is, and what there is to do.
    ///
    /// Every manager answers for itself, also while too few of them are there to elect a leader.
    Status(StatusArgs),
    /// Take a manager out whose machine is lost, so that the others need one fewer to agree.
    Remove(RemoveArgs),
}

/// How the status is shown.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which manager is taken out.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Its number, as `candela manager status` shows it.
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    api: ApiArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, command: ManagerCommand) -> Result<Exit> {
    match command {
        ManagerCommand::Status(args) => {
            let managers = asked(app.client(&args.api)?.managers().await)?;
            if args.json {
                print::json(&managers)?;
            } else {
                print::data(&text(app, &managers))?;
            }
        }
        ManagerCommand::Remove(args) => {
            asked(app.client(&args.api)?.remove_manager(args.number).await)?;
            print::note(&format!("manager {} is out", args.number));
        }
    }
    Ok(Exit::Done)
}

fn text(app: &App, info: &ManagersInfo) -> String {
    let mut table = Table::new(&[
        ("manager", Align::Right),
        ("node", Align::Left),
        ("role", Align::Left),
        ("behind", Align::Right),
        ("address", Align::Left),
        ("database", Align::Left),
    ]);
    for manager in &info.managers {
        let own = if manager.number == info.own { ", asked" } else { "" };
        table.row(vec![
            manager.number.to_string(),
            manager.node.chars().take(10).collect(),
            format!("{}{own}", if manager.leads { "leader" } else { "follower" }),
            manager.behind.map_or_else(|| "–".to_owned(), |entries| entries.to_string()),
            manager.addresses.first().cloned().unwrap_or_default(),
            manager.database.clone(),
        ]);
    }
    let leader = match info.leader {
        Some(number) => format!("manager {number} leads, term {}", info.term),
        None => "no manager leads: too few of them are there".to_owned(),
    };
    let queue = &info.queue;
    format!(
        "{leader}\n{}jobs: {} open; frames: {} waiting, {} rendering, {} verifying; nodes: {} of {} connected\n",
        table.render(app.out),
        queue.jobs,
        queue.frames_waiting,
        queue.frames_rendering,
        queue.frames_verifying,
        queue.nodes_linked,
        queue.nodes,
    )
}
