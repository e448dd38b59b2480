//! A webhook from a real manager: what isn't taken is told after it was killed and started again,
//! signed with the same secret.

use anyhow::{Context, Result, ensure};
use candela_testkit::{Network, Site, demo_scene};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// Signature and body of each request; the first is answered with 500.
fn receiver() -> Result<(u16, Receiver<(String, Vec<u8>)>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let (tell, told) = channel();
    std::thread::spawn(move || -> Result<()> {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream?);
            let (mut signature, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line)?;
                let line = line.trim_end();
                match line.split_once(": ") {
                    Some(("candela-signature", value)) => signature = value.to_owned(),
                    Some(("content-length", value)) => length = value.parse()?,
                    _ if line.is_empty() => break,
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body)?;
            let status = if number == 0 { "500 No" } else { "204 Taken" };
            write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?;
            tell.send((signature, body))?;
        }
        Ok(())
    });
    Ok((port, told))
}

fn check_signature(secret: &str, signature: &str, body: &[u8]) -> Result<()> {
    let (at_s, hex) = signature.split_once(",v1=").context("no v1")?;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(at_s.trim_start_matches("t=").as_bytes());
    mac.update(b".");
    mac.update(body);
    ensure!(HEXLOWER.encode(&mac.finalize().into_bytes()) == hex, "{signature} of {secret}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_by_the_manager_that_starts_again() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let (port, told) = receiver()?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let through = ["env", "CANDELA_PRIVATE_WEBHOOKS=true"].map(str::to_owned).to_vec();
    let site = Site { through, ..Site::default() };
    let mut network = Network::start_at(PROGRAM, tempfile::tempdir()?, site)?;
    let url = format!("http://127.0.0.1:{port}/hook");
    let scene = scene.to_string_lossy();
    let args = ["render", &*scene, "--frames", "1", "--size", "25%", "--detach", "--wait"];
    let submitted = network.run(&[&args[..], &["--notify-webhook", &url, "--json"]].concat())?;
    ensure!(submitted.status.success(), "{submitted:?}\n{}", network.logs());
    let job: serde_json::Value = serde_json::from_slice(&submitted.stdout)?;
    let cancelled = network.run(&["job", "cancel", &job["id"].to_string()])?;
    ensure!(cancelled.status.success(), "{cancelled:?}");
    let limit = Duration::from_secs(60);
    let (first, body) = told.recv_timeout(limit).context(network.logs())?;
    let show = ["manager", "webhook-secret", "--data", &network.path("manager")];
    let secret = String::from_utf8(network.run(&show)?.stdout)?.trim().to_owned();
    ensure!(secret.len() == 64, "{secret}");
    check_signature(&secret, &first, &body)?;
    let delivery = |body: &[u8]| -> Result<serde_json::Value> {
        let body: serde_json::Value = serde_json::from_slice(body)?;
        ensure!(body["event"] == "job_cancelled" && body["job"]["id"] == job["id"], "{body}");
        Ok(body["delivery"].clone())
    };
    let number = delivery(&body)?;
    network.manager.as_mut().context("no manager")?.kill()?;
    network.start_manager()?;
    let (second, body) = told.recv_timeout(limit).context(network.logs())?;
    check_signature(&secret, &second, &body)?;
    ensure!(delivery(&body)? == number, "the same message");
    // Longer than until the next attempt would come.
    let more = told.recv_timeout(Duration::from_secs(15));
    ensure!(more.is_err(), "taken once, it isn't sent again: {more:?}");
    Ok(())
}
