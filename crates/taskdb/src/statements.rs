//! Turns the rows of a commit into the statements of one transaction.
//!
//! Statements run on every replica from the log, also again after a crash: they must do the same
//! each time, so nothing in them reads a clock or draws a random number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hiqlite::{Param, Params};

use crate::limits::ROWS_PER_STATEMENT;
use crate::{Epoch, RowWrite, Table};

/// Fails the whole transaction when the epoch is stale: the column may not be null, and the message
/// names the column.
const GUARD: &str = "UPDATE control SET \
     epoch = CASE WHEN epoch = ? THEN epoch END, \
     commit_number = CASE WHEN commit_number < ? THEN ? END, \
     commit_epoch = ? \
     WHERE id = 1";

/// What SQLite says when [`GUARD`] finds another epoch.
pub(crate) const STALE_EPOCH: &str = "NOT NULL constraint failed: control.epoch";

/// Bytes of the log entry that don't depend on the rows, generously.
const ENVELOPE_BYTES: u64 = 1024;
/// Bytes of the log entry for one statement besides its text: two lengths.
const STATEMENT_BYTES: u64 = 16;
/// Bytes of the log entry for one parameter besides its content: kind and length.
const PARAM_BYTES: u64 = 12;

/// The statements of one commit, and the size of its log entry.
pub(crate) struct Transaction {
    pub(crate) statements: Vec<(Cow<'static, str>, Params)>,
    pub(crate) bytes: u64,
}

impl Transaction {
    /// The last write of each key counts; rows are written in the order of their keys.
    pub(crate) fn new(epoch: Epoch, number: u64, rows: Vec<RowWrite>) -> Self {
        let mut txn = Self { statements: Vec::new(), bytes: ENVELOPE_BYTES };
        let (epoch, number) = (Param::Integer(to_i64(epoch.number())), to_i64(number));
        let number = Param::Integer(number);
        txn.push(GUARD.into(), vec![epoch.clone(), number.clone(), number, epoch]);

        let mut by_table: BTreeMap<Table, BTreeMap<Vec<u8>, Option<Vec<u8>>>> = BTreeMap::new();
        for row in rows {
            by_table.entry(row.table).or_default().insert(row.key, row.body);
        }
        for (table, rows) in by_table {
            let (mut puts, mut deletes) = (Vec::new(), Vec::new());
            for (key, body) in rows {
                match body {
                    Some(body) => puts.push([Param::Blob(key), Param::Blob(body)]),
                    None => deletes.push([Param::Blob(key)]),
                }
            }
            txn.push_grouped(deletes, |rows| delete_sql(table, rows));
            txn.push_grouped(puts, |rows| put_sql(table, rows));
        }
        txn
    }

    fn push_grouped<const PARAMS: usize>(
        &mut self,
        rows: Vec<[Param; PARAMS]>,
        sql: impl Fn(usize) -> String,
    ) {
        let mut rows = rows.into_iter();
        for group in ROWS_PER_STATEMENT {
            while rows.len() >= group {
                let params = rows.by_ref().take(group).flatten().collect();
                self.push(sql(group).into(), params);
            }
        }
    }

    fn push(&mut self, sql: Cow<'static, str>, params: Params) {
        self.bytes += STATEMENT_BYTES + sql.len() as u64;
        for param in &params {
            let content = if let Param::Blob(blob) = param { blob.len() } else { 0 };
            self.bytes += PARAM_BYTES + content as u64;
        }
        self.statements.push((sql, params));
    }
}

fn put_sql(table: Table, rows: usize) -> String {
    let values = vec!["(?,?)"; rows].join(",");
    let name = table.name();
    format!(
        "INSERT INTO {name} (key, body) VALUES {values} \
         ON CONFLICT (key) DO UPDATE SET body = excluded.body"
    )
}

fn delete_sql(table: Table, rows: usize) -> String {
    let keys = vec!["?"; rows].join(",");
    format!("DELETE FROM {} WHERE key IN ({keys})", table.name())
}

/// Epochs and commit numbers count up from 0, one at a time: they don't reach the sign bit.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: u32, body: &[u8]) -> RowWrite {
        RowWrite::put(Table::Tasks, key.to_be_bytes(), body)
    }

    #[test]
    fn rows_are_grouped_and_the_last_write_of_a_key_counts() {
        let mut rows: Vec<_> = (0..74).rev().map(|key| put(key, b"old")).collect();
        rows.push(put(73, b"new"));
        rows.push(RowWrite::delete(Table::Jobs, *b"gone"));
        let txn = Transaction::new(Epoch::from_number(1), 1, rows);

        let params: Vec<_> = txn.statements.iter().map(|(_, params)| params.len()).collect();
        assert_eq!(params, [4, 1, 128, 16, 2, 2], "guard, delete, 64 + 8 + 1 + 1 rows");
        let last = &txn.statements[5].1;
        assert_eq!(last[0], Param::Blob(73u32.to_be_bytes().to_vec()));
        assert_eq!(last[1], Param::Blob(b"new".to_vec()));
    }

    #[test]
    fn size_counts_keys_and_bodies() {
        let small = Transaction::new(Epoch::from_number(1), 1, vec![put(1, b"")]).bytes;
        let large = Transaction::new(Epoch::from_number(1), 1, vec![put(1, &[7; 5000])]).bytes;
        assert_eq!(large - small, 5000);
    }
}
