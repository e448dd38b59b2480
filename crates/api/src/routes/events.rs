//! Event streams: what changes, as it changes.

use crate::extract::Path;
use crate::hub::{About, Message};
use crate::limits::KEEP_ALIVE;
use crate::refuse::Refused;
use crate::state::AppState;
use axum::extract::State;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use candela_core::farm::no_such_job;
use candela_core::id::JobId;
use candela_core::refusal::RefusalCode;
use candela_wire::api::{Event, RefusalInfo};
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;

/// Everything that changes: `job`, `frame` and `node`, with the changed thing as data, and `reset`
/// where events were lost: then read again what you show.
#[utoipa::path(get, path = "/events", tag = "events",
    responses((status = 200, body = Event, content_type = "text/event-stream"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn all(State(state): State<AppState>) -> Result<Response, Refused> {
    stream(&state, None)
}

/// What changes of one job. New frames of it are not told one by one: read them when `counts.all` changes.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "events", params(("id" = u64, Path)),
    responses((status = 200, body = Event, content_type = "text/event-stream"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn of_job(
    State(state): State<AppState>,
    Path(id): Path<u64>,
) -> Result<Response, Refused> {
    let job = JobId(id);
    if !state.desk.read(move |farm| farm.job(job).is_some()).await? {
        return Err(no_such_job(job).into());
    }
    stream(&state, Some(id))
}

fn stream(state: &AppState, job: About) -> Result<Response, Refused> {
    let Ok(place) = state.streams.clone().try_acquire_owned() else {
        return Err(Refused::new(RefusalCode::Busy, "too many watch already"));
    };
    let mut messages = state.hub.subscribe();
    let ending = state.ending.clone();
    let events = async_stream::stream! {
        let _place = place;
        // What happened before the subscription is not told, so the reader starts by reading.
        yield Ok::<_, Infallible>(sse(&Message::reset()));
        loop {
            let message = tokio::select! {
                () = ending.cancelled() => break,
                message = messages.recv() => message,
            };
            match message {
                Ok(message) if is_wanted(&message, job) => yield Ok(sse(&message)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => yield Ok(sse(&Message::reset())),
                Err(RecvError::Closed) => break,
            }
        }
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

fn is_wanted(message: &Message, job: About) -> bool {
    job.is_none() || message.about == job || message.name == "reset"
}

/// JSON has no line ends of its own, so the data is one line.
fn sse(message: &Message) -> SseEvent {
    SseEvent::default().event(message.name).data(&*message.data)
}
