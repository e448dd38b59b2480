//! Tokens with which people and programs ask, and who asks.

use super::NodeInfo;
use crate::token::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeName {
    /// Look at jobs, frames, nodes and managers.
    Read,
    /// Upload, submit, and cancel, retry, move or dispute jobs of its own user.
    Submit,
    /// Everything: jobs of others, nodes, tickets, tokens, managers.
    Operate,
}

impl From<Scope> for ScopeName {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => ScopeName::Read,
            Scope::Submit => ScopeName::Submit,
            Scope::Operate => ScopeName::Operate,
        }
    }
}

impl From<ScopeName> for Scope {
    fn from(scope: ScopeName) -> Self {
        match scope {
            ScopeName::Read => Scope::Read,
            ScopeName::Submit => Scope::Submit,
            ScopeName::Operate => Scope::Operate,
        }
    }
}

/// Asks for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What people call it, like `Blender on the laptop`.
    pub name: String,
    /// Whose it is: the user of the jobs that are submitted with it. A token without a user needs the
    /// scope `operate` to submit.
    #[serde(default)]
    pub user: Option<String>,
    /// What its bearer may do.
    pub scopes: Vec<ScopeName>,
    /// How long it is valid, in seconds; for ever if there is none.
    #[serde(default)]
    pub expires_s: Option<u64>,
}

/// What the managers know of a token: all but the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// Its number: 64 hexadecimal digits, of which nobody can make the token.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub user: Option<String>,
    /// What its bearer may do.
    pub scopes: Vec<ScopeName>,
    /// When it was made.
    pub created_at_ms: u64,
    /// From when on it is worth nothing.
    pub expires_at_ms: Option<u64>,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// A new token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenReply {
    /// The token. It is told this once only.
    pub token: String,
    /// What the managers know of it.
    pub info: TokenInfo,
}

/// Who asks, and what is theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountInfo {
    /// The user of the token; none for the manager's own machine, and for tokens without a user.
    pub user: Option<String>,
    /// What the asker may do.
    pub scopes: Vec<ScopeName>,
    /// Whether the request comes from the manager's own machine.
    pub local: bool,
    /// The token, unless it is one that the manager was started with.
    pub token: Option<TokenInfo>,
    /// Jobs of the user that are not over; of everybody, if there is no user.
    pub jobs_open: usize,
    /// Jobs of the user.
    pub jobs_all: usize,
    /// Frames of these that are accepted.
    pub frames_accepted: usize,
    /// Frames of these that are waiting, rendered or verified.
    pub frames_open: usize,
    /// Time for which workers rendered received frames of these, in seconds.
    pub render_s: f64,
    /// Nodes that belong to the user.
    pub nodes: Vec<NodeInfo>,
    /// Credit that these earned, in thousands of path-traced samples.
    pub credit_earned: u64,
    /// Credit of their latest frames, which they lose if one of them turns out wrong.
    pub credit_withheld: u64,
}
