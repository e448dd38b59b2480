//! How even the workers were shared between users of one priority.
//!
//! Compared are users who always had frames waiting, and for the same engine: who waits for one whose
//! workers are all busy for a higher priority is not treated unfairly when somebody gets workers that
//! only run another.

use super::jobs::User;
use candela_core::id::EngineBuild;
use std::collections::BTreeMap;

/// With fewer tasks than this for each user, whole tasks can't be shared evenly.
const TASKS_SHARED_MIN: u64 = 10;

/// What a user wants rendered, and what it was given since the last look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    /// Jobs with frames waiting.
    jobs_waiting: usize,
    /// Since when there always were some.
    since: u64,
    /// Milliseconds of an average node.
    given_ms: f64,
    tasks: u64,
}

impl Demand {
    /// One more job has frames waiting.
    pub(super) fn more(&mut self, now: u64) {
        if self.jobs_waiting == 0 {
            self.since = now;
        }
        self.jobs_waiting += 1;
    }

    /// A job has none any more.
    pub(super) fn less(&mut self) {
        self.jobs_waiting -= 1;
    }

    /// A task was given out that takes the average node so long.
    pub(super) fn given(&mut self, task_ms: f64) {
        self.given_ms += task_ms;
        self.tasks += 1;
    }

    fn always_since(&self, since: u64) -> bool {
        self.jobs_waiting > 0 && self.since <= since
    }
}

/// How even one look was between users who can be compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fairness {
    pub(super) users: usize,
    /// Jain's index, from 1/users to 1.
    pub(super) index: f64,
}

/// Looks at what users were given since `since`, and begins anew.
pub(super) fn look(users: &mut [User], since: u64) -> Vec<Fairness> {
    let mut groups: BTreeMap<(i32, EngineBuild), Vec<Demand>> = BTreeMap::new();
    for user in users {
        let of_group = (user.priority, user.engine.clone());
        if user.demand.always_since(since) {
            groups.entry(of_group).or_default().push(user.demand);
        }
        (user.demand.given_ms, user.demand.tasks) = (0.0, 0);
    }
    let even = |given: Vec<Demand>| {
        let tasks: u64 = given.iter().map(|given| given.tasks).sum();
        let shared = given.len() >= 2 && tasks >= TASKS_SHARED_MIN * given.len() as u64;
        let given_ms: Vec<f64> = given.iter().map(|given| given.given_ms).collect();
        shared.then(|| Fairness { users: given.len(), index: jain(&given_ms) })
    };
    groups.into_values().filter_map(even).collect()
}

/// Jain's index of fairness: `(Σx)² / (n·Σx²)` (Jain, Chiu and Hawe 1984); 1 if all are equal.
fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (values.len() as f64 * squares) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_known_lists() {
        for (values, expected) in
            [(vec![1.0, 1.0, 1.0], 1.0), (vec![1.0, 0.0], 0.5), (vec![], 1.0), (vec![0.0], 1.0)]
        {
            assert!((jain(&values) - expected).abs() < 1e-12, "{values:?}");
        }
    }
}
