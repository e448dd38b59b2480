//! Full disks: on a worker the frame goes to somebody else, on the manager work is refused; nothing is lost.
//!
//! A small disk is a file system in memory, which only root can make; elsewhere the tests say that they were skipped.

use anyhow::{Context, Result, ensure};
use candela_testkit::{Network, Role, SmallDisk, demo_scene};

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");
const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_disk_is_full_gives_the_frame_back_and_is_not_blamed() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let Some(disk) = SmallDisk::mount(&network.folder.path().join("full"), 400 * MIB)? else {
        return Ok(());
    };
    // Below the reserve that the storage keeps free, and above what starting takes.
    let _full = network.node("full", Role::Worker, &[])?;
    disk.fill_to(100 * MIB)?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let _honest = network.node("ada", Role::Worker, &[])?;
    let client = network.client()?;
    while client.nodes().await?.len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let output = network.path("out");
    let scene = scene.to_string_lossy();
    let done = network
        .run(&["render", &*scene, "--frames", "1-3", "--size", "25%", "--output", &output])?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "{said}\n{}", network.logs());
    let full = client.nodes().await?.into_iter().find(|node| node.name == "full");
    let full = full.context("the node is not listed")?;
    ensure!(full.record.frames_rejected == 0 && full.suspended.is_none(), "{full:?}");
    ensure!(full.record.frames_accepted == 0, "it had no room for any: {full:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_whose_disk_is_full_refuses_and_goes_on_when_there_is_room() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let scene = scene.to_string_lossy().into_owned();
    let place = tempfile::tempdir()?;
    let Some(disk) = SmallDisk::mount(&place.path().join("manager"), 900 * MIB)? else {
        return Ok(());
    };
    let network = Network::start_on(PROGRAM, place)?;
    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let output = network.path("out");
    let args =
        ["render", &*scene, "--frames", "1-2", "--size", "25%", "--wait", "--output", &output];
    let done = network.run(&args)?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let filler = disk.fill_to(50 * MIB)?;
    let other =
        ["render", &*scene, "--frames", "3-4", "--size", "25%", "--wait", "--output", &output];
    let refused = network.run(&[&other[..], &["--name", "second"]].concat())?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(!refused.status.success() && said.contains("full"), "{said}");
    // What was there is there, and can be had.
    let listed = network.run(&["job", "list"])?;
    ensure!(String::from_utf8_lossy(&listed.stdout).contains("completed"), "{listed:?}");
    std::fs::remove_file(filler)?;
    let done = network.run(&other)?;
    ensure!(done.status.success(), "{}\n{}", String::from_utf8_lossy(&done.stderr), network.logs());
    Ok(())
}
