//! Tokens: with what people and programs ask, and what each lets them do.
//!
//! Whether a token is worth something is read from this manager's own copy of the database, so that
//! a follower knows it too: one that was taken back is worth nothing a moment later.

use crate::manager::clock::now;
use crate::manager::desk::Request;
use crate::manager::handle::{ApplyError, Manager};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_taskdb::Table;
use candela_wire::DecodeError;
use candela_wire::rows;
use candela_wire::token::{Scope, TokenRow, TokenSecret};
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// What a token is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What people call it.
    pub name: String,
    /// Whose it is; none: the bearer says who submits.
    pub user: Option<String>,
    /// What its bearer may do.
    pub scopes: BTreeSet<Scope>,
    /// Seconds for which it is valid; none: for ever.
    pub expires_s: Option<u64>,
}

impl Manager {
    /// Makes a token; its secret is nowhere but in the answer.
    ///
    /// # Errors
    /// That the manager can't answer.
    pub async fn make_token(
        &self,
        request: TokenRequest,
    ) -> Result<(TokenSecret, TokenRow), ApplyError> {
        let (secret, now) = (TokenSecret(rand::random()), now());
        let row = TokenRow {
            id: secret.id(),
            name: request.name,
            user: request.user,
            scopes: request.scopes,
            created_at: now,
            expires_at: request.expires_s.map(|s| now.plus_ms(s.saturating_mul(1_000))),
            revoked: false,
        };
        self.put_token(row.clone()).await?;
        Ok((secret, row))
    }

    /// All tokens that were ever made, the oldest first.
    ///
    /// # Errors
    /// That the manager can't answer.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, ApplyError> {
        let stored = self.db.table_of_copy(Table::Tokens).await;
        let stored = stored.map_err(|error| ApplyError::Unavailable(error.to_string()))?;
        let tokens = stored.iter().map(|(_, body)| rows::decode_token(body));
        let mut tokens = tokens.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        tokens.sort_by_key(|row| (row.created_at, row.id));
        Ok(tokens)
    }

    /// The token with that hash, whether or not it is still worth something.
    ///
    /// # Errors
    /// That the manager can't answer.
    pub async fn token(&self, id: [u8; 32]) -> Result<Option<TokenRow>, ApplyError> {
        let body = self.db.get(Table::Tokens, &rows::key_token(id)).await;
        let body = body.map_err(|error| ApplyError::Unavailable(error.to_string()))?;
        body.map(|body| rows::decode_token(&body).map_err(unreadable)).transpose()
    }

    /// Takes a token back: nobody gets in with it any more.
    ///
    /// # Errors
    /// A refusal if there is no such token, or that the manager can't answer.
    pub async fn revoke_token(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        let none = || Refusal::new(RefusalCode::NotFound, "there is no such token");
        let row = self.token(id).await?.ok_or_else(none)?;
        self.put_token(TokenRow { revoked: true, ..row }).await
    }

    async fn put_token(&self, row: TokenRow) -> Result<(), ApplyError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::PutToken(Box::new(row), reply)).await?;
        answer.await.map_err(|_| super::handle::gone())?
    }
}

fn unreadable(error: DecodeError) -> ApplyError {
    ApplyError::Unavailable(format!("a token's row can't be read: {error}"))
}
