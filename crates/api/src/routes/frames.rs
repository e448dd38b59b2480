//! Frames of a job: listed, shown with their receipts, given out.

use super::blobs::{Given, give};
use super::{page_size, pictures};
use crate::extract::{Path, Query};
use crate::guard::Caller;
use crate::refuse::Refused;
use crate::state::AppState;
use crate::submit::not_an_id;
use crate::view::{self, Frames};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use candela_core::farm::no_such_job;
use candela_core::id::{BlobHash, JobId};
use candela_core::job::Frame;
use candela_wire::api::{FrameDetail, FrameState, FramesPage, FramesQuery, RefusalInfo, ScopeName};
use serde::Deserialize;

/// Frames of a job, in ascending order; none before its scene was inspected.
#[utoipa::path(get, path = "/jobs/{id}/frames", tag = "frames",
    params(("id" = u64, Path), FramesQuery),
    responses((status = 200, body = FramesPage), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Path(id): Path<u64>,
    Query(query): Query<FramesQuery>,
) -> Result<axum::Json<FramesPage>, Refused> {
    let job = JobId(id);
    let progress = view::progress_board(state.desk.progress());
    let page = state.desk.read(move |farm| {
        farm.job(job)?;
        let frames = Frames::new(farm, job, &progress);
        let wanted = |frame: &&Frame| {
            query.after.is_none_or(|after| frame.number > after)
                && query.status.is_none_or(|status| FrameState::from(&frame.status) == status)
        };
        let mut found = farm.frames(job).filter(wanted);
        let items: Vec<_> =
            found.by_ref().take(page_size(query.limit)).map(|f| frames.summary(f)).collect();
        let next = found.next().and_then(|_| items.last()).map(|frame| frame.number);
        Some(FramesPage { items, next })
    });
    Ok(axum::Json(page.await?.ok_or_else(|| no_such_job(job))?))
}

/// A frame with all its receipts, the rejected ones too.
#[utoipa::path(get, path = "/jobs/{id}/frames/{number}", tag = "frames",
    params(("id" = u64, Path), ("number" = i32, Path)),
    responses((status = 200, body = FrameDetail), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Path((id, number)): Path<(u64, i32)>,
) -> Result<axum::Json<FrameDetail>, Refused> {
    let job = JobId(id);
    let progress = view::progress_board(state.desk.progress());
    let detail = state.desk.read(move |farm| {
        if farm.job(job).is_none() {
            return Err(no_such_job(job));
        }
        let frame = farm.frame(job, number).ok_or_else(|| view::no_such_frame(job, number))?;
        Ok(Frames::new(farm, job, &progress).detail(frame))
    });
    Ok(axum::Json(detail.await??))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputQuery {
    hash: Option<String>,
    width: Option<u32>,
}

/// Gives the output of an accepted frame. With its hash no token is needed: the URL is the key.
#[utoipa::path(get, path = "/jobs/{id}/frames/{number}/output", tag = "frames",
    params(("id" = u64, Path), ("number" = i32, Path),
        ("hash" = Option<String>, Query, description = "The output's hash, as the frame's `output.url` has it"),
        ("width" = Option<u32>, Query, description = "A JPEG no wider than this, from 16 to 2,048 pixels, and not the file itself")),
    responses((status = 200, content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/x-exr"))),
        (status = 206, content_type = "image/png", description = "a range"),
        (status = 304, description = "the same as before"),
        (status = 409, body = RefusalInfo, description = "the frame is not accepted"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn output(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path((id, number)): Path<(u64, i32)>,
    Query(query): Query<OutputQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let job = JobId(id);
    let found = state.desk.read(move |farm| view::output_of(farm, job, number)).await?;
    let known = match (&found, &query.hash) {
        (Ok(output), Some(hash)) => output.hash.eq_ignore_ascii_case(hash),
        _ => false,
    };
    if !caller.may(ScopeName::Read) && !known {
        return Err(caller.unknown());
    }
    let output = found?;
    if query.hash.is_some() && !known {
        return Err(view::no_such_frame(job, number).into());
    }
    let hash: BlobHash = output.hash.parse().map_err(not_an_id)?;
    if let Some(width) = query.width {
        return pictures::small(&state, hash, &output.media_type, width, &headers).await;
    }
    let given = Given {
        inline: output.media_type != "image/x-exr",
        media_type: output.media_type,
        file_name: format!("job-{job}-{}", output.file_name),
    };
    give(&state, hash, &headers, &given).await
}
