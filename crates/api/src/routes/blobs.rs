//! The gateway to blobs: what is missing, uploads, downloads with ranges.

use crate::extract::{Json, Path};
use crate::guard::Caller;
use crate::limits::UPLOAD_WAIT_MAX;
use crate::range::{Wanted, wanted};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::submit::not_an_id;
use crate::uploads;
use crate::view::{self, BlobUse};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candela_core::id::BlobHash;
use candela_core::refusal::RefusalCode;
use candela_wire::api::limits::MISSING_HASHES_MAX;
use candela_wire::api::{BlobInfo, MissingReply, MissingRequest, RefusalInfo, ScopeName};
use futures_lite::StreamExt;
use std::io;
use std::ops::Range;

/// How a blob is given out.
pub(crate) struct Given {
    /// What it is.
    pub(crate) media_type: String,
    /// A name for the file.
    pub(crate) file_name: String,
    /// Whether a browser may show it by itself.
    pub(crate) inline: bool,
}

/// Which of these blobs have to be uploaded.
#[utoipa::path(post, path = "/blobs/missing", tag = "blobs", request_body = MissingRequest,
    responses((status = 200, body = MissingReply), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn missing(
    State(state): State<AppState>,
    Json(request): Json<MissingRequest>,
) -> Result<axum::Json<MissingReply>, Refused> {
    if request.hashes.len() > MISSING_HASHES_MAX {
        return Err(Refused::new(
            RefusalCode::TooLarge,
            format!("at most {MISSING_HASHES_MAX} hashes are answered at once"),
        )
        .with_hint("ask in several requests"));
    }
    let parsed: Result<Vec<BlobHash>, _> = request.hashes.iter().map(|hash| hash.parse()).collect();
    let missing = state.desk.blobs().missing(&parsed.map_err(not_an_id)?).await?;
    Ok(axum::Json(MissingReply { missing: missing.iter().map(ToString::to_string).collect() }))
}

/// Uploads a blob. It is kept for a day, or as long as a job uses it.
#[utoipa::path(put, path = "/blobs/{hash}", tag = "blobs",
    params(("hash" = String, Path, description = "BLAKE3 hash of the bytes")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = BlobInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn put(
    State(state): State<AppState>,
    Path(hash): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, axum::Json<BlobInfo>), Refused> {
    let hash: BlobHash = hash.parse().map_err(not_an_id)?;
    let bytes_max = state.config.upload_bytes_max;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let announced = announced.and_then(|bytes| bytes.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(Refused::new(
            RefusalCode::TooLarge,
            format!("a blob has at most {bytes_max} bytes"),
        ));
    }
    let turn = tokio::time::timeout(UPLOAD_WAIT_MAX, state.uploads.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(Refused::new(RefusalCode::Busy, "too many uploads at once")
            .with_hint("send the blob again in a moment"));
    };
    let pin = uploads::pin(hash, uploads::now());
    let pieces = body.into_data_stream().map(|piece| piece.map_err(io::Error::other));
    let added = state.desk.blobs().add_stream(pieces, bytes_max, Some(hash), &pin).await?;
    let info = BlobInfo { hash: added.hash.to_string(), bytes: added.bytes };
    Ok((StatusCode::CREATED, axum::Json(info)))
}

/// Gives a blob, or a range of it. Outputs and evidence need no token: who has their hash may have them.
#[utoipa::path(get, path = "/blobs/{hash}", tag = "blobs",
    params(("hash" = String, Path, description = "BLAKE3 hash of the bytes")),
    responses((status = 200, content_type = "application/octet-stream"),
        (status = 206, content_type = "application/octet-stream", description = "a range"),
        (status = 304, description = "the same as before"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let hash: BlobHash = hash.parse().map_err(not_an_id)?;
    if !state.desk.blobs().has(hash).await? {
        return Err(if caller.may(ScopeName::Read) { not_here() } else { caller.unknown() });
    }
    let given = match state.desk.read(move |farm| view::use_of(farm, hash)).await? {
        BlobUse::Output(output) => Given {
            inline: output.media_type != "image/x-exr",
            media_type: output.media_type,
            file_name: output.file_name,
        },
        BlobUse::Evidence => plain(hash),
        _ if !caller.may(ScopeName::Read) => return Err(caller.unknown()),
        BlobUse::Other => plain(hash),
        BlobUse::Secret => {
            return Err(Refused::new(
                RefusalCode::FrameNotReady,
                "this is evidence of a verdict that is not told yet",
            ));
        }
        BlobUse::NotAccepted => {
            return Err(Refused::new(
                RefusalCode::FrameNotReady,
                "this is the output of a frame that is not accepted",
            ));
        }
    };
    give(&state, hash, &headers, &given).await
}

fn plain(hash: BlobHash) -> Given {
    Given {
        media_type: "application/octet-stream".to_owned(),
        file_name: hash.to_string(),
        inline: false,
    }
}

fn not_here() -> Refused {
    Refused::new(RefusalCode::NotFound, "the blob is not stored here")
}

/// Gives a blob that the caller may have, as the conditions and the range of the request want it.
pub(crate) async fn give(
    state: &AppState,
    hash: BlobHash,
    headers: &HeaderMap,
    given: &Given,
) -> Result<Response, Refused> {
    let blobs = state.desk.blobs();
    let bytes = blobs.size(hash).await?.ok_or_else(not_here)?;
    let what = Bytes { hash, bytes, cache: "private, max-age=31536000, immutable" };
    give_bytes(what, headers, given, async |range| {
        Ok(Body::from_stream(blobs.stream(hash, range).await?))
    })
    .await
}

/// Bytes that are given out.
pub(crate) struct Bytes {
    /// Their hash, which tells versions apart.
    pub(crate) hash: BlobHash,
    /// How many.
    pub(crate) bytes: u64,
    /// How they may be cached.
    pub(crate) cache: &'static str,
}

/// Gives bytes as the conditions and the range of the request want them; `open` gives a part of them.
pub(crate) async fn give_bytes(
    what: Bytes,
    headers: &HeaderMap,
    given: &Given,
    open: impl AsyncFnOnce(Range<u64>) -> Result<Body, Refused>,
) -> Result<Response, Refused> {
    let (hash, bytes) = (what.hash, what.bytes);
    let etag = format!("\"{hash}\"");
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let has_it = header(header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|tag| matches_tag(tag, &etag)));
    let same = header(header::IF_RANGE).is_none_or(|tag| tag.trim() == etag);
    let wanted = wanted(header(header::RANGE).filter(|_| same), bytes);
    let (status, range) = match wanted {
        _ if has_it => (StatusCode::NOT_MODIFIED, 0..0),
        Wanted::Whole => (StatusCode::OK, 0..bytes),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Unsatisfiable => return Ok(unsatisfiable(bytes)),
    };
    let mut response = match status {
        StatusCode::NOT_MODIFIED => status.into_response(),
        _ => (status, open(range.clone()).await?).into_response(),
    };
    let out = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    };
    set(header::ETAG, &etag);
    set(header::CACHE_CONTROL, what.cache);
    if status != StatusCode::NOT_MODIFIED {
        let way = if given.inline { "inline" } else { "attachment" };
        let name = safe_name(&given.file_name);
        set(header::CONTENT_TYPE, &given.media_type);
        set(header::CONTENT_DISPOSITION, &format!("{way}; filename=\"{name}\""));
        set(header::CONTENT_LENGTH, &(range.end - range.start).to_string());
        set(header::ACCEPT_RANGES, "bytes");
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end.saturating_sub(1);
        set(header::CONTENT_RANGE, &format!("bytes {}-{last}/{bytes}", range.start));
    }
    Ok(response)
}

fn matches_tag(tag: &str, etag: &str) -> bool {
    let tag = tag.trim();
    tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
}

fn unsatisfiable(bytes: u64) -> Response {
    let refused = Refused::new(
        RefusalCode::RequestNotUnderstood,
        format!("the range is not within the blob's {bytes} bytes"),
    );
    let mut response = refused.with_status(StatusCode::RANGE_NOT_SATISFIABLE).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{bytes}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// A name that is safe in a header and on every file system.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    name.chars().map(safe).take(120).collect()
}
