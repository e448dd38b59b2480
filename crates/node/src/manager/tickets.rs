//! Tickets: what lets a node join, and what it may then do.

use crate::manager::desk::DeskError;
use candela_core::addr::NodeAddr;
use candela_core::node::{Node, Role};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::time::Time;
use candela_taskdb::{RowWrite, Table, TaskDb};
use candela_wire::rows;
use candela_wire::ticket::{Ticket, TicketRow, ticket_id};
use std::collections::{BTreeMap, BTreeSet};

/// What a ticket is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRequest {
    /// What its bearer may do.
    pub roles: BTreeSet<Role>,
    /// Who its bearers belong to; none: each to itself.
    pub owner: Option<String>,
    /// Seconds for which it is valid; none: for ever.
    pub expires_s: Option<u64>,
    /// Whether it is for a manager, and for nothing else.
    pub manager: bool,
}

/// The tickets that the manager knows, by the hash of their secret.
#[derive(Default)]
pub(crate) struct TicketBook {
    rows: BTreeMap<[u8; 32], TicketRow>,
}

impl TicketBook {
    pub(crate) async fn load(db: &TaskDb) -> Result<TicketBook, DeskError> {
        let stored = db.load(Table::Tickets).await.map_err(|error| DeskError(error.into()))?;
        let mut book = TicketBook { rows: BTreeMap::new() };
        for (_, body) in stored {
            let row = rows::decode_ticket(&body).map_err(|error| DeskError(error.into()))?;
            book.rows.insert(row.id, row);
        }
        Ok(book)
    }

    /// A new ticket, and the row that has to be durable before it is shown.
    pub(crate) fn make(
        &mut self,
        request: &TicketRequest,
        managers: Vec<NodeAddr>,
        now: Time,
    ) -> (String, RowWrite) {
        let secret: [u8; 32] = rand::random();
        let row = TicketRow {
            id: ticket_id(&secret),
            roles: request.roles.clone(),
            owner: request.owner.clone(),
            created_at: now,
            expires_at: request.expires_s.map(|s| now.plus_ms(s.saturating_mul(1_000))),
            revoked: false,
            manager: request.manager,
        };
        let write =
            RowWrite::put(Table::Tickets, rows::key_ticket(row.id), rows::encode_ticket(&row));
        self.rows.insert(row.id, row);
        let ticket = Ticket { managers, secret, roles: request.roles.clone() };
        (ticket.to_string(), write)
    }

    /// All tickets, the oldest first.
    pub(crate) fn all(&self) -> Vec<TicketRow> {
        let mut rows: Vec<TicketRow> = self.rows.values().cloned().collect();
        rows.sort_by_key(|row| (row.created_at, row.id));
        rows
    }

    /// Takes a ticket back; the row that has to be durable before anybody relies on it.
    pub(crate) fn revoke(&mut self, id: [u8; 32]) -> Result<RowWrite, Refusal> {
        let none = || Refusal::new(RefusalCode::NotFound, "there is no such ticket");
        let row = self.rows.get_mut(&id).ok_or_else(none)?;
        row.revoked = true;
        Ok(RowWrite::put(Table::Tickets, rows::key_ticket(id), rows::encode_ticket(row)))
    }

    /// Whether a ticket lets a manager join.
    pub(crate) fn check_manager(&self, text: &str, now: Time) -> Result<(), Refusal> {
        let row = self.row(text)?;
        row.check(now)?;
        if !row.manager {
            return Err(Refusal::new(
                RefusalCode::TicketNotValid,
                "the ticket is not for managers",
            )
            .with_hint("`candela ticket create --role manager` makes one"));
        }
        Ok(())
    }

    fn row(&self, text: &str) -> Result<&TicketRow, Refusal> {
        let ticket: Ticket = text.parse().map_err(Refusal::from)?;
        self.rows.get(&ticket.id()).ok_or_else(|| {
            Refusal::new(RefusalCode::TicketNotValid, "this manager doesn't know the ticket")
                .with_hint("it may be another network's; `candela ticket create` makes one")
        })
    }

    /// Owner and roles that a ticket gives. A node that joined before keeps its owner.
    pub(crate) fn check(
        &self,
        text: &str,
        known: Option<&Node>,
        now: Time,
    ) -> Result<(Option<String>, BTreeSet<Role>), Refusal> {
        let row = self.row(text)?;
        row.check(now)?;
        if row.manager {
            return Err(Refusal::new(
                RefusalCode::TicketNotValid,
                "the ticket is for managers only",
            )
            .with_hint("`candela ticket create --role worker` makes one for a worker"));
        }
        let owner = row.owner.clone().or_else(|| known.map(|node| node.owner.0.clone()));
        Ok((owner, row.roles.clone()))
    }
}
