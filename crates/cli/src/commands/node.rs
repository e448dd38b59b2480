//! `candela node`: the nodes of a network, and a node with several roles in one process.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::commands::ticket::Role as RoleArg;
use crate::print;
use crate::report::Exit;
use crate::roles::{NodePlan, NodeRunArgs, run_node};
use crate::table::{Align, Table};
use crate::units::Bytes;
use anyhow::Result;
use candela_core::node::Role;
use candela_wire::api::{NodeInfo, RoleName};
use clap::{Args, Subcommand};

/// List the nodes of a network, or run one with several roles in one process.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct NodeArgs {
    /// A verb; without one, a node is run.
    #[command(subcommand)]
    pub command: Option<NodeCommand>,
    /// What the node does.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "worker,verifier",
        value_name = "ROLES"
    )]
    roles: Vec<RoleArg>,
    #[command(flatten)]
    run: NodeRunArgs,
}

/// What can be asked about nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// List all nodes that ever joined: what they do, what they have and their record.
    ///
    /// `checked` is the share of a worker's frames that would be checked now, by its standing.
    List(ListArgs),
}

/// How they are listed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, args: NodeArgs) -> Result<Exit> {
    if let Some(NodeCommand::List(args)) = args.command {
        let nodes = asked(app.client(&args.api)?.nodes().await)?;
        if args.json {
            print::json(&nodes)?;
        } else {
            print::data(&nodes_table(&nodes).render(app.out))?;
        }
        return Ok(Exit::Done);
    }
    let roles = args.roles.iter().map(|role| Role::from(RoleName::from(*role))).collect();
    let plan = NodePlan::new(app, args.run, roles).await?;
    run_node(plan).await
}

fn nodes_table(nodes: &[NodeInfo]) -> Table {
    let mut table = Table::new(&[
        ("node", Align::Left),
        ("name", Align::Left),
        ("owner", Align::Left),
        ("roles", Align::Left),
        ("state", Align::Left),
        ("device", Align::Left),
        ("memory", Align::Right),
        ("accepted", Align::Right),
        ("rejected", Align::Right),
        ("checked", Align::Right),
        ("verifications", Align::Right),
    ]);
    for node in nodes {
        let roles: Vec<&str> = node.roles.iter().map(|role| Role::from(*role).word()).collect();
        table.row(vec![
            node.id.chars().take(10).collect(),
            node.name.clone(),
            node.owner.clone(),
            roles.join(" "),
            state(node),
            node.device.clone().unwrap_or_else(|| "-".to_owned()),
            node.memory_bytes.map_or_else(|| "-".to_owned(), |bytes| Bytes(bytes).to_string()),
            node.record.frames_accepted.to_string(),
            node.record.frames_rejected.to_string(),
            node.check_rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.0} %", rate * 100.0)),
            node.record.verifications.to_string(),
        ]);
    }
    table
}

fn state(node: &NodeInfo) -> String {
    match (&node.suspended, node.linked, node.paused) {
        (Some(why), _, _) => format!("suspended: {why}"),
        (None, false, _) => "away".to_owned(),
        (None, true, true) => "paused".to_owned(),
        (None, true, false) if node.tasks.is_empty() && node.verifications == 0 => {
            "idle".to_owned()
        }
        (None, true, false) => "busy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::terminal::Style;

    #[test]
    fn nodes_in_a_table() {
        insta::assert_snapshot!(nodes_table(&samples::nodes()).render(Style::plain()));
    }
}
