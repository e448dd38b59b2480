//! What is counted on the way, and the figures that follow.

use super::fairness::Fairness;
use std::collections::BTreeMap;

/// Counts of a simulation.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) jobs: u64,
    pub(super) frames: u64,
    pub(super) tasks: u64,
    pub(super) verifications: u64,
    /// What the rules were given, by kind.
    pub(super) commands: BTreeMap<&'static str, Cost>,
    pub(super) rows: u64,
    /// Tasks to a worker that didn't hold the scene.
    pub(super) cold: u64,
    pub(super) leases_lost: u64,
    pub(super) refused: u64,
    pub(super) left: u64,
    pub(super) silent: u64,
    pub(super) cut: u64,
    pub(super) most_here: usize,
    /// Milliseconds rendered whose result counted, and whose result was thrown away.
    pub(super) used_ms: u64,
    pub(super) lost_ms: u64,
    pub(super) rejected_ms: u64,
    /// Waiting times of a job's first frame by priority, and of tasks, in milliseconds.
    pub(super) first_wait_ms: BTreeMap<i32, Vec<u64>>,
    pub(super) task_wait_ms: Vec<u64>,
    /// How even each look was.
    pub(super) fairness: Vec<Fairness>,
    /// What must not happen, and did.
    pub(super) broken: Vec<String>,
}

/// How often the rules were given a kind of command, and the wall time that they took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Commands.
    pub count: u64,
    /// Nanoseconds of all of them.
    pub took_ns: u64,
}

impl Cost {
    /// Microseconds of one.
    #[must_use]
    pub fn mean_us(&self) -> f64 {
        self.took_ns as f64 / 1_000.0 / self.count.max(1) as f64
    }
}

impl Tally {
    /// Writes down that a rule of the simulation is broken; the first few are kept.
    pub(super) fn broken(&mut self, what: String) {
        if self.broken.len() < 20 {
            self.broken.push(what);
        }
    }
}

/// The value below which that share of the values lies; 0 if there are none.
pub(super) fn percentile(values: &[u64], share: f64) -> u64 {
    let mut sorted = values.to_vec();
    if sorted.is_empty() {
        return 0;
    }
    let at = ((sorted.len() - 1) as f64 * share).round() as usize;
    *sorted.select_nth_unstable(at).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_known_lists() {
        for (share, expected) in [(0.0, 1), (0.5, 3), (1.0, 5)] {
            assert_eq!(percentile(&[5, 3, 1, 2, 4], share), expected);
        }
        assert_eq!(percentile(&[], 0.5), 0);
    }
}
