//! Tokens.

use candela_core::id::BlobHash;
use candela_wire::api::TokenInfo;
use candela_wire::token::TokenRow;

/// All of a token but its secret, which nobody here knows.
pub(crate) fn info(row: &TokenRow) -> TokenInfo {
    TokenInfo {
        // Ids and hashes are written alike.
        id: BlobHash(row.id).to_string(),
        name: row.name.clone(),
        user: row.user.clone(),
        scopes: row.scopes.iter().map(|scope| (*scope).into()).collect(),
        created_at_ms: row.created_at.0,
        expires_at_ms: row.expires_at.map(|at| at.0),
        revoked: row.revoked,
    }
}
