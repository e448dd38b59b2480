//! Axum's extractors with our form of refusal.

use crate::refuse::Refused;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use candela_core::refusal::RefusalCode;
use serde::de::DeserializeOwned;

/// A body in JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &JsonRejection) -> Refused {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refused::new(RefusalCode::TooLarge, "the request is too large");
    }
    let refused = not_understood(rejection.body_text());
    match rejection {
        JsonRejection::MissingJsonContentType(_) => refused
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .with_hint("send JSON, with `Content-Type: application/json`"),
        _ => refused,
    }
}

/// The variable parts of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Path(path.0))
            .map_err(|rejection: PathRejection| not_understood(rejection.body_text()))
    }
}

/// What follows the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Query(query.0))
            .map_err(|rejection: QueryRejection| not_understood(rejection.body_text()))
    }
}

fn not_understood(text: String) -> Refused {
    // A reply to a stranger needn't repeat more of what the stranger sent.
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    Refused::new(RefusalCode::RequestNotUnderstood, text)
        .with_hint("the interface is described at /api/v1/openapi.json")
}
