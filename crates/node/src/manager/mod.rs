//! The manager: decides, keeps, and talks to nodes.
//!
//! [`desk`] is the loop that owns the state; [`sessions`] hears nodes; [`errands`] does what the
//! loop decides; [`judge`] turns a report into a verdict.

mod case;
mod desk;
mod develop;
mod errands;
mod handle;
mod inspection;
mod judge;
mod library;
mod proof;
mod rows;
mod sessions;
mod tickets;

pub use desk::DeskError;
pub use handle::{ApplyError, FarmEvent, FrameProgress, Manager};
pub use proof::{ProofDraft, ProofFile};
pub use tickets::TicketRequest;

use crate::config::ManagerConfig;
use crate::engines::EnginePool;
use crate::port::{self, Binding};
use crate::scenes::SceneCache;
use candela_blobs::{BlobError, Blobs};
use candela_core::id::EngineBuild;
use candela_net::{Endpoint, KeyError, NetError, NodeKey};
use candela_taskdb::{OpenError, TaskDb, TaskDbConfig};
use desk::{Desk, Outbox};
use develop::Developer;
use errands::{ErrandParts, Errands};
use inspection::Inspector;
use library::Library;
use sessions::{Links, Reception};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

/// Requests that wait for the loop at most; more wait before it.
const REQUESTS_WAITING: usize = 4_096;

/// Events that a watcher may lag behind.
const EVENTS_WAITING: usize = 4_096;

/// Why a manager could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its folder can't be used.
    #[error("use the data folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Its database can't be opened.
    #[error("open the database")]
    Database(#[from] OpenError),
    /// Its state can't be loaded.
    #[error(transparent)]
    Load(#[from] DeskError),
    /// Its storage can't be opened.
    #[error("open the storage")]
    Storage(#[from] BlobError),
    /// Its key can't be read.
    #[error("read the node's key")]
    Key(#[from] KeyError),
    /// It can't be reached.
    #[error("open the endpoint for nodes")]
    Endpoint(#[from] NetError),
}

/// A manager that runs, and what ends with it.
pub struct Running {
    /// The handle.
    pub manager: Manager,
    endpoint: Arc<Endpoint>,
    reception: JoinHandle<()>,
    desk: JoinHandle<()>,
}

impl Running {
    /// Ends it in good order.
    pub async fn shutdown(self) {
        self.reception.abort();
        self.manager.shutdown().await;
        if let Err(error) = self.desk.await {
            tracing::error!(%error, "the manager's loop fell over");
        }
        self.endpoint.close().await;
        if let Err(error) = self.manager.blobs.shutdown().await {
            tracing::warn!(%error, "the storage did not close in good order");
        }
    }
}

/// Starts a manager; returns when it can be asked.
///
/// # Errors
/// If its folder is in use or damaged, or its address is taken.
pub async fn run(config: ManagerConfig) -> Result<Running, StartError> {
    let folder = &config.data_dir;
    make_folder(folder)?;
    // The database first: it holds the lock of the folder.
    let db = TaskDb::open(TaskDbConfig::lone(folder.join("db"))).await?;
    let key = NodeKey::load_or_create(&folder.join("node.key"))?;
    let blobs = Blobs::open(&folder.join("blobs"), candela_blobs::OpenOptions::default()).await?;
    let links = Links::default();
    let readers = links.clone();
    let library = Library::new(blobs.clone());
    let shelf = library.clone();
    // Scenes are for the nodes that joined; outputs and evidence leave by HTTP, where tokens count.
    let policy: candela_blobs::ReadPolicy =
        Arc::new(move |node, blob| readers.has(node) && shelf.has(blob));
    let endpoint = port::bind(Binding {
        folder,
        bind: config.bind,
        advertise: &config.advertise,
        key: &key,
        blobs: &blobs,
        readers: policy,
    })
    .await?;
    let addr = endpoint.addr();
    let (requests, queue) = mpsc::channel(REQUESTS_WAITING);
    let (events, _) = broadcast::channel(EVENTS_WAITING);
    let engines: BTreeSet<EngineBuild> = BTreeSet::from([config.engine.build().clone()]);
    let progress = handle::ProgressBoard::default();
    let manager = Manager {
        requests,
        events: events.clone(),
        blobs: blobs.clone(),
        progress: progress.clone(),
        engines: Arc::new(engines.clone()),
        addr: addr.clone(),
        key,
    };
    let scenes = SceneCache::new(blobs.clone(), folder.join("scenes"));
    let scratch = folder.join("scratch");
    let options = config.engine.options(scratch.clone());
    let inspector = Inspector::new(options, scratch, scenes.clone());
    let pool = EnginePool::new(config.engine.clone(), folder.join("developing"), 2);
    let developer = Developer::new(pool, scenes, blobs.clone(), folder.join("layers"));
    let errands = Errands::new(ErrandParts {
        manager: manager.clone(),
        links: links.clone(),
        fetcher: blobs.fetcher(endpoint.iroh()),
        policy: config.policy.clone(),
        inspector,
        developer,
        library: library.clone(),
    });
    let desk = Desk::open(db, config.policy, engines, addr, events).await?;
    library.open_all(desk.scenes()).await;
    let (performer, forgetful) = (errands.clone(), links.clone());
    let outbox = Outbox {
        perform: Box::new(move |effect, farm| performer.perform(effect, farm)),
        forget_sessions: Box::new(move || forgetful.end_all()),
    };
    let desk = tokio::spawn(desk.run(queue, outbox));
    let reception = Reception { manager: manager.clone(), links, progress, errands };
    let reception = tokio::spawn(reception.run(endpoint.clone()));
    Ok(Running { manager, endpoint, reception, desk })
}

fn make_folder(folder: &Path) -> Result<(), StartError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| StartError::Folder { path: folder.to_owned(), source })
}
