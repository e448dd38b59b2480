//! Uploaded blobs are kept until a job uses them, and not for ever: the name of the pin says until when.

use super::UploadBook;
use crate::limits::{UPLOAD_KEPT, UPLOAD_SWEEP};
use candela_blobs::Blobs;
use candela_core::time::Time;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

const PREFIX: &str = "upload/";

/// Time of day for what the interface itself decides.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A pin that lasts for [`UPLOAD_KEPT`] from `now`. Of the same thing in the same hour there is one.
pub(crate) fn pin(what: impl std::fmt::Display, now: Time) -> String {
    let kept_ms = u64::try_from(UPLOAD_KEPT.as_millis()).unwrap_or(u64::MAX);
    let until_h = now.plus_ms(kept_ms).0.div_ceil(3_600_000);
    format!("{PREFIX}{until_h:010}/{what}")
}

fn is_over(pin: &str, now: Time) -> bool {
    let until_h = pin.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
    let until_h = until_h.and_then(|(until_h, _)| until_h.parse::<u64>().ok());
    until_h.is_none_or(|until_h| until_h.saturating_mul(3_600_000) < now.0)
}

/// Lets go of uploads whose time is over, again and again.
pub(crate) async fn sweep_for_ever(blobs: Blobs, book: Arc<UploadBook>) {
    loop {
        if let Err(error) = sweep(&blobs, now()).await {
            tracing::warn!(error = &error as &dyn Error, "uploads could not be tidied up");
        }
        book.sweep().await;
        tokio::time::sleep(UPLOAD_SWEEP).await;
    }
}

async fn sweep(blobs: &Blobs, now: Time) -> Result<(), candela_blobs::BlobError> {
    for pin in blobs.pins(PREFIX).await? {
        if is_over(&pin.name, now) {
            blobs.unpin(&pin.name).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_last_for_their_time() {
        let start = Time(1_700_000_000_000);
        let pin = pin("abc", start);
        let kept_ms = UPLOAD_KEPT.as_millis() as u64;
        assert!(!is_over(&pin, start));
        assert!(!is_over(&pin, start.plus_ms(kept_ms)));
        assert!(is_over(&pin, start.plus_ms(kept_ms + 3_600_001)));
        assert!(is_over("upload/what", start));
    }
}
