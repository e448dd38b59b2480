//! `kill -9` of a worker, a verifier and a manager in the middle of a job: nothing accepted is lost or rendered again.

use anyhow::{Context, Result, ensure};
use candela_client::Client;
use candela_testkit::{Network, Role, demo_scene};
use candela_wire::api::{FrameState, JobState, JobSummary, ReceiptState};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");
/// Frames of the jobs.
const FRAMES: usize = 16;

fn submit(network: &Network, scene: &Path) -> Result<()> {
    let (scene, frames) = (scene.to_string_lossy(), format!("1-{FRAMES}"));
    let args = ["render", &*scene, "--frames", &frames, "--size", "25%", "--wait", "--detach"];
    let output = network.run(&args)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The job once `ready` says so; the manager may be away for a moment.
async fn until(client: &Client, ready: impl Fn(&JobSummary) -> bool) -> Result<u64> {
    loop {
        if let Ok(page) = client.jobs(&Default::default()).await
            && let Some(job) = page.items.first()
        {
            let goes_on =
                matches!(job.status, JobState::Inspecting | JobState::Active | JobState::Completed);
            ensure!(goes_on, "{job:?}");
            if ready(job) {
                return Ok(job.id);
            }
            ensure!(job.status != JobState::Completed, "the job was over too early for this test");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Frame → the receipt that was accepted for it.
async fn accepted(client: &Client, job: u64) -> Result<BTreeMap<i32, u64>> {
    let frames = client.all_frames(job).await?;
    let accepted = frames.iter().filter(|frame| frame.status == FrameState::Accepted);
    Ok(accepted.filter_map(|frame| Some((frame.number, frame.receipt_id?))).collect())
}

/// All frames accepted, each with one accepted receipt and none after it, and their files there.
async fn check_end(client: &Client, job: u64) -> Result<()> {
    let done = accepted(client, job).await?;
    ensure!(done.len() == FRAMES, "{done:?}");
    let folder = tempfile::tempdir()?;
    for (number, receipt) in done {
        let receipts = client.frame(job, number).await?.receipts;
        let of = |state| receipts.iter().filter(move |r| r.status == state).map(|r| r.id);
        ensure!(of(ReceiptState::Accepted).eq([receipt]), "frame {number}: {receipts:?}");
        let last = receipts.iter().map(|receipt| receipt.id).max();
        ensure!(last == Some(receipt), "frame {number} was rendered again after it was accepted");
        let rejected = of(ReceiptState::Rejected).count();
        ensure!(rejected == 0, "frame {number}: an honest worker was rejected: {receipts:?}");
        let to = folder.path().join(format!("{number}.png"));
        client.download_output(job, number, &to).await.context("an accepted frame is not there")?;
        image::open(&to)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_and_verifiers_cost_time_only() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let mut worker = network.node("ada", Role::Worker, &[])?;
    let _other = network.node("bea", Role::Worker, &[])?;
    let mut verifier = network.node("vera", Role::Verifier, &[])?;
    submit(&network, &scene)?;
    let client = network.client()?;
    let job = until(&client, |job| job.counts.rendering > 0).await?;
    worker.kill()?;
    worker = network.node("ada", Role::Worker, &[])?;
    until(&client, |job| job.counts.verifying > 0).await?;
    verifier.kill()?;
    verifier = network.node("vera", Role::Verifier, &[])?;
    until(&client, |job| job.counts.accepted >= 3).await?;
    // In the middle of a task of several frames, some of which were received.
    worker.kill()?;
    verifier.kill()?;
    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    until(&client, |job| job.status == JobState::Completed)
        .await
        .with_context(|| network.logs())?;
    check_end(&client, job).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_killed_ten_times_goes_on_where_it_was() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let mut network = Network::start(PROGRAM)?;
    let _ada = network.node("ada", Role::Worker, &[])?;
    let _bea = network.node("bea", Role::Worker, &[])?;
    let _vera = network.node("vera", Role::Verifier, &[])?;
    submit(&network, &scene)?;
    let client = network.client()?;
    let seed = std::env::var("CANDELA_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {random}: set CANDELA_TEST_SEED to repeat it");
    let job = until(&client, |_| true).await?;
    let mut before = BTreeMap::new();
    for round in 0..10 {
        // xorshift64: moments spread over the job, from its inspection to its last frames.
        random |= 1;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // The first two kills may meet the inspection, the others frames on their way.
        let on_the_way = usize::try_from(round).unwrap_or(0).saturating_sub(1);
        until(&client, |job| job.counts.accepted + job.counts.verifying >= on_the_way).await?;
        tokio::time::sleep(Duration::from_millis(random % 2_500)).await;
        if let Ok(now) = accepted(&client, job).await {
            for (number, receipt) in &before {
                ensure!(now.get(number) == Some(receipt), "round {round}: frame {number} changed");
            }
            println!("round {round}: {} frames accepted, killed", now.len());
            before = now;
        }
        network.manager.as_mut().context("no manager")?.kill()?;
        network.start_manager().with_context(|| network.logs())?;
    }
    until(&client, |job| job.status == JobState::Completed)
        .await
        .with_context(|| network.logs())?;
    let end = accepted(&client, job).await?;
    for (number, receipt) in &before {
        ensure!(end.get(number) == Some(receipt), "frame {number} changed");
    }
    check_end(&client, job).await
}
