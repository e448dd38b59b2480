//! Brings blobs from other nodes: verified as they come, only what is missing, from several providers.
//!
//! A blob's size is proven first (its last chunk is fetched and verified), so that a limit holds
//! before much is transferred. Then the missing parts are fetched in pieces, spread over the
//! providers; a piece that one does not deliver goes to the next, less what had come. Whatever
//! happens, verified parts stay in the store, and the next attempt starts from them.

use crate::collection::{names_blob_bytes_max, root_bytes_max};
use crate::error::{BlobError, is_full};
use crate::limits;
use crate::providers::{Pool, Providers};
use crate::store::{Blobs, iroh_hash};
use bytes::Bytes;
use candela_core::addr::NodeAddr;
use candela_core::id::BlobHash;
use iroh::Endpoint;
use iroh_blobs::HashAndFormat;
use iroh_blobs::api::remote::GetProgressItem;
use iroh_blobs::get::GetError;
use iroh_blobs::protocol::{
    ChunkRanges, ChunkRangesExt, ERR_INTERNAL, ERR_LIMIT, ERR_PERMISSION, GetRequest,
};
use n0_future::{BufferedStreamExt, StreamExt};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How far a fetch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress {
    /// Bytes that have come so far.
    pub bytes_transferred: u64,
    /// Bytes of all blobs whose size is known so far, with what was here before.
    pub bytes_known: u64,
}

/// What a fetch cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchStats {
    /// Bytes of content that came over the network.
    pub bytes_transferred: u64,
    /// Bytes of content that were here before.
    pub bytes_local: u64,
}

/// How a fetch is done.
#[derive(Clone)]
pub struct FetchOptions {
    /// Name under which the result is kept. Without one it may be collected right after.
    pub pin: Option<String>,
    /// A larger blob, or collection with all its blobs, is refused.
    pub bytes_max: u64,
    /// A provider that sends nothing for so long is left for the next.
    pub stall: Duration,
    /// Time for connecting to one provider.
    pub connect: Duration,
    /// Time for all of it; none for as long as it moves.
    pub time_max: Option<Duration>,
    /// Called as bytes come, often.
    pub progress: Option<Arc<dyn Fn(FetchProgress) + Send + Sync>>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            pin: None,
            bytes_max: limits::FETCH_BYTES_MAX,
            stall: limits::STALL_TIMEOUT,
            connect: limits::CONNECT_TIMEOUT,
            time_max: None,
            progress: None,
        }
    }
}

impl FetchOptions {
    /// The usual limits, and the result kept under a name.
    #[must_use]
    pub fn pinned(pin: impl Into<String>) -> Self {
        FetchOptions { pin: Some(pin.into()), ..FetchOptions::default() }
    }
}

impl fmt::Debug for FetchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchOptions")
            .field("pin", &self.pin)
            .field("bytes_max", &self.bytes_max)
            .field("stall", &self.stall)
            .finish_non_exhaustive()
    }
}

/// Fetches into a store through an endpoint; clones share connections.
#[derive(Debug, Clone)]
pub struct Fetcher {
    blobs: Blobs,
    endpoint: Endpoint,
    pool: Pool,
}

impl Blobs {
    /// Fetches into this store through the node's endpoint.
    #[must_use]
    pub fn fetcher(&self, endpoint: &Endpoint) -> Fetcher {
        Fetcher { blobs: self.clone(), endpoint: endpoint.clone(), pool: Pool::default() }
    }
}

impl Fetcher {
    /// The store that is fetched into.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Fetches a blob.
    ///
    /// # Errors
    /// When no provider delivers, the blob is too large, time is up, or the store fails or is full.
    pub async fn fetch(
        &self,
        hash: BlobHash,
        from: &[NodeAddr],
        options: &FetchOptions,
    ) -> Result<FetchStats, BlobError> {
        let fetch = self.start(from, options, hash);
        let work = async {
            fetch.blob(hash, 0, options.bytes_max).await?;
            match &options.pin {
                Some(pin) => self.blobs.pin(pin, hash).await,
                None => Ok(()),
            }
        };
        let held = HashAndFormat::raw(iroh_hash(hash));
        fetch.within_time(held, work).await
    }

    /// Fetches a collection and all of its blobs; its names are checked before its blobs are asked for.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`], and when it is not a collection that we take.
    pub async fn fetch_collection(
        &self,
        hash: BlobHash,
        from: &[NodeAddr],
        options: &FetchOptions,
    ) -> Result<FetchStats, BlobError> {
        let fetch = self.start(from, options, hash);
        let work = async {
            fetch.collection().await?;
            match &options.pin {
                Some(pin) => self.blobs.pin_collection(pin, hash).await,
                None => Ok(()),
            }
        };
        let held = HashAndFormat::hash_seq(iroh_hash(hash));
        fetch.within_time(held, work).await
    }

    /// Fetches parts of a blob and reads them, in the order asked for.
    ///
    /// Parts that are here are not transferred; what comes stays in the store until it is collected.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`]; when a part does not lie within the blob; and when more is asked for
    /// than [`limits::READ_BYTES_MAX`] or [`limits::RANGES_MAX`].
    pub async fn fetch_ranges(
        &self,
        hash: BlobHash,
        ranges: &[Range<u64>],
        from: &[NodeAddr],
        options: &FetchOptions,
    ) -> Result<(Vec<Bytes>, FetchStats), BlobError> {
        let sum: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        let wrong = ranges.iter().find(|range| range.start > range.end);
        let too_much = sum > limits::READ_BYTES_MAX || ranges.len() > limits::RANGES_MAX;
        if let Some(Range { start, end }) = wrong.or(ranges.last().filter(|_| too_much)).cloned() {
            return Err(BlobError::Range { hash, start, end, bytes: sum });
        }
        let fetch = self.start(from, options, hash);
        let mut parts = Vec::with_capacity(ranges.len());
        let work = async {
            let wanted = ranges
                .iter()
                .filter(|range| !range.is_empty())
                .fold(ChunkRanges::empty(), |all, r| all | ChunkRanges::bytes(r.clone()));
            if !wanted.is_empty() {
                fetch.piece(hash, &wanted, 0).await?;
            }
            for range in ranges {
                parts.push(self.blobs.read_range(hash, range.clone()).await?);
            }
            Ok(())
        };
        let stats = fetch.within_time(HashAndFormat::raw(iroh_hash(hash)), work).await?;
        Ok((parts, stats))
    }

    /// Fetches one part of a blob and reads it; see [`Fetcher::fetch_ranges`].
    ///
    /// # Errors
    /// As there.
    pub async fn fetch_range(
        &self,
        hash: BlobHash,
        range: Range<u64>,
        from: &[NodeAddr],
        options: &FetchOptions,
    ) -> Result<Bytes, BlobError> {
        let (mut parts, _) =
            self.fetch_ranges(hash, std::slice::from_ref(&range), from, options).await?;
        Ok(parts.pop().unwrap_or_default())
    }

    fn start<'a>(
        &'a self,
        from: &[NodeAddr],
        options: &'a FetchOptions,
        root: BlobHash,
    ) -> Fetch<'a> {
        let providers = Providers::new(&self.endpoint, &self.pool, options.connect, from);
        let (transferred, local, known) = Default::default();
        Fetch { blobs: &self.blobs, options, root, providers, transferred, local, known }
    }
}

/// One fetch under way.
struct Fetch<'a> {
    blobs: &'a Blobs,
    options: &'a FetchOptions,
    root: BlobHash,
    providers: Providers,
    transferred: AtomicU64,
    local: AtomicU64,
    known: AtomicU64,
}

impl Fetch<'_> {
    async fn within_time(
        &self,
        held: HashAndFormat,
        work: impl Future<Output = Result<(), BlobError>>,
    ) -> Result<FetchStats, BlobError> {
        let _held = self.blobs.hold(held).await?;
        let outcome = match self.options.time_max {
            None => work.await,
            Some(allowed) => {
                let allowed_ms = u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX);
                let late = |_| BlobError::TimedOut { hash: self.root, allowed_ms };
                tokio::time::timeout(allowed, work).await.map_err(late).flatten()
            }
        };
        match outcome {
            Ok(()) => {}
            // The store doesn't always pass on why it stopped taking what a provider sent.
            Err(error @ (BlobError::Store { .. } | BlobError::NoProvider { .. }))
                if self.blobs.looks_full() =>
            {
                let (step, object) = ("fetching blob", self.root.to_string());
                return Err(BlobError::StorageFull { step, object, source: error.into() });
            }
            Err(error) => return Err(error),
        }
        Ok(FetchStats {
            bytes_transferred: self.transferred.load(Relaxed),
            bytes_local: self.local.load(Relaxed),
        })
    }

    async fn collection(&self) -> Result<(), BlobError> {
        self.blob(self.root, 0, root_bytes_max()).await?;
        let (_, names) = self.blobs.collection_head(self.root).await?;
        self.blob(names, 0, names_blob_bytes_max()).await?;
        let collection = self.blobs.load_collection(self.root).await?;
        let mut seen = std::collections::HashSet::new();
        let distinct =
            collection.entries().iter().map(|(_, hash)| *hash).filter(|h| seen.insert(*h));
        let at_once = limits::REQUESTS_PER_PROVIDER * self.providers.len().max(1);
        // Collected: an iterator of closures held across a wait would keep this future from being `Send`.
        let children: Vec<_> = distinct
            .enumerate()
            .map(|(number, hash)| self.blob(hash, number, self.options.bytes_max))
            .collect();
        let mut children = n0_future::stream::iter(children).buffered_unordered(at_once);
        while let Some(child) = children.next().await {
            child?;
        }
        Ok(())
    }

    /// Fetches what is missing of a blob, beginning with provider number `at`.
    async fn blob(&self, hash: BlobHash, at: usize, bytes_max: u64) -> Result<(), BlobError> {
        if let Some(bytes) = self.blobs.size(hash).await? {
            self.local.fetch_add(bytes, Relaxed);
            return self.count(hash, bytes, bytes_max);
        }
        // Whoever fetches the same blob waits here and then finds it done.
        let lock = self.blobs.fetch_lock(hash);
        let _fetching = lock.lock().await;
        let _held = self.blobs.hold(HashAndFormat::raw(iroh_hash(hash))).await?;
        let before = self.blobs.here(hash).await?;
        self.local.fetch_add(before.total_bytes(), Relaxed);
        if before.validated_size().is_none() {
            self.piece(hash, &ChunkRanges::last_chunk(), at).await?;
        }
        let here = self.blobs.here(hash).await?;
        let Some(bytes) = here.validated_size() else {
            return Err(self.providers.exhausted(hash).await);
        };
        self.count(hash, bytes, bytes_max)?;
        self.blobs.check_room(bytes - here.total_bytes().min(bytes))?;
        let missing = &ChunkRanges::bytes(..bytes) - &here.ranges;
        let pieces = (0..bytes.div_ceil(limits::PIECE_BYTES))
            .map(|number| number * limits::PIECE_BYTES)
            .map(|start| {
                &missing & &ChunkRanges::bytes(start..(start + limits::PIECE_BYTES).min(bytes))
            })
            .filter(|piece| !piece.is_empty())
            .enumerate()
            .map(|(number, piece)| async move { self.piece(hash, &piece, at + number).await })
            .collect::<Vec<_>>();
        let at_once = 2 * self.providers.len().max(1);
        let mut pieces = n0_future::stream::iter(pieces).buffered_unordered(at_once);
        while let Some(piece) = pieces.next().await {
            piece?;
        }
        if self.blobs.has(hash).await? { Ok(()) } else { Err(self.providers.exhausted(hash).await) }
    }

    /// Counts a blob's size against its own limit and that of the whole fetch.
    fn count(&self, hash: BlobHash, bytes: u64, bytes_max: u64) -> Result<(), BlobError> {
        if bytes > bytes_max {
            return Err(BlobError::TooLarge { hash, bytes, max: bytes_max });
        }
        let (sum, max) = (self.known.fetch_add(bytes, Relaxed) + bytes, self.options.bytes_max);
        if sum > max {
            return Err(BlobError::TooLarge { hash: self.root, bytes: sum, max });
        }
        Ok(())
    }

    /// Fetches some chunks of a blob from one provider after another until they are here.
    async fn piece(
        &self,
        hash: BlobHash,
        wanted: &ChunkRanges,
        at: usize,
    ) -> Result<(), BlobError> {
        let attempts = self.providers.len() * limits::PROVIDER_FAILURES_MAX as usize;
        for at in at..at + attempts.max(1) {
            let missing = wanted - &self.blobs.here(hash).await?.ranges;
            if missing.is_empty() {
                return Ok(());
            }
            // Others write too: looked at again before each piece.
            self.blobs.check_room(0)?;
            let Some(connection) = self.providers.connection(at).await else { continue };
            let request = GetRequest::blob_ranges(iroh_hash(hash), missing);
            let progress = self.blobs.store().remote().execute_get(connection, request).stream();
            match self.watch(progress).await {
                Ok(()) => {
                    self.providers.delivered(at).await;
                    return Ok(());
                }
                Err(Failure::Stalled) => {
                    let seconds = self.options.stall.as_secs_f32();
                    self.providers.failed(at, format!("sent nothing for {seconds} s")).await;
                }
                Err(Failure::Get(error)) if is_full(&error) => {
                    let (step, object) = ("fetching blob", hash.to_string());
                    return Err(BlobError::StorageFull { step, object, source: error.into() });
                }
                Err(Failure::Get(error)) => self.providers.failed(at, said(&error)).await,
            }
        }
        Err(self.providers.exhausted(hash).await)
    }

    async fn watch(
        &self,
        progress: impl n0_future::Stream<Item = GetProgressItem>,
    ) -> Result<(), Failure> {
        let mut progress = std::pin::pin!(progress);
        let mut counted = 0;
        loop {
            let item = tokio::time::timeout(self.options.stall, progress.next()).await;
            let bytes = match item.map_err(|_| Failure::Stalled)? {
                Some(GetProgressItem::Progress(bytes)) => bytes,
                Some(GetProgressItem::Done(stats)) => {
                    self.came(stats.payload_bytes_read.saturating_sub(counted));
                    return Ok(());
                }
                Some(GetProgressItem::Error(error)) => return Err(Failure::Get(Box::new(error))),
                None => return Err(Failure::Stalled),
            };
            self.came(bytes.saturating_sub(counted));
            counted = counted.max(bytes);
        }
    }

    fn came(&self, bytes: u64) {
        let bytes_transferred = self.transferred.fetch_add(bytes, Relaxed) + bytes;
        if let Some(progress) = self.options.progress.as_ref().filter(|_| bytes > 0) {
            let bytes_known = self.known.load(Relaxed);
            progress(FetchProgress { bytes_transferred, bytes_known });
        }
    }
}

enum Failure {
    Stalled,
    Get(Box<GetError>),
}

/// A provider's failure for people.
fn said(error: &GetError) -> String {
    match error.iroh_error_code() {
        Some(ERR_PERMISSION) => return "doesn't let this node read it".into(),
        Some(ERR_LIMIT) => return "serves too many readers".into(),
        Some(ERR_INTERNAL) => return "doesn't have it".into(),
        _ => {}
    }
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
