//! How requests are refused: one form, and an HTTP status for each code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candela_blobs::BlobError;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_node::manager::ApplyError;
use candela_wire::api::RefusalInfo;
use std::error::Error;

/// Code of a reply when the manager itself failed; it is not a refusal.
const UNAVAILABLE: &str = "unavailable";

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    info: RefusalInfo,
}

impl Refused {
    pub(crate) fn new(code: RefusalCode, message: impl Into<String>) -> Refused {
        Refused::from(Refusal::new(code, message))
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Refused {
        self.info.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_items(mut self, items: Vec<String>) -> Refused {
        self.info.items = items;
        self
    }

    /// The same with a status that says more than the code's own.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Refused {
        self.status = status;
        self
    }

    /// The world failed, and the user can't do anything about it.
    pub(crate) fn unavailable(message: impl Into<String>) -> Refused {
        Refused {
            status: StatusCode::SERVICE_UNAVAILABLE,
            info: RefusalInfo {
                code: UNAVAILABLE.to_owned(),
                message: message.into(),
                hint: Some("try again in a moment; the manager's log says more".to_owned()),
                items: Vec::new(),
            },
        }
    }

    /// What the sender is told.
    pub(crate) fn into_info(self) -> RefusalInfo {
        self.info
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        &self.info.code
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused { status: status_of(refusal.code), info: RefusalInfo::from(&refusal) }
    }
}

impl From<ApplyError> for Refused {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Refused(refusal) => refusal.into(),
            ApplyError::Unavailable(_) => Refused::unavailable(error.to_string()),
            ApplyError::Elsewhere(_) => Refused::new(RefusalCode::NoLeader, error.to_string())
                .with_hint("what is there can be read meanwhile; try again in a moment"),
        }
    }
}

impl From<BlobError> for Refused {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::StorageFull { .. } => {
                tracing::error!(error = &error as &dyn Error, "the storage is full");
                Refused::new(RefusalCode::StorageFull, "the manager's storage is full")
                    .with_hint("its owner has to free space; nothing that was stored is lost")
            }
            BlobError::WrongHash { expected, got } => Refused::new(
                RefusalCode::HashMismatch,
                format!("the bytes are those of blob {got}, and not of {expected}"),
            )
            .with_hint("the file changed while it was sent, or was damaged: send it again"),
            BlobError::StreamTooLarge { max } => {
                Refused::new(RefusalCode::TooLarge, format!("a blob has at most {max} bytes"))
            }
            BlobError::StreamBroken { .. } => {
                Refused::new(RefusalCode::RequestNotUnderstood, "the upload broke off")
            }
            BlobError::Missing { .. } => {
                Refused::new(RefusalCode::NotFound, "the blob is not stored here")
            }
            _ => {
                tracing::warn!(error = &error as &dyn Error, "the storage failed");
                Refused::unavailable("the manager's storage failed")
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.info)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status.as_u16(), 429 | 503) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The HTTP status of each refusal.
pub(crate) fn status_of(code: RefusalCode) -> StatusCode {
    use RefusalCode as C;
    match code {
        C::NoSuchJob | C::NoSuchFrame | C::NoSuchNode | C::NoSuchClaim | C::NotFound => {
            StatusCode::NOT_FOUND
        }
        C::RequestNotUnderstood | C::FramesNotUnderstood | C::MessageNotAllowed => {
            StatusCode::BAD_REQUEST
        }
        C::TokenNotValid => StatusCode::UNAUTHORIZED,
        C::ScopeMissing
        | C::NotYours
        | C::TicketNotValid
        | C::RoleMissing
        | C::NodeSuspended
        | C::SignatureWrong => StatusCode::FORBIDDEN,
        C::WrongState
        | C::FrameNotReady
        | C::ClaimThere
        | C::BlobsMissing
        | C::NoSuitableWorker
        | C::LeaseStale
        | C::FrameNotInLease
        | C::ReceiptConflicts
        | C::VerificationStale => StatusCode::CONFLICT,
        C::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        C::Busy | C::ClaimsTooMany | C::JobsTooMany => StatusCode::TOO_MANY_REQUESTS,
        C::NoLeader => StatusCode::SERVICE_UNAVAILABLE,
        C::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        C::FramesEmpty
        | C::FramesTooMany
        | C::FrameOutOfRange
        | C::SizeOutOfRange
        | C::SamplesOutOfRange
        | C::NameNotAllowed
        | C::EngineUnknown
        | C::NotAScene
        | C::SceneDamaged
        | C::SceneTooNew
        | C::RenderEngineNotCycles
        | C::NoCamera
        | C::NoSuchPart
        | C::FilesMissing
        | C::TimeLimitSet
        | C::SimulationNotBaked
        | C::PreviewBlack
        | C::SceneCrashesEngine
        | C::OutputNotCheckable
        | C::FilmNotPossible
        | C::NotifyNotPossible
        | C::PathNotAllowed
        | C::HashMismatch
        | C::EngineMismatch
        | C::VersionMismatch => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
