//! Which files and chunks are here already, and where.
//!
//! What a user sent counts for that user alone: nobody finds out by asking whether another one has a
//! file, and nobody gets a part of it by naming its hash.
//!
//! Each file that arrived leaves a recipe on the disk, which is read when the manager starts: one line
//! of JSON, then 36 bytes for each chunk: its SHA-256 and, little-endian, its length.

use super::Sha256;
use candela_core::id::BlobHash;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Chunks that are remembered: about 60 MB.
const CHUNKS_MAX: usize = 1_000_000;

const CHUNK_RECORD: usize = 36;

/// The first line of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    owner: String,
    sha256: String,
    blob: String,
    bytes: u64,
}

/// A place in a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    blob: u32,
    offset: u64,
    bytes: u32,
}

/// Who sent what, in 16 bytes.
type Key = [u8; 16];

fn key(owner: &str, sha256: &Sha256) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(sha256).update(owner.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

/// What is to be written of a file that arrived.
pub(crate) struct Recipe {
    path: PathBuf,
    head: Head,
    chunks: Vec<(Sha256, u64)>,
}

impl Recipe {
    /// Writes it, as a whole or not at all.
    pub(crate) async fn write(self) -> io::Result<()> {
        let mut recipe = serde_json::to_vec(&self.head)?;
        recipe.push(b'\n');
        for (hash, length) in &self.chunks {
            recipe.extend_from_slice(hash);
            recipe.extend_from_slice(&u32::try_from(*length).unwrap_or(u32::MAX).to_le_bytes());
        }
        let beside = self.path.with_extension("new");
        tokio::fs::write(&beside, recipe).await?;
        tokio::fs::rename(beside, self.path).await
    }
}

/// What is here.
#[derive(Debug, Default)]
pub(crate) struct Index {
    folder: PathBuf,
    files: HashMap<Key, (BlobHash, u64)>,
    chunks: HashMap<Key, Place>,
    blobs: Vec<BlobHash>,
}

impl Index {
    /// Reads the recipes of a folder, the newest first.
    pub(crate) fn load(folder: &Path) -> Index {
        let mut index = Index { folder: folder.to_owned(), ..Index::default() };
        let mut recipes: Vec<_> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let recipe = path.extension().is_some_and(|extension| extension == "recipe");
                recipe.then(|| (path.metadata().and_then(|m| m.modified()).ok(), path))
            })
            .collect();
        recipes.sort_by(|a, b| b.cmp(a));
        for (_, path) in recipes {
            if index.chunks.len() >= CHUNKS_MAX {
                break;
            }
            let read = std::fs::read(&path).and_then(|recipe| index.read(&recipe));
            if let Err(error) = read {
                tracing::warn!(path = %path.display(), %error, "a recipe can't be read");
            }
        }
        index
    }

    fn read(&mut self, recipe: &[u8]) -> io::Result<()> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let end = recipe.iter().position(|b| *b == b'\n').ok_or_else(|| wrong("it has no head"))?;
        let head: Head = serde_json::from_slice(&recipe[..end])?;
        let blob = head.blob.parse().map_err(|_| wrong("it names no blob"))?;
        let sha256 = hash_of(&head.sha256).ok_or_else(|| wrong("it names no file"))?;
        let mut chunks = Vec::new();
        let (records, rest) = recipe[end + 1..].as_chunks::<CHUNK_RECORD>();
        if !rest.is_empty() {
            return Err(wrong("it ends too early"));
        }
        for record in records {
            let (hash, length) = record.split_at(32);
            let hash: Sha256 = hash.try_into().map_err(|_| wrong("a chunk has no hash"))?;
            let length = length.try_into().map_err(|_| wrong("a chunk has no length"))?;
            chunks.push((hash, u64::from(u32::from_le_bytes(length))));
        }
        self.note(&head.owner, &sha256, blob, head.bytes, &chunks);
        Ok(())
    }

    fn note(
        &mut self,
        owner: &str,
        sha256: &Sha256,
        blob: BlobHash,
        bytes: u64,
        chunks: &[(Sha256, u64)],
    ) {
        self.files.insert(key(owner, sha256), (blob, bytes));
        if self.chunks.len() + chunks.len() > CHUNKS_MAX {
            // Begins anew; who sends an older file again sends all of it once.
            self.chunks.clear();
            self.blobs.clear();
        }
        let Ok(number) = u32::try_from(self.blobs.len()) else { return };
        self.blobs.push(blob);
        let mut offset = 0;
        for (hash, length) in chunks {
            if let Ok(bytes) = u32::try_from(*length) {
                self.chunks.insert(key(owner, hash), Place { blob: number, offset, bytes });
            }
            offset += length;
        }
    }

    /// A file arrived: it is known from now on; to later processes, once its recipe is written.
    pub(crate) fn add(
        &mut self,
        owner: &str,
        sha256: &Sha256,
        blob: BlobHash,
        bytes: u64,
        chunks: &[(Sha256, u64)],
    ) -> Recipe {
        self.note(owner, sha256, blob, bytes, chunks);
        let name = HEXLOWER.encode(&key(owner, sha256));
        let path = self.folder.join(format!("{name}.recipe"));
        let sha256 = BlobHash(*sha256).to_string();
        let head = Head { owner: owner.to_owned(), sha256, blob: blob.to_string(), bytes };
        Recipe { path, head, chunks: chunks.to_vec() }
    }

    /// The blob of a file that the owner sent before.
    pub(crate) fn file(&self, owner: &str, sha256: &Sha256, bytes: u64) -> Option<BlobHash> {
        let (blob, length) = self.files.get(&key(owner, sha256))?;
        (*length == bytes).then_some(*blob)
    }

    /// Where a chunk is that the owner sent before.
    pub(crate) fn chunk(
        &self,
        owner: &str,
        sha256: &Sha256,
        bytes: u64,
    ) -> Option<(BlobHash, Range<u64>)> {
        let place = self.chunks.get(&key(owner, sha256))?;
        let blob = self.blobs.get(place.blob as usize)?;
        (u64::from(place.bytes) == bytes).then(|| (*blob, place.offset..place.offset + bytes))
    }

    /// Recipes by the blobs that they are of, for letting go of those whose blob is gone.
    pub(crate) fn recipes(folder: &Path) -> Vec<(PathBuf, BlobHash)> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let blob_of = |path: &Path| -> Option<BlobHash> {
            let recipe = std::fs::read(path).ok()?;
            let end = recipe.iter().position(|b| *b == b'\n')?;
            serde_json::from_slice::<Head>(&recipe[..end]).ok()?.blob.parse().ok()
        };
        let paths = entries.map(|entry| entry.path());
        let recipes = paths.filter(|path| path.extension().is_some_and(|e| e == "recipe"));
        recipes.filter_map(|path| blob_of(&path).map(|blob| (path, blob))).collect()
    }
}

/// A SHA-256 in 64 hexadecimal digits.
pub(crate) fn hash_of(text: &str) -> Option<Sha256> {
    // Ids and hashes are written alike.
    text.parse::<BlobHash>().ok().map(|hash| hash.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_sent_is_known_to_its_sender_alone_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = Index::load(folder.path());
        let (file, a, b, blob) = ([1; 32], [2; 32], [3; 32], BlobHash([9; 32]));
        index.add("ada", &file, blob, 30, &[(a, 10), (b, 20)]).write().await.unwrap();
        for index in [index, Index::load(folder.path())] {
            assert_eq!(index.file("ada", &file, 30), Some(blob));
            assert_eq!(index.file("ada", &file, 31), None);
            assert_eq!(index.file("bob", &file, 30), None);
            assert_eq!(index.chunk("ada", &a, 10), Some((blob, 0..10)));
            assert_eq!(index.chunk("ada", &b, 20), Some((blob, 10..30)));
            assert_eq!(index.chunk("ada", &b, 10), None);
            assert_eq!(index.chunk("bob", &b, 20), None);
        }
        assert_eq!(Index::recipes(folder.path()).len(), 1);
    }

    #[tokio::test]
    async fn damaged_recipes_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let chunks = [([2; 32], 5)];
        let recipe = Index::load(folder.path()).add("ada", &[1; 32], BlobHash([9; 32]), 5, &chunks);
        recipe.write().await.unwrap();
        let recipe = Index::recipes(folder.path()).remove(0).0;
        let whole = std::fs::read(&recipe).unwrap();
        for cut in [0, 3, whole.len() - 1] {
            std::fs::write(&recipe, &whole[..cut]).unwrap();
            assert_eq!(Index::load(folder.path()).file("ada", &[1; 32], 5), None, "cut at {cut}");
        }
    }
}
