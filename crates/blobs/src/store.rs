//! The store of one node: opening, adding, pinning, asking what is there.

use crate::error::{BlobError, file, is_full, store};
use crate::leftovers::{Import, Imports};
use crate::limits;
use crate::room::Room;
use bytes::Bytes;
use candela_core::id::BlobHash;
use iroh_blobs::api::Store;
use iroh_blobs::api::blobs::{AddPathOptions, BlobStatus};
use iroh_blobs::api::{TempTag, tags};
use iroh_blobs::store::GcConfig;
use iroh_blobs::store::fs::FsStore;
use iroh_blobs::store::fs::options::{Options, PathOptions};
use iroh_blobs::{BlobFormat, Hash, HashAndFormat};
use n0_future::{Stream, StreamExt};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a disk that isn't full takes; failed imports leave less room than the piece that failed.
const PROBE_BYTES: usize = 256 << 10;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// How often blobs without a pin are removed.
    pub gc_interval: Duration,
    /// Bytes that stay free on the disk: what would take them is refused as if the disk were full.
    pub reserve_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { gc_interval: limits::GC_INTERVAL, reserve_bytes: limits::RESERVE_BYTES }
    }
}

/// How a file becomes a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Copied (cheaply where the file system can): the file may change or go afterwards.
    Copy,
    /// Read where it lies, if it isn't small: it must neither change nor go while it is pinned.
    Reference,
}

/// What was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// The blob.
    pub hash: BlobHash,
    /// Its size.
    pub bytes: u64,
}

/// A name that keeps a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The name.
    pub name: String,
    /// What it keeps.
    pub hash: BlobHash,
    /// Whether it keeps the blobs of a collection too.
    pub collection: bool,
}

/// The blob store of one node; clones are the same store.
///
/// One process at a time has a folder open. Call [`Blobs::shutdown`] before leaving.
#[derive(Debug, Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: FsStore,
    paths: PathOptions,
    imports: Imports,
    room: Room,
    /// One lock for each blob that is being fetched, so that none is transferred twice at once.
    fetching: Mutex<HashMap<BlobHash, Weak<tokio::sync::Mutex<()>>>>,
}

impl Blobs {
    /// Opens the store in a folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder can't be used, or another process has it open.
    pub async fn open(folder: &Path, options: OpenOptions) -> Result<Self, BlobError> {
        std::fs::create_dir_all(folder).map_err(file("making the blob store", folder))?;
        // The store keeps paths in its database, so they must not depend on the working directory.
        let folder = folder.canonicalize().map_err(file("finding the blob store", folder))?;
        let mut config = Options::new(&folder);
        config.gc = Some(GcConfig { interval: options.gc_interval, add_protected: None });
        let paths = config.path.clone();
        let opened = FsStore::load_with_opts(folder.join("blobs.db"), config).await;
        let opened = opened.map_err(store("opening the blob store", folder.display()))?;
        // Only now: before, another process might have had the folder open.
        let imports = Imports::new(&paths.temp_path);
        let room = Room::new(&folder, options.reserve_bytes);
        let fetching = Mutex::default();
        let inner = Inner { store: opened, paths, imports, room, fetching };
        Ok(Blobs { inner: Arc::new(inner) })
    }

    /// Writes everything out and closes the store, for all clones.
    ///
    /// # Errors
    /// When the store has failed before.
    pub async fn shutdown(&self) -> Result<(), BlobError> {
        self.store().shutdown().await.map_err(store("closing", "the blob store"))
    }

    /// Makes what was added and pinned so far survive a kill of the process.
    ///
    /// Adding and pinning alone may be lost within half a second: call this before telling anybody.
    ///
    /// # Errors
    /// When the store fails or is full.
    pub async fn sync(&self) -> Result<(), BlobError> {
        self.store().sync_db().await.map_err(store("writing out", "the blob store"))
    }

    /// Adds a file and pins it.
    ///
    /// # Errors
    /// When the file can't be read, or the store fails or is full.
    pub async fn add_path(
        &self,
        path: &Path,
        mode: ImportMode,
        pin: &str,
    ) -> Result<Added, BlobError> {
        let absolute = path.canonicalize().map_err(file("reading", path))?;
        if mode == ImportMode::Copy {
            let bytes = absolute.metadata().map_err(file("reading", path))?.len();
            self.check_room(bytes)?;
        }
        let mode = match mode {
            ImportMode::Copy => iroh_blobs::api::blobs::ImportMode::Copy,
            ImportMode::Reference => iroh_blobs::api::blobs::ImportMode::TryReference,
        };
        let options = AddPathOptions { path: absolute, format: BlobFormat::Raw, mode };
        let import = self.import();
        let tag = self.store().add_path_with_opts(options).temp_tag().await;
        let tag = tag.map_err(store("adding", path.display()))?;
        import.done();
        self.added(tag, pin).await
    }

    /// Adds bytes and pins them.
    ///
    /// # Errors
    /// When the store fails or is full.
    pub async fn add_bytes(&self, bytes: impl Into<Bytes>, pin: &str) -> Result<Added, BlobError> {
        let bytes = bytes.into();
        self.check_room(bytes.len() as u64)?;
        let import = self.import();
        let tag = self.store().add_bytes(bytes).temp_tag().await;
        let tag = tag.map_err(store("adding bytes for", pin))?;
        import.done();
        self.added(tag, pin).await
    }

    /// Adds an upload and pins it, if it is not longer than `bytes_max` and, where a hash is
    /// expected, has that hash. Otherwise nothing is kept.
    ///
    /// # Errors
    /// When the upload breaks off, is too long or is not what was expected, or the store fails or is full.
    pub async fn add_stream<S>(
        &self,
        upload: S,
        bytes_max: u64,
        expected: Option<BlobHash>,
        pin: &str,
    ) -> Result<Added, BlobError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        self.check_room(0)?;
        let begun = self.import();
        // Through a channel, because the store wants a stream that may be shared between threads.
        let (parts, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        let receiver = n0_future::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|part| (part, receiver))
        });
        let pump = async move {
            let mut upload = std::pin::pin!(upload);
            let (mut bytes, mut checked) = (0_u64, 0_u64);
            while let Some(part) = upload.next().await {
                let failure = match &part {
                    Ok(part) => {
                        bytes = bytes.saturating_add(part.len() as u64);
                        if bytes > bytes_max {
                            Some(BlobError::StreamTooLarge { max: bytes_max })
                        } else if bytes - checked >= limits::ROOM_CHECK_BYTES {
                            checked = bytes;
                            self.check_room(0).err()
                        } else {
                            None
                        }
                    }
                    Err(source) => {
                        let source = io::Error::new(source.kind(), source.to_string());
                        Some(BlobError::StreamBroken { source })
                    }
                };
                if let Some(failure) = failure {
                    let _ = parts.send(Err(io::Error::other("upload given up"))).await;
                    return Err(failure);
                }
                if parts.send(part).await.is_err() {
                    break; // The store has failed and says why.
                }
            }
            Ok(())
        };
        let import = async { self.store().add_stream(receiver).await.temp_tag().await };
        let (pumped, imported) = tokio::join!(pump, import);
        pumped?;
        let tag = imported.map_err(store("adding an upload for", pin))?;
        begun.done();
        let got = core_hash(tag.hash());
        match expected {
            Some(expected) if expected != got => Err(BlobError::WrongHash { expected, got }),
            _ => self.added(tag, pin).await,
        }
    }

    async fn added(&self, tag: TempTag, pin: &str) -> Result<Added, BlobError> {
        let hash = core_hash(tag.hash());
        self.pin(pin, hash).await?;
        let bytes = self.size(hash).await?.ok_or(BlobError::Missing { hash })?;
        Ok(Added { hash, bytes })
    }

    /// Keeps a blob under a name; what the name kept before is let go. It need not be here yet.
    ///
    /// # Errors
    /// When the name can't be used, or the store fails or is full.
    pub async fn pin(&self, name: &str, hash: BlobHash) -> Result<(), BlobError> {
        self.set_pin(name, HashAndFormat::raw(iroh_hash(hash))).await
    }

    /// Keeps a collection and all of its blobs under a name.
    ///
    /// # Errors
    /// As [`Blobs::pin`].
    pub async fn pin_collection(&self, name: &str, hash: BlobHash) -> Result<(), BlobError> {
        self.set_pin(name, HashAndFormat::hash_seq(iroh_hash(hash))).await
    }

    pub(crate) async fn set_pin(&self, name: &str, value: HashAndFormat) -> Result<(), BlobError> {
        check_pin(name)?;
        self.store().tags().set(name, value).await.map_err(store("setting pin", name))
    }

    /// Lets go of what a name keeps; says whether there was such a name. Collection comes later.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unpin(&self, name: &str) -> Result<bool, BlobError> {
        check_pin(name)?;
        let removed = self.store().tags().delete(name).await;
        Ok(removed.map_err(store("removing pin", name))? > 0)
    }

    /// Lets go of every name that begins so, e.g. `job/12/`; returns how many there were.
    ///
    /// # Errors
    /// When the prefix is empty, or the store fails.
    pub async fn unpin_prefix(&self, prefix: &str) -> Result<u64, BlobError> {
        check_pin(prefix)?;
        let removed = self.store().tags().delete_prefix(prefix).await;
        removed.map_err(store("removing pins", prefix))
    }

    /// The names that begin so, in order; all for an empty prefix.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn pins(&self, prefix: &str) -> Result<Vec<Pin>, BlobError> {
        let listed = self.store().tags().list_prefix(prefix).await;
        let mut listed = std::pin::pin!(listed.map_err(store("listing pins", prefix))?);
        let mut pins = Vec::new();
        while let Some(tag) = listed.next().await {
            let tags::TagInfo { name, format, hash } =
                tag.map_err(store("listing pins", prefix))?;
            let name = String::from_utf8_lossy(&name.0).into_owned();
            let collection = format == BlobFormat::HashSeq;
            pins.push(Pin { name, hash: core_hash(hash), collection });
        }
        Ok(pins)
    }

    /// Whether the whole blob is here.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has(&self, hash: BlobHash) -> Result<bool, BlobError> {
        Ok(self.size(hash).await?.is_some())
    }

    /// Size in bytes of a blob that is wholly here.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn size(&self, hash: BlobHash) -> Result<Option<u64>, BlobError> {
        let status = self.store().status(iroh_hash(hash)).await;
        match status.map_err(store("looking for blob", hash))? {
            BlobStatus::Complete { size } => Ok(Some(size)),
            _ => Ok(None),
        }
    }

    /// Those of the blobs that are not wholly here, in order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn missing(&self, hashes: &[BlobHash]) -> Result<Vec<BlobHash>, BlobError> {
        let mut missing = Vec::new();
        for hash in hashes {
            if !self.has(*hash).await? {
                missing.push(*hash);
            }
        }
        Ok(missing)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Whether there is room for so many bytes more.
    ///
    /// # Errors
    /// [`BlobError::StorageFull`] if they would touch the reserve.
    pub fn check_room(&self, bytes: u64) -> Result<(), BlobError> {
        self.inner.room.check(bytes)
    }

    /// Whether the disk takes no more: where the store lost the cause of a failure on its way.
    pub(crate) fn looks_full(&self) -> bool {
        let probe = self.inner.paths.temp_file_name();
        let written = std::fs::write(&probe, vec![1; PROBE_BYTES]);
        let _ = std::fs::remove_file(&probe);
        written.is_err_and(|error| is_full(&error))
    }

    /// To be begun before, and marked as done after, whatever the store imports.
    pub(crate) fn import(&self) -> Import {
        self.inner.imports.begin()
    }

    /// Where the store keeps a blob that is wholly here and not small.
    pub(crate) fn data_path(&self, hash: BlobHash) -> std::path::PathBuf {
        self.inner.paths.data_path(&iroh_hash(hash))
    }

    /// Keeps what is named from collection until the guard is dropped.
    pub(crate) async fn hold(&self, value: HashAndFormat) -> Result<TempTag, BlobError> {
        let held = self.store().tags().temp_tag(value).await;
        held.map_err(store("holding blob", value.hash))
    }

    /// The lock to hold while fetching this blob.
    pub(crate) fn fetch_lock(&self, hash: BlobHash) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.inner.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = fetching.get(&hash).and_then(Weak::upgrade) {
            return lock;
        }
        fetching.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        fetching.insert(hash, Arc::downgrade(&lock));
        lock
    }
}

fn check_pin(name: &str) -> Result<(), BlobError> {
    if name.is_empty() || name.len() > limits::PIN_BYTES_MAX {
        return Err(BlobError::PinName { name: name.chars().take(80).collect() });
    }
    Ok(())
}

pub(crate) fn iroh_hash(hash: BlobHash) -> Hash {
    Hash::from_bytes(hash.0)
}

pub(crate) fn core_hash(hash: Hash) -> BlobHash {
    BlobHash(*hash.as_bytes())
}
