//! Requests to a manager that doesn't lead: passed on to the one that does, whole, over a pipe
//! between the two; and taken there as what the first manager found them to be.
//!
//! Nobody notices which manager was asked. While no manager leads, what can be read is answered from
//! this manager's own copy, and what changes something is refused.

use crate::guard::Caller;
use crate::refuse::Refused;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use candela_core::refusal::RefusalCode;
use candela_node::manager::Pipe;
use candela_wire::api::PREFIX;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::sync::mpsc;

/// What the first manager found of whoever asks.
pub(crate) const CALLER: HeaderName = HeaderName::from_static("x-candela-caller");

/// How often it is looked whether the leader that was asked still is one. An answer may take long: an
/// upload is as long as its file.
const LOOK: Duration = Duration::from_millis(500);

/// Headers that are of one connection only.
const OF_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TE];

/// Marks requests that came over a pipe of another manager.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FromManager;

impl Caller {
    /// JSON; a header may hold any bytes but control characters, which JSON escapes.
    pub(crate) fn to_header(&self) -> HeaderValue {
        let json = serde_json::to_vec(self).ok();
        let value = json.and_then(|json| HeaderValue::from_bytes(&json).ok());
        value.unwrap_or(HeaderValue::from_static("{}"))
    }

    /// Whoever can't be read is nobody.
    pub(crate) fn from_header(value: Option<&HeaderValue>) -> Caller {
        let caller = value.and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
        caller.unwrap_or_default()
    }
}

/// What every manager answers for itself.
fn is_own(path: &str) -> bool {
    let own = path.strip_prefix(PREFIX).unwrap_or(path);
    matches!(own, "/managers" | "/openapi.json" | "/metrics" | "/healthz" | "/readyz")
}

/// Passes a request on, if another manager leads.
pub(crate) async fn forward(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let came_from_manager = request.extensions().get::<FromManager>().is_some();
    let Some(manager) = state.desk.manager() else { return next.run(request).await };
    if manager.leads() || is_own(request.uri().path()) {
        return next.run(request).await;
    }
    if came_from_manager {
        // Both think that the other leads: an election is under way.
        return no_leader().into_response();
    }
    if manager.leader().is_none() {
        return next.run(request).await;
    }
    match pass_on(manager, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn pass_on(
    manager: &candela_node::manager::Manager,
    mut request: Request,
) -> Result<Response, Refused> {
    let away = |error: &dyn std::fmt::Display| {
        tracing::info!("the leader can't be asked: {error}");
        no_leader()
    };
    let pipe = manager.pipe_to_leader().await.map_err(|error| away(&error))?;
    let handshake = http1::handshake::<_, Body>(TokioIo::new(pipe)).await;
    let (mut sender, connection) = handshake.map_err(|error| away(&error))?;
    // Ends with the answer.
    tokio::spawn(connection);
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
    let headers = request.headers_mut();
    OF_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
    headers.insert(CALLER, caller.to_header());
    headers.entry(header::HOST).or_insert(HeaderValue::from_static("manager"));
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = path.parse().map_err(|error| away(&error))?;
    *request.uri_mut() = uri;
    let mut response = tokio::select! {
        answered = sender.send_request(request) => answered.map_err(|error| lost(&error))?,
        () = another_leads(manager) => return Err(lost(&"another manager leads")),
    };
    OF_CONNECTION.iter().for_each(|name| drop(response.headers_mut().remove(name)));
    Ok(response.map(Body::new))
}

/// Returns once the leader isn't the one that it was.
async fn another_leads(manager: &candela_node::manager::Manager) {
    let asked = manager.leader();
    while manager.leader() == asked {
        tokio::time::sleep(LOOK).await;
    }
}

/// The leader was asked, and nobody knows what came of it.
fn lost(error: &dyn std::fmt::Display) -> Refused {
    tracing::info!("the leader's answer is lost: {error}");
    Refused::unavailable("the leader went away before it answered: look whether it was carried out")
}

fn no_leader() -> Refused {
    Refused::new(RefusalCode::NoLeader, "the managers have no leader at present")
        .with_hint("it takes a few seconds to elect another; try again")
}

/// The pipes of other managers, as something that can be served.
pub(crate) struct Pipes(pub(crate) mpsc::Receiver<Pipe>);

impl Listener for Pipes {
    type Io = Pipe;
    type Addr = ();

    async fn accept(&mut self) -> (Pipe, ()) {
        match self.0.recv().await {
            Some(pipe) => (pipe, ()),
            // The endpoint is closed; the server ends with the manager.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}
