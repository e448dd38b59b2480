//! Why bytes could not be decoded.

use candela_core::refusal::{Refusal, RefusalCode};

/// Bytes were not what they should have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than are allowed.
    #[error("a {kind} of {bytes} bytes is above the limit of {bytes_max}")]
    TooLarge {
        /// What was decoded.
        kind: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Written by a newer program, or not what it was taken for.
    #[error("a {kind} of version {version} isn't known here")]
    VersionUnknown {
        /// What was decoded.
        kind: &'static str,
        /// The version that it says.
        version: u8,
    },
    /// Damaged, cut off, or not what it was taken for.
    #[error("can't read a {kind}")]
    Malformed {
        /// What was decoded.
        kind: &'static str,
        /// What postcard says.
        source: postcard::Error,
    },
    /// Too few or too many bytes after the part that says how many there should be.
    #[error("a {kind} has {bytes} bytes where it should have {expected}")]
    WrongLength {
        /// What was decoded.
        kind: &'static str,
        /// The length that is there.
        bytes: usize,
        /// The length that should be.
        expected: usize,
    },
    /// Well formed, and out of the limits.
    #[error("a {kind} is out of its limits")]
    NotAllowed {
        /// What was decoded.
        kind: &'static str,
        /// What is wrong with it.
        source: Refusal,
    },
}

impl From<DecodeError> for Refusal {
    /// What the sender is told.
    fn from(error: DecodeError) -> Refusal {
        let code = match &error {
            DecodeError::TooLarge { .. } => RefusalCode::TooLarge,
            DecodeError::VersionUnknown { .. } => RefusalCode::VersionMismatch,
            DecodeError::Malformed { .. } | DecodeError::WrongLength { .. } => {
                RefusalCode::MessageNotAllowed
            }
            DecodeError::NotAllowed { source, .. } => return source.clone(),
        };
        Refusal::new(code, error.to_string())
    }
}
