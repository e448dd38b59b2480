//! How many sessions and handshakes strangers get: pure counting, so that it can be tested by tables.

use crate::limits;
use candela_core::id::NodeId;
use std::collections::HashMap;
use std::time::Instant;

/// How many sessions are taken, from one node and from all.
#[derive(Debug, Clone)]
pub struct AcceptOptions {
    /// Sessions at a time.
    pub sessions_max: usize,
    /// Sessions of one node at a time.
    pub sessions_per_node_max: usize,
    /// New sessions of one node per minute, after a burst of as many.
    pub sessions_per_node_per_minute: u32,
    /// Accepted sessions that wait to be taken.
    pub queue: usize,
    /// Connection attempts per second from everybody, before anything else is spent on them.
    pub handshakes_per_second: u32,
    /// Attempts that may come at once.
    pub handshakes_burst: u32,
}

impl Default for AcceptOptions {
    fn default() -> Self {
        AcceptOptions {
            sessions_max: limits::SESSIONS_MAX,
            sessions_per_node_max: limits::SESSIONS_PER_NODE_MAX,
            sessions_per_node_per_minute: limits::SESSIONS_PER_NODE_PER_MINUTE,
            queue: limits::ACCEPT_QUEUE,
            handshakes_per_second: limits::HANDSHAKES_PER_SECOND,
            handshakes_burst: limits::HANDSHAKES_BURST,
        }
    }
}

/// A bucket that fills at a rate and is emptied one by one.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: f64,
    burst: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(burst: f64, per_second: f64, now: Instant) -> Self {
        Bucket { level: burst, burst, per_second, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + elapsed * self.per_second).min(self.burst);
        self.at = now;
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let there = self.level >= 1.0;
        if there {
            self.level -= 1.0;
        }
        there
    }

    /// Whether nothing would be lost by forgetting the bucket.
    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= self.burst
    }
}

#[derive(Debug)]
struct Node {
    sessions: usize,
    rate: Bucket,
}

/// Who has how many sessions.
#[derive(Debug)]
pub(crate) struct Admission {
    options: AcceptOptions,
    sessions: usize,
    nodes: HashMap<NodeId, Node>,
}

impl Admission {
    pub(crate) fn new(options: AcceptOptions) -> Self {
        Admission { options, sessions: 0, nodes: HashMap::new() }
    }

    /// Whether a new session of `node` is taken; if so it counts until [`Admission::release`].
    pub(crate) fn admit(&mut self, node: NodeId, now: Instant) -> bool {
        if self.sessions >= self.options.sessions_max {
            return false;
        }
        if self.nodes.len() >= limits::NODES_REMEMBERED.max(2 * self.sessions) {
            self.nodes.retain(|_, node| node.sessions > 0 || !node.rate.is_full(now));
        }
        let per_minute = f64::from(self.options.sessions_per_node_per_minute);
        let entry = self.nodes.entry(node).or_insert_with(|| Node {
            sessions: 0,
            rate: Bucket::full(per_minute, per_minute / 60.0, now),
        });
        if entry.sessions >= self.options.sessions_per_node_max || !entry.rate.take(now) {
            return false;
        }
        entry.sessions += 1;
        self.sessions += 1;
        true
    }

    /// A session of `node` is over.
    pub(crate) fn release(&mut self, node: NodeId) {
        if let Some(entry) = self.nodes.get_mut(&node).filter(|entry| entry.sessions > 0) {
            entry.sessions -= 1;
            self.sessions -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sessions_are_limited_per_node_in_all_and_in_time() {
        let options = AcceptOptions {
            sessions_max: 3,
            sessions_per_node_max: 2,
            sessions_per_node_per_minute: 4,
            ..AcceptOptions::default()
        };
        let start = Instant::now();
        let (a, b) = (NodeId([1; 32]), NodeId([2; 32]));
        let mut admission = Admission::new(options);
        assert!(admission.admit(a, start) && admission.admit(a, start));
        assert!(!admission.admit(a, start), "two at a time per node");
        assert!(admission.admit(b, start));
        assert!(!admission.admit(b, start), "three in all");
        admission.release(a);
        assert!(admission.admit(a, start));
        admission.release(a);
        assert!(admission.admit(a, start));
        admission.release(a);
        assert!(!admission.admit(a, start), "four a minute");
        assert!(admission.admit(a, start + Duration::from_secs(15)), "one more after a quarter");
    }

    #[test]
    fn nodes_that_are_gone_are_forgotten() {
        let start = Instant::now();
        let mut admission = Admission::new(AcceptOptions::default());
        for number in 0..3 * limits::NODES_REMEMBERED as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            let now = start + Duration::from_secs(number);
            assert!(admission.admit(NodeId(id), now));
            admission.release(NodeId(id));
        }
        assert!(admission.nodes.len() <= limits::NODES_REMEMBERED);
    }
}
