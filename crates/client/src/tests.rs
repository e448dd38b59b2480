//! The client against a server that says what the test wants, byte by byte.

use crate::{Client, ClientError};
use candela_wire::api::{ClaimRequest, ClaimsQuery, Event, PictureName};
use futures_lite::StreamExt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Requests as they came, heads and bodies.
type Requests = Arc<Mutex<Vec<String>>>;

/// Answers one connection after the other with these bytes, and closes each.
async fn serve(answers: Vec<String>) -> (Client, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = read_request(&mut stream).await.unwrap();
            seen.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    let client = Client::new(&format!("http://{address}"), Some("secret".into())).unwrap();
    (client, requests)
}

async fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let length = stream.read(&mut piece).await?;
        request.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let wanted = line.map_or(0, |bytes| bytes.parse().unwrap());
        if body.len() >= wanted || length == 0 {
            return Ok(text.into_owned());
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn refusals_and_what_is_not_a_manager() {
    let refusal = r#"{"code":"no_such_job","message":"there is no job 7","hint":"look"}"#;
    let (client, requests) = serve(vec![
        answer("404 Not Found", "", refusal),
        answer("502 Bad Gateway", "", "<html>"),
        answer("200 OK", "", "[1,"),
    ])
    .await;
    let error = client.job(7).await.unwrap_err();
    assert_eq!((error.code(), error.hint()), (Some("no_such_job"), Some("look")));
    assert_eq!(error.to_string(), "there is no job 7");
    assert!(matches!(client.job(7).await, Err(ClientError::Protocol { .. })));
    assert!(matches!(client.job(7).await, Err(ClientError::Protocol { .. })));
    let requests = requests.lock().unwrap();
    assert!(requests[0].starts_with("GET /api/v1/jobs/7 HTTP/1.1"), "{}", requests[0]);
    assert!(requests[0].contains("authorization: Bearer secret"), "{}", requests[0]);
}

#[tokio::test]
async fn nobody_there() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{free}"), None).unwrap();
    let error = client.nodes().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }) && error.is_passing());
    for text in ["", "127.0.0.1:80", "ftp://a", "not a url"] {
        assert!(matches!(Client::new(text, None), Err(ClientError::Address { .. })), "{text}");
    }
}

#[tokio::test]
async fn outputs_get_their_name_when_they_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let hash = blake3::hash(b"picture").to_hex();
    let etag = format!("etag: \"{hash}\"\r\n");
    let (client, _) = serve(vec![
        answer("200 OK", &etag, "picture"),
        answer("200 OK", &etag, "another"),
        answer("200 OK", "", "picture"),
    ])
    .await;
    let names = || -> Vec<_> {
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect()
    };
    let to = folder.path().join("0001.png");
    let got = client.download_output(1, 1, &to).await.unwrap();
    assert_eq!((got.bytes, &*got.hash), (7, &*hash));
    assert_eq!(std::fs::read(&to).unwrap(), b"picture");
    let other = folder.path().join("0002.png");
    let damaged = client.download_output(1, 2, &other).await;
    assert!(matches!(damaged, Err(ClientError::Damaged { .. })), "{damaged:?}");
    let unnamed = client.download_output(1, 3, &other).await;
    assert!(matches!(unnamed, Err(ClientError::Protocol { .. })), "{unnamed:?}");
    assert_eq!(names(), ["0001.png"]);
}

#[tokio::test]
async fn files_are_streamed_with_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.blend");
    std::fs::write(&path, b"BLENDER").unwrap();
    let hashed = crate::hash_file(&path).await.unwrap();
    assert_eq!((hashed.bytes, &*hashed.hash), (7, &*blake3::hash(b"BLENDER").to_hex()));
    let stored = format!(r#"{{"hash":"{}","bytes":7}}"#, hashed.hash);
    let (client, requests) = serve(vec![answer("201 Created", "", &stored)]).await;
    let sent = Arc::new(Mutex::new(0));
    let counting = sent.clone();
    let progress = move |bytes| *counting.lock().unwrap() += bytes;
    let info = client.upload_file(&path, &hashed.hash, progress).await.unwrap();
    assert_eq!((info.bytes, *sent.lock().unwrap()), (7, 7));
    let request = requests.lock().unwrap().remove(0);
    assert!(request.contains("content-length: 7\r\n") && request.ends_with("BLENDER"), "{request}");
}

#[tokio::test]
async fn event_streams_are_opened_again() {
    let stream = |events: &str| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{events}");
    let refusal = r#"{"code":"no_such_job","message":"it is gone"}"#;
    let (client, requests) = serve(vec![
        stream(": hello\n\nevent: of_a_later_version\ndata: {}\n\nevent: reset\ndata: {}\n\nevent: job\nda"),
        answer("503 Service Unavailable", "", r#"{"code":"unavailable","message":"starting"}"#),
        stream("event: job\ndata: {\"not\":\"a job\"}\n\n"),
        answer("404 Not Found", "", refusal),
    ])
    .await;
    let events: Vec<Event> = client.events(Some(3)).collect().await;
    // Opened, told so, opened again, a thing that can't be read; then the manager refuses.
    assert_eq!(events, vec![Event::Reset; 4]);
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 4);
    assert!(requests[0].starts_with("GET /api/v1/jobs/3/events HTTP/1.1"));
}

#[tokio::test]
async fn a_standstill_is_noticed_and_slowness_is_not_one() {
    let sent = AtomicU64::new(0);
    let slow = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            sent.fetch_add(1, Ordering::Relaxed);
        }
        std::future::pending::<()>().await;
    };
    let begun = Instant::now();
    let standstill = crate::transfer::standstill(&sent, Duration::from_millis(200));
    futures_lite::future::or(slow, standstill).await;
    assert_eq!(sent.load(Ordering::Relaxed), 6);
    assert!(begun.elapsed() >= Duration::from_millis(500));
}

#[tokio::test]
async fn claims_are_made_listed_and_seen() {
    let info = r#"{"id":12,"job_id":7,"frame":-3,"receipt_id":2,"user":"ada","comment":"","made_at_ms":1,
        "ended_at_ms":null,"status":"open","reason":null,"tiles_judged":0,"tiles":240}"#;
    let page = format!(r#"{{"items":[{info}],"next":12}}"#);
    let hash = blake3::hash(b"picture").to_hex();
    let etag = format!("etag: \"{hash}\"\r\n");
    let (client, requests) = serve(vec![
        answer("201 Created", "", info),
        answer("200 OK", "", &page),
        answer("200 OK", "", &page),
        answer("200 OK", &etag, "picture"),
    ])
    .await;
    let request = ClaimRequest { comment: "the lamp".into(), user: None };
    assert_eq!(client.claim(7, -3, &request).await.unwrap().id, 12);
    let query = ClaimsQuery { before: Some(20), limit: Some(5) };
    assert_eq!(client.claims(Some(7), &query).await.unwrap().next, Some(12));
    client.claims(None, &ClaimsQuery::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("difference.png");
    client.download_claim_picture(12, PictureName::Difference, &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"picture");
    let requests = requests.lock().unwrap();
    let lines: Vec<&str> = requests.iter().filter_map(|request| request.lines().next()).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v1/jobs/7/frames/-3/claims HTTP/1.1",
            "GET /api/v1/jobs/7/claims?before=20&limit=5 HTTP/1.1",
            "GET /api/v1/claims HTTP/1.1",
            "GET /api/v1/claims/12/pictures/difference HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_film_is_asked_for_until_it_is_made() {
    let making = r#"{"state":"making","frames":24,"since_s":20.5,"left_s":1.0}"#;
    let (client, requests) = serve(vec![
        answer("202 Accepted", "retry-after: 1\r\n", making),
        answer("200 OK", "candela-frames: 24\r\n", "the film"),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("film.mp4");
    let waits = Arc::new(Mutex::new(Vec::new()));
    let seen = waits.clone();
    let film = client.download_film(7, &to, move |film| seen.lock().unwrap().push(film.frames));
    let film = film.await.unwrap();
    assert_eq!((film.bytes, film.frames), (8, Some(24)));
    assert_eq!(std::fs::read(&to).unwrap(), b"the film");
    assert_eq!(*waits.lock().unwrap(), [24]);
    assert_eq!(requests.lock().unwrap().len(), 2);
}
