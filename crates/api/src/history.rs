//! What was accepted and rejected, minute by minute, for as long as this manager leads.

use crate::desk::Desk;
use crate::limits::HISTORY_MINUTES;
use crate::uploads::now;
use candela_core::farm::Farm;
use candela_core::task::ReceiptStatus;
use candela_wire::api::NetworkMinute;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The last minutes.
#[derive(Debug, Default)]
pub(crate) struct History {
    minutes: Mutex<VecDeque<NetworkMinute>>,
}

/// Receipts that were ever accepted and rejected, of jobs that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sums {
    accepted: u64,
    rejected: u64,
}

impl Sums {
    fn of(farm: &Farm) -> Sums {
        let mut sums = Sums { accepted: 0, rejected: 0 };
        for receipt in farm.jobs().flat_map(|job| farm.receipts(job.id)) {
            match receipt.status {
                ReceiptStatus::Accepted => sums.accepted += 1,
                ReceiptStatus::Rejected => sums.rejected += 1,
                _ => {}
            }
        }
        sums
    }
}

impl History {
    /// The minutes, the oldest first.
    pub(crate) fn minutes(&self) -> Vec<NetworkMinute> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Counts each minute.
    pub(crate) async fn count_for_ever(self: Arc<Self>, desk: Desk) {
        let mut before = None;
        let mut next = tokio::time::interval(MINUTE);
        next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            next.tick().await;
            if desk.manager().is_some_and(|manager| !manager.leads()) {
                before = None;
                self.minutes.lock().unwrap_or_else(PoisonError::into_inner).clear();
                continue;
            }
            let Ok(sums) = desk.read(Sums::of).await else { continue };
            if let Some(before) = before.replace(sums) {
                self.note(before, sums);
            }
        }
    }

    /// A minute is over. Jobs may have been forgotten in it, so a sum may be smaller than before.
    fn note(&self, before: Sums, after: Sums) {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.len() >= HISTORY_MINUTES {
            minutes.pop_front();
        }
        minutes.push_back(NetworkMinute {
            at_ms: now().0.saturating_sub(60_000),
            frames_accepted: after.accepted.saturating_sub(before.accepted),
            receipts_rejected: after.rejected.saturating_sub(before.rejected),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_nothing_is_negative() {
        let history = History::default();
        let sums = |accepted, rejected| Sums { accepted, rejected };
        history.note(sums(5, 1), sums(3, 1));
        assert_eq!(history.minutes()[0].frames_accepted, 0);
        for n in 0..70 {
            history.note(sums(n, 0), sums(n + 2, 1));
        }
        let minutes = history.minutes();
        assert_eq!(minutes.len(), HISTORY_MINUTES);
        assert!(minutes.iter().all(|m| (m.frames_accepted, m.receipts_rejected) == (2, 1)));
    }
}
