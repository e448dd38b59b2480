//! Jobs over HTTP: submitted, refused, listed, ended.

use super::{Answer, Site};
use axum::body::Body;
use axum::http::StatusCode;
use candela_core::node::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn a_job_is_submitted_once() {
    let site = Site::start().await;
    let request = site.request("shot", "1-4").await;
    let first = site.post("/api/v1/jobs", &request).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.header("location"), "/api/v1/jobs/1");
    assert_eq!(first.json()["status"], "inspecting");
    assert_eq!(first.json()["engine"], "blender-4.5.15");
    let again = site.post("/api/v1/jobs", &request).await;
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(site.get("/api/v1/jobs").await.json()["items"].as_array().unwrap().len(), 1);
    let pins = site.fake.blobs().pins("scene/").await.unwrap();
    assert_eq!(pins.len(), 1);
    assert!(pins[0].collection);
}

/// Each: what is changed in a good request, and how it is refused.
#[tokio::test]
async fn requests_that_are_refused() {
    let site = Site::start().await;
    let good = site.request("shot", "1-4").await;
    let check = async |pointer: &str, value: Value, status: u16, code: &str| {
        let mut request = good.clone();
        match request.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => request[pointer.trim_start_matches('/')] = value.clone(),
        }
        let answer = site.post("/api/v1/jobs", &request).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code), "{pointer} {value}");
    };
    let missing = "f".repeat(64);
    check("/submission_id", json!("short"), 400, "request_not_understood").await;
    check("/name", json!(""), 422, "name_not_allowed").await;
    check("/name", json!("line\nend"), 422, "name_not_allowed").await;
    check("/user", json!("\u{7}"), 422, "name_not_allowed").await;
    check("/frames", json!(""), 422, "frames_empty").await;
    check("/frames", json!("5-1"), 422, "frames_empty").await;
    check("/frames", json!("one"), 400, "frames_not_understood").await;
    check("/frames", json!("1-10000000"), 422, "frames_too_many").await;
    check("/frames", json!("-2000000"), 422, "frame_out_of_range").await;
    check("/engine", json!("blender-1.0"), 422, "engine_unknown").await;
    check("/allow/wait", json!(false), 409, "no_suitable_worker").await;
    check("/priority", json!(1_000), 400, "request_not_understood").await;
    check("/overrides", json!({ "percentage": 0 }), 422, "size_out_of_range").await;
    check("/overrides", json!({ "samples": 0 }), 422, "samples_out_of_range").await;
    check("/overrides", json!({ "camera": "" }), 422, "name_not_allowed").await;
    check("/overrides", json!({ "format": "gif" }), 400, "request_not_understood").await;
    check("/overrides", json!({ "sampels": 5 }), 400, "request_not_understood").await;
    check("/scene/main_file", json!("other.blend"), 422, "path_not_allowed").await;
    check("/scene/files", json!([]), 400, "request_not_understood").await;
    check("/scene/files/0/hash", json!("xyz"), 400, "request_not_understood").await;
    check("/scene/files/0/hash", json!(missing), 409, "blobs_missing").await;
    check("/scene/files/0/bytes", json!(1), 422, "hash_mismatch").await;
    for path in ["../up", "/etc/passwd", "a/../../b", "C:/a", "a\\b", "a//b", "", "a\u{0}b", "./a"]
    {
        check("/scene/files/0/path", json!(path), 422, "path_not_allowed").await;
    }
    assert!(site.fake.blobs().pins("scene/").await.unwrap().is_empty(), "refused scenes stay");
    assert_eq!(site.get("/api/v1/jobs").await.json()["items"], json!([]));
}

#[tokio::test]
async fn missing_blobs_are_named() {
    let site = Site::start().await;
    let here = site.upload(b"here").await;
    let (one, two) = ("1".repeat(64), "2".repeat(64));
    let answer = site.post("/api/v1/blobs/missing", &json!({ "hashes": [one, here, two] })).await;
    assert_eq!(answer.json(), json!({ "missing": [one, two] }));
    let mut request = site.request("shot", "1").await;
    request["scene"]["files"][0]["hash"] = json!(one);
    assert_eq!(site.post("/api/v1/jobs", &request).await.json()["items"], json!([one]));
    let many = vec!["1".repeat(64); 5_000];
    let answer = site.post("/api/v1/blobs/missing", &json!({ "hashes": many })).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (413, "too_large"));
}

#[tokio::test]
async fn jobs_in_pages_the_newest_first() {
    let site = Site::start().await;
    for name in ["Ant", "bee", "cat", "BEEtle", "dog"] {
        site.submit(name, "1").await;
    }
    let names = |answer: &Answer| -> Vec<String> {
        let json = answer.json();
        let items = json["items"].as_array().unwrap().iter();
        items.map(|job| job["name"].as_str().unwrap().to_owned()).collect()
    };
    let page = site.get("/api/v1/jobs?limit=2").await;
    assert_eq!(names(&page), ["dog", "BEEtle"]);
    let next = page.json()["next"].as_u64().unwrap();
    let page = site.get(&format!("/api/v1/jobs?limit=2&before={next}")).await;
    assert_eq!(names(&page), ["cat", "bee"]);
    let next = page.json()["next"].as_u64().unwrap();
    let page = site.get(&format!("/api/v1/jobs?limit=2&before={next}")).await;
    assert_eq!(names(&page), ["Ant"]);
    assert_eq!(page.json()["next"], Value::Null);
    assert_eq!(names(&site.get("/api/v1/jobs?search=bee").await), ["BEEtle", "bee"]);
    assert_eq!(names(&site.get("/api/v1/jobs?search=ADA&limit=1").await), ["dog"]);
    site.post("/api/v1/jobs/1/cancel", &json!(null)).await;
    assert_eq!(names(&site.get("/api/v1/jobs?status=cancelled").await), ["Ant"]);
    assert_eq!(site.get("/api/v1/jobs?status=asleep").await.code(), "request_not_understood");
    assert_eq!(site.get("/api/v1/jobs?limit=many").await.code(), "request_not_understood");
}

#[tokio::test]
async fn jobs_are_ended_and_tried_again() {
    let site = Site::start().await;
    site.fake.join(1, "one", Role::Worker);
    let job = site.submit("shot", "1-3").await;
    site.fake.inspect(job);
    let path = format!("/api/v1/jobs/{job}");
    let retry = site.post(&format!("{path}/retry"), &json!(null)).await;
    assert_eq!((retry.status.as_u16(), &*retry.code()), (409, "wrong_state"));
    let cancel = site.post(&format!("{path}/cancel"), &json!(null)).await;
    assert_eq!(cancel.json()["status"], "cancelled");
    let retry = site.post(&format!("{path}/retry"), &json!(null)).await;
    assert_eq!(retry.json()["status"], "active");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_understood() {
    let site = Site::start().await;
    let check = async |method: &str, path: &str, body: &str, status: u16, code: &str| {
        let headers = [("content-type", "application/json")];
        let answer = site.send(method, path, &headers, body.to_owned()).await;
        let got = (answer.status.as_u16(), answer.code());
        assert_eq!((got.0, &*got.1), (status, code), "{method} {path} {body}");
    };
    check("GET", "/nothing", "", 404, "not_found").await;
    check("GET", "/api/v1/nothing", "", 404, "not_found").await;
    check("GET", "/api/v1/jobs/7", "", 404, "no_such_job").await;
    check("GET", "/api/v1/jobs/7/frames", "", 404, "no_such_job").await;
    check("GET", "/api/v1/jobs/7/frames/1", "", 404, "no_such_job").await;
    check("GET", "/api/v1/jobs/7/frames/1/output", "", 404, "no_such_job").await;
    check("GET", "/api/v1/jobs/7/events", "", 404, "no_such_job").await;
    check("POST", "/api/v1/jobs/7/cancel", "", 404, "no_such_job").await;
    check("GET", "/api/v1/jobs/seven", "", 400, "request_not_understood").await;
    check("GET", "/api/v1/jobs/-1", "", 400, "request_not_understood").await;
    check("DELETE", "/api/v1/jobs", "", 405, "request_not_understood").await;
    check("POST", "/healthz", "", 405, "request_not_understood").await;
    check("POST", "/api/v1/jobs", "{", 400, "request_not_understood").await;
    check("POST", "/api/v1/jobs", "{}", 400, "request_not_understood").await;
    check("POST", "/api/v1/jobs", "[1]", 400, "request_not_understood").await;
    check("POST", "/api/v1/tickets", r#"{"roles":[]}"#, 400, "request_not_understood").await;
    check("POST", "/api/v1/tickets", r#"{"roles":["king"]}"#, 400, "request_not_understood").await;
    let large = " ".repeat(crate::limits::JSON_BYTES_MAX + 1);
    check("POST", "/api/v1/blobs/missing", &large, 413, "too_large").await;
    let plain = site.send("POST", "/api/v1/jobs", &[], Body::from("{}")).await;
    assert_eq!((plain.status.as_u16(), &*plain.code()), (415, "request_not_understood"));
}

#[tokio::test]
async fn a_ticket() {
    let site = Site::start().await;
    let request = json!({ "roles": ["worker", "verifier"], "owner": "lab" });
    let answer = site.post("/api/v1/tickets", &request).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json(), json!({ "ticket": "ticket-for-lab" }));
}
