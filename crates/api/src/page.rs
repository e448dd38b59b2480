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
    ($path:literal, $file:literal, $media_type:literal) => {
        Asset {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("assets/", $file)),
        }
    };
}

const ASSETS: &[Asset] = &[
    asset!("/", "index.html", "text/html; charset=utf-8"),
    asset!("/assets/style.css", "style.css", "text/css; charset=utf-8"),
    asset!("/assets/frames.css", "frames.css", "text/css; charset=utf-8"),
    asset!("/assets/evidence.css", "evidence.css", "text/css; charset=utf-8"),
    asset!("/assets/app.js", "app.js", "text/javascript; charset=utf-8"),
    asset!("/assets/api.js", "api.js", "text/javascript; charset=utf-8"),
    asset!("/assets/dom.js", "dom.js", "text/javascript; charset=utf-8"),
    asset!("/assets/jobs.js", "jobs.js", "text/javascript; charset=utf-8"),
    asset!("/assets/job.js", "job.js", "text/javascript; charset=utf-8"),
    asset!("/assets/frame.js", "frame.js", "text/javascript; charset=utf-8"),
    asset!("/assets/claim.js", "claim.js", "text/javascript; charset=utf-8"),
    asset!("/assets/evidence.js", "evidence.js", "text/javascript; charset=utf-8"),
    asset!("/assets/nodes.js", "nodes.js", "text/javascript; charset=utf-8"),
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
