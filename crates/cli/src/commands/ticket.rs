//! `candela ticket`: strings with which nodes join a network.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use anyhow::Result;
use candela_wire::api::{RoleName, TicketRequest};
use clap::{Args, Subcommand, ValueEnum};

/// Make tickets with which nodes join the network.
#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// Make a ticket and print it.
    ///
    /// A node that joins with it may take the named roles and belongs to the named owner.
    /// Verifiers never check the work of nodes of their own owner.
    Create(CreateArgs),
}

/// What the ticket allows.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What a node may do with it; may be given twice.
    #[arg(long, value_enum, required = true, value_name = "ROLE")]
    role: Vec<TicketRole>,
    /// Who the nodes belong to [default: each to itself].
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// How many hours it may be used [default: for ever].
    #[arg(long, value_name = "HOURS")]
    expires: Option<u64>,
    /// Print JSON: `{"ticket": …}`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// A role that a node can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Renders tasks.
    Worker,
    /// Renders probes of other owners' tasks.
    Verifier,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        match role {
            Role::Worker => RoleName::Worker,
            Role::Verifier => RoleName::Verifier,
        }
    }
}

/// What a ticket can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum TicketRole {
    /// Renders tasks.
    Worker,
    /// Renders probes of other owners' tasks.
    Verifier,
    /// Joins the managers; goes with no other role.
    Manager,
}

impl TicketRole {
    /// The role of a node; managers are none.
    fn of_node(self) -> Option<RoleName> {
        match self {
            TicketRole::Worker => Some(RoleName::Worker),
            TicketRole::Verifier => Some(RoleName::Verifier),
            TicketRole::Manager => None,
        }
    }
}

/// Runs it.
pub(crate) async fn run(app: &App, command: TicketCommand) -> Result<Exit> {
    let TicketCommand::Create(mut args) = command;
    args.role.sort();
    args.role.dedup();
    let request = TicketRequest {
        manager: args.role.contains(&TicketRole::Manager),
        roles: args.role.into_iter().filter_map(TicketRole::of_node).collect(),
        owner: args.owner,
        expires_s: args.expires.map(|hours| hours.saturating_mul(3_600)),
    };
    let reply = asked(app.client(&args.api)?.ticket(&request).await)?;
    if args.json {
        print::json_line(&reply)?;
    } else {
        print::data(&format!("{}\n", reply.ticket))?;
    }
    Ok(Exit::Done)
}
