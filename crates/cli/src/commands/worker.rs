//! `candela worker`: lends this machine for rendering.

use crate::args::App;
use crate::report::Exit;
use crate::roles::{NodePlan, NodeRunArgs, run_node};
use anyhow::Result;
use candela_core::node::Role;
use clap::Args;
use std::collections::BTreeSet;

/// Lend this machine for rendering: join a network as a worker.
///
/// Scenes run in a sandbox without network, home directory or scripts. Ctrl-C ends it in good order;
/// what it was working on goes to another worker.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    run: NodeRunArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, args: WorkerArgs) -> Result<Exit> {
    let plan = NodePlan::new(app, args.run, BTreeSet::from([Role::Worker])).await?;
    run_node(plan).await
}
