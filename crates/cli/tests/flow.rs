//! Real processes, real Blender: what a job's frames are, and that cheats are found out.

use anyhow::{Context, Result, ensure};
use candela_blobs::{Blobs, ExportMode, OpenOptions};
use candela_client::Client;
use candela_core::id::BlobHash;
use candela_core::layers::Region;
use candela_engine::layers::LayersReader;
use candela_testkit::{Network, Role, by_hand, demo_scene, driver, fixture};
use candela_wire::api::{FrameState, JobState, OutcomeName, ReceiptState};
use futures_lite::StreamExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{:?}\n{out}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
}

/// Runs `candela render` to its end; an error with everything that was said unless it succeeds.
fn render(network: &Network, scene: &Path, args: &[&str]) -> Result<()> {
    let scene = scene.to_string_lossy();
    let output = network.run(&[&["render", &*scene], args].concat())?;
    ensure!(output.status.success(), "{}\n{}", text(&output), network.logs());
    Ok(())
}

/// Layers of a frame as the worker stored them, against those of an EXR that Blender wrote by itself.
async fn check_layers(store: &Path, hash: &str, by_hand: &Path, to: &Path) -> Result<()> {
    let blobs = Blobs::open(store, OpenOptions::default()).await?;
    let hash: BlobHash = hash.parse()?;
    blobs.export(hash, to, ExportMode::Copy).await?;
    blobs.shutdown().await?;
    let mut reader = LayersReader::open(to)?;
    let whole = Region::whole(reader.header.layout.size);
    let pixels = reader.region(whole)?;
    let image = exr::prelude::read_first_flat_layer_from_file(by_hand)?;
    let channels = &image.layer_data.channel_data.list;
    for (at, name) in pixels.channels.iter().enumerate() {
        // Ours are called `ViewLayer/Noisy Image.R`; the layer's name is the EXR layer's own.
        let theirs = name.rsplit('/').next().unwrap_or(name);
        let is_theirs = |channel: &&exr::prelude::AnyChannel<exr::prelude::FlatSamples>| {
            channel.name.to_string().ends_with(theirs)
        };
        let channel = channels.iter().find(is_theirs);
        let channel = channel.with_context(|| format!("Blender wrote no channel {theirs}"))?;
        let ours = pixels.data.iter().skip(at).step_by(pixels.channels.len());
        let wrong = ours
            .zip(channel.sample_data.values_as_f32())
            .filter(|(ours, theirs)| ours.to_bits() != theirs.to_bits())
            .count();
        ensure!(wrong == 0, "{wrong} pixels of {name} are not the same to the bit");
    }
    ensure!(pixels.channels.len() >= 4, "only {:?}", pixels.channels);
    println!("{}: {} channels are the same to the bit", by_hand.display(), pixels.channels.len());
    Ok(())
}

fn check_output(ours: &Path, by_hand: &Path) -> Result<()> {
    let (ours, theirs) = (image::open(ours)?.to_rgba8(), image::open(by_hand)?.to_rgba8());
    ensure!(ours.dimensions() == theirs.dimensions(), "another size");
    let wrong = ours.pixels().zip(theirs.pixels()).filter(|(a, b)| a != b).count();
    ensure!(wrong == 0, "{wrong} pixels of the output are not the same");
    Ok(())
}

async fn check_identical(scene: &Path, frames: &[i32], samples: Option<u32>) -> Result<()> {
    let network = Network::start(PROGRAM)?;
    let mut worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let frames_text = frames.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let output = network.path("out");
    let samples_text = samples.map(|samples| samples.to_string());
    let mut args = vec!["--frames", &frames_text, "--size", "25%", "--output", &output];
    args.extend(["--format", "png"]);
    args.extend(samples_text.iter().flat_map(|samples| ["--samples", samples.as_str()]));
    render(&network, scene, &args)?;
    let client = network.client()?;
    let job = client.jobs(&Default::default()).await?.items[0].id;
    let mut layers = Vec::new();
    for number in frames {
        let detail = client.frame(job, *number).await?;
        let receipt = detail.receipts.last().context("a frame without a receipt")?;
        layers.push((*number, receipt.layers_hash.clone().context("layers unknown")?));
    }
    worker.kill()?;
    let store = network.folder.path().join("ada/blobs");
    let stem = scene.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for (number, hash) in layers {
        let (exr, png) = by_hand(scene, number, 25, samples, network.folder.path())?;
        let to = network.folder.path().join(format!("layers-{number}"));
        check_layers(&store, &hash, &exr, &to).await.with_context(|| format!("frame {number}"))?;
        let ours = Path::new(&output).join(format!("{stem}-{number:04}.png"));
        check_output(&ours, &png).with_context(|| format!("frame {number}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_the_demonstration_are_what_blender_renders_by_hand() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    check_identical(&demo_scene(folder.path())?, &[3, 17], None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_glass_box_with_adaptive_sampling_is_what_blender_renders_by_hand() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let Some(scene) = fixture("cornell-glass/cornell.blend") else { return Ok(()) };
    check_identical(&scene, &[1, 2], Some(32)).await
}

/// How much of a frame a cheat changes.
#[derive(PartialEq)]
enum Changes {
    /// All of it: no verifier finds it right.
    Everything,
    /// Some places: the few probes of a small frame may miss them, until another frame convicts.
    Places,
}

/// A worker with that driver, and an honest one that joins when the cheat has been found out: no
/// frame of the cheat stays accepted, and the job completes by the honest one.
async fn check_cheat(name: &str, changes: Changes) -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let path = driver(name);
    let _cheat = network.node("mallory", Role::Worker, &["--engine-driver", &path])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let client = network.client()?;
    both_there(&client, 2).await?;
    let output = network.path("out");
    let mut user = network.command(&["render", &scene.to_string_lossy()]);
    user.args(["--frames", "1-5", "--size", "25%", "--output", &output]);
    let mut user = user.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let job = first_lease(&client).await?;
    found_out(&client, job, "mallory").await?;
    let _honest = network.node("ada", Role::Worker, &[])?;
    let status = tokio::task::spawn_blocking(move || user.wait()).await??;
    ensure!(status.code() == Some(0), "{name}: {status:?}\n{}", network.logs());
    let (mut rejected, mut judged) = (0, 0);
    for frame in client.all_frames(job).await? {
        ensure!(frame.status == FrameState::Accepted, "{name}: {frame:?}");
        let by = frame.worker.context("accepted of nobody")?.name;
        let receipts = client.frame(job, frame.number).await?.receipts;
        ensure!(by == "ada", "{name}: frame {} of {by} was accepted: {receipts:#?}", frame.number);
        for receipt in receipts.iter().filter(|receipt| receipt.worker.name == "mallory") {
            let verdicts = receipt.verifications.iter().filter_map(|v| v.verdict.as_ref());
            let verdicts: Vec<_> = verdicts.map(|verdict| verdict.outcome).collect();
            let missed = verdicts.contains(&OutcomeName::Accepted);
            ensure!(!missed || changes == Changes::Places, "{name}: {receipt:?}");
            ensure!(receipt.status != ReceiptState::Accepted, "{name}: {receipt:?}");
            judged += usize::from(verdicts.contains(&OutcomeName::Rejected));
            rejected += usize::from(receipt.status == ReceiptState::Rejected);
        }
    }
    // Found right at first and wrong later, by one verifier, a frame is given up and not rejected.
    let least = if changes == Changes::Places { 1 } else { judged };
    ensure!(judged >= 1 && rejected >= least, "{name}: {judged} judged, {rejected} rejected");
    println!("{name}: {judged} frames judged, {rejected} receipts rejected, none accepted");
    Ok(())
}

/// Waits until frames of that worker were rejected; fails if all of the job was accepted instead.
async fn found_out(client: &Client, job: u64, worker: &str) -> Result<()> {
    let mut events = client.events(None);
    loop {
        events.next().await.context("no more events")?;
        let nodes = client.nodes().await?;
        if nodes.iter().any(|node| node.name == worker && node.record.frames_rejected > 0) {
            return Ok(());
        }
        let state = client.job(job).await?.summary.status;
        ensure!(!state.is_over(), "the job of {worker} is {state:?}");
    }
}

/// Waits until that many nodes have joined.
async fn both_there(client: &Client, nodes: usize) -> Result<()> {
    while client.nodes().await?.len() < nodes {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Waits until a frame of the first job is with a worker.
async fn first_lease(client: &Client) -> Result<u64> {
    loop {
        if let Some(job) = client.jobs(&Default::default()).await?.items.first() {
            ensure!(!job.status.is_over(), "{job:?}");
            if job.counts.rendering + job.counts.verifying > 0 {
                return Ok(job.id);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_of_eight_samples_are_found_out() -> Result<()> {
    check_cheat("seven_of_eight", Changes::Everything).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbours_frame_is_found_out() -> Result<()> {
    check_cheat("neighbour_frame", Changes::Places).await
}

#[tokio::test(flavor = "multi_thread")]
async fn half_the_size_enlarged_is_found_out() -> Result<()> {
    check_cheat("half_size_enlarged", Changes::Everything).await
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_found_out() -> Result<()> {
    check_cheat("noise", Changes::Everything).await
}

/// The layers are right, and what the user would see is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_logo_on_the_output_is_found_out() -> Result<()> {
    check_cheat("painted_output", Changes::Everything).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_stops_and_goes_on_when_retried() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let client = network.client()?;
    both_there(&client, 2).await?;
    render(&network, &scene, &["--frames", "1-2", "--size", "25%", "--detach"])?;
    let job = first_lease(&client).await?;
    client.cancel(job).await?;
    ensure!(client.job(job).await?.summary.status == JobState::Cancelled);
    client.retry(job).await?;
    let watched = network.run(&["watch", &job.to_string()])?;
    ensure!(watched.status.success(), "{}", text(&watched));
    ensure!(client.job(job).await?.summary.counts.accepted == 2);
    Ok(())
}
