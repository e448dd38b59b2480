//! Uploads that go on where they broke off.

use crate::extract::{Json, Path, Query};
use crate::guard::Caller;
use crate::limits::UPLOAD_WAIT_MAX;
use crate::refuse::Refused;
use crate::state::AppState;
use crate::uploads::Wanted;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use candela_core::refusal::RefusalCode;
use candela_wire::api::{RefusalInfo, UploadInfo, UploadRequest};
use serde::Deserialize;

/// Whose uploads these are: those without a user share theirs.
fn owner(caller: &Caller) -> String {
    caller.user.clone().unwrap_or_default()
}

/// Begins an upload, or asks how far it is: the same file of the same user is the same upload.
///
/// What the manager has of it from earlier files is filled in, and is not in `missing`.
#[utoipa::path(post, path = "/uploads", tag = "uploads", request_body = UploadRequest,
    responses((status = 200, body = UploadInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn begin(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<UploadRequest>,
) -> Result<axum::Json<UploadInfo>, Refused> {
    let wanted = Wanted::new(owner(&caller), &request, state.config.upload_bytes_max)?;
    let _turn = turn(&state).await?;
    Ok(axum::Json(state.book.begin(wanted).await?))
}

/// How far an upload is.
#[utoipa::path(get, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, body = UploadInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<axum::Json<UploadInfo>, Refused> {
    Ok(axum::Json(state.book.look(&id, &owner(&caller)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffsetQuery {
    #[serde(default)]
    offset: u64,
}

/// Sends bytes of the file, from an offset on. What arrived before a connection broke is kept.
///
/// With the last missing bytes the file is compared with its SHA-256 and gets its `hash`.
#[utoipa::path(put, path = "/uploads/{id}", tag = "uploads",
    params(("id" = String, Path),
        ("offset" = Option<u64>, Query, description = "Where the bytes begin in the file; 0 if there is none")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = UploadInfo),
        (status = 422, body = RefusalInfo, description = "`hash_mismatch`: the upload is dropped"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(query): Query<OffsetQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<axum::Json<UploadInfo>, Refused> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|bytes| bytes.parse::<u64>().ok());
    let _turn = turn(&state).await?;
    let info = state.book.receive(&id, &owner(&caller), query.offset, announced, body).await?;
    Ok(axum::Json(info))
}

/// Gives an upload up.
#[utoipa::path(delete, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 204, description = "It is let go"), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn delete(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    state.book.delete(&id, &owner(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn turn(state: &AppState) -> Result<tokio::sync::SemaphorePermit<'_>, Refused> {
    let turn = tokio::time::timeout(UPLOAD_WAIT_MAX, state.uploads.acquire()).await;
    match turn {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Refused::new(RefusalCode::Busy, "too many uploads at once")
            .with_hint("go on in a moment; what was sent is kept")),
    }
}
