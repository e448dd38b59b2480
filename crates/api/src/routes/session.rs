//! For browsers that are not on this machine: a token becomes a cookie, because images and event
//! streams can't carry a header.

use crate::extract::Json;
use crate::guard::{COOKIE, caller_of, token_needed};
use crate::refuse::Refused;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use candela_wire::api::{HealthInfo, RefusalInfo, SessionRequest};

/// A week.
const COOKIE_S: u32 = 7 * 24 * 3600;

/// Lets a browser in that shows a token.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SessionRequest,
    responses((status = 204), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn open(
    State(state): State<AppState>,
    Json(request): Json<SessionRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Refused> {
    let token = request.token.trim();
    let fits = token.bytes().all(|b| b.is_ascii_graphic() && !b";,\"\\".contains(&b));
    if !fits {
        return Err(token_needed());
    }
    let caller = caller_of(&state, token).await?;
    if caller.scopes.is_empty() {
        return Err(caller.unknown());
    }
    Ok((StatusCode::NO_CONTENT, cookie(token, COOKIE_S)))
}

/// Forgets the token.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
pub(crate) async fn close() -> (StatusCode, [(HeaderName, String); 1]) {
    (StatusCode::NO_CONTENT, cookie("", 0))
}

fn cookie(token: &str, seconds: u32) -> [(HeaderName, String); 1] {
    let attributes = format!("Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    [(header::SET_COOKIE, format!("{COOKIE}={token}; {attributes}"))]
}

/// Whether the manager is there.
#[utoipa::path(get, path = "/healthz", tag = "session", responses((status = 200, body = HealthInfo)))]
pub(crate) async fn health() -> axum::Json<HealthInfo> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    axum::Json(HealthInfo { status: "ok".to_owned(), version })
}
