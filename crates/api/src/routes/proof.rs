//! The proof of a job: one file that anybody can check without this manager.

use crate::extract::{Path, Query};
use crate::refuse::Refused;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use candela_core::id::JobId;
use candela_wire::api::RefusalInfo;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct ProofQuery {
    #[serde(default)]
    without_pictures: bool,
}

/// Gives the proof of what is decided of a job: receipts, keys, verdicts, signatures, pictures.
#[utoipa::path(get, path = "/jobs/{id}/proof", tag = "jobs", operation_id = "proof",
    params(("id" = u64, Path),
        ("without_pictures" = Option<bool>, Query, description = "Leave out the pictures, from which counts can be made again")),
    responses((status = 200, content_type = "application/octet-stream"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<u64>,
    Query(query): Query<ProofQuery>,
) -> Result<Response, Refused> {
    let file = state.desk.proof(JobId(id), !query.without_pictures).await?;
    let bytes = file.bytes();
    let mut response = Body::from_stream(file.stream()).into_response();
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/octet-stream");
    set(header::CONTENT_LENGTH, &bytes.to_string());
    set(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"job-{id}.candela-proof\""));
    // What is decided changes.
    set(header::CACHE_CONTROL, "no-store");
    Ok(response)
}
