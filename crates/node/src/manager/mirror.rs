//! Blobs on several managers: what is relied on is kept by a majority, and the rest follows.
//!
//! A scene is held by a majority before its job is acknowledged, an output before its receipt counts
//! as stored. Everything else that verdicts stand on (evidence, workers' tiles) the leader has the
//! others keep soon after. Whoever was away then looks in its copy of the database for what it lacks:
//! when it starts, when another leads, and now and then.

use crate::manager::council::Council;
use crate::manager::errands::{evidence_pin, output_pin, tiles_pin};
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
use tokio_util::task::AbortOnDropHandle;

/// How soon it is looked for what is missing here, after the start and after another leads; each time
/// twice as long as before …
const LOOK_FIRST: Duration = Duration::from_secs(1);

/// … up to this.
const LOOK_MAX: Duration = Duration::from_secs(600);

/// Pause between two attempts to get a scene.
const PAUSE: Duration = Duration::from_secs(1);

/// Blobs that the other managers are yet to be told of, at most; they find the rest by themselves.
const UNTOLD_MAX: usize = 4_096;

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
    /// Whether it is looked for what is missing here.
    pub looks: bool,
}

/// Keeps blobs on several managers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mirror(Arc<MirrorParts>, mpsc::Sender<Wanted>);

/// What the other managers are yet to be told of.
pub(crate) struct Untold(mpsc::Receiver<Wanted>);

/// Something that a manager should have: the pin under which it is kept, and what.
type Wanted = (String, BlobHash, Kind);

/// What a manager has looked for.
#[derive(Default)]
struct Seen {
    /// What is here.
    have: BTreeSet<Wanted>,
    /// What was tried last.
    tried: Option<Wanted>,
}

impl Mirror {
    pub(crate) fn new(parts: MirrorParts) -> (Mirror, Untold) {
        let (untold, telling) = mpsc::channel(UNTOLD_MAX);
        (Mirror(Arc::new(parts), untold), Untold(telling))
    }

    /// Has the other managers keep what is here, soon. Those that can't now find it later.
    pub(crate) fn spread(&self, pin: String, hash: BlobHash) {
        // If too much waits, they find it later, too.
        self.1.try_send((pin, hash, Kind::Blob)).ok();
    }

    async fn tell(self, mut untold: Untold) {
        let mut telling = JoinSet::new();
        while let Some((pin, hash, kind)) = untold.0.recv().await {
            for other in self.others() {
                if telling.len() >= AT_ONCE {
                    telling.join_next().await;
                }
                let (mirror, pin) = (self.clone(), pin.clone());
                telling.spawn(async move { mirror.ask_to_hold(&other, &pin, hash, kind).await });
            }
        }
    }

    /// Whether another manager keeps it now.
    async fn ask_to_hold(&self, other: &NodeAddr, pin: &str, hash: BlobHash, kind: Kind) -> bool {
        let hold = Hold { pin: pin.to_owned(), hash, collection: kind == Kind::Collection };
        let asked = tokio::time::timeout(HOLD_TIMEOUT, self.ask(other, &hold)).await;
        asked.is_ok_and(|answer| answer.is_some())
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
            asked.spawn(async move { mirror.ask_to_hold(&other, &pin, hash, kind).await });
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
    pub(crate) async fn run(
        self,
        manager: Manager,
        mut asked: Option<mpsc::Receiver<Pipe>>,
        untold: Untold,
    ) {
        let _telling = AbortOnDropHandle::new(tokio::spawn(self.clone().tell(untold)));
        let mut looks = tokio::time::interval(LOOK_FIRST);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut next, mut wait, mut term) = (Instant::now(), LOOK_FIRST, 0);
        let mut seen = Seen::default();
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
                    let now = self.0.council.leadership().term;
                    if now != term {
                        (next, wait, term) = (Instant::now(), LOOK_FIRST, now);
                    }
                    if self.0.looks && next <= Instant::now() && !self.others().is_empty() {
                        // What nobody has any more is not looked for each second, for ever.
                        let goes_on = self.pull_missing(&manager, &mut seen).await;
                        wait = if goes_on { LOOK_FIRST } else { (2 * wait).min(LOOK_MAX) };
                        next = Instant::now() + wait;
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

    /// Pulls what the state names and this manager lacks; whether something came and more is missing.
    async fn pull_missing(&self, manager: &Manager, seen: &mut Seen) -> bool {
        let have = &mut seen.have;
        let Ok(wanted) = manager.read(wanted).await else { return true };
        let all = wanted.len();
        have.retain(|known| wanted.contains(known));
        let before = have.len();
        // Those that can't be had are not in the way of the others.
        let (first, then): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .filter(|one| !have.contains(one))
            .partition(|one| seen.tried.as_ref().is_none_or(|tried| one > tried));
        let missing: Vec<Wanted> = first.into_iter().chain(then).take(ROUND_MAX).collect();
        seen.tried = missing.last().cloned();
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
        have.len() > before && have.len() < all
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
            tokio::time::sleep(PAUSE).await;
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
                wanted.extend(evidence.map(|e| (evidence_pin(job, id), e, Kind::Blob)));
                let tiles = verdict.worker_tiles;
                wanted.extend(tiles.map(|t| (tiles_pin(job, id), t, Kind::Blob)));
            }
        }
    }
    wanted
}
