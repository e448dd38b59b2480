//! `candela verifier`: checks other people's frames on this machine.

use crate::args::App;
use crate::report::Exit;
use crate::roles::{NodePlan, NodeRunArgs, run_node};
use anyhow::Result;
use candela_core::node::Role;
use clap::Args;
use std::collections::BTreeSet;

/// Check frames of other owners' workers: join a network as a verifier.
///
/// It renders a few small probes of each frame without knowing what the worker delivered.
/// A verifier needs no graphics card.
#[derive(Debug, Args)]
pub(crate) struct VerifierArgs {
    #[command(flatten)]
    run: NodeRunArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, args: VerifierArgs) -> Result<Exit> {
    let plan = NodePlan::new(app, args.run, BTreeSet::from([Role::Verifier])).await?;
    run_node(plan).await
}
