//! `candela ticket`: strings with which nodes join a network.

use super::made::{SHOWN, age, found, now_ms, validity};
use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::Exit;
use crate::table::{Align, Table};
use anyhow::Result;
use candela_core::id::BlobHash;
use candela_wire::api::{RoleName, TicketInfo, TicketRequest};
use candela_wire::ticket::Ticket;
use clap::{Args, Subcommand, ValueEnum};

/// Make tickets with which nodes join the network, list them, take them back.
#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// Make a ticket and print it.
    ///
    /// A node that joins with it may take the named roles and belongs to the named owner.
    /// Verifiers never check the work of nodes of their own owner.
    Create(CreateArgs),
    /// List the tickets that were made.
    List(ListArgs),
    /// Take a ticket back: nobody joins with it any more, and the nodes that did have to leave.
    Revoke(RevokeArgs),
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

/// How the tickets are listed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which ticket is taken back.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The ticket, or the beginning of its number as `candela ticket list` shows it.
    #[arg(value_name = "TICKET")]
    ticket: String,
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
    match command {
        TicketCommand::Create(args) => create(app, args).await,
        TicketCommand::List(args) => {
            let tickets = asked(app.client(&args.api)?.tickets().await)?;
            if args.json {
                print::json(&tickets)?;
            } else {
                print::data(&table(app, &tickets))?;
            }
            Ok(Exit::Done)
        }
        TicketCommand::Revoke(args) => {
            let client = app.client(&args.api)?;
            let id = match args.ticket.parse::<Ticket>() {
                // Ids and hashes are written alike.
                Ok(ticket) => BlobHash(ticket.id()).to_string(),
                Err(_) => {
                    let numbers =
                        asked(client.tickets().await)?.into_iter().map(|ticket| ticket.id);
                    found("ticket", numbers, &args.ticket)?
                }
            };
            asked(client.revoke_ticket(&id).await)?;
            print::note(&format!("ticket {} is taken back", &id[..SHOWN]));
            Ok(Exit::Done)
        }
    }
}

fn table(app: &App, tickets: &[TicketInfo]) -> String {
    let mut table = Table::new(&[
        ("ticket", Align::Left),
        ("for", Align::Left),
        ("owner", Align::Left),
        ("made", Align::Left),
        ("state", Align::Left),
    ]);
    let now = now_ms();
    for ticket in tickets {
        let roles = ticket.roles.iter().map(|role| match role {
            RoleName::Worker => "worker",
            RoleName::Verifier => "verifier",
        });
        let roles: Vec<&str> = if ticket.manager { vec!["manager"] } else { roles.collect() };
        table.row(vec![
            ticket.id[..SHOWN].to_owned(),
            roles.join(", "),
            ticket.owner.clone().unwrap_or_else(|| "–".to_owned()),
            age(ticket.created_at_ms, now),
            validity(ticket.revoked, ticket.expires_at_ms, now),
        ]);
    }
    table.render(app.out)
}

async fn create(app: &App, mut args: CreateArgs) -> Result<Exit> {
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
