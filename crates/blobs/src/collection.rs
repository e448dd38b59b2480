//! Collections: names for blobs, checked so that they can become files in a folder anywhere.
//!
//! The stored form is iroh-blobs' own (a sequence of hashes whose first is the list of names), so
//! that a pinned collection keeps its blobs.

use crate::error::{BlobError, store};
use crate::limits;
use crate::store::{Blobs, core_hash, iroh_hash};
use candela_core::id::BlobHash;
use iroh_blobs::HashAndFormat;
use iroh_blobs::format::collection::Collection as Stored;
use std::collections::HashSet;

/// Bytes of one hash in a stored collection.
const HASH_BYTES: u64 = 32;

/// Ordered names → blobs. Holding one means that its names were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    entries: Vec<(String, BlobHash)>,
}

/// Why something is not a collection that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectionError {
    /// It holds more than we take.
    #[error(
        "it has more than {} entries or too long a list of names",
        limits::COLLECTION_ENTRIES_MAX
    )]
    TooMany,
    /// A name could lead out of its folder, or can't be a file everywhere.
    #[error("the name {name:?} {rule}")]
    Name {
        /// The name, cut.
        name: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// The bytes are not in the form of a collection.
    #[error("its bytes are not those of a collection")]
    Form,
}

impl Collection {
    /// Checks the names and makes a collection of them, in the order given.
    ///
    /// Names are relative, with `/` between their parts; no part is empty, `.` or `..`; no two
    /// names are equal or differ in case only, and none is the folder of another.
    ///
    /// # Errors
    /// With the first name that breaks a rule.
    pub fn new(entries: Vec<(String, BlobHash)>) -> Result<Self, CollectionError> {
        let bytes: usize = entries.iter().map(|(name, _)| name.len()).sum();
        if entries.len() > limits::COLLECTION_ENTRIES_MAX || bytes as u64 > limits::NAMES_BYTES_MAX
        {
            return Err(CollectionError::TooMany);
        }
        let refused = |name: &str, rule| CollectionError::Name {
            name: name.chars().take(120).collect(),
            rule,
        };
        let mut files = HashSet::new();
        for (name, _) in &entries {
            if let Some(rule) = broken_rule(name) {
                return Err(refused(name, rule));
            }
            if !files.insert(name.to_lowercase()) {
                return Err(refused(name, "is there twice, or differs from another in case only"));
            }
        }
        for name in &files {
            for (end, _) in name.match_indices('/') {
                if files.contains(&name[..end]) {
                    return Err(refused(&name[..end], "is a file and a folder"));
                }
            }
        }
        Ok(Collection { entries })
    }

    /// The names and their blobs, in order.
    #[must_use]
    pub fn entries(&self) -> &[(String, BlobHash)] {
        &self.entries
    }

    /// The blob with that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<BlobHash> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, hash)| *hash)
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > limits::NAME_BYTES_MAX {
        return Some("is too long");
    }
    if name.contains('\\') {
        return Some("has a backslash");
    }
    if name.chars().any(char::is_control) {
        return Some("has control characters");
    }
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        return Some("starts with a drive");
    }
    name.split('/').find_map(|part| match part {
        "" => Some("is absolute, or has an empty part"),
        "." | ".." => Some("has a part that leads elsewhere"),
        part if part.len() > limits::NAME_PART_BYTES_MAX => Some("has too long a part"),
        _ => None,
    })
}

impl Blobs {
    /// Stores a collection and pins it, so that its blobs stay; returns its name, the hash.
    ///
    /// Its blobs need not be here yet.
    ///
    /// # Errors
    /// When the store fails or is full.
    pub async fn store_collection(
        &self,
        collection: &Collection,
        pin: &str,
    ) -> Result<BlobHash, BlobError> {
        let entries = collection.entries.iter();
        let stored: Stored = entries.map(|(name, hash)| (name.clone(), iroh_hash(*hash))).collect();
        let import = self.import();
        let tag =
            stored.store(self.store()).await.map_err(store("storing a collection for", pin))?;
        import.done();
        self.set_pin(pin, HashAndFormat::hash_seq(tag.hash())).await?;
        Ok(core_hash(tag.hash()))
    }

    /// Reads a collection that is here; its blobs need not be.
    ///
    /// # Errors
    /// When it is not here, or not a collection with names that we take.
    pub async fn load_collection(&self, hash: BlobHash) -> Result<Collection, BlobError> {
        let refused = |source| BlobError::Collection { hash, source };
        let (_, names) = self.collection_head(hash).await?;
        let bytes = self.size(names).await?.ok_or(BlobError::Missing { hash: names })?;
        if bytes > names_blob_bytes_max() {
            return Err(refused(CollectionError::TooMany));
        }
        let stored = Stored::load(iroh_hash(hash), self.store()).await;
        let stored = stored.map_err(|_| refused(CollectionError::Form))?;
        let entries = stored.into_iter().map(|(name, hash)| (name, core_hash(hash))).collect();
        Collection::new(entries).map_err(refused)
    }

    /// The blobs that a collection consists of: its own, that of its names, and those it names.
    ///
    /// # Errors
    /// When it is not here, or not a collection.
    pub async fn collection_blobs(&self, hash: BlobHash) -> Result<Vec<BlobHash>, BlobError> {
        self.collection_head(hash).await?;
        let root = self.read(hash, root_bytes_max()).await?;
        let named =
            root.chunks_exact(HASH_BYTES as usize).filter_map(|bytes| bytes.try_into().ok());
        Ok(std::iter::once(hash).chain(named.map(BlobHash)).collect())
    }

    /// Number of entries of a collection, and the blob with their names.
    pub(crate) async fn collection_head(
        &self,
        hash: BlobHash,
    ) -> Result<(u64, BlobHash), BlobError> {
        let refused = |source| BlobError::Collection { hash, source };
        let bytes = self.size(hash).await?.ok_or(BlobError::Missing { hash })?;
        if bytes > root_bytes_max() {
            return Err(refused(CollectionError::TooMany));
        }
        if bytes < HASH_BYTES || !bytes.is_multiple_of(HASH_BYTES) {
            return Err(refused(CollectionError::Form));
        }
        let first = self.read_range(hash, 0..HASH_BYTES).await?;
        let first = <[u8; 32]>::try_from(&*first).map_err(|_| refused(CollectionError::Form))?;
        Ok((bytes / HASH_BYTES - 1, BlobHash(first)))
    }
}

/// Longest stored sequence of hashes that we take.
pub(crate) fn root_bytes_max() -> u64 {
    HASH_BYTES * (limits::COLLECTION_ENTRIES_MAX as u64 + 1)
}

/// Longest stored list of names that we take: the names, a length before each, and the header.
pub(crate) fn names_blob_bytes_max() -> u64 {
    limits::NAMES_BYTES_MAX + 4 * limits::COLLECTION_ENTRIES_MAX as u64 + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str]) -> Result<Collection, CollectionError> {
        Collection::new(names.iter().map(|name| ((*name).into(), BlobHash([0; 32]))).collect())
    }

    #[test]
    fn hostile_names_are_refused() {
        let long_part = "x".repeat(256);
        let long = "x/".repeat(600) + "x";
        for names in [
            &["/etc/passwd"][..],
            &["../up"],
            &["a/../../up"],
            &["a/.."],
            &["."],
            &["a/./b"],
            &["a//b"],
            &["a/"],
            &[""],
            &["a\\b"],
            &["C:/a"],
            &["c:a"],
            &["a\nb"],
            &["a\0b"],
            &["a\u{7f}"],
            &[&long_part],
            &[&long],
            &["a", "a"],
            &["Tex/a.png", "tex/A.PNG"],
            &["a", "a/b"],
            &["A/b", "a"],
        ] {
            assert!(check(names).is_err(), "{names:?}");
        }
    }

    #[test]
    fn ordinary_names_are_taken() {
        let names =
            ["scene.blend", "textures/wood.png", "textures/Ümlaut 2.exr", "..hidden", "a.b/.c"];
        let collection = check(&names).unwrap();
        assert_eq!(collection.entries().len(), names.len());
        assert!(collection.get("scene.blend").is_some() && collection.get("nothing").is_none());
        assert!(check(&[]).is_ok());
    }
}
