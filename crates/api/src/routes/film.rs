//! The film of a job: what is verified of it so far, in order, as a browser plays it.

use super::blobs::{Bytes, Given, give_bytes};
use crate::extract::Path;
use crate::limits::{FILM_RETRY_MAX, FILM_WAIT_MAX};
use crate::refuse::Refused;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candela_core::farm::{Farm, no_such_job};
use candela_core::id::JobId;
use candela_core::job::FrameStatus;
use candela_core::layers::Size;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::OutputFormat;
use candela_node::manager::{
    FILM_FRAME_PX_MAX, FILM_FRAMES_MAX, FILM_PX_MAX, Film, FilmAnswer, FilmError, FilmMaking,
    FilmWanted,
};
use candela_wire::api::{FilmInfo, RefusalInfo};
use std::io::SeekFrom;
use std::ops::Range;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// How many frames the film has.
const FRAMES: HeaderName = HeaderName::from_static("candela-frames");

/// Bytes that are read of a film at once.
const READ_BYTES: usize = 256 << 10;

/// Gives an MP4 (H.264) of the verified frames, in order; it is made when it is asked for, and kept.
///
/// While the job goes on, a film of fewer frames may come until a new one is made; `candela-frames`
/// says how many it has. Once the job is over, it is the film of all verified frames. If making it
/// takes longer than a request should, the answer is 202: ask again after `Retry-After` seconds.
#[utoipa::path(get, path = "/jobs/{id}/film", tag = "jobs", operation_id = "film", params(("id" = u64, Path)),
    responses(
        (status = 200, content_type = "video/mp4",
            headers(("candela-frames" = u64, description = "Frames that it has"))),
        (status = 202, body = FilmInfo, description = "it is being made; ask again later",
            headers(("retry-after" = u64, description = "Seconds"))),
        (status = 206, content_type = "video/mp4", description = "a range"),
        (status = 304, description = "the same as before"),
        (status = 409, body = RefusalInfo, description = "`frame_not_ready`: no frame is verified"),
        (status = 413, body = RefusalInfo, description = "`too_large`: too many or too large frames"),
        (status = 422, body = RefusalInfo, description = "`film_not_possible`: the outputs are OpenEXR"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let wanted = state.desk.read(move |farm| wanted(farm, JobId(id))).await??;
    let Some(manager) = state.desk.manager() else {
        return Err(Refused::unavailable("there is no engine here"));
    };
    match manager.film(wanted, FILM_WAIT_MAX).await {
        Ok(FilmAnswer::Ready(film)) => give(&film, &headers).await,
        Ok(FilmAnswer::Making(making)) => Ok(later(making)),
        Err(error @ FilmError::Busy) => {
            Err(Refused::new(RefusalCode::Busy, error.to_string()).with_hint("ask again later"))
        }
        Err(error @ FilmError::Failed(_)) => Err(Refused::unavailable(error.to_string())),
    }
}

/// The film that can be made of a job now.
fn wanted(farm: &Farm, id: JobId) -> Result<FilmWanted, Refusal> {
    let job = farm.job(id).ok_or_else(|| no_such_job(id))?;
    let output = |receipt| farm.receipt_of(receipt).map(|receipt| receipt.statement.output);
    let frames: Vec<_> = farm
        .frames(id)
        .filter_map(|frame| match frame.status {
            FrameStatus::Accepted(receipt) => Some((frame.number, output(receipt)?)),
            _ => None,
        })
        .collect();
    let Some(inspected) = job.inspected.as_ref().filter(|_| !frames.is_empty()) else {
        let none = format!("no frame of job {id} is verified yet");
        return Err(Refusal::new(RefusalCode::FrameNotReady, none)
            .with_hint("a film is made of verified frames; the job's events tell when one is"));
    };
    let settings = &inspected.settings;
    check(frames.len(), settings.size, settings.format)?;
    let extension = settings.format.extension();
    let (size, fps) = (settings.size, inspected.facts.fps);
    Ok(FilmWanted { job: id, frames, extension, size, fps, complete: job.status.is_over() })
}

/// Refuses what no film is made of.
fn check(frames: usize, size: Size, format: OutputFormat) -> Result<(), Refusal> {
    if format == OutputFormat::Exr {
        let why =
            "the frames are OpenEXR: linear light, of which a film would need a view transform";
        return Err(Refusal::new(RefusalCode::FilmNotPossible, why).with_hint(
            "submit with the format png or jpeg, or make the film with a tool of your own",
        ));
    }
    let frame_px = u64::from(size.width) * u64::from(size.height);
    if frames > FILM_FRAMES_MAX
        || frame_px > FILM_FRAME_PX_MAX
        || frame_px.saturating_mul(frames as u64) > FILM_PX_MAX
    {
        return Err(Refusal::new(
            RefusalCode::TooLarge,
            format!(
                "{frames} frames of {} × {} pixels are too much for a film here: at most {FILM_FRAMES_MAX} frames, {FILM_FRAME_PX_MAX} pixels each, and {FILM_PX_MAX} pixels in all",
                size.width, size.height
            ),
        )
        .with_hint("download the frames, and make the film with a tool of your own"));
    }
    Ok(())
}

fn later(making: FilmMaking) -> Response {
    let retry_s = making.left_s.unwrap_or(5.0).ceil().clamp(1.0, FILM_RETRY_MAX.as_secs_f64());
    let info = FilmInfo {
        state: if making.begun { "making" } else { "waiting" }.to_owned(),
        frames: making.frames,
        since_s: making.since_s,
        left_s: making.left_s,
    };
    let retry = [(header::RETRY_AFTER, format!("{retry_s:.0}"))];
    (StatusCode::ACCEPTED, retry, axum::Json(info)).into_response()
}

async fn give(film: &Film, headers: &HeaderMap) -> Result<Response, Refused> {
    let failed = |error: std::io::Error| {
        tracing::warn!(%error, path = %film.path.display(), "a film can't be read");
        Refused::unavailable("the film went while it was asked for")
    };
    let mut file = File::open(&film.path).await.map_err(failed)?;
    // Another film takes its place when there are more frames.
    let what = Bytes { hash: film.hash, bytes: film.bytes, cache: "private, no-cache" };
    let given = Given {
        media_type: "video/mp4".to_owned(),
        file_name: format!("job-{}.mp4", film.job),
        inline: true,
    };
    let mut response = give_bytes(what, headers, &given, async |range: Range<u64>| {
        file.seek(SeekFrom::Start(range.start)).await.map_err(failed)?;
        let part = file.take(range.end - range.start);
        Ok(Body::from_stream(ReaderStream::with_capacity(part, READ_BYTES)))
    })
    .await?;
    response.headers_mut().insert(FRAMES, HeaderValue::from(film.frames));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_film_is_made_of() {
        use OutputFormat::{Exr, Jpeg, Png};
        use RefusalCode::{FilmNotPossible, TooLarge};
        let hd = Size { width: 1920, height: 1080 };
        let check = |frames, size, format, want: Option<RefusalCode>| {
            let refused = check(frames, size, format).err().map(|refusal| refusal.code);
            assert_eq!(refused, want, "{frames} frames of {size:?} as {format:?}");
        };
        check(1, hd, Png, None);
        check(21_600, hd, Jpeg, None);
        check(1, hd, Exr, Some(FilmNotPossible));
        check(21_601, Size { width: 100, height: 100 }, Png, Some(TooLarge));
        check(1, Size { width: 16_384, height: 8_192 }, Png, Some(TooLarge));
        check(5_423, Size { width: 3840, height: 2160 }, Png, None);
        check(5_426, Size { width: 3840, height: 2160 }, Png, Some(TooLarge));
    }
}
