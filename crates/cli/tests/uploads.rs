//! An upload is cut off, and the manager killed in the middle of it: it goes on where it was; and of a
//! changed file only what changed is sent.

use anyhow::{Context, Result, ensure};
use candela_client::{Client, hash_file};
use candela_testkit::Network;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");
const MIB: u64 = 1 << 20;

/// A wire that counts what goes to the manager, and is cut each time so much has gone.
struct Wire {
    sent: AtomicU64,
    cut_at: AtomicU64,
    cut: Notify,
}

impl Wire {
    /// Lays it to `manager`; returns where it begins.
    async fn lay(self: &Arc<Wire>, manager: String) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (wire, manager) = (wire.clone(), manager.clone());
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(&manager).await {
                        wire.carry(near, far).await.ok();
                    }
                });
            }
        });
        Ok(format!("http://{address}"))
    }

    async fn carry(&self, mut near: TcpStream, mut far: TcpStream) -> std::io::Result<()> {
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        let out = async {
            let mut piece = vec![0; 64 << 10];
            loop {
                let length = from_near.read(&mut piece).await?;
                if length == 0 {
                    return Ok(());
                }
                to_far.write_all(&piece[..length]).await?;
                let sent = self.sent.fetch_add(length as u64, Ordering::SeqCst) + length as u64;
                if sent >= self.cut_at.load(Ordering::SeqCst) {
                    self.cut_at.store(u64::MAX, Ordering::SeqCst);
                    self.cut.notify_one();
                    return Err(std::io::ErrorKind::ConnectionReset.into());
                }
            }
        };
        let back = async { tokio::io::copy(&mut from_far, &mut to_near).await.map(drop) };
        // Either end of it ends the other, as a cable does.
        tokio::select! {
            ended = out => ended,
            ended = back => ended,
        }
    }
}

/// Bytes of the upload that the manager would still know of after a crash.
fn noted(folder: &str) -> Result<u64> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            // It may be replaced in this moment.
            let Ok(note) = std::fs::read(&path) else { continue };
            let note: serde_json::Value = serde_json::from_slice(&note)?;
            let ranges = note["have"].as_array().into_iter().flatten();
            let ends = |range: &serde_json::Value| Some(range[1].as_u64()? - range[0].as_u64()?);
            return Ok(ranges.filter_map(ends).sum());
        }
    }
    Ok(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_and_sends_only_what_is_new() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let mut network = Network::start(PROGRAM)?;
    let manager = network.api().trim_start_matches("http://").to_owned();
    let wire = Arc::new(Wire {
        sent: AtomicU64::new(0),
        cut_at: AtomicU64::new(8 * MIB),
        cut: Notify::new(),
    });
    let client = Client::new(&wire.lay(manager).await?, None)?;
    let path = std::path::PathBuf::from(network.path("scene.bin"));
    let mut bytes = vec![0; 24 * MIB as usize];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    std::fs::write(&path, &bytes)?;
    let hash = hash_file(&path).await?.hash;

    let told = Arc::new(AtomicU64::new(0));
    let (count, sender, from) = (told.clone(), client.clone(), path.clone());
    let wanted = hash.clone();
    let uploading = tokio::spawn(async move {
        let progress = move |bytes| {
            count.fetch_add(bytes, Ordering::SeqCst);
        };
        sender.upload_file(&from, &wanted, progress).await
    });
    wire.cut.notified().await;
    wire.cut_at.store(16 * MIB, Ordering::SeqCst);
    wire.cut.notified().await;
    // What sockets still hold is not the manager's yet: it is killed once it has noted three quarters of
    // what went out.
    while noted(&network.path("manager/uploads"))? < 12 * MIB {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    network.manager.take().context("no manager")?.kill()?;
    network.start_manager()?;
    let sent = uploading.await?.with_context(|| network.logs())?;
    ensure!((&sent.hash, sent.bytes) == (&hash, 24 * MIB));
    ensure!(told.load(Ordering::SeqCst) >= 24 * MIB, "the bar is not full");
    let through = wire.sent.load(Ordering::SeqCst);
    println!("24 MiB, cut twice, the manager killed once: {through} bytes sent");
    // What was under way when it was cut is lost, and what was not noted yet: a few MiB.
    ensure!(through < 24 * MIB + 6 * MIB, "{through} bytes were sent");

    bytes.splice(5 * MIB as usize..5 * MIB as usize, *b"one object more");
    std::fs::write(&path, &bytes)?;
    let hash = hash_file(&path).await?.hash;
    let before = wire.sent.load(Ordering::SeqCst);
    let sent = client.upload_file(&path, &hash, |_| {}).await?;
    let through = wire.sent.load(Ordering::SeqCst) - before;
    println!("15 bytes put in: {} bytes of the file sent, {through} in all", sent.sent_bytes);
    ensure!(through < 24 * MIB / 20, "{through} bytes for a small change");
    Ok(())
}
