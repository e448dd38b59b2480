//! What a node and a manager say to each other over a session.
//!
//! The version is part of the session's ALPN, so messages carry none: both sides speak the same
//! one or don't connect. A variant is only ever added at the end.

pub mod v1;

mod limits;
mod signed;

pub use signed::{report_bytes, statement_bytes};
pub use v1::*;

use crate::error::DecodeError;
use crate::limits::MESSAGE_BYTES_MAX;
use candela_core::refusal::Refusal;

/// Version of these messages, as [`Hello::protocol`] states it.
pub const PROTOCOL: u32 = 1;

/// A message of one direction of a session.
pub trait Message: serde::Serialize + serde::de::DeserializeOwned {
    /// What it is called in errors.
    const KIND: &'static str;

    /// Whether every limit is held; [`decode`] has checked it.
    ///
    /// # Errors
    /// A refusal that names the limit.
    fn check(&self) -> Result<(), Refusal>;
}

/// The bytes of a message. Texts (reasons, an engine's words) are cut to their limits.
#[must_use]
pub fn encode<T: Message>(message: &T) -> Vec<u8> {
    crate::mirror::to_bytes(Vec::new(), message)
}

/// The message of these bytes, within all limits.
///
/// # Errors
/// If it is too large, damaged, followed by more bytes, or out of its limits.
pub fn decode<T: Message>(bytes: &[u8]) -> Result<T, DecodeError> {
    let kind = T::KIND;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(DecodeError::TooLarge {
            kind,
            bytes: bytes.len(),
            bytes_max: MESSAGE_BYTES_MAX,
        });
    }
    let (message, rest) = postcard::take_from_bytes::<T>(bytes)
        .map_err(|source| DecodeError::Malformed { kind, source })?;
    if !rest.is_empty() {
        let expected = bytes.len() - rest.len();
        return Err(DecodeError::WrongLength { kind, bytes: bytes.len(), expected });
    }
    message.check().map_err(|source| DecodeError::NotAllowed { kind, source })?;
    Ok(message)
}
