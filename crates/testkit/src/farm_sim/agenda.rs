//! What is going to happen, in the order of the times; what has the same time, as it was written down.
//!
//! Most of half a million events lie hours ahead: they are kept by the minute, and only the present
//! minute is in order.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

const MINUTE_MS: u64 = 60_000;

/// Events to come.
#[derive(Debug)]
pub(super) struct Agenda<E> {
    /// Those of the present minute and before.
    near: BinaryHeap<Reverse<Timed<E>>>,
    /// Those of later minutes.
    far: BTreeMap<u64, Vec<Timed<E>>>,
    minute: u64,
    /// Counts the events.
    number: u64,
}

#[derive(Debug)]
struct Timed<E> {
    at: u64,
    number: u64,
    event: E,
}

impl<E> PartialEq for Timed<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Timed<E> {}

impl<E> PartialOrd for Timed<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Timed<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> Agenda<E> {
    pub(super) fn new() -> Agenda<E> {
        Agenda { near: BinaryHeap::new(), far: BTreeMap::new(), minute: 0, number: 0 }
    }

    pub(super) fn add(&mut self, at: u64, event: E) {
        self.number += 1;
        let timed = Timed { at, number: self.number, event };
        let minute = at / MINUTE_MS;
        if minute <= self.minute {
            self.near.push(Reverse(timed));
        } else {
            self.far.entry(minute).or_default().push(timed);
        }
    }

    /// Takes out the next event and its time.
    pub(super) fn next(&mut self) -> Option<(u64, E)> {
        if self.near.is_empty() {
            let (minute, events) = self.far.pop_first()?;
            self.minute = minute;
            self.near = events.into_iter().map(Reverse).collect();
        }
        self.near.pop().map(|Reverse(timed)| (timed.at, timed.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_their_times() {
        let mut agenda = Agenda::new();
        for (at, event) in [(200_000, 'f'), (70_000, 'd'), (5, 'a'), (70_000, 'e'), (60_000, 'c')] {
            agenda.add(at, event);
        }
        assert_eq!(agenda.next(), Some((5, 'a')));
        agenda.add(5, 'b');
        let rest: String = std::iter::from_fn(|| agenda.next()).map(|next| next.1).collect();
        assert_eq!(rest, "bcdef");
        agenda.add(1, 'g');
        assert_eq!(agenda.next(), Some((1, 'g')));
    }
}
