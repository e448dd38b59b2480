//! Uploads, and blobs given out whole and in parts.

use super::{ELSEWHERE, Site};
use axum::body::Body;
use axum::http::StatusCode;
use candela_core::node::Role;
use candela_core::verification::Outcome;

#[tokio::test]
async fn uploads_are_checked() {
    let site = Site::start().await;
    let hash = blake3::hash(b"hello").to_string();
    let path = format!("/api/v1/blobs/{hash}");
    let wrong = site.send("PUT", &path, &[], "other bytes").await;
    assert_eq!((wrong.status.as_u16(), &*wrong.code()), (422, "hash_mismatch"));
    let large = site.send("PUT", &path, &[], vec![7; 1_000_001]).await;
    assert_eq!((large.status.as_u16(), &*large.code()), (413, "too_large"));
    let announced = [("content-length", "9999999999")];
    let announced = site.send("PUT", &path, &announced, Body::empty()).await;
    assert_eq!((announced.status.as_u16(), &*announced.code()), (413, "too_large"));
    let odd = site.send("PUT", "/api/v1/blobs/..%2fup", &[], "x").await;
    assert_eq!((odd.status.as_u16(), &*odd.code()), (400, "request_not_understood"));
    assert!(site.fake.blobs().pins("").await.unwrap().is_empty(), "refused uploads stay");
    let right = site.send("PUT", &path, &[], "hello").await;
    assert_eq!(right.status, StatusCode::CREATED);
    assert_eq!(right.json(), serde_json::json!({ "hash": hash, "bytes": 5 }));
    let pins = site.fake.blobs().pins("upload/").await.unwrap();
    assert!(pins.len() == 1 && pins[0].name.ends_with(&hash), "{pins:?}");
}

#[tokio::test]
async fn whole_blobs_and_ranges() {
    let site = Site::start().await;
    let hash = site.upload(b"0123456789").await;
    let path = format!("/api/v1/blobs/{hash}");
    let etag = format!("\"{hash}\"");
    let check = async |headers: &[(&str, &str)], status: u16, body: &str, range: &str| {
        let answer = site.send("GET", &path, headers, Body::empty()).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
        assert_eq!(answer.header("content-range"), range, "{headers:?}");
        if status < 300 {
            assert_eq!(answer.body, body, "{headers:?}");
            assert_eq!(answer.header("etag"), etag);
            assert_eq!(answer.header("content-length"), body.len().to_string());
            assert_eq!(answer.header("content-type"), "application/octet-stream");
            assert!(answer.header("content-disposition").starts_with("attachment"));
        }
    };
    check(&[], 200, "0123456789", "").await;
    check(&[("range", "bytes=2-4")], 206, "234", "bytes 2-4/10").await;
    check(&[("range", "bytes=-3")], 206, "789", "bytes 7-9/10").await;
    check(&[("range", "bytes=8-99")], 206, "89", "bytes 8-9/10").await;
    check(&[("range", "bytes=10-")], 416, "", "bytes */10").await;
    check(&[("range", "bytes=1-2,5-6")], 200, "0123456789", "").await;
    check(&[("range", "bytes=2-4"), ("if-range", &etag)], 206, "234", "bytes 2-4/10").await;
    check(&[("range", "bytes=2-4"), ("if-range", "\"old\"")], 200, "0123456789", "").await;
    check(&[("if-none-match", &etag)], 304, "", "").await;
    check(&[("if-none-match", "\"old\"")], 200, "0123456789", "").await;
    let head = site.send("HEAD", &path, &[], Body::empty()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), "10");
    let none = site.get(&format!("/api/v1/blobs/{}", "0".repeat(64))).await;
    assert_eq!((none.status.as_u16(), &*none.code()), (404, "not_found"));
}

#[tokio::test]
async fn only_accepted_outputs_are_given_out() {
    let site = Site::start().await;
    let fake = &site.fake;
    fake.join(1, "one", Role::Worker);
    fake.join(9, "checker", Role::Verifier);
    let job = site.submit("shot", "5-6").await;
    fake.inspect(job);
    let (frame, receipt) = fake.render(1, b"the picture", 1_500).await;
    let hash = blake3::hash(b"the picture").to_string();
    let output = format!("/api/v1/jobs/{job}/frames/{frame}/output");
    let by_hash = format!("{output}?hash={hash}");
    let blob = format!("/api/v1/blobs/{hash}");
    let film = format!("/api/v1/jobs/{job}/film");
    for path in [&output, &by_hash, &blob, &film] {
        let answer = site.get(path).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (409, "frame_not_ready"), "{path}");
        let answer = site.send("GET", path, &[("peer", ELSEWHERE)], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    fake.judge(receipt, Outcome::Accepted);
    for path in [&output, &by_hash, &blob] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"the picture"[..]), "{path}");
        assert_eq!(answer.header("content-type"), "image/png");
        assert_eq!(answer.header("cache-control"), "private, max-age=31536000, immutable");
        assert!(answer.header("content-disposition").starts_with("inline; filename=\""));
    }
    let no_job = site.get("/api/v1/jobs/999/film").await;
    assert_eq!((no_job.status.as_u16(), &*no_job.code()), (404, "no_such_job"));
    // From elsewhere the hash is the key.
    for (path, want) in [(&output, 401), (&by_hash, 200), (&blob, 200)] {
        let answer = site.send("GET", path, &[("peer", ELSEWHERE)], Body::empty()).await;
        assert_eq!(answer.status.as_u16(), want, "{path}");
    }
    let wrong = format!("{output}?hash={}", "0".repeat(64));
    let answer = site.send("GET", &wrong, &[("peer", ELSEWHERE)], Body::empty()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let scene = site.fake.look(|farm| farm.job(job).unwrap().submission.scene);
    let scene = format!("/api/v1/blobs/{scene}");
    assert_eq!(site.get(&scene).await.status, StatusCode::OK);
    let answer = site.send("GET", &scene, &[("peer", ELSEWHERE)], Body::empty()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        site.get(&format!("/api/v1/jobs/{job}/frames/99/output")).await.code(),
        "no_such_frame"
    );
}
