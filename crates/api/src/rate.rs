//! How many requests an address may send: a bucket that fills at a steady rate.

use crate::limits::{ADDRESSES_MAX, REQUESTS_BURST, REQUESTS_PER_S};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is left to each address, and since when.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<IpAddr, (f64, Instant)>>);

impl Rates {
    /// Counts a request; whether it may go on.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&address) {
            // An address whose bucket is full again is as good as forgotten.
            buckets.retain(|_, bucket| filled(*bucket, now) < REQUESTS_BURST);
            if buckets.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(address).or_insert((REQUESTS_BURST, now));
        let left = filled(*bucket, now);
        let goes = left >= 1.0;
        *bucket = (if goes { left - 1.0 } else { left }, now);
        goes
    }
}

fn filled((left, since): (f64, Instant), now: Instant) -> f64 {
    let seconds = now.saturating_duration_since(since).as_secs_f64();
    (left + seconds * REQUESTS_PER_S).min(REQUESTS_BURST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_goes_and_then_the_rate_holds() {
        let rates = Rates::default();
        let start = Instant::now();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let went = (0..10_000).filter(|_| rates.take(one, start)).count();
        assert_eq!(went, REQUESTS_BURST as usize);
        assert!(rates.take(other, start));
        let later = start + Duration::from_secs(1);
        let went = (0..10_000).filter(|_| rates.take(one, later)).count();
        assert_eq!(went, REQUESTS_PER_S as usize);
    }
}
