//! Managers of one network: how they are reached, and what one says that is to join them.

use crate::check;
use crate::error::DecodeError;
use crate::limits::{HOST_CHARS_MAX, MANAGERS_MAX, SECRET_CHARS_MAX, TICKET_CHARS_MAX};
use crate::mirror::{mirror_struct, to_bytes};
use candela_core::addr::NodeAddr;
use candela_core::id::BlobHash;
use candela_core::refusal::Refusal;
use candela_core::time::Time;
use serde::{Deserialize, Serialize};

/// A manager, as all of them know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerRow {
    /// Its number, from 1; never given again to another.
    pub number: u64,
    /// Where nodes and other managers reach it.
    pub addr: NodeAddr,
    /// `host:port` on which its database replicates.
    pub replication: String,
    /// `host:port` on which its database is asked.
    pub requests: String,
    /// When it joined.
    pub joined_at: Time,
    /// Whether it was taken out: its number stays taken.
    pub removed: bool,
}

mirror_struct! {
    ManagerRow as ManagerRowV1 {
        number: u64,
        addr: NodeAddr,
        replication: String,
        requests: String,
        joined_at: Time,
        removed: bool,
    }
}

/// A manager asks to join the others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerHello {
    /// [`crate::session::PROTOCOL`] of the manager.
    pub protocol: u32,
    /// A ticket for managers.
    pub ticket: String,
    /// Where it can be reached.
    #[serde(with = "crate::mirror")]
    pub addr: NodeAddr,
    /// `host:port` on which its database will replicate.
    pub replication: String,
    /// `host:port` on which its database will be asked.
    pub requests: String,
}

impl std::fmt::Debug for ManagerHello {
    /// Without the ticket, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagerHello").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// The answer: with this the new manager's database joins those of the others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerWelcome {
    /// Its number.
    pub number: u64,
    /// The secret that the databases share.
    pub secret: String,
    /// Shortest time without a leader before another is elected, in milliseconds.
    pub election_ms: u64,
    /// All managers, the new one included.
    #[serde(with = "crate::mirror")]
    pub managers: Vec<ManagerRow>,
}

impl std::fmt::Debug for ManagerWelcome {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagerWelcome")
            .field("number", &self.number)
            .field("managers", &self.managers)
            .finish_non_exhaustive()
    }
}

/// A manager that doesn't lead names the one that does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The leader, if one is known.
    #[serde(with = "crate::mirror")]
    pub leader: Option<NodeAddr>,
    /// All managers.
    #[serde(with = "crate::mirror")]
    pub managers: Vec<NodeAddr>,
}

pub(crate) fn check_hello(hello: &ManagerHello) -> Result<(), Refusal> {
    check::count("characters of a ticket", hello.ticket.len(), TICKET_CHARS_MAX)?;
    check::addr(&hello.addr)?;
    check_host(&hello.replication)?;
    check_host(&hello.requests)
}

pub(crate) fn check_welcome(welcome: &ManagerWelcome) -> Result<(), Refusal> {
    check::count("characters of a secret", welcome.secret.len(), SECRET_CHARS_MAX)?;
    check::count("managers", welcome.managers.len(), MANAGERS_MAX)?;
    welcome.managers.iter().try_for_each(|manager| {
        check::addr(&manager.addr)?;
        check_host(&manager.replication)?;
        check_host(&manager.requests)
    })
}

pub(crate) fn check_moved(moved: &Moved) -> Result<(), Refusal> {
    check::count("managers", moved.managers.len(), MANAGERS_MAX)?;
    moved.leader.iter().chain(&moved.managers).try_for_each(check::addr)
}

/// An address of a database: a host and a port, and nothing that could be taken for something else.
fn check_host(address: &str) -> Result<(), Refusal> {
    check::count("characters of an address", address.len(), HOST_CHARS_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if !address.chars().all(allowed) || port.is_none() {
        return Err(check::not_allowed("the address of a manager's database is a host and a port"));
    }
    Ok(())
}

/// Bytes of a [`Hold`] at most.
pub const HOLD_BYTES_MAX: usize = 512;

/// A manager has another one keep a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The name under which it is kept.
    pub pin: String,
    /// The blob, or the collection.
    #[serde(with = "crate::mirror")]
    pub hash: BlobHash,
    /// Whether it is a collection, with all of its blobs.
    pub collection: bool,
}

/// The bytes of a request to keep something.
#[must_use]
pub fn encode_hold(hold: &Hold) -> Vec<u8> {
    to_bytes(Vec::new(), hold)
}

/// The request of these bytes.
///
/// # Errors
/// If it is damaged, or its pin is none that managers use for one another.
pub fn decode_hold(bytes: &[u8]) -> Result<Hold, DecodeError> {
    let kind = "request to keep a blob";
    if bytes.len() > HOLD_BYTES_MAX {
        return Err(DecodeError::TooLarge { kind, bytes: bytes.len(), bytes_max: HOLD_BYTES_MAX });
    }
    let hold: Hold =
        postcard::from_bytes(bytes).map_err(|source| DecodeError::Malformed { kind, source })?;
    if !(hold.pin.starts_with("scene/") || hold.pin.starts_with("job/")) {
        let source = check::not_allowed("managers keep scenes and what jobs come to");
        return Err(DecodeError::NotAllowed { kind, source });
    }
    Ok(hold)
}
