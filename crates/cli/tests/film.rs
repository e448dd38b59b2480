//! The film of a job, over HTTP from a real manager: refused, made, given in parts, downloaded.

use anyhow::{Context, Result, ensure};
use candela_testkit::{Network, Role, demo_scene};
use candela_wire::api::JobState;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// An answer's status line and headers in lower case, and its body.
fn ask(network: &Network, path: &str, headers: &str) -> Result<(String, Vec<u8>)> {
    let host = network.api().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let close = "connection: close";
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{close}\r\n{headers}\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no headers")?;
    let body = answer.split_off(end + 4);
    Ok((String::from_utf8(answer)?.to_lowercase(), body))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_film_of_a_job() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let client = network.client()?;
    let scene = scene.to_string_lossy();
    let args = ["render", &*scene, "--frames", "1-2", "--size", "25%", "--detach", "--wait"];
    let submitted = network.run(&args)?;
    ensure!(submitted.status.success(), "{submitted:?}");
    let job = client.jobs(&Default::default()).await?.items[0].id;
    let path = format!("/api/v1/jobs/{job}/film");
    let (head, _) = ask(&network, &path, "")?;
    ensure!(head.starts_with("http/1.1 409 "), "{head}");
    let file = network.path("film.mp4");
    let film = ["job", "film", &job.to_string(), "--output", &file];
    let refused = network.run(&film)?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(1) && said.contains("no frame of job"), "{refused:?}");

    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let watched = network.run(&["watch", &job.to_string()])?;
    ensure!(watched.status.success(), "{watched:?}\n{}", network.logs());
    ensure!(client.job(job).await?.summary.status == JobState::Completed);
    let downloaded = network.run(&[&film[..], &["--json"]].concat())?;
    ensure!(downloaded.status.success(), "{downloaded:?}\n{}", network.logs());
    let told: serde_json::Value = serde_json::from_slice(&downloaded.stdout)?;
    let whole = std::fs::read(&file)?;
    ensure!(told["frames"] == 2 && told["bytes"] == whole.len(), "{told}");
    ensure!(&whole[4..8] == b"ftyp", "no MP4");

    let (head, body) = ask(&network, &path, "")?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    ensure!(head.starts_with("http/1.1 200 ") && body == whole, "{head}");
    ensure!(header("content-type: ") == Some("video/mp4"), "{head}");
    ensure!(header("candela-frames: ") == Some("2"), "{head}");
    let etag = header("etag: ").context("no etag")?;
    let (head, body) = ask(&network, &path, "range: bytes=4-7\r\n")?;
    ensure!(head.starts_with("http/1.1 206 ") && body == b"ftyp", "{head}");
    let range = format!("content-range: bytes 4-7/{}", whole.len());
    ensure!(head.lines().any(|line| line == range), "{head}");
    let (head, body) = ask(&network, &path, &format!("if-none-match: {etag}\r\n"))?;
    ensure!(head.starts_with("http/1.1 304 ") && body.is_empty(), "{head}");
    Ok(())
}
