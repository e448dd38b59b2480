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
    role: Vec<Role>,
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

/// Runs it.
pub(crate) async fn run(app: &App, command: TicketCommand) -> Result<Exit> {
    let TicketCommand::Create(mut args) = command;
    args.role.sort();
    args.role.dedup();
    let request = TicketRequest {
        roles: args.role.into_iter().map(RoleName::from).collect(),
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
