//! The form of strings that people copy and that hold a secret: tickets and tokens.
//!
//! A prefix, a digit for the version and, in lowercase base32, the body and four bytes of its BLAKE3
//! hash, so that a damaged one is told from a wrong one before anybody is asked.

use data_encoding::BASE32_NOPAD;

const CHECK_BYTES: usize = 4;

/// A kind of such strings.
pub(crate) struct Form {
    /// How each begins.
    pub(crate) prefix: &'static str,
    /// The version that is written and read.
    pub(crate) version: char,
    /// For the hash: no string of one kind passes for another.
    pub(crate) context: &'static str,
    /// Longest text that is looked at.
    pub(crate) chars_max: usize,
}

/// Why a text is not of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Something else.
    Kind,
    /// Of another version.
    Version(char),
    /// Characters are missing, too many or wrong.
    Damaged,
}

impl Form {
    /// The string of a body.
    pub(crate) fn write(&self, body: &[u8]) -> String {
        let bytes = [body, &self.check(body)].concat();
        format!("{}{}{}", self.prefix, self.version, BASE32_NOPAD.encode(&bytes).to_lowercase())
    }

    /// The body of a string; white space around it and capital letters don't matter.
    pub(crate) fn read(&self, text: &str) -> Result<Vec<u8>, Wrong> {
        let text = text.trim();
        if text.len() > self.chars_max {
            return Err(Wrong::Kind);
        }
        let text = text.to_ascii_lowercase();
        let mut rest = text.strip_prefix(self.prefix).ok_or(Wrong::Kind)?.chars();
        match rest.next() {
            Some(version) if version == self.version => {}
            Some(other) if other.is_ascii_digit() => return Err(Wrong::Version(other)),
            _ => return Err(Wrong::Kind),
        }
        let body = rest.as_str().to_ascii_uppercase();
        let bytes = BASE32_NOPAD.decode(body.as_bytes()).map_err(|_| Wrong::Damaged)?;
        let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(Wrong::Damaged)?;
        if *check == self.check(body) { Ok(body.to_vec()) } else { Err(Wrong::Damaged) }
    }

    fn check(&self, body: &[u8]) -> [u8; CHECK_BYTES] {
        let hash = blake3::derive_key(self.context, body);
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&hash[..CHECK_BYTES]);
        check
    }
}
