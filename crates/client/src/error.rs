//! What can go wrong between a user and a manager.

use candela_wire::api::RefusalInfo;
use std::io;
use std::path::PathBuf;

/// A call to the manager came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The manager says no, and why.
    #[error("{refusal}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why, and what to change.
        refusal: RefusalInfo,
    },
    /// No manager answers there.
    #[error("no manager answers at {url}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why it failed.
        source: reqwest::Error,
    },
    /// A manager answers there, but nothing of an upload goes on.
    #[error("an upload to {url} stands still for {silent_s} s")]
    Stalled {
        /// Where to.
        url: String,
        /// For how long it was waited.
        silent_s: u64,
    },
    /// What answers there is not a manager, or one of another version.
    #[error("what answers at {url} is not understood: {what}")]
    Protocol {
        /// Who answered.
        url: String,
        /// What was wrong.
        what: String,
    },
    /// The manager's address can't be used.
    #[error("{text:?} is not a manager's address: {what}")]
    Address {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// The file system said no.
    #[error("{step} {}", path.display())]
    File {
        /// What was being done: `reading`, `writing`, …
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bytes that came are not those that were promised.
    #[error("{what} has the hash {got}, and not {want} as it should")]
    Damaged {
        /// Which output or file.
        what: String,
        /// The hash that was promised.
        want: String,
        /// The hash of what came.
        got: String,
    },
}

impl ClientError {
    /// The refusal's stable code, if it is a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            ClientError::Refused { refusal, .. } => Some(&refusal.code),
            _ => None,
        }
    }

    /// What to change, if somebody knows.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            ClientError::Refused { refusal, .. } => refusal.hint.as_deref(),
            ClientError::Unreachable { .. } => {
                Some("start one with `candela manager`, or name its address with --manager")
            }
            _ => None,
        }
    }

    /// Whether the same call may succeed a moment later without any change.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            ClientError::Refused { status, .. } => matches!(status, 429 | 502..=504),
            ClientError::Unreachable { .. } | ClientError::Stalled { .. } => true,
            _ => false,
        }
    }
}
