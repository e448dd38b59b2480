//! The description of the interface, made from the handlers themselves.

use crate::guard;
use crate::routes::{
    blobs, claims, events, film, frames, jobs, managers, nodes, pictures, proof, session,
};
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use candela_wire::api::PREFIX;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Candela",
        description = "A render network in which every frame is checked by a third party before anyone relies on it.\n\nRequests that are not from the manager's own machine need `Authorization: Bearer TOKEN`.",
    ),
    tags(
        (name = "jobs", description = "What users submit"),
        (name = "frames", description = "What they get back"),
        (name = "claims", description = "What users say is wrong, and what came of it"),
        (name = "blobs", description = "Files of scenes, outputs, evidence"),
        (name = "nodes", description = "Machines that render and verify"),
        (name = "managers", description = "Who decides, and how far the others are"),
        (name = "events", description = "What changes, as it changes"),
        (name = "session", description = "For browsers"),
    )
)]
struct Description;

/// The description of the whole interface.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().1
}

/// All routes under their prefix, and their description.
pub(crate) fn routes() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let guarded = OpenApiRouter::new()
        .routes(routes!(blobs::missing))
        .routes(routes!(blobs::put))
        .routes(routes!(jobs::create, jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(frames::list))
        .routes(routes!(frames::show))
        .routes(routes!(claims::make))
        .routes(routes!(claims::list))
        .routes(routes!(claims::of_job))
        .routes(routes!(claims::show))
        .routes(routes!(pictures::of_verification))
        .routes(routes!(pictures::of_claim))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::ticket, nodes::tickets))
        .routes(routes!(nodes::revoke))
        .routes(routes!(managers::list))
        .routes(routes!(managers::remove))
        .routes(routes!(events::all))
        .routes(routes!(events::of_job))
        .routes(routes!(proof::get))
        .routes(routes!(film::get))
        .route_layer(axum::middleware::from_fn(guard::require_trust));
    // These decide for themselves what they tell whom.
    let open = OpenApiRouter::new()
        .routes(routes!(blobs::get))
        .routes(routes!(frames::output))
        .routes(routes!(session::open, session::close));
    OpenApiRouter::with_openapi(Description::openapi())
        .nest(PREFIX, guarded)
        .nest(PREFIX, open)
        .routes(routes!(session::health))
        .routes(routes!(managers::ready))
        .routes(routes!(managers::metrics))
        .split_for_parts()
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn serve(State(state): State<AppState>) -> Response {
    let json = state.openapi.get_or_init(|| openapi().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()
}
