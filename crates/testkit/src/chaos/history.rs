//! What was asked of the managers, and what came of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A job of that name, which is sent with one submission id however often it is sent.
    Submit(String),
    /// An end of the job with that number.
    Cancel(u64),
    /// A ticket.
    Ticket,
    /// The job with that number, whose submission was acknowledged before.
    Read(u64),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// It was acknowledged; a submission with its job's number, all else with 0.
    Acknowledged(u64),
    /// It was definitely not done, with the refusal's code.
    Refused(String),
    /// It may have been done, may be done later, or never.
    Unknown(String),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What was asked.
    pub act: Act,
    /// Of which manager, by its place.
    pub manager: usize,
    /// When, since the beginning.
    pub invoked: Duration,
    /// When the answer came.
    pub ended: Option<Duration>,
    /// The answer.
    pub outcome: Outcome,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, manager) = (self.invoked.as_secs_f64(), self.manager + 1);
        let until = self.ended.map_or(f64::NAN, |ended| ended.as_secs_f64());
        write!(f, "{from:9.3} to {until:9.3} s, manager {manager}: {:?}", self.act)?;
        write!(f, " -> {:?}", self.outcome)
    }
}

/// All calls so far.
#[derive(Debug)]
pub(crate) struct History {
    begun: Instant,
    operations: Mutex<Vec<Operation>>,
}

/// How many calls ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that were acknowledged.
    pub submissions: usize,
    /// Cancellations that were.
    pub cancellations: usize,
    /// Tickets that were.
    pub tickets: usize,
    /// Calls that were definitely refused.
    pub refused: usize,
    /// Calls of which nobody knows.
    pub unknown: usize,
    /// Jobs that a manager said not to know after they were acknowledged.
    pub stale_reads: usize,
}

impl History {
    pub(crate) fn new() -> History {
        History { begun: Instant::now(), operations: Mutex::default() }
    }

    fn operations(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Notes that something is asked; its place.
    pub(crate) fn invoke(&self, manager: usize, act: Act) -> usize {
        let invoked = self.now();
        let mut all = self.operations();
        all.push(Operation { act, manager, invoked, ended: None, outcome: Outcome::Open });
        all.len() - 1
    }

    /// Notes what came of it.
    pub(crate) fn end(&self, place: usize, outcome: Outcome) {
        let ended = Some(self.now());
        if let Some(operation) = self.operations().get_mut(place) {
            (operation.ended, operation.outcome) = (ended, outcome);
        }
    }

    /// All of it.
    pub(crate) fn all(&self) -> Vec<Operation> {
        self.operations().clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let mut jobs = std::collections::BTreeSet::new();
        let mut cancelled = std::collections::BTreeSet::new();
        for operation in self.operations().iter() {
            match (&operation.act, &operation.outcome) {
                (Act::Submit(_), Outcome::Acknowledged(job)) => drop(jobs.insert(*job)),
                (Act::Cancel(job), Outcome::Acknowledged(_)) => drop(cancelled.insert(*job)),
                (Act::Ticket, Outcome::Acknowledged(_)) => counts.tickets += 1,
                (Act::Read(_), Outcome::Refused(code)) if code == "not_found" => {
                    counts.stale_reads += 1;
                }
                (_, Outcome::Refused(_)) => counts.refused += 1,
                (_, Outcome::Unknown(_)) => counts.unknown += 1,
                (_, Outcome::Acknowledged(_) | Outcome::Open) => {}
            }
        }
        (counts.submissions, counts.cancellations) = (jobs.len(), cancelled.len());
        counts
    }
}
