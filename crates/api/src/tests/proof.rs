//! Proofs over HTTP: who gets one, and that no secret is in it before it may be.

use super::{ELSEWHERE, Site, TOKEN};
use axum::body::Body;
use axum::http::StatusCode;
use candela_core::node::Role;
use candela_core::task::Task;
use candela_core::verification::Outcome;
use candela_wire::provenance::{Record, Section, decode_header, records};

/// The tasks of a proof, and how many receipts and verification tasks it has.
fn read(file: &[u8]) -> (Vec<Task>, usize, usize) {
    let header = decode_header(file).unwrap();
    assert_eq!(header.file_bytes(), file.len() as u64);
    let range = header.range(Section::Records);
    let (mut tasks, mut receipts, mut verifications) = (Vec::new(), 0, 0);
    for record in records(&file[range.start as usize..range.end as usize]) {
        match record.unwrap() {
            Record::Task(task) => tasks.push(task),
            Record::Receipt(_) => receipts += 1,
            Record::Verification(_) => verifications += 1,
        }
    }
    (tasks, receipts, verifications)
}

fn holds(file: &[u8], secret: &[u8]) -> bool {
    file.windows(secret.len()).any(|part| part == secret)
}

#[tokio::test]
async fn a_key_is_in_no_proof_before_everything_under_it_is_decided() {
    let site = Site::start().await;
    let job = site.submit("shot", "1").await;
    site.fake.join(1, "ada", Role::Worker);
    site.fake.join(2, "vera", Role::Verifier);
    site.fake.inspect(job);
    let path = format!("/api/v1/jobs/{job}/proof");
    let proof = async || {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.body.to_vec()
    };
    let (_, lease, _) = site.fake.held(1).remove(0);
    let key = site.fake.look(|farm| farm.task_of_lease(lease).unwrap().key).0;
    let leased = proof().await;
    assert_eq!(read(&leased), (Vec::new(), 0, 0));
    assert!(!holds(&leased, &key), "the key of a lease");
    let (_, receipt) = site.fake.render(1, b"picture", 1_000).await;
    let open = proof().await;
    assert_eq!(read(&open), (Vec::new(), 0, 0));
    assert!(!holds(&open, &key), "the key of an open receipt");
    site.fake.judge(receipt, Outcome::Accepted);
    assert_eq!(site.fake.accepted(job), [1]);
    let decided = proof().await;
    let (tasks, receipts, verifications) = read(&decided);
    assert_eq!((tasks.len(), receipts), (1, 1));
    assert!(verifications >= 1);
    assert_eq!(tasks[0].key.0, key);
}

#[tokio::test]
async fn who_gets_a_proof() {
    let site = Site::start().await;
    let job = site.submit("shot", "1").await;
    let path = format!("/api/v1/jobs/{job}/proof");
    let denied = site.send("GET", &path, &[("peer", ELSEWHERE)], Body::empty()).await;
    assert_eq!(denied.status, StatusCode::UNAUTHORIZED);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("peer", ELSEWHERE), ("authorization", &*bearer)];
    let given = site.send("GET", &path, &headers, Body::empty()).await;
    assert_eq!(given.status, StatusCode::OK);
    assert_eq!(given.header("content-length"), given.body.len().to_string());
    assert_eq!(given.header("cache-control"), "no-store");
    let none = site.get("/api/v1/jobs/999/proof").await;
    assert_eq!((none.status, none.code()), (StatusCode::NOT_FOUND, "no_such_job".into()));
    let wrong = site.get(&format!("{path}?without_pictures=perhaps")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
