//! What a manager has written since it started, for its figures.

use candela_taskdb::{RowWrite, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What was committed by this manager since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions.
    pub commits: u64,
    /// Rows in them.
    pub rows: u64,
    /// Those of them that are tasks, receipts and verification tasks: each is one durable change of it.
    pub transitions: u64,
    /// Time that transactions took together, in microseconds.
    pub commit_us: u64,
}

/// Counts; shared by the loop and those who ask. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<Cells>);

#[derive(Default)]
struct Cells {
    commits: AtomicU64,
    rows: AtomicU64,
    transitions: AtomicU64,
    commit_us: AtomicU64,
}

/// What a transaction holds.
pub(crate) struct Size {
    rows: u64,
    transitions: u64,
}

impl Size {
    pub(crate) fn of(rows: &[RowWrite]) -> Size {
        let counts = |row: &&RowWrite| {
            matches!(row.table, Table::Tasks | Table::Receipts | Table::Verifications)
        };
        let transitions = rows.iter().filter(counts).count();
        Size { rows: rows.len() as u64, transitions: transitions as u64 }
    }
}

impl Counter {
    pub(crate) fn add(&self, size: &Size, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        self.0.rows.fetch_add(size.rows, Ordering::Relaxed);
        self.0.transitions.fetch_add(size.transitions, Ordering::Relaxed);
        self.0.commit_us.fetch_add(took, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Tally {
        Tally {
            commits: self.0.commits.load(Ordering::Relaxed),
            rows: self.0.rows.load(Ordering::Relaxed),
            transitions: self.0.transitions.load(Ordering::Relaxed),
            commit_us: self.0.commit_us.load(Ordering::Relaxed),
        }
    }
}
