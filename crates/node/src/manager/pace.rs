//! How quickly a node may speak: who says more waits, and only for itself.

use std::time::{Duration, Instant};

/// Messages that a node may say in a burst: all results of an hour without a manager.
const BURST: u32 = 2_000;

/// Messages per second after that. A node with all slots busy says a few; each costs the manager's
/// loop some microseconds.
const PER_SECOND: f64 = 200.0;

/// A bucket that fills with time and is emptied by messages.
#[derive(Debug)]
pub(crate) struct Pace {
    left: f64,
    filled_at: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Pace {
        Pace { left: f64::from(BURST), filled_at: now }
    }

    /// How long the node has to wait before this message is heard.
    pub(crate) fn wait(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.left = (self.left + since * PER_SECOND).min(f64::from(BURST)) - 1.0;
        if self.left >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-self.left / PER_SECOND)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_heard_at_once_and_a_flood_waits() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        assert!((0..BURST).all(|_| pace.wait(begun).is_zero()));
        let mut now = begun;
        for _ in 0..1_000 {
            now += pace.wait(now);
        }
        let took = (now - begun).as_secs_f64();
        assert!((took - 5.0).abs() < 0.1, "1,000 more take five seconds: {took}");
        now += Duration::from_secs(3_600);
        assert!((0..BURST).all(|_| pace.wait(now).is_zero()), "an hour later all is forgiven");
    }
}
