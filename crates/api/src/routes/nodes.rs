//! Nodes, and the tickets with which they join.

use super::id_of;
use crate::extract::{Json, Path};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::view;
use axum::extract::State;
use axum::http::StatusCode;
use candela_core::farm::submit::check_name;
use candela_core::id::BlobHash;
use candela_core::refusal::RefusalCode;
use candela_wire::api::{NodeInfo, RefusalInfo, TicketInfo, TicketReply, TicketRequest};
use candela_wire::ticket::TicketRow;

/// All nodes that ever joined: the connected ones first, then by name.
#[utoipa::path(get, path = "/nodes", tag = "nodes",
    responses((status = 200, body = Vec<NodeInfo>), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
) -> Result<axum::Json<Vec<NodeInfo>>, Refused> {
    let nodes = state
        .desk
        .read(|farm| farm.nodes().map(|node| view::node_info(farm, node)).collect::<Vec<_>>());
    let mut nodes = nodes.await?;
    nodes.sort_by(|a, b| (!a.linked, &a.name, &a.id).cmp(&(!b.linked, &b.name, &b.id)));
    Ok(axum::Json(nodes))
}

/// Makes a ticket with which nodes may join.
#[utoipa::path(post, path = "/tickets", tag = "nodes", request_body = TicketRequest,
    responses((status = 201, body = TicketReply), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn ticket(
    State(state): State<AppState>,
    Json(request): Json<TicketRequest>,
) -> Result<(StatusCode, axum::Json<TicketReply>), Refused> {
    if request.roles.is_empty() != request.manager {
        return Err(Refused::new(RefusalCode::RequestNotUnderstood, "the ticket names no role")
            .with_hint("name worker, verifier or both; a ticket for a manager names neither"));
    }
    if let Some(owner) = &request.owner {
        check_name(owner)?;
    }
    let request = candela_node::manager::TicketRequest {
        roles: request.roles.into_iter().map(Into::into).collect(),
        owner: request.owner,
        expires_s: request.expires_s,
        manager: request.manager,
    };
    let ticket = state.desk.ticket(request).await?;
    Ok((StatusCode::CREATED, axum::Json(TicketReply { ticket })))
}

/// Every ticket that was made, the oldest first; none of them can be used to join.
#[utoipa::path(get, path = "/tickets", tag = "nodes",
    responses((status = 200, body = Vec<TicketInfo>), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn tickets(
    State(state): State<AppState>,
) -> Result<axum::Json<Vec<TicketInfo>>, Refused> {
    let rows = state.desk.tickets().await?;
    let info = |row: TicketRow| TicketInfo {
        id: BlobHash(row.id).to_string(),
        roles: row.roles.into_iter().map(Into::into).collect(),
        owner: row.owner,
        manager: row.manager,
        created_at_ms: row.created_at.0,
        expires_at_ms: row.expires_at.map(|at| at.0),
        revoked: row.revoked,
    };
    Ok(axum::Json(rows.into_iter().map(info).collect()))
}

/// Takes a ticket back: nobody joins with it any more, and the nodes that did have to leave.
#[utoipa::path(delete, path = "/tickets/{id}", tag = "nodes",
    params(("id" = String, Path, description = "The ticket's number, 64 hexadecimal digits")),
    responses((status = 204, description = "It is taken back"), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    state.desk.revoke_ticket(id_of(&id, "ticket")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
