//! Why a session ended, as both sides can read it.

use crate::limits::REASON_BYTES_MAX;
use iroh::endpoint::{ConnectionError, VarInt};

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The side that closed had nothing more to say.
    #[error("done")]
    Normal,
    /// A message was longer than [`crate::limits::MESSAGE_BYTES_MAX`].
    #[error("a message was too large")]
    TooLarge,
    /// The rules say no; the text tells why.
    #[error("refused: {0}")]
    Refused(String),
    /// The same node opened a newer session.
    #[error("replaced by a newer session of the same node")]
    Replaced,
    /// The side that closed is shutting down; dial another manager or come back later.
    #[error("the node is shutting down")]
    Shutdown,
    /// Too many sessions, of this node or in all; come back later.
    #[error("too many sessions, try again later")]
    Busy,
    /// The bytes were not a session's.
    #[error("the peer broke the session protocol")]
    Protocol,
    /// Nobody closed it: the peer fell silent, or the connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
}

impl CloseReason {
    /// The code on the wire. Codes are never used again for something else; 0 is what iroh itself
    /// sends when an endpoint is closed.
    fn code(&self) -> u32 {
        match self {
            CloseReason::Shutdown => 0,
            CloseReason::Normal => 1,
            CloseReason::TooLarge => 2,
            CloseReason::Refused(_) => 3,
            CloseReason::Replaced => 4,
            CloseReason::Busy => 5,
            CloseReason::Protocol | CloseReason::Lost(_) => 6,
        }
    }

    /// Code and text for the wire.
    pub(crate) fn to_wire(&self) -> (VarInt, Vec<u8>) {
        let text = match self {
            CloseReason::Refused(text) => cut(text, REASON_BYTES_MAX),
            _ => "",
        };
        (VarInt::from_u32(self.code()), text.as_bytes().to_vec())
    }

    /// What a peer's code and text mean.
    pub(crate) fn from_wire(code: u64, text: &[u8]) -> Self {
        match code {
            0 => CloseReason::Shutdown,
            1 => CloseReason::Normal,
            2 => CloseReason::TooLarge,
            3 => CloseReason::Refused(readable(text)),
            4 => CloseReason::Replaced,
            5 => CloseReason::Busy,
            6 => CloseReason::Protocol,
            _ => CloseReason::Lost(format!("closed with the unknown code {code}")),
        }
    }

    /// What the end of a connection means; `ours` is the reason we gave, if we closed it.
    pub(crate) fn from_connection(error: &ConnectionError, ours: Option<CloseReason>) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                CloseReason::from_wire(close.error_code.into_inner(), &close.reason)
            }
            ConnectionError::LocallyClosed => ours.unwrap_or(CloseReason::Shutdown),
            ConnectionError::TimedOut => CloseReason::Lost("no sign of life".into()),
            ConnectionError::Reset => CloseReason::Lost("the peer has restarted".into()),
            other => CloseReason::Lost(readable(other.to_string().as_bytes())),
        }
    }
}

/// A stranger's text, fit for a log line.
fn readable(text: &[u8]) -> String {
    let text = &text[..text.len().min(REASON_BYTES_MAX)];
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).collect()
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_survive_the_wire() {
        let refused = CloseReason::Refused("the ticket has expired".into());
        for reason in [
            CloseReason::Normal,
            CloseReason::TooLarge,
            refused,
            CloseReason::Replaced,
            CloseReason::Shutdown,
            CloseReason::Busy,
            CloseReason::Protocol,
        ] {
            let (code, text) = reason.to_wire();
            assert_eq!(CloseReason::from_wire(code.into_inner(), &text), reason);
        }
    }

    #[test]
    fn texts_are_cut_between_characters_and_cleaned() {
        let (_, text) = CloseReason::Refused("é".repeat(REASON_BYTES_MAX)).to_wire();
        assert!(text.len() <= REASON_BYTES_MAX && String::from_utf8(text).is_ok());
        let hostile = CloseReason::from_wire(3, b"\x1b[2Jgone\n\xff");
        assert_eq!(hostile, CloseReason::Refused("[2Jgone\u{fffd}".into()));
    }
}
