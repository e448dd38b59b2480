//! Bad result claims over HTTP: made, refused, listed, and what is told of them when.

use super::Site;
use candela_core::id::{JobId, ReceiptId};
use candela_core::node::Role;
use candela_core::verification::Outcome;
use serde_json::{Value, json};

/// A job of two frames that are accepted, and verifiers who have seen neither.
async fn done(site: &Site) -> (JobId, ReceiptId) {
    let fake = &site.fake;
    fake.join(1, "one", Role::Worker);
    fake.join(9, "checker", Role::Verifier);
    let job = site.submit("shot", "1-2").await;
    fake.inspect(job);
    let (frame, receipt) = fake.render(1, b"first", 10).await;
    assert_eq!(frame, 1);
    fake.judge(receipt, Outcome::Accepted);
    let (_, second) = fake.render(1, b"second", 10).await;
    for n in 5..9 {
        fake.join(n, &format!("verifier {n}"), Role::Verifier);
    }
    fake.judge(second, Outcome::Accepted);
    fake.judge(receipt, Outcome::Accepted);
    assert_eq!(fake.accepted(job), [1, 2]);
    (job, receipt)
}

async fn claim(site: &Site, job: JobId, frame: i32, body: &Value) -> Value {
    let answer = site.post(&format!("/api/v1/jobs/{job}/frames/{frame}/claims"), body).await;
    assert_eq!(answer.status.as_u16(), 201, "{:?}", answer.body);
    let json = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/claims/{}", json["id"]));
    json
}

#[tokio::test]
async fn a_claim_that_is_dismissed() {
    let site = Site::start().await;
    let (job, receipt) = done(&site).await;
    let path = format!("/api/v1/jobs/{job}/frames/1");
    let terms = &site.get(&path).await.json()["claim_terms"];
    assert_eq!(terms["render_px"], 2 * 1280 * 720);
    let made = claim(&site, job, 1, &json!({ "comment": "the lamp", "user": "ada" })).await;
    assert_eq!((&made["status"], &made["tiles"]), (&json!("open"), &json!(240)));
    assert_eq!((&made["comment"], &made["user"]), (&json!("the lamp"), &json!("ada")));
    let id = &made["id"];

    // While it is open, nobody can copy what another verifier found.
    site.fake.judge_once(receipt, Outcome::Accepted);
    let open = site.get(&format!("/api/v1/claims/{id}")).await.json();
    assert_eq!(open["tiles_judged"], 24);
    let parts = open["verifications"].as_array().unwrap();
    assert_eq!(parts.len(), 10);
    assert!(parts.iter().any(|part| part["status"] == "judged"), "{open}");
    assert!(parts.iter().all(|part| part["verdict"].is_null()), "{open}");
    let shown = site.get(&path).await.json();
    let of_claim = |task: &&Value| task["purpose"] == "claim" && !task["verdict"].is_null();
    let shown_parts = shown["receipts"][0]["verifications"].as_array().unwrap();
    assert_eq!(shown_parts.iter().filter(of_claim).count(), 0, "{shown}");
    assert!(shown["claim_terms"].is_null(), "it is claimed already");

    site.fake.judge(receipt, Outcome::Accepted);
    let decided = site.get(&format!("/api/v1/claims/{id}")).await.json();
    assert_eq!((&decided["status"], &decided["tiles_judged"]), (&json!("dismissed"), &json!(240)));
    let parts = decided["verifications"].as_array().unwrap();
    assert!(parts.iter().all(|part| part["verdict"]["outcome"] == "accepted"), "{decided}");
    assert_eq!(decided["worker"]["name"], "one");
    assert_eq!(site.get(&path).await.json()["claim"]["status"], "dismissed");
}

#[tokio::test]
async fn a_claim_that_is_upheld() {
    let site = Site::start().await;
    let (job, receipt) = done(&site).await;
    let made = claim(&site, job, 1, &json!({})).await;
    site.fake.judge(receipt, Outcome::Rejected);
    let detail = site.get(&format!("/api/v1/claims/{}", made["id"])).await.json();
    assert_eq!(detail["status"], "upheld", "{detail}");
    assert_eq!(detail["user"], "anonymous");
    assert!(detail["reason"].is_string());
    let frame = site.get(&format!("/api/v1/jobs/{job}/frames/1")).await.json();
    assert_ne!(frame["status"], "accepted");
    assert_eq!(frame["receipts"][0]["status"], "rejected");
    let nodes = site.get("/api/v1/nodes").await.json();
    let worker = nodes.as_array().unwrap().iter().find(|node| node["name"] == "one").unwrap();
    assert!(worker["record"]["credit_forfeited"].as_u64() > Some(0), "{worker}");
}

#[tokio::test]
async fn claims_that_are_refused() {
    let site = Site::start().await;
    let (job, _) = done(&site).await;
    let check = async |path: &str, body: Value, status: u16, code: &str| {
        let answer = site.post(path, &body).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code), "{path} {body}");
    };
    let of = |frame: i32| format!("/api/v1/jobs/{job}/frames/{frame}/claims");
    check("/api/v1/jobs/99/frames/1/claims", json!({}), 404, "no_such_job").await;
    check(&of(9), json!({}), 404, "no_such_frame").await;
    check(&of(1), json!({ "comment": "x".repeat(4_097) }), 400, "message_not_allowed").await;
    check(&of(1), json!({ "comment": "\u{1b}[2J" }), 400, "message_not_allowed").await;
    check(&of(1), json!({ "user": "" }), 422, "name_not_allowed").await;
    check(&of(1), json!({ "coment": "x" }), 400, "request_not_understood").await;
    let made = claim(&site, job, 1, &json!({})).await;
    check(&of(1), json!({}), 409, "claim_there").await;
    let other = site.submit("other", "1").await;
    site.fake.inspect(other);
    check(&format!("/api/v1/jobs/{other}/frames/1/claims"), json!({}), 409, "frame_not_ready")
        .await;
    let none = site.get("/api/v1/claims/999").await;
    assert_eq!((none.status.as_u16(), &*none.code()), (404, "no_such_claim"));
    let none = site.get("/api/v1/jobs/99/claims").await;
    assert_eq!((none.status.as_u16(), &*none.code()), (404, "no_such_job"));

    let second = claim(&site, job, 2, &json!({})).await;
    let page = site.get("/api/v1/claims?limit=1").await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&second["id"], &second["id"]));
    let page = site.get(&format!("/api/v1/claims?before={}", second["id"])).await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&made["id"], &Value::Null));
    let of_other = site.get(&format!("/api/v1/jobs/{other}/claims")).await.json();
    assert_eq!(of_other["items"], json!([]));
    let of_job = site.get(&format!("/api/v1/jobs/{job}/claims")).await.json();
    assert_eq!(of_job["items"].as_array().unwrap().len(), 2);
}

/// Pictures are shown of verdicts that are told, and of no others.
#[tokio::test]
async fn pictures_of_a_verdict() {
    let site = Site::start().await;
    let fake = &site.fake;
    fake.join(1, "one", Role::Worker);
    for n in 5..9 {
        fake.join(n, &format!("verifier {n}"), Role::Verifier);
    }
    let job = site.submit("shot", "1").await;
    fake.inspect(job);
    let (_, receipt) = fake.render(1, b"first", 10).await;
    let (id, evidence) = fake.judge_with_pictures(receipt, Outcome::Accepted).await;
    let path = |picture: &str| format!("/api/v1/verifications/{id}/pictures/{picture}");
    let check = async |path: String, status: u16, code: &str| {
        let answer = site.get(&path).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code), "{path}");
    };
    // Two more are asked, and neither may see what the first one found.
    check(path("replica"), 404, "not_found").await;
    let blob = format!("/api/v1/blobs/{evidence}");
    check(blob.clone(), 409, "frame_not_ready").await;
    fake.judge(receipt, Outcome::Accepted);
    assert_eq!(fake.accepted(job), [1]);
    assert_eq!(site.get(&blob).await.status.as_u16(), 200);

    let answer = site.get(&path("replica")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/png"));
    assert!(answer.body.starts_with(b"\x89PNG"));
    let hash = blake3::hash(&answer.body);
    assert_eq!(answer.header("etag"), format!("\"{hash}\""), "by it a download is checked");
    let tag = answer.header("etag").to_owned();
    let again = site.send("GET", &path("replica"), &[("if-none-match", &tag)], "").await;
    assert_eq!(again.status.as_u16(), 304);
    // The worker's tiles were not kept.
    check(path("delivered"), 404, "not_found").await;
    check(path("sketch"), 400, "request_not_understood").await;
    check("/api/v1/verifications/999/pictures/replica".into(), 404, "not_found").await;

    let made = claim(&site, job, 1, &json!({})).await;
    let of_claim = format!("/api/v1/claims/{}/pictures/replica", made["id"]);
    check(of_claim.clone(), 409, "wrong_state").await;
    let (part, of_part) = fake.judge_with_pictures(receipt, Outcome::Accepted).await;
    check(format!("/api/v1/verifications/{part}/pictures/replica"), 404, "not_found").await;
    check(format!("/api/v1/blobs/{of_part}"), 409, "frame_not_ready").await;
    fake.judge(receipt, Outcome::Accepted);
    let answer = site.get(&of_claim).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/png"));
    check("/api/v1/claims/999/pictures/replica".into(), 404, "no_such_claim").await;
}
