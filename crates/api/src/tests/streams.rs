//! Event streams, piece by piece as a browser gets them.

use super::{LOOPBACK, Site};
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use axum::http::Request;
use candela_core::node::Role;
use futures_lite::StreamExt;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tower::ServiceExt;

struct Watching {
    body: BodyDataStream,
    text: String,
}

impl Watching {
    async fn start(site: &Site, path: &str) -> Watching {
        let peer: SocketAddr = LOOPBACK.parse().unwrap();
        let request = Request::get(path).header("host", "localhost").extension(ConnectInfo(peer));
        let request = request.body(Body::empty()).unwrap();
        let response = site.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Watching { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The first event that is wanted.
    async fn until(&mut self, wanted: impl Fn(&str, &Value) -> bool) -> (String, Value) {
        loop {
            let (name, data) = self.next().await.expect("the stream ended");
            if wanted(&name, &data) {
                return (name, data);
            }
        }
    }

    /// The next event's name and data; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                let (name, data) = (field("event:"), field("data:"));
                self.text = rest.to_owned();
                if !name.is_empty() {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let piece = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await;
            let piece = piece.expect("no event for 10 s")?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[tokio::test]
async fn changes_are_told_to_those_they_concern() {
    let site = Site::start().await;
    let first = site.submit("first", "1").await;
    let second = site.submit("second", "1").await;
    let mut all = Watching::start(&site, "/api/v1/events").await;
    let mut of_second = Watching::start(&site, &format!("/api/v1/jobs/{second}/events")).await;
    assert_eq!(all.next().await.unwrap().0, "reset");
    assert_eq!(of_second.next().await.unwrap().0, "reset");
    site.post(&format!("/api/v1/jobs/{first}/cancel"), &Value::Null).await;
    let cancelled = all.until(|name, job| name == "job" && job["status"] == "cancelled").await;
    assert_eq!(cancelled.1["id"], first.0);
    site.fake.inspect(second);
    site.fake.join(1, "one", Role::Worker);
    // Gathered: the frame in its new state, then the job, and the node only for those who watch all.
    let (name, frame) = of_second.until(|name, _| name != "job").await;
    assert_eq!((&*name, &frame["job_id"]), ("frame", &second.0.into()));
    assert_eq!(frame["frame"]["status"], "rendering");
    assert_eq!(frame["frame"]["worker"]["name"], "one");
    let (name, job) = of_second.next().await.unwrap();
    assert_eq!((&*name, &job["counts"]["rendering"]), ("job", &1.into()));
    let mut names = vec![all.until(|name, _| name == "frame").await.0];
    for _ in 0..2 {
        names.push(all.next().await.unwrap().0);
    }
    assert_eq!(names, ["frame", "job", "node"]);
}

#[tokio::test]
async fn streams_end_with_the_manager() {
    let site = Site::start().await;
    let mut all = Watching::start(&site, "/api/v1/events").await;
    all.next().await.unwrap();
    site.ending.cancel();
    assert!(all.next().await.is_none());
}

#[tokio::test]
async fn progress_is_told() {
    let site = Site::start().await;
    site.fake.join(1, "one", Role::Worker);
    let job = site.submit("shot", "1").await;
    site.fake.inspect(job);
    let mut all = Watching::start(&site, "/api/v1/events").await;
    all.next().await.unwrap();
    site.fake.tell_progress(1, 16, 64);
    let frame = loop {
        let (name, data) = all.next().await.unwrap();
        if name == "frame" && !data["frame"]["progress"].is_null() {
            break data;
        }
    };
    assert_eq!(
        frame["frame"]["progress"],
        serde_json::json!({ "samples_done": 16, "samples": 64 })
    );
}
