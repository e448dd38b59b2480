//! A manager is saved while it renders, lost with its disk, and made again from the backup.

use anyhow::{Context, Result, ensure};
use candela_testkit::{Network, Role, demo_scene};
use candela_wire::api::{FrameState, JobState};
use std::path::Path;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn accepted(network: &Network, job: u64) -> Result<usize> {
    let frames = network.client()?.all_frames(job).await?;
    Ok(frames.iter().filter(|frame| frame.status == FrameState::Accepted).count())
}

async fn until(network: &Network, job: u64, count: usize) -> Result<()> {
    while accepted(network, job).await? < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_is_there_again_and_the_rest_is_rendered() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let mut network = Network::start(PROGRAM)?;
    let data = network.path("manager");
    let backup = network.path("saved");
    let _ada = network.node("ada", Role::Worker, &[])?;
    let _vera = network.node("vera", Role::Verifier, &[])?;
    let scene = scene.to_string_lossy();
    let submit = ["render", &*scene, "--frames", "1-6", "--size", "10%", "--detach"];
    let output = network.run(&submit)?;
    ensure!(output.status.success(), "{}", said(&output));
    let job = network.client()?.jobs(&Default::default()).await?.items[0].id;
    until(&network, job, 2).await?;

    let save = ["manager", "backup", &*backup, "--data", &*data];
    let first = network.run(&save)?;
    ensure!(first.status.success(), "{}", said(&first));
    // Once more into the same folder: hardly anything is new.
    let kept_before = accepted(&network, job).await?;
    let second = network.run(&save)?;
    ensure!(second.status.success(), "{}", said(&second));
    println!("{}{}", said(&first), said(&second));

    // Lost with its disk; the nodes go on looking for it.
    network.manager.take().context("no manager")?.kill()?;
    std::fs::remove_dir_all(&data)?;
    let not_running = network.run(&save)?;
    ensure!(said(&not_running).contains("no manager runs on"), "{}", said(&not_running));
    let restore = ["manager", "restore", &*backup, "--data", &*data];
    let restored = network.run(&restore)?;
    ensure!(restored.status.success(), "{}", said(&restored));
    println!("{}", said(&restored));
    let again = network.run(&restore)?;
    ensure!(said(&again).contains("holds a manager already"), "{}", said(&again));

    network.start_manager()?;
    ensure!(accepted(&network, job).await? >= kept_before, "accepted frames are gone");
    until(&network, job, 6).await.with_context(|| network.logs())?;
    let client = network.client()?;
    ensure!(client.job(job).await?.summary.status == JobState::Completed);
    for number in 1..=6 {
        let to = folder.path().join(format!("{number}.png"));
        client.download_output(job, number, &to).await?;
        image::open(&to)?;
    }

    damaged_ones_are_refused(&network, Path::new(&backup))
}

fn damaged_ones_are_refused(network: &Network, backup: &Path) -> Result<()> {
    let main = backup.join("candela.backup");
    let mut bytes = std::fs::read(&main)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&main, &bytes)?;
    let empty = network.path("elsewhere");
    let backup = backup.to_string_lossy();
    let restore = ["manager", "restore", &*backup, "--data", &*empty];
    let output = network.run(&restore)?;
    ensure!(!output.status.success() && said(&output).contains("no backup that can be read"));
    ensure!(!Path::new(&empty).exists(), "nothing is made from it");
    Ok(())
}
