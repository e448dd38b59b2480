//! The description of the interface, made from the handlers themselves.

use crate::guard;
use crate::routes::{
    blobs, claims, events, film, frames, jobs, managers, network, nodes, pictures, proof, session,
    tokens, uploads,
};
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use candela_wire::api::{PREFIX, ScopeName};
use candela_wire::token::Scope;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Candela",
        description = "A render network in which every frame is checked by a third party before anyone relies on it.\n\nRequests that are not from the manager's own machine need `Authorization: Bearer TOKEN`. A token has scopes: `read`, `submit`, `operate`; each request says which it needs.",
    ),
    tags(
        (name = "jobs", description = "What users submit"),
        (name = "frames", description = "What they get back"),
        (name = "claims", description = "What users say is wrong, and what came of it"),
        (name = "blobs", description = "Files of scenes, outputs, evidence"),
        (name = "nodes", description = "Machines that render and verify"),
        (name = "uploads", description = "Files that arrive in pieces and go on where they broke off"),
        (name = "network", description = "The network as a whole"),
        (name = "tokens", description = "Who may ask for what"),
        (name = "managers", description = "Who decides, and how far the others are"),
        (name = "events", description = "What changes, as it changes"),
        (name = "session", description = "For browsers"),
    ),
    // Those that only a path or a query holds.
    components(schemas(candela_wire::api::PictureName)),
    modifiers(&WithTokens)
)]
struct Description;

/// Says how a token is shown.
struct WithTokens;

impl utoipa::Modify for WithTokens {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", scheme);
    }
}

/// The description of the whole interface.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().1
}

/// All routes under their prefix, and their description.
pub(crate) fn routes() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let reading = OpenApiRouter::new()
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(frames::list))
        .routes(routes!(frames::show))
        .routes(routes!(claims::list))
        .routes(routes!(claims::of_job))
        .routes(routes!(claims::show))
        .routes(routes!(pictures::of_verification))
        .routes(routes!(pictures::of_claim))
        .routes(routes!(nodes::list))
        .routes(routes!(network::show))
        .routes(routes!(managers::list))
        .routes(routes!(events::all))
        .routes(routes!(events::of_job))
        .routes(routes!(proof::get))
        .routes(routes!(film::get))
        .routes(routes!(tokens::account));
    let submitting = OpenApiRouter::new()
        .routes(routes!(blobs::missing))
        .routes(routes!(blobs::put))
        .routes(routes!(uploads::begin))
        .routes(routes!(uploads::show, uploads::put, uploads::delete))
        .routes(routes!(jobs::create))
        .routes(routes!(jobs::act))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::prioritise))
        .routes(routes!(claims::make));
    let operating = OpenApiRouter::new()
        .routes(routes!(nodes::ticket, nodes::tickets))
        .routes(routes!(nodes::revoke))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::revoke))
        .routes(routes!(managers::remove));
    // These decide for themselves what they tell whom.
    let open = OpenApiRouter::new()
        .routes(routes!(blobs::get))
        .routes(routes!(frames::output))
        .routes(routes!(session::open, session::close));
    // Put together before they are nested, or of two methods of one path only one would be described.
    let api = scoped(reading, ScopeName::Read)
        .merge(scoped(submitting, ScopeName::Submit))
        .merge(scoped(operating, ScopeName::Operate))
        .merge(open);
    let (routes, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .nest(PREFIX, api)
        .routes(routes!(session::health))
        .routes(routes!(managers::ready))
        .routes(routes!(managers::metrics))
        .split_for_parts();
    complete(&mut description);
    (routes, description)
}

/// Says of every answer what it means, and which answers every request may get.
fn complete(description: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut description.paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            // The handler's name alone is not unique.
            if let (Some(id), Some(tags)) = (&mut operation.operation_id, &operation.tags) {
                *id = format!("{}_{id}", tags.join("_"));
            }
            let answers = &mut operation.responses.responses;
            if path.starts_with(PREFIX) {
                for (status, meaning) in OF_EVERY_REQUEST {
                    let answer = ResponseBuilder::new().description(meaning).content(
                        "application/json",
                        ContentBuilder::new()
                            .schema(Some(Ref::from_schema_name("RefusalInfo")))
                            .build(),
                    );
                    answers.entry(status.to_owned()).or_insert_with(|| answer.build().into());
                }
            }
            for (status, answer) in answers {
                if let RefOr::T(answer) = answer
                    && answer.description.is_empty()
                {
                    meaning_of(status).clone_into(&mut answer.description);
                }
            }
        }
    }
}

/// Answers that every request may get.
const OF_EVERY_REQUEST: [(&str, &str); 3] = [
    ("4XX", "It is refused: `code` says why, `hint` what to change"),
    (
        "503",
        "`no_leader`: the managers have no leader at present; `unavailable`: try again in a moment",
    ),
    ("507", "`storage_full`: the manager's storage is full; nothing was lost"),
];

fn meaning_of(status: &str) -> &'static str {
    match status {
        "200" => "Done",
        "201" => "It is made",
        "204" => "Done; there is nothing to say",
        "206" => "A range",
        _ => OF_EVERY_REQUEST[0].1,
    }
}

/// Routes that need a scope, and say so in their description.
fn scoped(routes: OpenApiRouter<AppState>, scope: ScopeName) -> OpenApiRouter<AppState> {
    let guard = move |request, next| guard::require(scope, request, next);
    let mut routes = routes.route_layer(axum::middleware::from_fn(guard));
    let word = Scope::from(scope).word();
    for item in routes.get_openapi_mut().paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new("token", [word])]);
        }
    }
    routes
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn serve(State(state): State<AppState>) -> Response {
    let json = state.openapi.get_or_init(|| openapi().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()
}
