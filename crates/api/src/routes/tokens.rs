//! Tokens, and what is one's own.

use super::id_of;
use crate::extract::{Json, Path};
use crate::guard::Caller;
use crate::refuse::Refused;
use crate::state::AppState;
use crate::view;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use candela_core::farm::submit::check_name;
use candela_core::refusal::RefusalCode;
use candela_wire::api::{AccountInfo, RefusalInfo, ScopeName, TokenInfo, TokenReply, TokenRequest};
use candela_wire::token::Scope;
use std::collections::BTreeSet;

/// Makes a token. It is told in the answer, and never again.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenRequest,
    responses((status = 201, body = TokenReply), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    Json(request): Json<TokenRequest>,
) -> Result<(StatusCode, axum::Json<TokenReply>), Refused> {
    check_name(&request.name)?;
    request.user.as_deref().map(check_name).transpose()?;
    let mut scopes: BTreeSet<Scope> = request.scopes.into_iter().map(Scope::from).collect();
    if scopes.is_empty() {
        return Err(Refused::new(RefusalCode::RequestNotUnderstood, "the token has no scope")
            .with_hint("name read, submit or operate"));
    }
    if request.user.is_none()
        && scopes.contains(&Scope::Submit)
        && !scopes.contains(&Scope::Operate)
    {
        return Err(Refused::new(
            RefusalCode::RequestNotUnderstood,
            "a token with which jobs are submitted belongs to a user",
        )
        .with_hint("name the user, whose name its jobs get"));
    }
    // Nobody submits blindly.
    scopes.insert(Scope::Read);
    let request = candela_node::manager::TokenRequest {
        name: request.name,
        user: request.user,
        scopes,
        expires_s: request.expires_s,
    };
    let (secret, row) = state.desk.make_token(request).await?;
    let reply = TokenReply { token: secret.to_string(), info: view::token_info(&row) };
    Ok((StatusCode::CREATED, axum::Json(reply)))
}

/// Every token that was made, the oldest first; nobody can ask with what is told of them.
#[utoipa::path(get, path = "/tokens", tag = "tokens",
    responses((status = 200, body = Vec<TokenInfo>), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
) -> Result<axum::Json<Vec<TokenInfo>>, Refused> {
    let rows = state.desk.tokens().await?;
    Ok(axum::Json(rows.iter().map(view::token_info).collect()))
}

/// Takes a token back: nobody gets in with it any more. Browsers that came in with it are out, too.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's number, 64 hexadecimal digits")),
    responses((status = 204, description = "It is taken back"), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    state.desk.revoke_token(id_of(&id, "token")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who asks, and what is theirs.
#[utoipa::path(get, path = "/account", tag = "tokens",
    responses((status = 200, body = AccountInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn account(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Result<axum::Json<AccountInfo>, Refused> {
    let mut scopes: Vec<ScopeName> = caller.scopes.iter().copied().collect();
    scopes.sort();
    let told = AccountInfo {
        user: caller.user,
        scopes,
        local: caller.local,
        token: caller.token,
        jobs_open: 0,
        jobs_all: 0,
        frames_accepted: 0,
        frames_open: 0,
        render_s: 0.0,
        nodes: Vec::new(),
        credit_earned: 0,
        credit_withheld: 0,
    };
    let account = state.desk.read(move |farm| view::account(farm, told)).await?;
    Ok(axum::Json(account))
}
