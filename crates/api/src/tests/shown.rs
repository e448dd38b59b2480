//! What is told of a job in which a worker cheats, from beginning to end.

use super::Site;
use candela_core::id::JobId;
use candela_core::node::Role;
use candela_core::verification::Outcome;

/// Two workers, of which the first cheats on its first frame; three verifiers; four frames.
async fn cheated(site: &Site) -> JobId {
    let fake = &site.fake;
    fake.join(1, "cheater", Role::Worker);
    let job = site.submit("glass", "1-4").await;
    fake.inspect(job);
    let (_, bad) = fake.render(1, b"bad", 900).await;
    fake.join(2, "honest", Role::Worker);
    fake.join(8, "verifier one", Role::Verifier);
    fake.join(9, "verifier two", Role::Verifier);
    fake.join(7, "verifier three", Role::Verifier);
    fake.judge(bad, Outcome::Rejected);
    while !fake.held(2).is_empty() {
        let (frame, receipt) = fake.render(2, b"good", 2_000).await;
        if frame != 4 {
            fake.judge(receipt, Outcome::Accepted);
        }
        if fake.accepted(job).len() == 2 {
            break;
        }
    }
    job
}

#[tokio::test]
async fn a_cheat_and_what_is_told_of_it() {
    let site = Site::start().await;
    let job = cheated(&site).await;
    let path = format!("/api/v1/jobs/{job}");
    let detail = site.get(&path).await.json();
    assert_eq!(detail["receipts_rejected"], 1);
    assert_eq!(detail["excluded"][0]["name"], "cheater");
    insta::assert_json_snapshot!("job", detail);
    let frames = site.get(&format!("{path}/frames")).await.json();
    insta::assert_json_snapshot!("frames", frames);
    let first = site.get(&format!("{path}/frames/1")).await.json();
    assert_eq!(first["receipts"][0]["status"], "rejected");
    assert_eq!(first["receipts"][1]["status"], "accepted");
    insta::assert_json_snapshot!("frame", first);
    insta::assert_json_snapshot!("nodes", site.get("/api/v1/nodes").await.json());
    insta::assert_json_snapshot!("jobs", site.get("/api/v1/jobs").await.json());
}

#[tokio::test]
async fn frames_in_pages() {
    let site = Site::start().await;
    let job = cheated(&site).await;
    let numbers = async |query: &str| -> (Vec<i64>, serde_json::Value) {
        let page = site.get(&format!("/api/v1/jobs/{job}/frames?{query}")).await.json();
        let items = page["items"].as_array().unwrap().iter();
        (items.map(|frame| frame["number"].as_i64().unwrap()).collect(), page["next"].clone())
    };
    assert_eq!(numbers("limit=3").await, (vec![1, 2, 3], 3.into()));
    assert_eq!(numbers("limit=3&after=3").await, (vec![4], serde_json::Value::Null));
    assert_eq!(numbers("status=accepted").await.0.len(), 2);
    assert_eq!(numbers("status=failed").await.0, Vec::<i64>::new());
}

/// What a worker or a verifier could misuse is not told of an open receipt.
#[tokio::test]
async fn open_receipts_keep_their_secrets() {
    let site = Site::start().await;
    let fake = &site.fake;
    fake.join(1, "one", Role::Worker);
    fake.join(9, "checker", Role::Verifier);
    let job = site.submit("shot", "1").await;
    fake.inspect(job);
    let (_, receipt) = fake.render(1, b"picture", 10).await;
    let open = site.get(&format!("/api/v1/jobs/{job}/frames/1")).await.json();
    let open = &open["receipts"][0];
    assert_eq!(open["status"], "verifying");
    assert!(open["layers_hash"].is_null() && open["output_hash"].is_null());
    assert!(open["verifications"][0]["verdict"].is_null());
    assert_eq!(open["verifications"][0]["status"], "leased");
    assert!(!open.to_string().contains("checker"), "{open}");
    fake.judge(receipt, Outcome::Accepted);
    let decided = site.get(&format!("/api/v1/jobs/{job}/frames/1")).await.json();
    assert_eq!(
        decided["receipts"][0]["verifications"][0]["verdict"]["verifier"]["name"],
        "checker"
    );
}
