//! The router with everything in it, and serving it until the manager ends.

use crate::config::ApiConfig;
use crate::desk::Desk;
use crate::forward::{FromManager, Pipes};
use crate::limits::{JSON_BYTES_MAX, SHUTDOWN_WAIT_MAX};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::{forward, guard, openapi, page};
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use axum::{Extension, Router};
use candela_core::refusal::RefusalCode;
use candela_node::manager::Manager;
use candela_wire::api::PREFIX;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The interface could not be served any longer.
#[derive(Debug, thiserror::Error)]
#[error("serving the HTTP interface")]
pub struct ServeError(#[from] io::Error);

/// The whole interface as a service.
///
/// Serve it with [`Router::into_make_service_with_connect_info`] of [`SocketAddr`], or nobody is
/// taken for a user of this machine. Must be called within a tokio runtime.
pub fn router(manager: Manager, config: ApiConfig) -> Router {
    assemble(Desk::Manager(Box::new(manager)), config, CancellationToken::new())
}

/// Serves the interface until `shutdown` is done, and then lets requests finish for a few seconds.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    manager: Manager,
    config: ApiConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let ending = CancellationToken::new();
    let pipes = manager.take_pipes();
    let app = assemble(Desk::Manager(Box::new(manager)), config, ending.clone());
    if let Some(pipes) = pipes {
        let of_managers = app.clone().layer(Extension(FromManager));
        let ended = ending.clone();
        tokio::spawn(async move {
            let serving = axum::serve(Pipes(pipes), of_managers.into_make_service());
            tokio::select! {
                _ = serving => {}
                () = ended.cancelled() => {}
            }
        });
    }
    run(listener, app, ending, shutdown).await
}

pub(crate) async fn run(
    listener: TcpListener,
    app: Router,
    ending: CancellationToken,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let begun = ending.clone();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        // Event streams have no end of their own.
        begun.cancel();
    });
    let too_long = async {
        ending.cancelled().await;
        tokio::time::sleep(SHUTDOWN_WAIT_MAX).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = too_long => Ok(()),
    }
}

pub(crate) fn assemble(desk: Desk, config: ApiConfig, ending: CancellationToken) -> Router {
    let state = AppState::new(desk, config, ending);
    let (routes, _) = openapi::routes();
    routes
        .route(&format!("{PREFIX}/openapi.json"), get(openapi::serve))
        .merge(page::routes())
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_that_way)
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(state.clone(), forward::forward))
        .layer(axum::middleware::from_fn_with_state(state.clone(), guard::identify))
        .with_state(state)
}

async fn nothing_there(uri: Uri) -> Refused {
    let path: String = uri.path().chars().take(200).collect();
    Refused::new(RefusalCode::NotFound, format!("there is nothing at {path}"))
        .with_hint("the interface is described at /api/v1/openapi.json")
}

async fn not_that_way(method: Method, uri: Uri) -> Refused {
    let path: String = uri.path().chars().take(200).collect();
    Refused::new(RefusalCode::RequestNotUnderstood, format!("{path} doesn't take {method}"))
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
        .with_hint("the interface is described at /api/v1/openapi.json")
}
