//! Tickets: one string that lets a node join, and what the managers keep of it.
//!
//! The managers keep only the hash of the secret: who reads their database can't join with it.

use crate::check;
use crate::limits::{ADDRS_MAX, TICKET_CHARS_MAX};
use crate::mirror::to_bytes;
use crate::passphrase::{Form, Wrong};
use candela_core::addr::NodeAddr;
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

const FORM: Form = Form {
    prefix: "candela",
    version: '1',
    context: "candela ticket check 1",
    chars_max: TICKET_CHARS_MAX,
};

/// What lets a node join: where the managers are, and a secret that they know the hash of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The managers; any one will do.
    #[serde(with = "crate::mirror")]
    pub managers: Vec<NodeAddr>,
    /// 32 random bytes.
    pub secret: [u8; 32],
    /// What the node may do; what counts is [`TicketRow::roles`].
    #[serde(with = "crate::mirror")]
    pub roles: BTreeSet<Role>,
}

impl Ticket {
    /// [`TicketRow::id`] of the ticket.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        ticket_id(&self.secret)
    }
}

/// The hash of a ticket's secret, under which the managers know it.
#[must_use]
pub fn ticket_id(secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("candela ticket id 1", secret)
}

impl fmt::Debug for Ticket {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("managers", &self.managers)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// The string. It holds the secret, so it is shown only to whom it is meant for.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&FORM.write(&to_bytes(Vec::new(), self)))
    }
}

/// Why a string is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Something else.
    #[error("this is not a ticket: one begins with {}{}", FORM.prefix, FORM.version)]
    NotATicket,
    /// Of another version.
    #[error("this is a ticket of version {0}, and only version {known} is known here", known = FORM.version)]
    OtherVersion(char),
    /// Characters are missing, too many or wrong.
    #[error("the ticket is damaged: copy all of it again")]
    Damaged,
    /// Out of its limits.
    #[error("the ticket is out of its limits")]
    NotAllowed(#[source] Refusal),
}

impl From<Wrong> for TicketError {
    fn from(wrong: Wrong) -> TicketError {
        match wrong {
            Wrong::Kind => TicketError::NotATicket,
            Wrong::Version(version) => TicketError::OtherVersion(version),
            Wrong::Damaged => TicketError::Damaged,
        }
    }
}

impl From<TicketError> for Refusal {
    fn from(error: TicketError) -> Refusal {
        Refusal::new(RefusalCode::TicketNotValid, error.to_string())
            .with_hint("`candela ticket create` on a manager makes a new one")
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    /// Reads a ticket; white space around it and capital letters don't matter.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let body = FORM.read(text)?;
        let ticket: Ticket = match postcard::take_from_bytes(&body) {
            Ok((ticket, [])) => ticket,
            _ => return Err(TicketError::Damaged),
        };
        check_ticket(&ticket).map_err(TicketError::NotAllowed)?;
        Ok(ticket)
    }
}

fn check_ticket(ticket: &Ticket) -> Result<(), Refusal> {
    if ticket.managers.is_empty() {
        return Err(check::not_allowed("a ticket names at least one manager"));
    }
    check::count("managers", ticket.managers.len(), ADDRS_MAX)?;
    ticket.managers.iter().try_for_each(check::addr)
}

/// What the managers keep of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// [`ticket_id`] of its secret.
    pub id: [u8; 32],
    /// What a node that has it may do.
    pub roles: BTreeSet<Role>,
    /// Who such a node belongs to; none: each node to itself.
    pub owner: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// From when on it lets nobody join; none: never.
    pub expires_at: Option<Time>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// Whether it is for a manager, and lets no other node join.
    pub manager: bool,
}

impl TicketRow {
    /// Whether a node may join with it now.
    ///
    /// # Errors
    /// A refusal that says why not.
    pub fn check(&self, now: Time) -> Result<(), Refusal> {
        let refuse = |why| Err(Refusal::new(RefusalCode::TicketNotValid, why));
        if self.revoked {
            return refuse("the ticket was taken back");
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return refuse("the ticket has expired");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candela_core::id::NodeId;

    fn ticket() -> Ticket {
        Ticket {
            managers: vec![NodeAddr {
                node: NodeId([7; 32]),
                sockets: vec![
                    "192.0.2.1:4433".parse().unwrap(),
                    "[2001:db8::1]:1".parse().unwrap(),
                ],
                relay: Some("https://relay.example/".into()),
            }],
            secret: [9; 32],
            roles: BTreeSet::from([Role::Worker, Role::Verifier]),
        }
    }

    #[test]
    fn a_ticket_survives_being_copied() {
        let text = ticket().to_string();
        assert!(text.starts_with("candela1") && text.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_eq!(text.parse(), Ok(ticket()));
        assert_eq!(format!("  {}\n", text.to_uppercase()).parse(), Ok(ticket()));
        assert_eq!(ticket().id(), ticket_id(&[9; 32]));
    }

    #[test]
    fn texts_that_are_no_ticket() {
        let check = |text: &str, want: TicketError| {
            assert_eq!(text.parse::<Ticket>(), Err(want), "{text:?}");
        };
        let good = ticket().to_string();
        check("", TicketError::NotATicket);
        check("candela", TicketError::NotATicket);
        check("candelax", TicketError::NotATicket);
        check("https://example.org", TicketError::NotATicket);
        check(&"a".repeat(TICKET_CHARS_MAX + 1), TicketError::NotATicket);
        check(&good.replacen('1', "2", 1), TicketError::OtherVersion('2'));
        check("candela1", TicketError::Damaged);
        check("candela1ä", TicketError::Damaged);
        let none = Ticket { managers: vec![], ..ticket() }.to_string();
        assert!(matches!(none.parse::<Ticket>(), Err(TicketError::NotAllowed(_))));
    }

    #[test]
    fn one_wrong_or_missing_character_is_noticed() {
        let good = ticket().to_string();
        for at in 8..good.len() {
            assert_eq!(good[..at].parse::<Ticket>(), Err(TicketError::Damaged), "cut at {at}");
            let mut wrong = good.clone().into_bytes();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong.parse::<Ticket>(), Err(TicketError::Damaged), "changed at {at}");
        }
    }

    #[test]
    fn a_ticket_shows_no_secret_and_ends() {
        assert!(!format!("{:?}", ticket()).contains("9, 9"));
        let row = TicketRow {
            id: ticket().id(),
            roles: ticket().roles,
            owner: None,
            created_at: Time(5),
            expires_at: Some(Time(10)),
            revoked: false,
            manager: false,
        };
        assert_eq!(row.check(Time(9)), Ok(()));
        assert_eq!(row.check(Time(10)).unwrap_err().code, RefusalCode::TicketNotValid);
        let revoked = TicketRow { revoked: true, ..row };
        assert_eq!(revoked.check(Time(9)).unwrap_err().code, RefusalCode::TicketNotValid);
    }
}
