//! The uploads that are under way.

use super::index::{Index, hash_of};
use super::part::{Part, failed, too_long};
use super::{Sha256, now, pin};
use crate::limits::{READ_AT_ONCE, UPLOAD_KEPT, UPLOADS_OPEN_MAX};
use crate::refuse::Refused;
use axum::body::{Body, Bytes};
use candela_blobs::{BlobError, Blobs};
use candela_core::id::BlobHash;
use candela_core::refusal::RefusalCode;
use candela_wire::api::limits::{CHUNK_BYTES_MAX, CHUNKS_MAX, RANGES_TOLD_MAX};
use candela_wire::api::{UploadInfo, UploadRange, UploadRequest};
use sha2::{Digest, Sha256 as Hasher};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::io::AsyncReadExt;

/// A request for an upload, checked.
pub(crate) struct Wanted {
    owner: String,
    bytes: u64,
    sha256: Sha256,
    chunks: Vec<(Sha256, u64)>,
}

impl Wanted {
    /// Checks a request of somebody; `bytes_max`: of one file.
    pub(crate) fn new(
        owner: String,
        request: &UploadRequest,
        bytes_max: u64,
    ) -> Result<Wanted, Refused> {
        let not_a_hash = || {
            Refused::new(RefusalCode::RequestNotUnderstood, "a SHA-256 has 64 hexadecimal digits")
        };
        let too_large = |what: String| Refused::new(RefusalCode::TooLarge, what);
        if request.bytes > bytes_max {
            return Err(too_large(format!("a file has at most {bytes_max} bytes")));
        }
        if request.chunks.len() > CHUNKS_MAX {
            return Err(too_large(format!("a file has at most {CHUNKS_MAX} chunks"))
                .with_hint("make the chunks larger"));
        }
        let mut chunks = Vec::with_capacity(request.chunks.len());
        let mut sum = 0_u64;
        for chunk in &request.chunks {
            if !(1..=CHUNK_BYTES_MAX).contains(&chunk.bytes) {
                return Err(too_large(format!("a chunk has from 1 to {CHUNK_BYTES_MAX} bytes")));
            }
            sum += chunk.bytes;
            chunks.push((hash_of(&chunk.sha256).ok_or_else(not_a_hash)?, chunk.bytes));
        }
        if !chunks.is_empty() && sum != request.bytes {
            return Err(Refused::new(
                RefusalCode::RequestNotUnderstood,
                format!("the chunks have {sum} bytes together, and the file {}", request.bytes),
            ));
        }
        let sha256 = hash_of(&request.sha256).ok_or_else(not_a_hash)?;
        Ok(Wanted { owner, bytes: request.bytes, sha256, chunks })
    }

    /// The same file of the same sender is the same upload.
    fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("candela upload id 1");
        hasher.update(&self.sha256).update(&self.bytes.to_le_bytes()).update(self.owner.as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

/// What is known of an upload beside its bytes.
struct Said {
    /// The chunks as its sender cut the file.
    chunks: Vec<(Sha256, u64)>,
    /// How many bytes earlier files held.
    known_bytes: u64,
    touched: Instant,
}

/// A file that is arriving.
struct Upload {
    part: Part,
    said: Mutex<Said>,
    /// One at a time makes a blob of it.
    finishing: tokio::sync::Mutex<Option<BlobHash>>,
}

impl Upload {
    fn new(part: Part) -> Arc<Upload> {
        Arc::new(Upload {
            part,
            said: Mutex::new(Said { chunks: Vec::new(), known_bytes: 0, touched: Instant::now() }),
            finishing: tokio::sync::Mutex::default(),
        })
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.said().touched = Instant::now();
    }
}

/// All uploads of this manager.
pub(crate) struct UploadBook {
    folder: PathBuf,
    blobs: Blobs,
    open: Mutex<HashMap<String, Arc<Upload>>>,
    index: Mutex<Index>,
    loaded: tokio::sync::OnceCell<()>,
}

impl UploadBook {
    pub(crate) fn new(folder: PathBuf, blobs: Blobs) -> UploadBook {
        UploadBook {
            folder,
            blobs,
            open: Mutex::default(),
            index: Mutex::default(),
            loaded: tokio::sync::OnceCell::new(),
        }
    }

    /// Held for a moment at a time, never across a wait.
    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<Upload>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held for a moment at a time, never across a wait.
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what an earlier process left, at the first request.
    async fn load(&self) -> Result<(), Refused> {
        let load = async {
            tokio::fs::create_dir_all(&self.folder).await.map_err(failed)?;
            let folder = self.folder.clone();
            let index = tokio::task::spawn_blocking(move || Index::load(&folder)).await;
            let index = index.map_err(|_| Refused::unavailable("the uploads can't be read"))?;
            *self.index() = index;
            let mut entries = tokio::fs::read_dir(&self.folder).await.map_err(failed)?;
            while let Some(entry) = entries.next_entry().await.map_err(failed)? {
                let path = entry.path();
                let stem = path.file_stem().and_then(|stem| stem.to_str());
                if let (Some(id), Some("json")) = (stem, path.extension().and_then(|e| e.to_str()))
                {
                    match Part::open(&self.folder, id).await {
                        Ok(part) => drop(self.put_open(id, Upload::new(part))),
                        Err(error) => tracing::info!(%id, %error, "an upload can't go on"),
                    }
                }
            }
            Ok(())
        };
        self.loaded.get_or_try_init(|| load).await.copied()
    }

    fn put_open(&self, id: &str, upload: Arc<Upload>) -> Arc<Upload> {
        let mut open = self.open();
        open.entry(id.to_owned()).or_insert(upload).clone()
    }

    fn find(&self, id: &str) -> Option<Arc<Upload>> {
        self.open().get(id).cloned()
    }

    fn of(&self, id: &str, owner: &str) -> Result<Arc<Upload>, Refused> {
        self.find(id).filter(|upload| upload.part.owner() == owner).ok_or_else(|| {
            Refused::new(RefusalCode::NotFound, "there is no such upload (any more)").with_hint(
                "begin it again with POST /api/v1/uploads: what is here isn't sent again",
            )
        })
    }

    /// Begins an upload, or finds out how far it is.
    pub(crate) async fn begin(&self, wanted: Wanted) -> Result<UploadInfo, Refused> {
        self.load().await?;
        let id = wanted.id();
        if let Some(hash) = self.known(&wanted).await? {
            let (bytes, known_bytes) = (wanted.bytes, wanted.bytes);
            let (missing, hash) = (Vec::new(), Some(hash.to_string()));
            return Ok(UploadInfo { id, bytes, hash, missing, missing_bytes: 0, known_bytes });
        }
        let upload = match self.find(&id) {
            Some(upload) => upload,
            None => self.create(&id, &wanted).await?,
        };
        upload.touch();
        self.take_over(&upload, &wanted.chunks).await?;
        upload.said().chunks = wanted.chunks;
        self.go_on(&id, &upload).await
    }

    /// The blob of a file that is here already, kept for another day.
    async fn known(&self, wanted: &Wanted) -> Result<Option<BlobHash>, Refused> {
        let hash = {
            let index = self.index();
            index.file(&wanted.owner, &wanted.sha256, wanted.bytes)
        };
        let Some(hash) = hash else { return Ok(None) };
        // Pinned before it is looked for, so that it doesn't go in between.
        self.blobs.pin(&pin(hash, now()), hash).await?;
        Ok(self.blobs.size(hash).await?.filter(|bytes| *bytes == wanted.bytes).map(|_| hash))
    }

    async fn create(&self, id: &str, wanted: &Wanted) -> Result<Arc<Upload>, Refused> {
        let of_owner = {
            let open = self.open();
            open.values().filter(|upload| upload.part.owner() == wanted.owner).count()
        };
        if of_owner >= UPLOADS_OPEN_MAX {
            return Err(Refused::new(
                RefusalCode::Busy,
                format!("{of_owner} uploads of yours are not finished"),
            )
            .with_hint("finish or delete some; after a day they are let go"));
        }
        self.blobs.check_room(wanted.bytes)?;
        let sha256 = BlobHash(wanted.sha256).to_string();
        let part = Part::create(&self.folder, id, wanted.owner.clone(), sha256, wanted.bytes);
        Ok(self.put_open(id, Upload::new(part.await.map_err(failed)?)))
    }

    /// Fills in the chunks that earlier files of the same sender hold.
    async fn take_over(&self, upload: &Upload, chunks: &[(Sha256, u64)]) -> Result<(), Refused> {
        let (mut offset, mut taken) = (0, 0);
        for (sha256, bytes) in chunks {
            let range = offset..offset + bytes;
            offset += bytes;
            let place = {
                let index = self.index();
                index.chunk(upload.part.owner(), sha256, *bytes)
            };
            let Some((blob, from)) = place.filter(|_| !upload.part.has(&range)) else { continue };
            let piece: Bytes = match self.blobs.read_range(blob, from).await {
                Ok(piece) => piece,
                // Let go meanwhile: it is sent again.
                Err(BlobError::Missing { .. } | BlobError::Range { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            if Sha256::from(Hasher::digest(&piece)) == *sha256 {
                upload.part.fill(range.start, &piece).await.map_err(failed)?;
                taken += bytes;
            }
        }
        upload.said().known_bytes += taken;
        Ok(())
    }

    /// How far an upload is.
    pub(crate) async fn look(&self, id: &str, owner: &str) -> Result<UploadInfo, Refused> {
        self.load().await?;
        let upload = self.of(id, owner)?;
        upload.touch();
        Ok(self.info(id, &upload, None))
    }

    /// Takes bytes of a file from an offset on, and makes a blob of it if they were the last.
    pub(crate) async fn receive(
        &self,
        id: &str,
        owner: &str,
        offset: u64,
        announced: Option<u64>,
        body: Body,
    ) -> Result<UploadInfo, Refused> {
        self.load().await?;
        let upload = self.of(id, owner)?;
        upload.touch();
        let bytes = upload.part.bytes();
        if offset > bytes || announced.is_some_and(|announced| announced > bytes - offset) {
            return Err(too_long(bytes));
        }
        upload.part.receive(offset, body).await?;
        upload.touch();
        self.go_on(id, &upload).await
    }

    /// Gives an upload up.
    pub(crate) async fn delete(&self, id: &str, owner: &str) -> Result<(), Refused> {
        self.load().await?;
        let upload = self.of(id, owner)?;
        self.let_go(id, &upload).await;
        Ok(())
    }

    async fn let_go(&self, id: &str, upload: &Upload) {
        self.open().remove(id);
        upload.part.remove().await;
    }

    async fn go_on(&self, id: &str, upload: &Upload) -> Result<UploadInfo, Refused> {
        let hash = match upload.part.missing().is_empty() {
            true => Some(self.finish(id, upload).await?),
            false => None,
        };
        Ok(self.info(id, upload, hash))
    }

    fn info(&self, id: &str, upload: &Upload, hash: Option<BlobHash>) -> UploadInfo {
        let missing = if hash.is_some() { Vec::new() } else { upload.part.missing() };
        let missing_bytes = missing.iter().map(|range| range.end - range.start).sum();
        let told = missing.into_iter().take(RANGES_TOLD_MAX);
        UploadInfo {
            id: id.to_owned(),
            bytes: upload.part.bytes(),
            hash: hash.map(|hash| hash.to_string()),
            missing: told
                .map(|r| UploadRange { offset: r.start, bytes: r.end - r.start })
                .collect(),
            missing_bytes,
            known_bytes: upload.said().known_bytes,
        }
    }

    /// Makes a blob of a file that is whole.
    async fn finish(&self, id: &str, upload: &Upload) -> Result<BlobHash, Refused> {
        let mut finished = upload.finishing.lock().await;
        if let Some(hash) = *finished {
            return Ok(hash);
        }
        let part = &upload.part;
        let want = hash_of(part.sha256()).unwrap_or_default();
        let file = tokio::fs::File::open(part.path()).await.map_err(failed)?;
        let pieces = checked(file, want);
        let keep = pin(format_args!("upload-{id}"), now());
        let added = self.blobs.add_stream(pieces, part.bytes(), None, &keep).await;
        let added = match added {
            Ok(added) => added,
            Err(BlobError::StreamBroken { source }) if is_other_file(&source) => {
                self.let_go(id, upload).await;
                return Err(Refused::new(
                    RefusalCode::HashMismatch,
                    format!("what arrived has another SHA-256 than {}", part.sha256()),
                )
                .with_hint("the file changed while it was sent, or was damaged: send it again"));
            }
            Err(error) => return Err(error.into()),
        };
        let chunks = std::mem::take(&mut upload.said().chunks);
        let recipe = self.index().add(part.owner(), &want, added.hash, part.bytes(), &chunks);
        if let Err(error) = recipe.write().await {
            tracing::warn!(%error, "a recipe can't be written: the file will be sent again");
        }
        *finished = Some(added.hash);
        self.let_go(id, upload).await;
        Ok(added.hash)
    }

    /// Lets go of uploads that nobody went on with for a day, and of recipes whose blobs are gone.
    pub(crate) async fn sweep(&self) {
        if self.loaded.get().is_none() {
            // Nobody asked yet; what an earlier process left is still to be read, once it is a day old.
            let folder = self.folder.clone();
            tokio::task::spawn_blocking(move || remove_old(&folder)).await.ok();
            return;
        }
        let old: Vec<_> = {
            let open = self.open();
            let old =
                open.iter().filter(|(_, upload)| upload.said().touched.elapsed() > UPLOAD_KEPT);
            old.map(|(id, upload)| (id.clone(), upload.clone())).collect()
        };
        for (id, upload) in old {
            self.let_go(&id, &upload).await;
        }
        let folder = self.folder.clone();
        let recipes = tokio::task::spawn_blocking(move || Index::recipes(&folder)).await;
        for (path, blob) in recipes.unwrap_or_default() {
            if let Ok(None) = self.blobs.size(blob).await {
                tokio::fs::remove_file(&path).await.ok();
            }
        }
    }
}

/// Removes parts that were not written for a day.
fn remove_old(folder: &std::path::Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_part = |extension: &str| matches!(extension, "part" | "json" | "new");
    for path in entries.map(|entry| entry.path()) {
        let written = path.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = written.and_then(|at| SystemTime::now().duration_since(at).ok());
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if of_part(extension) && age.is_some_and(|age| age > UPLOAD_KEPT) {
            std::fs::remove_file(&path).ok();
        }
    }
}

const OTHER_FILE: &str = "the file has another SHA-256";

fn is_other_file(error: &io::Error) -> bool {
    error.to_string() == OTHER_FILE
}

/// A file's bytes, which end in an error unless their hash is the wanted one.
fn checked(
    mut file: tokio::fs::File,
    want: Sha256,
) -> impl futures_lite::Stream<Item = io::Result<Bytes>> + Send {
    async_stream::try_stream! {
        let mut hasher = Hasher::new();
        loop {
            let mut piece = vec![0; READ_AT_ONCE];
            let length = file.read(&mut piece).await?;
            if length == 0 {
                break;
            }
            piece.truncate(length);
            hasher.update(&piece);
            yield Bytes::from(piece);
        }
        if Sha256::from(hasher.finalize()) != want {
            Err(io::Error::other(OTHER_FILE))?;
        }
    }
}
