//! What tickets and tokens have in common where they are listed and taken back.

use crate::units::span;
use anyhow::{Result, bail};
use std::time::{SystemTime, UNIX_EPOCH};

/// Digits of a number that are shown.
pub(super) const SHOWN: usize = 10;

/// The one number that begins so. `kind`: `ticket`, `token`.
pub(super) fn found(
    kind: &str,
    numbers: impl Iterator<Item = String>,
    start: &str,
) -> Result<String> {
    let start = start.trim().to_ascii_lowercase();
    if start.len() < 4 {
        bail!("{start:?} is too short; `candela {kind} list` shows the numbers");
    }
    let mut of = numbers.filter(|number| number.starts_with(&start));
    match (of.next(), of.next()) {
        (Some(number), None) => Ok(number),
        (None, _) => bail!("there is no {kind} {start}; `candela {kind} list` shows them"),
        (Some(_), Some(_)) => bail!("several {kind}s begin with {start}: give more of the number"),
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// How long ago something was made.
pub(super) fn age(made_at_ms: u64, now_ms: u64) -> String {
    format!("{} ago", length(made_at_ms, now_ms))
}

/// Whether something still lets anybody in.
pub(super) fn validity(revoked: bool, expires_at_ms: Option<u64>, now_ms: u64) -> String {
    match expires_at_ms {
        _ if revoked => "taken back".to_owned(),
        Some(at) if at <= now_ms => "expired".to_owned(),
        Some(at) => format!("for another {}", length(now_ms, at)),
        None => "valid".to_owned(),
    }
}

fn length(from_ms: u64, to_ms: u64) -> String {
    span(to_ms.saturating_sub(from_ms) as f64 / 1_000.0)
}
