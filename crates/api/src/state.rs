//! What all handlers share.

use crate::config::ApiConfig;
use crate::desk::Desk;
use crate::history::History;
use crate::hub::Hub;
use crate::limits::{PICTURES_MAX, STREAMS_MAX};
use crate::messages;
use crate::rate::Rates;
use crate::uploads::{self, UploadBook};
use candela_wire::api::NetworkInfo;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Shared by all handlers; its tasks end with the last clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) desk: Desk,
    pub(crate) config: ApiConfig,
    pub(crate) hub: Hub,
    pub(crate) rates: Rates,
    pub(crate) uploads: Semaphore,
    /// Files that are arriving in pieces.
    pub(crate) book: Arc<UploadBook>,
    /// What was accepted and rejected, minute by minute.
    pub(crate) history: Arc<History>,
    /// The network as it was told last.
    pub(crate) network: Mutex<Option<(Instant, NetworkInfo)>>,
    pub(crate) streams: Arc<Semaphore>,
    /// Turns at making pictures of evidence.
    pub(crate) pictures: Semaphore,
    /// Set when the manager ends: event streams end then.
    pub(crate) ending: CancellationToken,
    /// The description of the interface as JSON.
    pub(crate) openapi: OnceLock<String>,
    tasks: Vec<AbortHandle>,
}

impl AppState {
    pub(crate) fn new(desk: Desk, config: ApiConfig, ending: CancellationToken) -> AppState {
        let (hub, feeding) = Hub::start(desk.clone());
        let book = Arc::new(UploadBook::new(config.uploads_dir.clone(), desk.blobs().clone()));
        let sweeping = uploads::sweep_for_ever(desk.blobs().clone(), book.clone());
        let sweeping = tokio::spawn(sweeping);
        let history = Arc::new(History::default());
        let counting = tokio::spawn(history.clone().count_for_ever(desk.clone()));
        let telling = tokio::spawn(messages::tell_for_ever(desk.clone(), config.messages.clone()));
        AppState(Arc::new(Inner {
            hub,
            rates: Rates::default(),
            uploads: Semaphore::new(config.uploads_max.max(1)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            pictures: Semaphore::new(PICTURES_MAX),
            ending,
            openapi: OnceLock::new(),
            book,
            history,
            network: Mutex::default(),
            tasks: vec![
                feeding,
                sweeping.abort_handle(),
                counting.abort_handle(),
                telling.abort_handle(),
            ],
            desk,
            config,
        }))
    }
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
