//! Tables and rows as the manager sees them: bytes under ordered keys.

use std::collections::BTreeMap;

/// A table of the database. What its keys and bodies mean is up to the `wire` crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Single values of the manager, such as its own settings.
    Meta,
    /// Jobs.
    Jobs,
    /// Frames of jobs.
    Frames,
    /// Tasks of jobs.
    Tasks,
    /// Receipts of workers.
    Receipts,
    /// Verification tasks.
    Verifications,
    /// Verdicts with their evidence.
    Verdicts,
    /// Nodes with their standing.
    Nodes,
    /// Bad result claims.
    Claims,
    /// Tickets that let nodes join.
    Tickets,
    /// Verification keys of tasks.
    Keys,
    /// Managers of the cluster.
    Managers,
    /// What the inspections of jobs found.
    Inspections,
    /// Tokens with which people and programs ask.
    Tokens,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 14] = [
        Self::Meta,
        Self::Jobs,
        Self::Frames,
        Self::Tasks,
        Self::Receipts,
        Self::Verifications,
        Self::Verdicts,
        Self::Nodes,
        Self::Claims,
        Self::Tickets,
        Self::Keys,
        Self::Managers,
        Self::Inspections,
        Self::Tokens,
    ];

    /// Name of the table in SQL and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Jobs => "jobs",
            Self::Frames => "frames",
            Self::Tasks => "tasks",
            Self::Receipts => "receipts",
            Self::Verifications => "verifications",
            Self::Verdicts => "verdicts",
            Self::Nodes => "nodes",
            Self::Claims => "claims",
            Self::Tickets => "tickets",
            Self::Keys => "keys",
            Self::Managers => "managers",
            Self::Inspections => "inspections",
            Self::Tokens => "tokens",
        }
    }
}

/// One row of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowWrite {
    /// The table.
    pub table: Table,
    /// Key of the row. Numbers in keys are big-endian, so that rows load in their natural order.
    pub key: Vec<u8>,
    /// Whole new content of the row; `None` deletes it.
    pub body: Option<Vec<u8>>,
}

impl RowWrite {
    /// Writes a row, whether or not it exists.
    pub fn put(table: Table, key: impl Into<Vec<u8>>, body: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into(), body: Some(body.into()) }
    }

    /// Deletes a row, whether or not it exists.
    pub fn delete(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into(), body: None }
    }
}

/// A term of leadership: each takeover starts a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Number of the epoch; 0 before the first takeover.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The last commit that the database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastCommit {
    /// Epoch in which it was made; 0 before the first.
    pub epoch: Epoch,
    /// Its number, which grows over all epochs; 0 before the first.
    pub number: u64,
}

/// Key and body of a row.
pub type StoredRow = (Vec<u8>, Vec<u8>);

/// All rows as they were at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last commit that it holds.
    pub last: LastCommit,
    /// Keys and bodies of each table that has any, in the order of the keys.
    pub rows: BTreeMap<Table, Vec<StoredRow>>,
}

impl Snapshot {
    /// Takes the rows of a table out.
    pub fn take(&mut self, table: Table) -> Vec<StoredRow> {
        self.rows.remove(&table).unwrap_or_default()
    }
}
