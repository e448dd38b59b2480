//! What has to be looked at when a time comes, in the order of the times: so that the passing of time
//! costs what it changes, and not a look at everything.

use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// One time per key at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarms<K: Ord + Copy> {
    by_time: BTreeSet<(Time, K)>,
    of: BTreeMap<K, Time>,
}

impl<K: Ord + Copy> Default for Alarms<K> {
    fn default() -> Self {
        Alarms { by_time: BTreeSet::new(), of: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Alarms<K> {
    /// Has a key looked at from `at` on, and not at the time it was set to before.
    pub(super) fn set(&mut self, key: K, at: Time) {
        if let Some(before) = self.of.insert(key, at) {
            self.by_time.remove(&(before, key));
        }
        self.by_time.insert((at, key));
    }

    /// Takes a key out.
    pub(super) fn clear(&mut self, key: K) {
        if let Some(before) = self.of.remove(&key) {
            self.by_time.remove(&(before, key));
        }
    }

    /// Takes out the first key whose time has come.
    pub(super) fn ring(&mut self, now: Time) -> Option<K> {
        let (at, key) = self.by_time.first().copied()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_ring_in_the_order_of_their_times_and_once() {
        let mut alarms = Alarms::default();
        for (key, at) in [(1, 30), (2, 10), (3, 20), (4, 5), (1, 15)] {
            alarms.set(key, Time(at));
        }
        alarms.clear(4);
        let rung: Vec<i32> = std::iter::from_fn(|| alarms.ring(Time(19))).collect();
        assert_eq!(rung, [2, 1]);
        assert_eq!(alarms.ring(Time(20)), Some(3));
        assert_eq!(alarms, Alarms::default());
    }
}
