//! What a node keeps for others, and for how long.
//!
//! Layers, outputs and evidence are pinned under names that begin with the second of their making.
//! The manager has pulled what it keeps long before the time is over.

use super::render::unix_s;
use candela_blobs::{BlobError, Blobs};
use std::time::Duration;

/// How long layers, outputs and evidence are kept: a day, for second opinions.
const KEPT_S: u64 = 24 * 3_600;

/// How often it is looked for what is too old.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Lets go of what is too old, from time to time, for as long as the node runs.
pub(super) async fn run(blobs: Blobs) {
    loop {
        match sweep(&blobs, unix_s()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old results were let go"),
            Err(error) => tracing::warn!(%error, "old results can't be let go"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn sweep(blobs: &Blobs, now_s: u64) -> Result<usize, BlobError> {
    let mut count = 0;
    for prefix in ["work/", "evidence/"] {
        for pin in blobs.pins(prefix).await? {
            if is_old(&pin.name, now_s) {
                blobs.unpin(&pin.name).await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Whether a pin `work/SECOND/…` or `evidence/SECOND/…` is too old.
fn is_old(name: &str, now_s: u64) -> bool {
    let made_s = name.split('/').nth(1).and_then(|second| second.parse::<u64>().ok());
    made_s.is_some_and(|made_s| made_s.saturating_add(KEPT_S) < now_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old() {
        let now_s = 1_000_000;
        assert!(is_old("work/913599/4/1/layers", now_s));
        assert!(!is_old("work/913600/4/1/layers", now_s));
        assert!(!is_old("work/2000000/4/1/layers", now_s), "a clock that was ahead");
        assert!(!is_old("work/layers", now_s));
    }

    #[tokio::test]
    async fn old_pins_go_and_young_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let blobs =
            Blobs::open(folder.path(), candela_blobs::OpenOptions::default()).await.unwrap();
        for pin in ["work/5/1/1/layers", "evidence/5/1", "work/900000/2/1/layers", "scene/5"] {
            blobs.add_bytes(pin.as_bytes().to_vec(), pin).await.unwrap();
        }
        assert_eq!(sweep(&blobs, 910_000).await.unwrap(), 2);
        let left: Vec<_> = blobs.pins("").await.unwrap().into_iter().map(|pin| pin.name).collect();
        assert_eq!(left, vec!["scene/5", "work/900000/2/1/layers"]);
        blobs.shutdown().await.unwrap();
    }
}
