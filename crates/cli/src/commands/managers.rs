//! `candela manager status`, `remove`, `backup` and so on: the managers of a network.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::config::data_folder;
use crate::print;
use crate::report::{Exit, hinted};
use crate::roles::absolute;
use crate::table::{Align, Table};
use crate::units::Bytes;
use anyhow::{Result, anyhow};
use candela_node::manager::backup;
use candela_wire::api::ManagersInfo;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be asked of managers that run.
#[derive(Debug, Subcommand)]
pub(crate) enum ManagerCommand {
    /// Show who leads, how far each manager is, and what there is to do.
    ///
    /// Every manager answers for itself, also while too few of them are there to elect a leader.
    Status(StatusArgs),
    /// Take a manager out whose machine is lost, so that the others need one fewer to agree.
    Remove(RemoveArgs),
    /// Save all that a manager on this machine has into a folder: jobs, frames, scenes, its key.
    ///
    /// The manager goes on meanwhile, and need not lead. Into the same folder again, only what is new is
    /// copied. The backup holds secrets: keep it where only you can read it.
    Backup(BackupArgs),
    /// Make a manager from a backup, on an empty folder: a lone one, which others can join then.
    ///
    /// It has the key and the port of the one that was saved, so nodes find it at its old address. Two
    /// that run with one key disturb each other: make sure that the old one never starts again.
    Restore(RestoreArgs),
    /// Show the secret with which this machine's manager signs webhooks.
    ///
    /// Whoever receives webhooks checks with it that they come from here; see the guide to messages.
    WebhookSecret(SecretArgs),
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

/// What is saved, and where.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Folder of the backup; made if it isn't there.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    /// Folder of the manager's data [env: CANDELA_MANAGER_DATA] [default: the user's own].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Whose secret is shown.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Folder of the manager's data [env: CANDELA_MANAGER_DATA] [default: the user's own].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What is restored, and where.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Folder of the backup.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// Folder of the manager to be [env: CANDELA_MANAGER_DATA] [default: the user's own].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
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
        ManagerCommand::Backup(args) => save(app, args).await?,
        ManagerCommand::Restore(args) => restore(app, args).await?,
        ManagerCommand::WebhookSecret(args) => secret(app, args).await?,
    }
    Ok(Exit::Done)
}

fn data_of(app: &App, named: Option<PathBuf>) -> Result<PathBuf> {
    let data = match app.config.get("manager.data", named)? {
        Some(data) => data,
        None => data_folder("manager")?,
    };
    absolute(&data)
}

async fn save(app: &App, args: BackupArgs) -> Result<()> {
    let (data, to) = (data_of(app, args.data)?, absolute(&args.to)?);
    let saved = backup::save(&data, &to).await?;
    print::note(&format!(
        "saved in {}: {} rows, {} blobs, of which {} ({}) are new",
        to.display(),
        saved.rows,
        saved.blobs,
        saved.blobs_new,
        Bytes(saved.bytes_new)
    ));
    if saved.blobs_missing > 0 {
        print::note(&format!(
            "{} blobs are not at this manager yet; save again in a minute, or save another manager",
            saved.blobs_missing
        ));
    }
    Ok(())
}

async fn restore(app: &App, args: RestoreArgs) -> Result<()> {
    let (data, from) = (data_of(app, args.data)?, absolute(&args.from)?);
    let restored = backup::restore(&from, &data).await?;
    print::note(&format!(
        "restored in {}: {} rows, {} blobs",
        data.display(),
        restored.rows,
        restored.blobs
    ));
    if restored.blobs_missing > 0 {
        print::note(&format!("{} blobs are not in the backup", restored.blobs_missing));
    }
    print::note("start it with `candela manager`; whoever was a manager beside it can join again");
    Ok(())
}

async fn secret(app: &App, args: SecretArgs) -> Result<()> {
    // What is set is used by managers that read the same settings.
    if let Some(secret) = app.config.get::<String>("messages.webhook-secret", None)? {
        return print::data(&format!("{secret}\n"));
    }
    let data = data_of(app, args.data)?;
    match backup::webhook_secret(&data).await? {
        Some(secret) => print::data(&format!("{secret}\n")),
        None => Err(hinted(
            anyhow!("there is no secret yet: no manager of the network has led"),
            "it is drawn when the managers have a leader; try again then",
        )),
    }
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
