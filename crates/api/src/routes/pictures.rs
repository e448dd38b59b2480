//! Pictures of what a verdict is about: the worker's pixels, the verifier's, and where they differ.
//!
//! Made when they are asked for, from kept evidence and the worker's kept tiles, a few at a time.

use crate::extract::Path;
use crate::limits::{PICTURE_BLOB_BYTES_MAX, PICTURE_WAIT_MAX};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::view;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use candela_core::id::{BlobHash, ClaimId, VerificationId};
use candela_core::refusal::RefusalCode;
use candela_node::pictures::{self, Canvas, Compared, Kept, PictureError};
use candela_wire::api::{PictureName, RefusalInfo};
use std::error::Error;

/// All regions of a verdict on one sheet: linear radiance by the sRGB curve. Of the difference each
/// colour is the distance times 8; pixels that were judged and disagree are red, those left out blue.
#[utoipa::path(get, path = "/verifications/{id}/pictures/{picture}", tag = "claims",
    params(("id" = u64, Path), ("picture" = PictureName, Path)),
    responses((status = 200, content_type = "image/png"),
        (status = 404, body = RefusalInfo,
            description = "there is no such verdict, it is not told, or its blobs were let go"),
        (status = 429, body = RefusalInfo, description = "`busy`: too many pictures are being made"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn of_verification(
    State(state): State<AppState>,
    Path((id, picture)): Path<(u64, PictureName)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let kept = state.desk.read(move |farm| view::kept_of(farm, VerificationId(id))).await??;
    let _turn = turn(&state).await?;
    let (evidence, tiles) = blobs_of(&state, &kept).await?;
    let png = tokio::task::spawn_blocking(move || {
        pictures::contact_sheet(&compared(&kept, &evidence, tiles.as_deref())?, picture)
    });
    Ok(give(&png.await.map_err(fell_over)?.map_err(refused)?, &headers))
}

/// The whole frame of a claim, put together from the verdicts on its parts; a large one is shown smaller.
#[utoipa::path(get, path = "/claims/{id}/pictures/{picture}", tag = "claims",
    params(("id" = u64, Path), ("picture" = PictureName, Path)),
    responses((status = 200, content_type = "image/png"),
        (status = 404, body = RefusalInfo, description = "there is no such claim, or its blobs were let go"),
        (status = 409, body = RefusalInfo, description = "`wrong_state`: the claim is open"),
        (status = 429, body = RefusalInfo, description = "`busy`: too many pictures are being made"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn of_claim(
    State(state): State<AppState>,
    Path((id, picture)): Path<(u64, PictureName)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let parts = state.desk.read(move |farm| view::kept_of_claim(farm, ClaimId(id))).await??;
    let (size, parts) = parts;
    let _turn = turn(&state).await?;
    let mut canvas = Canvas::new(size);
    // Part by part, so that one part's pictures are in memory at once.
    for kept in parts {
        let (evidence, tiles) = blobs_of(&state, &kept).await?;
        let drawn = tokio::task::spawn_blocking(move || {
            for one in compared(&kept, &evidence, tiles.as_deref())? {
                match canvas.add(&one, picture) {
                    // What was not compared stays empty.
                    Ok(()) | Err(PictureError::NoTiles) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(canvas)
        });
        canvas = drawn.await.map_err(fell_over)?.map_err(refused)?;
    }
    let png = tokio::task::spawn_blocking(move || canvas.png());
    Ok(give(&png.await.map_err(fell_over)?.map_err(refused)?, &headers))
}

/// A small picture of an output.
pub(crate) async fn small(
    state: &AppState,
    output: BlobHash,
    media_type: &str,
    width: u32,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    if !(16..=2_048).contains(&width) {
        let text = "a small picture is from 16 to 2,048 pixels wide";
        return Err(Refused::new(RefusalCode::RequestNotUnderstood, text));
    }
    if !matches!(media_type, "image/png" | "image/jpeg") {
        let text = "there is no small picture of an OpenEXR file";
        return Err(Refused::new(RefusalCode::NotFound, text).with_hint("download the file itself"));
    }
    // Known before it is made: a browser that has it costs nothing.
    let etag = format!("\"{output}-{width}\"");
    let has_it =
        headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let _turn = turn(state).await?;
        let file = state.desk.blobs().read(output, PICTURE_BLOB_BYTES_MAX).await?;
        let jpeg = tokio::task::spawn_blocking(move || pictures::small(&file, width));
        let jpeg = jpeg.await.map_err(fell_over)?.map_err(refused)?;
        ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response()
    };
    let out = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    let kept = HeaderValue::from_static("private, max-age=31536000, immutable");
    out.insert(header::CACHE_CONTROL, kept);
    Ok(response)
}

fn compared(
    kept: &Kept,
    evidence: &[u8],
    tiles: Option<&[u8]>,
) -> Result<Vec<Compared>, PictureError> {
    pictures::compared(kept, evidence, tiles)
}

/// Waits for a turn: pictures take memory and a core while they are made.
async fn turn(state: &AppState) -> Result<tokio::sync::SemaphorePermit<'_>, Refused> {
    let turn = tokio::time::timeout(PICTURE_WAIT_MAX, state.pictures.acquire()).await;
    match turn {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Refused::new(RefusalCode::Busy, "too many pictures are being made")
            .with_hint("ask for it again in a moment")),
    }
}

/// The bytes of evidence and tiles.
async fn blobs_of(state: &AppState, kept: &Kept) -> Result<(Bytes, Option<Bytes>), Refused> {
    let read = async |hash: BlobHash| state.desk.blobs().read(hash, PICTURE_BLOB_BYTES_MAX).await;
    let evidence = read(kept.evidence).await?;
    let tiles = match kept.worker_tiles {
        Some(tiles) => Some(read(tiles).await?),
        None => None,
    };
    Ok((evidence, tiles))
}

fn refused(error: PictureError) -> Refused {
    match error {
        PictureError::NoTiles | PictureError::Empty => {
            Refused::new(RefusalCode::NotFound, error.to_string())
        }
        error => {
            tracing::warn!(error = &error as &dyn Error, "a picture of evidence can't be made");
            Refused::unavailable("the picture can't be made from what is kept")
        }
    }
}

fn fell_over(error: tokio::task::JoinError) -> Refused {
    tracing::error!(error = &error as &dyn Error, "making a picture fell over");
    Refused::unavailable("making the picture fell over")
}

/// A decided verdict doesn't change, so its picture may be kept.
fn give(png: &[u8], headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", blake3::hash(png));
    let has_it =
        headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "image/png")], png.to_vec()).into_response()
    };
    let out = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    response
}
