//! The manager: decides, keeps, and talks to nodes.
//!
//! [`desk`] is the loop that owns the state; [`sessions`] hears nodes; [`errands`] does what the
//! loop decides; [`judge`] turns a report into a verdict.

pub mod backup;
mod broom;
mod case;
mod clock;
mod cluster;
mod council;
mod desk;
mod develop;
mod errands;
mod films;
mod follow;
mod handle;
mod inspection;
mod judge;
mod library;
mod members;
mod mirror;
mod pace;
mod proof;
mod rows;
mod secret;
mod sessions;
mod stand_in;
mod tally;
mod tickets;
mod tokens;
mod weights;

pub use candela_net::Pipe;
pub use desk::DeskError;
pub use films::{
    FILM_FRAME_PX_MAX, FILM_FRAMES_MAX, FILM_PX_MAX, Film, FilmAnswer, FilmError, FilmMaking,
    FilmWanted,
};
pub use handle::{ApplyError, FarmEvent, FrameProgress, Manager};
pub use mirror::scene_pin;
pub use proof::{ProofDraft, ProofFile};
pub use stand_in::StandIn;
pub use tally::Tally;
pub use tickets::TicketRequest;
pub use tokens::TokenRequest;

use crate::config::ManagerConfig;
use crate::engines::EnginePool;
use crate::port::{self, Binding};
use crate::scenes::SceneCache;
use candela_blobs::{BlobError, Blobs};
use candela_core::id::EngineBuild;
use candela_core::refusal::Refusal;
use candela_net::{Endpoint, KeyError, NetError, NodeKey};
use candela_taskdb::{OpenError, TaskDb, TaskDbConfig};
use council::Council;
use desk::{Desk, DeskParts, Outbox};
use develop::Developer;
use errands::{ErrandParts, Errands};
use films::Films;
use inspection::Inspector;
use library::Library;
use mirror::{Mirror, MirrorParts};
use sessions::{Links, Reception};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
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
    /// The managers that it wants to join don't take it in.
    #[error(transparent)]
    NotTakenIn(#[from] Refusal),
    /// It belongs to managers already.
    #[error("the data folder {} belongs to a manager already: it can't join others", .0.display())]
    NotEmpty(PathBuf),
}

impl StartError {
    /// Whether a newer program wrote what is there: this one has to be updated.
    #[must_use]
    pub fn is_too_new(&self) -> bool {
        match self {
            StartError::Database(error) => matches!(error, OpenError::NewerSchema { .. }),
            StartError::Load(error) => error.is_too_new(),
            _ => false,
        }
    }
}

/// A manager that runs, and what ends with it.
pub struct Running {
    /// The handle.
    pub manager: Manager,
    endpoint: Arc<Endpoint>,
    reception: JoinHandle<()>,
    mirroring: JoinHandle<()>,
    backups: JoinHandle<()>,
    sweeping: JoinHandle<()>,
    desk: JoinHandle<Result<(), DeskError>>,
}

impl Running {
    /// Waits until the manager can't go on by itself, which may be never.
    pub async fn failed(&mut self) -> StartError {
        match (&mut self.desk).await {
            Ok(Err(error)) => StartError::Load(error),
            Ok(Ok(())) => std::future::pending().await,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Ends it in good order.
    pub async fn shutdown(self) {
        self.reception.abort();
        self.mirroring.abort();
        self.backups.abort();
        self.sweeping.abort();
        self.manager.shutdown().await;
        if !self.desk.is_finished()
            && let Err(error) = self.desk.await
        {
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
    let mut db_config = TaskDbConfig::lone(folder.join("db"));
    db_config.host.clone_from(&config.database.host);
    db_config.listen = config.database.listen;
    db_config.election_ms = config.database.election_ms;
    let known = cluster::load(folder)?;
    let joins = if known.is_some() { None } else { config.join.as_deref() };
    if joins.is_some() && folder.join("db/raft").is_dir() {
        return Err(StartError::NotEmpty(folder.clone()));
    }
    db_config.cluster = known.as_ref().map(cluster::config_of);
    // The database first: it holds the lock of the folder. Who joins has none yet.
    let opened = match joins {
        None => Some(TaskDb::open(db_config.clone()).await?),
        Some(_) => None,
    };
    let key = NodeKey::load_or_create(&folder.join("node.key"))?;
    let blobs = Blobs::open(&folder.join("blobs"), candela_blobs::OpenOptions::default()).await?;
    let links = Links::default();
    let council = Council::default();
    let (readers, managers) = (links.clone(), council.clone());
    let library = Library::new(blobs.clone());
    let shelf = library.clone();
    // Scenes are for the nodes that joined; outputs and evidence leave by HTTP, where tokens count.
    let policy: candela_blobs::ReadPolicy = Arc::new(move |node, blob| {
        managers.is_manager(node)
            || (shelf.has(blob) && (readers.has(node) || managers.knows(node)))
    });
    let colleagues = council.clone();
    let (endpoint, pipes) = port::bind(Binding {
        folder,
        bind: config.bind,
        advertise: &config.advertise,
        key: &key,
        blobs: &blobs,
        readers: policy,
        pipes: Some(Arc::new(move |node| colleagues.is_manager(node))),
    })
    .await?;
    let db = match (opened, joins) {
        (Some(db), _) => db,
        (None, ticket) => {
            let ticket = ticket.unwrap_or_default();
            let welcome = cluster::join(&endpoint, ticket, &db_config).await?;
            cluster::save(folder, &welcome)
                .map_err(|source| StartError::Folder { path: folder.clone(), source })?;
            council.set_managers(welcome.managers.clone());
            db_config.election_ms = welcome.election_ms;
            db_config.cluster = Some(cluster::config_of(&welcome));
            TaskDb::open(db_config).await?
        }
    };
    let db = Arc::new(db);
    let addr = endpoint.addr();
    let (requests, queue) = mpsc::channel(REQUESTS_WAITING);
    let (events, _) = broadcast::channel(EVENTS_WAITING);
    let engines: BTreeSet<EngineBuild> = BTreeSet::from([config.engine.build().clone()]);
    let progress = handle::ProgressBoard::default();
    let counter = tally::Counter::default();
    let (api, hold) = pipes.map_or((None, None), |pipes| (Some(pipes.api), Some(pipes.hold)));
    let (mirror, untold) = Mirror::new(MirrorParts {
        own: addr.node,
        council: council.clone(),
        endpoint: endpoint.clone(),
        fetcher: blobs.fetcher(endpoint.iroh()),
        library: library.clone(),
        looks: config.stand_in.is_none(),
    });
    let manager = Manager {
        requests,
        events: events.clone(),
        blobs: blobs.clone(),
        progress: progress.clone(),
        engines: Arc::new(engines.clone()),
        addr: addr.clone(),
        key,
        council: council.clone(),
        endpoint: endpoint.clone(),
        pipes: Arc::new(Mutex::new(api)),
        mirror: mirror.clone(),
        counter: counter.clone(),
        db: db.clone(),
        films: Films::new(config.engine.clone(), blobs.clone(), &folder.join("films")),
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
        stand_in: config.stand_in,
    });
    let parts = DeskParts {
        db: db.clone(),
        policy: config.policy,
        engines,
        manager: addr,
        folder: folder.clone(),
        events,
        council,
        counter,
    };
    let backups = backup::serve(folder.clone(), db.clone(), blobs.clone());
    let desk = match Desk::open(parts).await {
        Ok(desk) => desk,
        Err(error) => {
            // Whoever starts the right program finds the folder free.
            db.shutdown().await.ok();
            return Err(error.into());
        }
    };
    library.open_all(desk.scenes()).await;
    let (performer, forgetful, strict) = (errands.clone(), links.clone(), links.clone());
    let outbox = Outbox {
        perform: Box::new(move |effect, farm| performer.perform(effect, farm)),
        forget_sessions: Box::new(move || forgetful.end_all()),
        end_ticket: Box::new(move |ticket| strict.end_ticket(ticket)),
    };
    let desk = tokio::spawn(desk.run(queue, outbox));
    let mirroring = tokio::spawn(mirror.clone().run(manager.clone(), hold, untold));
    let sweeping = tokio::spawn(broom::run(manager.clone(), library));
    let reception = Reception { manager: manager.clone(), links, progress, errands };
    let reception = tokio::spawn(reception.run(endpoint.clone()));
    let backups = tokio::spawn(backups);
    Ok(Running { manager, endpoint, reception, mirroring, backups, sweeping, desk })
}

fn make_folder(folder: &Path) -> Result<(), StartError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| StartError::Folder { path: folder.to_owned(), source })
}
