//! The whole interface over a farm in memory, request by request.

mod blobs;
mod claims;
pub(crate) mod fake;
mod guarding;
mod jobs;
mod messages;
mod preview;
mod proof;
mod shown;
mod streams;
mod tables;
mod tokens;
mod uploads;

use crate::config::ApiConfig;
use crate::desk::Desk;
use crate::serve::assemble;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use candela_core::id::JobId;
use candela_core::job::Allowances;
use candela_core::time::Time;
use fake::Fake;
use serde_json::Value;
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const LOOPBACK: &str = "127.0.0.1:50000";
const ELSEWHERE: &str = "192.0.2.7:50000";
const TOKEN: &str = "a-test-token";

/// The interface over a fake, and its answers.
struct Site {
    fake: Fake,
    app: Router,
    ending: CancellationToken,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    fn code(&self) -> String {
        let json = self.json();
        assert!(json["message"].is_string(), "{json}");
        json["code"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Site {
    async fn start() -> Site {
        let config = ApiConfig {
            tokens: vec![TOKEN.to_owned()],
            upload_bytes_max: 1_000_000,
            ..ApiConfig::default()
        };
        Site::start_with(config).await
    }

    async fn start_with(config: ApiConfig) -> Site {
        Site::start_at(config, Time(1_700_000_000_000)).await
    }

    async fn start_at(config: ApiConfig, now: Time) -> Site {
        let fake = Fake::start(now).await;
        let ending = CancellationToken::new();
        let app = assemble(Desk::Fake(fake.clone()), config, ending.clone());
        Site { fake, app, ending }
    }

    /// Sends a request of this machine, unless `headers` say otherwise; `peer` is a header of ours.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let peer = headers.iter().find(|h| h.0 == "peer").map_or(LOOPBACK, |h| h.1);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|header| header.0 == "host") {
            request = request.header("host", "127.0.0.1:7411");
        }
        for (name, value) in headers.iter().filter(|header| header.0 != "peer") {
            request = request.header(*name, *value);
        }
        let peer: SocketAddr = peer.parse().unwrap();
        let request = request.extension(ConnectInfo(peer)).body(body.into()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        Answer { status, headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Body::empty()).await
    }

    async fn post(&self, path: &str, json: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send("POST", path, &headers, json.to_string()).await
    }

    async fn upload(&self, bytes: &'static [u8]) -> String {
        let hash = blake3::hash(bytes).to_string();
        let answer = self.send("PUT", &format!("/api/v1/blobs/{hash}"), &[], bytes).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        hash
    }

    /// Uploads a scene of one file and gives the request for a job.
    async fn request(&self, name: &str, frames: &str) -> Value {
        let blend = b"BLENDER-v405";
        let hash = self.upload(blend).await;
        serde_json::json!({
            "submission_id": &blake3::hash(name.as_bytes()).to_string()[..32],
            "name": name,
            "user": "ada",
            "scene": {
                "main_file": "scene.blend",
                "files": [{ "path": "scene.blend", "hash": hash, "bytes": blend.len() }],
            },
            "frames": frames,
            "allow": { "wait": true },
        })
    }

    async fn submit(&self, name: &str, frames: &str) -> JobId {
        let answer = self.post("/api/v1/jobs", &self.request(name, frames).await).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        JobId(answer.json()["id"].as_u64().unwrap())
    }
}

/// What the requests above are allowed.
#[test]
fn requests_that_say_nothing_are_allowed_nothing() {
    let default = Allowances::default();
    assert!(!default.missing_files && !default.force_cycles && !default.wait_for_workers);
}
