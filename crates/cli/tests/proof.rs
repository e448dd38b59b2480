//! The proof of a real job, with a cheat in it, checked by another process that knows nothing of the
//! network; and the same file with a byte changed anywhere.

use anyhow::{Context, Result, ensure};
use candela_client::Client;
use candela_node::audit::{CheckOptions, FindingKind, check};
use candela_testkit::{Network, Role, demo_scene, driver};
use candela_wire::provenance::HEADER_BYTES;
use rand::{Rng, SeedableRng};
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// Runs `candela proof check` as somebody else would: with another home, and nothing configured.
fn check_elsewhere(args: &[&str]) -> Result<Output> {
    let home = tempfile::tempdir()?;
    Ok(Command::new(PROGRAM)
        .args(["proof", "check"])
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()?)
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{:?}\n{out}{}", output.status, String::from_utf8_lossy(&output.stderr))
}

/// A job of four frames that a cheat had a part of; exports its proof, with and without pictures.
async fn exported(folder: &Path) -> Result<(String, String, String)> {
    let scene = demo_scene(folder)?;
    let network = Network::start(PROGRAM)?;
    let _cheat = network.node("mallory", Role::Worker, &["--engine-driver", &driver("noise")])?;
    let _vera = network.node("vera", Role::Verifier, &[])?;
    let _victor = network.node("victor", Role::Verifier, &[])?;
    let client = network.client()?;
    while client.nodes().await?.len() < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let output = folder.join("frames").to_string_lossy().into_owned();
    let mut user = network.command(&["render", &scene.to_string_lossy()]);
    user.args(["--frames", "1-4", "--size", "25%", "--output", &output]);
    let mut user = user.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // The honest worker joins when the cheat has the first frame.
    let job = first_lease(&client).await?;
    let _honest = network.node("ada", Role::Worker, &[])?;
    let status = tokio::task::spawn_blocking(move || user.wait()).await??;
    ensure!(status.code() == Some(0), "{status:?}\n{}", network.logs());
    let (whole, small) = (folder.join("whole"), folder.join("small"));
    let (whole, small) =
        (whole.to_string_lossy().into_owned(), small.to_string_lossy().into_owned());
    let job = job.to_string();
    let saved = network.run(&["proof", "export", &job, "--output", &whole])?;
    ensure!(saved.status.success(), "{}", said(&saved));
    let saved = network.run(&["proof", "export", &job, "-o", &small, "--without-pictures"])?;
    ensure!(saved.status.success(), "{}", said(&saved));
    let none =
        network.run(&["proof", "export", "999", "-o", &folder.join("none").to_string_lossy()])?;
    ensure!(none.status.code() == Some(1), "{}", said(&none));
    Ok((whole, small, output))
}

async fn first_lease(client: &Client) -> Result<u64> {
    loop {
        if let Some(job) = client.jobs(&Default::default()).await?.items.first()
            && job.counts.rendering + job.counts.verifying > 0
        {
            return Ok(job.id);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_holds_elsewhere_and_with_no_byte_changed() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let (whole, small, frames) = exported(folder.path()).await?;
    let checked = check_elsewhere(&[&whole, "--outputs", &frames])?;
    println!("{}", said(&checked));
    ensure!(checked.status.code() == Some(0), "{}", said(&checked));
    let json = check_elsewhere(&[&whole, "--json"])?;
    let json: serde_json::Value = serde_json::from_slice(&json.stdout)?;
    let receipts = json["audit"]["receipts"].as_array().context("no receipts")?;
    let of =
        |status: &'static str| receipts.iter().filter(move |receipt| receipt["stored"] == status);
    ensure!(of("accepted").count() == 4, "{json:#}");
    ensure!(of("accepted").all(|receipt| receipt["derived"] == "accepted"), "{json:#}");
    ensure!(of("rejected").any(|receipt| receipt["derived"] == "rejected"), "{json:#}");
    let without = check_elsewhere(&[&small])?;
    ensure!(without.status.code() == Some(0), "{}", said(&without));
    ensure!(said(&without).contains("The pictures were left out"), "{}", said(&without));
    let other = "00".repeat(32);
    let by_other = check_elsewhere(&[&whole, "--manager", &other])?;
    ensure!(by_other.status.code() == Some(1), "{}", said(&by_other));
    let right = json["audit"]["manager"].as_str().context("no manager")?;
    ensure!(check_elsewhere(&[&whole, "--manager", right])?.status.code() == Some(0));
    ensure!(check_elsewhere(&["nowhere"])?.status.code() == Some(2));
    swapped_outputs(&whole, Path::new(&frames))?;
    let bytes = std::fs::read(&whole)?;
    damaged(&bytes)
}

/// Two frames under each other's names are found out.
fn swapped_outputs(proof: &str, frames: &Path) -> Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(frames)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    ensure!(files.len() == 4, "{files:?}");
    let spare = frames.join("spare");
    std::fs::rename(&files[0], &spare)?;
    std::fs::rename(&files[1], &files[0])?;
    std::fs::rename(&spare, &files[1])?;
    let checked = check_elsewhere(&[proof, "--outputs", &frames.to_string_lossy()])?;
    ensure!(checked.status.code() == Some(1), "{}", said(&checked));
    let count = said(&checked).matches("is not the output that was accepted").count();
    ensure!(count == 2, "{}", said(&checked));
    Ok(())
}

/// Every byte of the header, and 200 places of all the file: never accepted, and the place is named.
fn damaged(bytes: &[u8]) -> Result<()> {
    let seed: u64 = rand::random();
    println!("seed {seed}, {} bytes", bytes.len());
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let places: Vec<usize> = (0..HEADER_BYTES)
        .chain((0..200).map(|_| random.random_range(HEADER_BYTES..bytes.len())))
        .collect();
    let (mut copy, began) = (bytes.to_vec(), Instant::now());
    for at in places {
        let bit = 1 << random.random_range(0..8);
        copy[at] ^= bit;
        let audit = check(&mut Cursor::new(&copy), &CheckOptions::default())?;
        ensure!(!audit.holds(), "byte {at} is not noticed, seed {seed}");
        let named = audit.findings.iter().any(|finding| {
            let holds = |[start, end]: [u64; 2]| (start..end).contains(&(at as u64));
            finding.kind == FindingKind::Signature || finding.bytes.is_some_and(holds)
        });
        ensure!(named, "byte {at}, seed {seed}: {:?}", audit.findings);
        copy[at] ^= bit;
    }
    for length in [0, 1, 8, HEADER_BYTES - 1, HEADER_BYTES, bytes.len() / 2, bytes.len() - 1] {
        let audit = check(&mut Cursor::new(&bytes[..length]), &CheckOptions::default())?;
        ensure!(!audit.holds(), "cut at {length}");
    }
    println!("damage was checked in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}
