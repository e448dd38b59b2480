//! Comes back after a lost session: one address after another, with growing pauses.

use crate::endpoint::Endpoint;
use crate::error::NetError;
use crate::session::Session;
use candela_core::addr::NodeAddr;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// Pauses between attempts.
#[derive(Debug, Clone)]
pub struct BackoffOptions {
    /// The first pause, before jitter.
    pub first: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Default for BackoffOptions {
    /// From a quarter of a second to half a minute: a manager that restarts is found again within
    /// seconds, and a farm that waits for a dead one asks 33 times a second per 1,000 nodes.
    fn default() -> Self {
        BackoffOptions { first: Duration::from_millis(250), max: Duration::from_secs(30) }
    }
}

/// Doubling pauses with full jitter, so that a farm does not come back in step.
#[derive(Debug)]
pub struct Backoff {
    options: BackoffOptions,
    failures: u32,
    random: StdRng,
}

impl Backoff {
    /// Starts over; the seed decides the jitter.
    #[must_use]
    pub fn new(options: BackoffOptions, seed: u64) -> Self {
        Backoff { options, failures: 0, random: StdRng::seed_from_u64(seed) }
    }

    /// The pause before the next attempt: at random between half and all of the current step.
    pub fn next_pause(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let step = self.options.first.saturating_mul(factor).min(self.options.max);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(self.random.random_range(0.5..=1.0))
    }

    /// Call after a session has proven useful, so that the next loss is followed by a short pause.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

impl Endpoint {
    /// Dials the nodes in turn until one takes a session, pausing after each round.
    ///
    /// Every failure goes to `on_failure`. Waits for ever if none answers; drop the future to stop.
    ///
    /// # Errors
    /// When a whole round failed in ways that trying again won't mend (another version, refused),
    /// with the last of them; or there is no address at all.
    pub async fn redial(
        &self,
        addrs: &[NodeAddr],
        backoff: &mut Backoff,
        mut on_failure: impl FnMut(&NetError),
    ) -> Result<Session, NetError> {
        loop {
            let mut last = NetError::NobodyToDial;
            let mut hope = false;
            for addr in addrs {
                match self.connect(addr).await {
                    Ok(session) => return Ok(session),
                    Err(error) => {
                        on_failure(&error);
                        hope |= error.is_temporary();
                        last = error;
                    }
                }
            }
            if !hope {
                return Err(last);
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_maximum_and_start_over() {
        let options = BackoffOptions::default();
        let mut backoff = Backoff::new(options.clone(), 7);
        let mut step = options.first;
        for _ in 0..100 {
            let pause = backoff.next_pause();
            assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
            step = (step * 2).min(options.max);
        }
        backoff.reset();
        assert!(backoff.next_pause() <= options.first);
        let mut a = Backoff::new(options.clone(), 1);
        let mut b = Backoff::new(options, 2);
        assert_ne!(a.next_pause(), b.next_pause());
    }
}
