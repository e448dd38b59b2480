//! Files that arrive in pieces.

use super::{Answer, ELSEWHERE, Site};
use crate::config::ApiConfig;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn sha(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A site whose uploads lie in a folder of its own.
async fn site(folder: &tempfile::TempDir) -> Site {
    Site::start_with(ApiConfig {
        upload_bytes_max: 1_000_000,
        uploads_dir: folder.path().to_owned(),
        ..ApiConfig::default()
    })
    .await
}

/// Bytes that are like no others.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

fn request(file: &[u8], chunk: usize) -> Value {
    let chunks: Vec<Value> = file
        .chunks(chunk)
        .map(|chunk| json!({ "sha256": sha(chunk), "bytes": chunk.len() }))
        .collect();
    json!({ "bytes": file.len(), "sha256": sha(file), "chunks": chunks })
}

async fn put(site: &Site, id: &Value, offset: usize, body: impl Into<Body>) -> Answer {
    let path = format!("/api/v1/uploads/{}?offset={offset}", id.as_str().unwrap());
    site.send("PUT", &path, &[], body).await
}

#[tokio::test]
async fn a_file_in_pieces_becomes_the_same_blob() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder).await;
    let file = noise(1, 300_000);
    let begun = site.post("/api/v1/uploads", &request(&file, 50_000)).await.json();
    assert_eq!(begun["missing"], json!([{ "offset": 0, "bytes": 300_000 }]), "{begun}");
    let id = &begun["id"];
    let answer = put(&site, id, 100_000, file[100_000..200_000].to_vec()).await.json();
    let gaps = json!([{ "offset": 0, "bytes": 100_000 }, { "offset": 200_000, "bytes": 100_000 }]);
    assert_eq!((&answer["missing"], &answer["hash"]), (&gaps, &Value::Null));
    put(&site, id, 0, file[..100_000].to_vec()).await;
    let answer = put(&site, id, 200_000, file[200_000..].to_vec()).await.json();
    let hash = blake3::hash(&file).to_hex().to_string();
    assert_eq!((answer["hash"].as_str(), &answer["missing_bytes"]), (Some(&*hash), &json!(0)));
    let blob = site.get(&format!("/api/v1/blobs/{hash}")).await;
    assert_eq!(blob.body, file);
    // Once more: nothing is sent.
    let again = site.post("/api/v1/uploads", &request(&file, 50_000)).await.json();
    assert_eq!((again["hash"].as_str(), &again["missing"]), (Some(&*hash), &json!([])));
    assert_eq!(again["known_bytes"], 300_000);
}

#[tokio::test]
async fn of_a_changed_file_only_the_changed_chunk_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder).await;
    let file = noise(1, 400_000);
    let begun = site.post("/api/v1/uploads", &request(&file, 50_000)).await.json();
    put(&site, &begun["id"], 0, file.clone()).await;
    let mut changed = file.clone();
    changed[120_000] ^= 1;
    let begun = site.post("/api/v1/uploads", &request(&changed, 50_000)).await.json();
    assert_eq!(begun["missing"], json!([{ "offset": 100_000, "bytes": 50_000 }]));
    assert_eq!(begun["known_bytes"], 350_000);
    let done = put(&site, &begun["id"], 100_000, changed[100_000..150_000].to_vec()).await.json();
    assert_eq!(done["hash"].as_str(), Some(&*blake3::hash(&changed).to_hex().to_string()));
}

#[tokio::test]
async fn what_arrived_before_a_break_is_kept_even_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = noise(2, 200_000);
    let id = {
        let site = site(&folder).await;
        let begun = site.post("/api/v1/uploads", &request(&file, 50_000)).await.json();
        let (first, second) = (Bytes::from(file[..70_000].to_vec()), std::io::Error::other("cut"));
        let broken = futures_lite::stream::iter([Ok(first), Err(second)]);
        let answer = put(&site, &begun["id"], 0, Body::from_stream(broken)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        begun["id"].clone()
    };
    let site = site(&folder).await;
    let path = format!("/api/v1/uploads/{}", id.as_str().unwrap());
    let found = site.get(&path).await.json();
    assert_eq!(found["missing"], json!([{ "offset": 70_000, "bytes": 130_000 }]), "{found}");
    let done = put(&site, &id, 70_000, file[70_000..].to_vec()).await.json();
    assert_eq!(done["hash"].as_str(), Some(&*blake3::hash(&file).to_hex().to_string()));
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND, "it is a blob now");
    // And the chunks are known to the next process.
    drop(site);
    let site = self::site(&folder).await;
    let again = site.post("/api/v1/uploads", &request(&file, 50_000)).await.json();
    // The fake's blobs ended with it, so it is asked for again, and not said to be here.
    assert_eq!(again["hash"], Value::Null);
}

#[tokio::test]
async fn what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder).await;
    let file = noise(3, 1_000);
    let check = async |request: Value, status: u16, code: &str| {
        let answer = site.post("/api/v1/uploads", &request).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code), "{request}");
    };
    check(json!({ "bytes": 2_000_000, "sha256": sha(&file) }), 413, "too_large").await;
    check(json!({ "bytes": 10, "sha256": "xyz" }), 400, "request_not_understood").await;
    check(json!({ "bytes": 10, "sha256": sha(&file), "name": 1 }), 400, "request_not_understood")
        .await;
    let mut short = request(&file, 100);
    short["bytes"] = json!(999);
    check(short, 400, "request_not_understood").await;
    let nothing = json!({ "bytes": 10, "sha256": sha(&file), "chunks": [{ "sha256": sha(b""), "bytes": 0 }] });
    check(nothing, 413, "too_large").await;

    let begun = site.post("/api/v1/uploads", &request(&file, 100)).await.json();
    let id = &begun["id"];
    let long = put(&site, id, 500, vec![0; 501]).await;
    assert_eq!((long.status.as_u16(), &*long.code()), (413, "too_large"));
    assert_eq!(put(&site, id, 1_001, "").await.status.as_u16(), 413);
    // What arrives is not what was said: the upload is dropped.
    let wrong = put(&site, id, 0, vec![7; 1_000]).await;
    assert_eq!((wrong.status.as_u16(), &*wrong.code()), (422, "hash_mismatch"));
    assert_eq!(put(&site, id, 0, file.clone()).await.status.as_u16(), 404);
    // Somebody else's upload is nobody's business.
    let begun = site.post("/api/v1/uploads", &request(&file, 100)).await.json();
    let token = json!({ "name": "a", "user": "ada", "scopes": ["submit"] });
    let token = site.post("/api/v1/tokens", &token).await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let path = format!("/api/v1/uploads/{}", begun["id"].as_str().unwrap());
    let headers = [("peer", ELSEWHERE), ("authorization", &*bearer)];
    let answer = site.send("GET", &path, &headers, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let gone = site.send("DELETE", &path, &[], Body::empty()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_file_without_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder).await;
    let answer = site.post("/api/v1/uploads", &json!({ "bytes": 0, "sha256": sha(b"") })).await;
    let hash = blake3::hash(b"").to_hex().to_string();
    assert_eq!(answer.json()["hash"].as_str(), Some(&*hash), "{}", answer.json());
}
