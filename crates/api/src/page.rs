//! The page that a manager serves: plain files, compiled in.

use crate::state::AppState;
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Nothing from elsewhere, no inline code, no frames around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($path:expr, $file:literal, $media_type:literal) => {
        Asset {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("assets/", $file)),
        }
    };
}

macro_rules! page {
    ($path:literal, $file:literal) => {
        asset!($path, $file, "text/html; charset=utf-8")
    };
}

macro_rules! style {
    ($file:literal) => {
        asset!(concat!("/assets/", $file), $file, "text/css; charset=utf-8")
    };
}

macro_rules! script {
    ($file:literal) => {
        asset!(concat!("/assets/", $file), $file, "text/javascript; charset=utf-8")
    };
}

const ASSETS: &[Asset] = &[
    page!("/", "index.html"),
    page!("/api", "api.html"),
    style!("style.css"),
    style!("lists.css"),
    style!("frames.css"),
    style!("dialogs.css"),
    style!("evidence.css"),
    style!("boards.css"),
    style!("reference.css"),
    script!("theme.js"),
    script!("app.js"),
    script!("shell.js"),
    script!("connection.js"),
    script!("session.js"),
    script!("me.js"),
    script!("api.js"),
    script!("dom.js"),
    script!("format.js"),
    script!("say.js"),
    script!("ask.js"),
    script!("secret.js"),
    script!("keys.js"),
    script!("virtual.js"),
    script!("selection.js"),
    script!("actions.js"),
    script!("jobs.js"),
    script!("jobs-store.js"),
    script!("job-row.js"),
    script!("job.js"),
    script!("job-head.js"),
    script!("frames-store.js"),
    script!("sheet.js"),
    script!("strip.js"),
    script!("card.js"),
    script!("frame.js"),
    script!("claim.js"),
    script!("evidence.js"),
    script!("film.js"),
    script!("film-cache.js"),
    script!("film-file.js"),
    script!("nodes.js"),
    script!("node.js"),
    script!("tickets.js"),
    script!("network.js"),
    script!("chart.js"),
    script!("account.js"),
    script!("tokens.js"),
    script!("reference.js"),
    script!("operation.js"),
    script!("schema.js"),
    asset!("/favicon.ico", "icon.svg", "image/svg+xml"),
    asset!("/assets/icon.svg", "icon.svg", "image/svg+xml"),
];

/// The page's files.
pub(crate) fn routes() -> Router<AppState> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.path, get(move || async move { give(asset) }))
    })
}

fn give(asset: &'static Asset) -> Response {
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, asset.text).into_response()
}
