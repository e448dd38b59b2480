//! The network as a whole.

use crate::limits::NETWORK_KEPT;
use crate::refuse::Refused;
use crate::state::AppState;
use crate::view;
use axum::extract::State;
use candela_wire::api::{NetworkInfo, RefusalInfo};
use std::time::Instant;

/// Nodes, jobs, frames and verification in figures, and the last hour. Up to two seconds old.
#[utoipa::path(get, path = "/network", tag = "network",
    responses((status = 200, body = NetworkInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn show(
    State(state): State<AppState>,
) -> Result<axum::Json<NetworkInfo>, Refused> {
    // Held while it is counted: who asks meanwhile gets the same answer.
    let mut told = state.network.lock().await;
    if let Some((at, info)) = told.as_ref()
        && at.elapsed() < NETWORK_KEPT
    {
        return Ok(axum::Json(info.clone()));
    }
    let history = state.history.minutes();
    let info = state.desk.read(move |farm| view::network(farm, history)).await?;
    *told = Some((Instant::now(), info.clone()));
    Ok(axum::Json(info))
}
