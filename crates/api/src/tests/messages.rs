//! Messages over a farm in memory, to a receiver and a mail server of this test.

use super::Site;
use crate::config::{ApiConfig, MessagesPlan};
use crate::uploads;
use axum::http::StatusCode;
use candela_core::farm::Command;
use candela_core::id::JobId;
use candela_core::time::Time;
use candela_messages::{MessagesConfig, Sender, SmtpConfig, SmtpTls, signature};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A request that the receiver got.
#[derive(Debug)]
struct Got {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Takes requests on a free port and answers them with these statuses, and then with 200.
async fn receiver(answers: Vec<&'static str>) -> (u16, mpsc::UnboundedReceiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                match line.trim_end() {
                    "" => break,
                    line => head.push(line.to_owned()),
                }
            }
            let headers: BTreeMap<String, String> = head[1..]
                .iter()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            let status = answers.next().unwrap_or("200 OK");
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            tell.send(Got { line: head[0].clone(), headers, body }).unwrap();
        }
    });
    (port, told)
}

async fn next(told: &mut mpsc::UnboundedReceiver<Got>) -> Got {
    tokio::time::timeout(Duration::from_secs(20), told.recv()).await.expect("in time").unwrap()
}

fn plan(private_webhooks: bool, smtp: Option<SmtpConfig>) -> ApiConfig {
    let sender = Sender::new(MessagesConfig { private_webhooks, smtp }).unwrap();
    let messages = MessagesPlan {
        sender,
        page_url: Some("https://render.studio.example/".into()),
        retry_first: Duration::from_millis(50),
        ..MessagesPlan::default()
    };
    ApiConfig { messages, ..ApiConfig::default() }
}

async fn submit(site: &Site, notify: Value) -> JobId {
    let mut request = site.request("shot", "1-3").await;
    request["notify"] = notify;
    let answer = site.post("/api/v1/jobs", &request).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    JobId(answer.json()["id"].as_u64().unwrap())
}

/// Waits until nothing is left to be told.
async fn all_told(site: &Site) {
    for _ in 0..400 {
        if site.fake.look(|farm| farm.messages().next().is_none()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not told in 20 s");
}

fn left(site: &Site) -> usize {
    site.fake.look(|farm| farm.messages().count())
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again_until_it_is_taken() {
    let (port, mut told) =
        receiver(vec!["500 No", "503 Later", "302 Found\r\nlocation: http://127.0.0.1:1/"]).await;
    let site = Site::start_at(plan(true, None), uploads::now()).await;
    let url = format!("http://127.0.0.1:{port}/hooks/candela?key=7");
    let job = submit(&site, json!({ "webhook": url })).await;
    site.fake.step(Command::Cancel(job)).unwrap();
    let first = next(&mut told).await;
    assert_eq!(first.line, "POST /hooks/candela?key=7 HTTP/1.1");
    assert_eq!(first.headers["host"], format!("127.0.0.1:{port}"));
    assert_eq!(first.headers["content-type"], "application/json");
    assert_eq!(first.headers["candela-event"], "job_cancelled");
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    assert_eq!((&body["event"], &body["job"]["id"]), (&json!("job_cancelled"), &json!(job.0)));
    assert_eq!(body["job"]["status"], "cancelled");
    assert_eq!(body["url"], format!("https://render.studio.example/jobs/{job}"));
    assert_eq!(first.headers["candela-delivery"], body["delivery"].to_string());
    let mut attempts = vec![first];
    while attempts.len() < 4 {
        attempts.push(next(&mut told).await);
    }
    all_told(&site).await;
    for attempt in &attempts {
        let header = &attempt.headers["candela-signature"];
        let at_s: u64 = header[2..].split(',').next().unwrap().parse().unwrap();
        assert!(uploads::now().0 / 1000 - at_s < 60);
        assert_eq!(*header, signature("the managers' own secret", at_s, &attempt.body));
        assert_eq!(attempt.headers["candela-delivery"], attempts[0].headers["candela-delivery"]);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(told.try_recv().is_err(), "taken once, it isn't sent again");
}

#[tokio::test]
async fn what_nobody_wants_or_is_a_day_old_is_given_up() {
    let (port, mut told) = receiver(vec!["410 Gone"]).await;
    let site = Site::start_at(plan(true, None), uploads::now()).await;
    let job = submit(&site, json!({ "webhook": format!("http://127.0.0.1:{port}/") })).await;
    site.fake.step(Command::Cancel(job)).unwrap();
    next(&mut told).await;
    all_told(&site).await;
    // A day and a minute ago; it is still tried once.
    let (port, mut told) = receiver(vec!["500 No"]).await;
    let before = Time(uploads::now().0 - 86_460_000);
    let site = Site::start_at(plan(true, None), before).await;
    let job = submit(&site, json!({ "webhook": format!("http://127.0.0.1:{port}/") })).await;
    site.fake.step(Command::Cancel(job)).unwrap();
    next(&mut told).await;
    all_told(&site).await;
}

#[tokio::test]
async fn this_machine_is_asked_nothing_unless_its_owner_allows_it() {
    let (port, mut told) = receiver(Vec::new()).await;
    let site = Site::start_at(plan(false, None), uploads::now()).await;
    let check = async |notify: Value, want: &str| {
        let mut request = site.request("shot", "1-3").await;
        request["notify"] = notify;
        let answer = site.post("/api/v1/jobs", &request).await;
        let refused = (answer.status.as_u16(), answer.code());
        assert_eq!(refused, (422, "notify_not_possible".to_owned()), "{:?}", answer.body);
        let said = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(said.contains(want), "{said}");
    };
    check(json!({ "webhook": format!("http://127.0.0.1:{port}/") }), "not a public one").await;
    check(json!({ "webhook": format!("http://[::1]:{port}/") }), "not a public one").await;
    check(json!({ "webhook": "shot.example" }), "begins with https://").await;
    check(json!({ "email": "ada@studio.example" }), "sends no mail").await;
    // By a name it is only seen when it is resolved.
    let job = submit(&site, json!({ "webhook": format!("http://localhost:{port}/") })).await;
    site.fake.step(Command::Cancel(job)).unwrap();
    assert_eq!(left(&site), 1);
    all_told(&site).await;
    assert!(told.try_recv().is_err());
}

/// A mail server that says no to the first mail, and takes the second.
async fn mail_server() -> (u16, mpsc::UnboundedReceiver<(Vec<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut declined = false;
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut said = Vec::new();
            stream.write_all(b"220 test ESMTP\r\n").await.unwrap();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                let line = line.trim_end().to_owned();
                let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                    "RCPT" if !std::mem::replace(&mut declined, true) => "451 come again\r\n",
                    "DATA" => "354 go on\r\n",
                    "QUIT" => "221 bye\r\n",
                    _ => "250 OK\r\n",
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                said.push(line.clone());
                if line == "DATA" {
                    let mut text = String::new();
                    while !text.ends_with("\r\n.\r\n") {
                        stream.read_line(&mut text).await.unwrap();
                    }
                    stream.write_all(b"250 taken\r\n").await.unwrap();
                    tell.send((said.clone(), text)).unwrap();
                }
            }
        }
    });
    (port, told)
}

#[tokio::test]
async fn a_mail_is_sent_until_it_is_taken() {
    let (port, mut told) = mail_server().await;
    let smtp = SmtpConfig {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: SmtpTls::None,
        user: None,
        password: None,
        from: "Candela <render@studio.example>".into(),
    };
    let site = Site::start_at(plan(false, Some(smtp)), uploads::now()).await;
    let job = submit(&site, json!({ "email": "ada@studio.example" })).await;
    site.fake.step(Command::Cancel(job)).unwrap();
    let got = tokio::time::timeout(Duration::from_secs(20), told.recv()).await;
    let (said, text) = got.expect("in time").unwrap();
    all_told(&site).await;
    assert!(said.contains(&"MAIL FROM:<render@studio.example>".to_owned()), "{said:?}");
    assert!(said.contains(&"RCPT TO:<ada@studio.example>".to_owned()), "{said:?}");
    assert!(text.contains(&format!("Subject: shot was cancelled (job {job})\r\n")), "{text}");
    assert!(text.contains(&format!("https://render.studio.example/jobs/{job}\r\n")), "{text}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(told.try_recv().is_err(), "taken once, it isn't sent again");
}
