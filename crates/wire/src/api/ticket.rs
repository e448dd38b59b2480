//! Tickets that were made.

use super::RoleName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the managers know of a ticket: all but the ticket itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketInfo {
    /// Its number: 64 hexadecimal digits, of which nobody can make the ticket.
    pub id: String,
    /// What a node may do with it; none of a ticket for managers.
    pub roles: Vec<RoleName>,
    /// Who such nodes belong to; each to itself if there is none.
    pub owner: Option<String>,
    /// Whether it is for a manager, and for nothing else.
    pub manager: bool,
    /// When it was made.
    pub created_at_ms: u64,
    /// From when on it lets nobody join.
    pub expires_at_ms: Option<u64>,
    /// Whether it was taken back.
    pub revoked: bool,
}
