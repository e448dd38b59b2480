//! Blobs on several managers: what is relied on is kept by a majority, and the rest follows.
//!
//! A scene is held by a majority before its job is acknowledged, an output before its receipt counts
//! as stored. Everything else that verdicts stand on (evidence, workers' tiles) each manager pulls by
//! itself, soon after it reads of it in its copy of the database.

use crate::manager::council::Council;
use crate::manager::errands::output_pin;
use crate::manager::handle::Manager;
use crate::manager::library::Library;
use crate::port::HOLD_ALPN;
use candela_blobs::{BlobError, FetchOptions, Fetcher};
use candela_core::addr::NodeAddr;
use candela_core::farm::Farm;
use candela_core::id::{BlobHash, NodeId};
use candela_core::task::ReceiptStatus;
use candela_net::{Endpoint, Pipe};
use candela_wire::cluster::{HOLD_BYTES_MAX, Hold, decode_hold, encode_hold};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How often it is looked for what is missing here.
const LOOK: Duration = Duration::from_secs(1);

/// Blobs that are pulled at once.
const AT_ONCE: usize = 8;

/// Blobs that are looked for in one round, at most.
const ROUND_MAX: usize = 256;

/// How long another manager may take to keep something.
const HOLD_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a new leader waits for a scene that it was yet to pull.
const SCENE_TIMEOUT: Duration = Duration::from_secs(60);

/// Answer of a manager that keeps what it was asked to.
const HELD: u8 = 1;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A blob.
    Blob,
    /// A collection with all of its blobs.
    Collection,
}

/// Too few managers keep something.
#[derive(Debug, thiserror::Error)]
#[error("{held} of {managers} managers have it, and {needed} are needed")]
pub(crate) struct NotHeld {
    held: usize,
    managers: usize,
    needed: usize,
}

/// What a mirror is made of.
pub(crate) struct MirrorParts {
    pub own: NodeId,
    pub council: Council,
    pub endpoint: Arc<Endpoint>,
    pub fetcher: Fetcher,
    pub library: Library,
}

/// Keeps blobs on several managers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mirror(Arc<MirrorParts>);

/// Something that a manager should have: the pin under which it is kept, and what.
type Wanted = (String, BlobHash, Kind);

impl Mirror {
    pub(crate) fn new(parts: MirrorParts) -> Mirror {
        Mirror(Arc::new(parts))
    }

    fn others(&self) -> Vec<NodeAddr> {
        let all = self.0.council.addrs();
        all.into_iter().filter(|addr| addr.node != self.0.own).collect()
    }

    /// Returns once a majority of the managers keeps what is here; at once for a lone one.
    pub(crate) async fn hold(&self, pin: &str, hash: BlobHash, kind: Kind) -> Result<(), NotHeld> {
        let others = self.others();
        let managers = others.len() + 1;
        let needed = managers / 2 + 1;
        let mut held = 1;
        let mut asked = JoinSet::new();
        for other in others {
            let (mirror, pin) = (self.clone(), pin.to_owned());
            asked.spawn(async move {
                let hold = Hold { pin, hash, collection: kind == Kind::Collection };
                let asked = tokio::time::timeout(HOLD_TIMEOUT, mirror.ask(&other, &hold)).await;
                asked.is_ok_and(|answer| answer.is_some())
            });
        }
        while held < needed {
            match asked.join_next().await {
                Some(answer) => held += usize::from(answer.unwrap_or(false)),
                None => return Err(NotHeld { held, managers, needed }),
            }
        }
        // Those that are slower keep it too.
        asked.detach_all();
        Ok(())
    }

    async fn ask(&self, other: &NodeAddr, hold: &Hold) -> Option<()> {
        let mut pipe = self.0.endpoint.pipe(other, HOLD_ALPN).await.ok()?;
        pipe.write_all(&encode_hold(hold)).await.ok()?;
        pipe.shutdown().await.ok()?;
        (pipe.read_u8().await.ok()? == HELD).then_some(())
    }

    /// Keeps what other managers ask for, and pulls what is missing, for as long as the manager runs.
    pub(crate) async fn run(self, manager: Manager, mut asked: Option<mpsc::Receiver<Pipe>>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut have: BTreeSet<Wanted> = BTreeSet::new();
        loop {
            let pipe = async {
                match &mut asked {
                    Some(asked) => asked.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(pipe) = pipe => {
                    let mirror = self.clone();
                    tokio::spawn(async move { mirror.answer(pipe).await });
                }
                _ = looks.tick() => {
                    if !self.others().is_empty() {
                        self.pull_missing(&manager, &mut have).await;
                    }
                }
            }
        }
    }

    async fn answer(&self, mut pipe: Pipe) -> Option<()> {
        let mut bytes = Vec::new();
        (&mut pipe).take(HOLD_BYTES_MAX as u64).read_to_end(&mut bytes).await.ok()?;
        let hold = decode_hold(&bytes).ok()?;
        let kind = if hold.collection { Kind::Collection } else { Kind::Blob };
        let kept = self.pull(&(hold.pin, hold.hash, kind)).await;
        if let Err(error) = &kept {
            tracing::warn!(blob = %hold.hash, "another manager's blob can't be kept: {error}");
        }
        pipe.write_u8(u8::from(kept.is_ok())).await.ok()?;
        pipe.shutdown().await.ok()
    }

    async fn pull(&self, (pin, hash, kind): &Wanted) -> Result<(), BlobError> {
        let fetcher = &self.0.fetcher;
        let options = FetchOptions::pinned(pin.clone());
        let from = self.others();
        match kind {
            Kind::Blob => fetcher.fetch(*hash, &from, &options).await?,
            Kind::Collection => fetcher.fetch_collection(*hash, &from, &options).await?,
        };
        fetcher.blobs().sync().await?;
        if *kind == Kind::Collection {
            self.0.library.open(*hash).await?;
        }
        Ok(())
    }

    /// Pulls what the state names and this manager lacks.
    async fn pull_missing(&self, manager: &Manager, have: &mut BTreeSet<Wanted>) {
        let Ok(wanted) = manager.read(wanted).await else { return };
        have.retain(|known| wanted.contains(known));
        let missing: Vec<Wanted> =
            wanted.into_iter().filter(|one| !have.contains(one)).take(ROUND_MAX).collect();
        let mut pulling = JoinSet::new();
        for one in missing {
            if pulling.len() >= AT_ONCE
                && let Some(Ok(Some(done))) = pulling.join_next().await
            {
                have.insert(done);
            }
            let mirror = self.clone();
            pulling.spawn(async move {
                let pulled = mirror.pull(&one).await;
                if let Err(error) = &pulled {
                    tracing::debug!(blob = %one.1, "not to be had yet: {error}");
                }
                pulled.is_ok().then_some(one)
            });
        }
        while let Some(pulled) = pulling.join_next().await {
            have.extend(pulled.ok().flatten());
        }
    }

    /// Waits until a scene is here, if other managers may have it. Gives up after a while: then it is
    /// as if it had never been there.
    pub(crate) async fn await_scene(&self, scene: BlobHash) {
        let begun = Instant::now();
        let wanted = (scene_pin(scene), scene, Kind::Collection);
        while !self.others().is_empty() && begun.elapsed() < SCENE_TIMEOUT {
            match self.pull(&wanted).await {
                Ok(()) => return,
                Err(error) => tracing::info!(%scene, "a scene is yet to come: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The name under which a scene is kept.
#[must_use]
pub fn scene_pin(scene: BlobHash) -> String {
    format!("scene/{scene}")
}

/// Everything that the state stands on.
fn wanted(farm: &Farm) -> BTreeSet<Wanted> {
    let mut wanted = BTreeSet::new();
    for job in farm.jobs() {
        let scene = job.submission.scene;
        wanted.insert((scene_pin(scene), scene, Kind::Collection));
        for receipt in farm.receipts(job.id) {
            let kept = matches!(receipt.status, ReceiptStatus::Verifying | ReceiptStatus::Accepted);
            if kept {
                wanted.insert((output_pin(receipt), receipt.statement.output, Kind::Blob));
            }
            for verification in farm.verifications(receipt.id) {
                let Some(verdict) = verification.verdict() else { continue };
                let (job, id) = (job.id, verification.id);
                let evidence = verdict.evidence();
                wanted
                    .extend(evidence.map(|e| (format!("job/{job}/evidence/{id}"), e, Kind::Blob)));
                let tiles = verdict.worker_tiles;
                wanted.extend(tiles.map(|t| (format!("job/{job}/tiles/{id}"), t, Kind::Blob)));
            }
        }
    }
    wanted
}
