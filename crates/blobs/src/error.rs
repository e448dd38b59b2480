//! What can go wrong with blobs.

use crate::collection::CollectionError;
use candela_core::id::{BlobHash, NodeId};
use std::error::Error;
use std::fmt;
use std::io;

pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// Why one provider did not deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFailure {
    /// The provider.
    pub node: NodeId,
    /// The last thing that went wrong with it.
    pub reason: String,
    /// Whether it answered at all.
    pub answered: bool,
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node.short(), self.reason)
    }
}

/// A step with blobs that did not work.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk or the quota is full. Free space and try again: nothing whole was lost.
    #[error("the storage is full, while {step} {object}")]
    StorageFull {
        /// What was being done.
        step: &'static str,
        /// To what.
        object: String,
        /// What the system said.
        source: Source,
    },
    /// The blob, or the asked part of it, is not in this store.
    #[error("blob {hash} is not here, or not whole")]
    Missing {
        /// The blob.
        hash: BlobHash,
    },
    /// The blob is larger than the caller takes.
    #[error("blob {hash} has {bytes} bytes, at most {max} are taken")]
    TooLarge {
        /// The blob or collection.
        hash: BlobHash,
        /// Its size; for a collection the size known when it went over.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// An upload is longer than the caller takes.
    #[error("the upload is longer than {max} bytes")]
    StreamTooLarge {
        /// The limit.
        max: u64,
    },
    /// An upload broke off.
    #[error("the upload broke off")]
    StreamBroken {
        /// Why.
        source: io::Error,
    },
    /// What was added is not what was announced.
    #[error("expected blob {expected}, but the bytes are blob {got}")]
    WrongHash {
        /// What was announced.
        expected: BlobHash,
        /// What came.
        got: BlobHash,
    },
    /// A range does not lie within the blob, or too much was asked for at once.
    #[error("bytes {start}..{end} can't be read from blob {hash} of {bytes} bytes")]
    Range {
        /// The blob.
        hash: BlobHash,
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Size of the blob.
        bytes: u64,
    },
    /// The blob is not a collection, or one with names that are not safe.
    #[error("blob {hash} is not a usable collection")]
    Collection {
        /// The blob.
        hash: BlobHash,
        /// What is wrong with it.
        source: CollectionError,
    },
    /// The name of a pin is empty or too long.
    #[error("{name:?} can't be the name of a pin")]
    PinName {
        /// The name, cut.
        name: String,
    },
    /// No provider delivered.
    #[error("no provider delivered blob {hash}{}", listed(.failures))]
    NoProvider {
        /// The blob.
        hash: BlobHash,
        /// Each provider's last failure; empty if there was none to ask.
        failures: Vec<ProviderFailure>,
    },
    /// The fetch took longer than the caller allows; what came is kept for the next attempt.
    #[error("fetching blob {hash} took longer than {allowed_ms} ms")]
    TimedOut {
        /// The blob or collection.
        hash: BlobHash,
        /// The limit.
        allowed_ms: u64,
    },
    /// A file or folder could not be used.
    #[error("{step} {object}")]
    File {
        /// What was being done.
        step: &'static str,
        /// The path.
        object: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The store failed.
    #[error("{step} {object}")]
    Store {
        /// What was being done.
        step: &'static str,
        /// To what.
        object: String,
        /// Why it failed.
        source: Source,
    },
}

fn listed(failures: &[ProviderFailure]) -> String {
    let Some((first, rest)) = failures.split_first() else {
        return ": there is nobody to ask".into();
    };
    rest.iter().fold(format!(" ({first}"), |text, failure| format!("{text}; {failure}")) + ")"
}

/// Makes a store's failure ours, for `map_err`.
pub(crate) fn store<E>(step: &'static str, object: impl ToString) -> impl FnOnce(E) -> BlobError
where
    E: Error + Send + Sync + 'static,
{
    let object = object.to_string();
    move |error| {
        if is_full(&error) {
            BlobError::StorageFull { step, object, source: error.into() }
        } else {
            BlobError::Store { step, object, source: error.into() }
        }
    }
}

/// Makes a file's failure ours, for `map_err`.
pub(crate) fn file(
    step: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(io::Error) -> BlobError {
    let object = path.display().to_string();
    move |source| {
        if io_is_full(&source) {
            BlobError::StorageFull { step, object, source: source.into() }
        } else {
            BlobError::File { step, object, source }
        }
    }
}

/// Whether a full disk or quota is anywhere in the chain of causes.
pub(crate) fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(io_is_full) {
            return true;
        }
        next = error.source();
    }
    // Some layers of the store keep only the text of their cause.
    let text = format!("{error:?}");
    text.contains("StorageFull") || text.contains("No space left on device")
}

fn io_is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || error.get_ref().is_some_and(|inner| is_full(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_seen_through_layers() {
        let full = || io::Error::from_raw_os_error(28);
        assert!(is_full(&full()));
        assert!(is_full(&io::Error::other(full())));
        assert!(is_full(&io::Error::other(io::Error::other(full()))));
        assert!(is_full(&iroh_blobs::api::Error::from(
            iroh_blobs::api::RequestError::from(full())
        )));
        assert!(is_full(&iroh_blobs::api::RequestError::from(full())));
        assert!(!is_full(&io::Error::from_raw_os_error(13)));
        let error = store("adding", "x")(full());
        assert!(matches!(error, BlobError::StorageFull { .. }), "{error}");
    }
}
