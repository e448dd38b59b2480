//! Turns the rows of a commit into the statements of one transaction.
//!
//! Statements run on every replica from the log, also again after a crash: they must do the same
//! each time, so nothing in them reads a clock or draws a random number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hiqlite::{Param, Params};

use crate::limits::{ENTRY_BYTES_MAX, PIECE_BYTES, ROWS_PER_STATEMENT};
use crate::{Epoch, RowWrite, Table};

/// Fails the whole transaction when the epoch is stale: the column may not be null, and the message
/// names the column.
const GUARD: &str = "UPDATE control SET \
     epoch = CASE WHEN epoch = ? THEN epoch END, \
     commit_number = CASE WHEN commit_number < ? THEN ? END, \
     commit_epoch = ? \
     WHERE id = 1";

/// The same for a piece of a commit, which counts for nothing before the last.
const GUARD_PIECE: &str =
    "UPDATE control SET epoch = CASE WHEN epoch = ? THEN epoch END WHERE id = 1";

/// Forgets pieces, also of a commit that never came to its end.
const CLEAR_PIECES: &str = "DELETE FROM pieces";

/// What SQLite says when [`GUARD`] finds another epoch.
pub(crate) const STALE_EPOCH: &str = "NOT NULL constraint failed: control.epoch";

/// Bytes of a log entry that depend neither on tables nor on rows, generously.
const ENVELOPE_BYTES: u64 = 1024;
/// Bytes of the statements of one table, beyond what its rows add: up to seven of one row and seven of
/// eight, for writes and for deletions.
const TABLE_BYTES: u64 = 4096;
/// Bytes of one row besides key and body: its share of a statement, kind and length of its parameters.
const ROW_BYTES: u64 = 40;

type Statements = Vec<(Cow<'static, str>, Params)>;

/// Rows by table and key: to be written, or deleted where there is no body.
type Rows = BTreeMap<Table, BTreeMap<Vec<u8>, Option<Vec<u8>>>>;

/// The rows of one commit.
pub(crate) struct Commit {
    epoch: Epoch,
    number: u64,
    rows: Rows,
    /// Size of the whole as a log entry, at most.
    pub(crate) bytes: u64,
    /// Size of its largest row.
    pub(crate) row_bytes: u64,
}

impl Commit {
    /// The last write of each key counts.
    pub(crate) fn new(epoch: Epoch, number: u64, writes: Vec<RowWrite>) -> Self {
        let mut rows = Rows::new();
        for row in writes {
            rows.entry(row.table).or_default().insert(row.key, row.body);
        }
        let sizes = || rows.values().flatten().map(size);
        let row_bytes = sizes().max().unwrap_or(0);
        let all: u64 = sizes().map(|bytes| bytes + ROW_BYTES).sum();
        let bytes = ENVELOPE_BYTES + TABLE_BYTES * rows.len() as u64 + all;
        Self { epoch, number, rows, bytes, row_bytes }
    }

    /// The transactions that carry it, a log entry each: to be carried out in order, and nothing counts
    /// before the last.
    pub(crate) fn transactions(self) -> Vec<Statements> {
        if self.bytes <= ENTRY_BYTES_MAX { vec![self.whole()] } else { self.pieces() }
    }

    /// Rows are written in the order of their keys.
    fn whole(self) -> Statements {
        let mut statements = vec![self.guard()];
        for (table, rows) in self.rows {
            let (mut puts, mut deletes) = (Vec::new(), Vec::new());
            for (key, body) in rows {
                match body {
                    Some(body) => puts.push([Param::Blob(key), Param::Blob(body)]),
                    None => deletes.push([Param::Blob(key)]),
                }
            }
            push_grouped(&mut statements, deletes, |rows| delete_sql(table, rows));
            push_grouped(&mut statements, puts, |rows| put_sql(table, rows));
        }
        statements
    }

    /// Rows go into a table of their own first, and from there all at once to where they belong.
    fn pieces(self) -> Vec<Statements> {
        let last = self.last_piece();
        let epoch = Param::Integer(to_i64(self.epoch.number()));
        let guard = || (GUARD_PIECE.into(), vec![epoch.clone()]);
        let mut pieces = Vec::new();
        let (mut piece, mut bytes) = (Vec::new(), 0);
        let mut end = |piece: &mut Vec<_>| {
            let mut statements = vec![guard()];
            if pieces.is_empty() {
                statements.push((CLEAR_PIECES.into(), Vec::new()));
            }
            push_grouped(&mut statements, std::mem::take(piece), piece_sql);
            pieces.push(statements);
        };
        for (place, rows) in (0..).zip(self.rows.into_values()) {
            for row in rows {
                let row_bytes = size((&row.0, &row.1)) + ROW_BYTES;
                if bytes + row_bytes > PIECE_BYTES && bytes > 0 {
                    end(&mut piece);
                    bytes = 0;
                }
                bytes += row_bytes;
                let body = row.1.map_or(Param::Null, Param::Blob);
                piece.push([Param::Integer(place), Param::Blob(row.0), body]);
            }
        }
        end(&mut piece);
        pieces.push(last);
        pieces
    }

    /// Takes the rows of all pieces to where they belong.
    fn last_piece(&self) -> Statements {
        let mut statements = vec![self.guard()];
        for (place, table) in self.rows.keys().enumerate() {
            let name = table.name();
            let of = format!("FROM pieces WHERE place = {place} AND body IS");
            let delete = format!("DELETE FROM {name} WHERE key IN (SELECT key {of} NULL)");
            let put = format!(
                "INSERT INTO {name} (key, body) SELECT key, body {of} NOT NULL \
                 ON CONFLICT (key) DO UPDATE SET body = excluded.body"
            );
            statements.push((delete.into(), Vec::new()));
            statements.push((put.into(), Vec::new()));
        }
        statements.push((CLEAR_PIECES.into(), Vec::new()));
        statements
    }

    fn guard(&self) -> (Cow<'static, str>, Params) {
        let epoch = Param::Integer(to_i64(self.epoch.number()));
        let number = Param::Integer(to_i64(self.number));
        (GUARD.into(), vec![epoch.clone(), number.clone(), number, epoch])
    }
}

/// Bytes of a row's key and body.
fn size((key, body): (&Vec<u8>, &Option<Vec<u8>>)) -> u64 {
    (key.len() + body.as_ref().map_or(0, Vec::len)) as u64
}

fn push_grouped<const PARAMS: usize>(
    statements: &mut Statements,
    rows: Vec<[Param; PARAMS]>,
    sql: impl Fn(usize) -> String,
) {
    let mut rows = rows.into_iter();
    for group in ROWS_PER_STATEMENT {
        while rows.len() >= group {
            let params = rows.by_ref().take(group).flatten().collect();
            statements.push((sql(group).into(), params));
        }
    }
}

fn piece_sql(rows: usize) -> String {
    let values = vec!["(?,?,?)"; rows].join(",");
    format!("INSERT INTO pieces (place, key, body) VALUES {values}")
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

    fn commit(rows: Vec<RowWrite>) -> Commit {
        Commit::new(Epoch::from_number(1), 1, rows)
    }

    #[test]
    fn rows_are_grouped_and_the_last_write_of_a_key_counts() {
        let mut rows: Vec<_> = (0..74).rev().map(|key| put(key, b"old")).collect();
        rows.push(put(73, b"new"));
        rows.push(RowWrite::delete(Table::Jobs, *b"gone"));
        let transactions = commit(rows).transactions();
        let [statements] = &transactions[..] else { panic!("{} entries", transactions.len()) };

        let params: Vec<_> = statements.iter().map(|(_, params)| params.len()).collect();
        assert_eq!(params, [4, 1, 128, 16, 2, 2], "guard, delete, 64 + 8 + 1 + 1 rows");
        let last = &statements[5].1;
        assert_eq!(last[0], Param::Blob(73u32.to_be_bytes().to_vec()));
        assert_eq!(last[1], Param::Blob(b"new".to_vec()));
    }

    #[test]
    fn size_counts_keys_and_bodies() {
        let small = commit(vec![put(1, b"")]).bytes;
        let large = commit(vec![put(1, &[7; 5000])]);
        assert_eq!((large.bytes - small, large.row_bytes), (5000, 5004));
    }

    /// Bytes of a log entry: texts, contents, and for each a kind and a length.
    fn entry_bytes(statements: &Statements) -> u64 {
        let param =
            |param: &Param| if let Param::Blob(blob) = param { blob.len() + 12 } else { 12 };
        let bytes = |(sql, params): &(Cow<'static, str>, Params)| {
            16 + sql.len() + params.iter().map(param).sum::<usize>()
        };
        statements.iter().map(bytes).sum::<usize>() as u64
    }

    #[test]
    fn no_entry_is_larger_than_what_was_counted_or_what_fits() {
        for (count, body) in
            [(0, 0), (1, 9), (71, 10), (1_000, 0), (9_000, 300), (60_000, 80), (9, 1 << 20)]
        {
            let body = vec![7; body];
            let put = |key: u32| match key % 3 {
                0 => RowWrite::delete(Table::Verifications, key.to_be_bytes()),
                1 => RowWrite::put(Table::Verifications, key.to_be_bytes(), &*body),
                _ => RowWrite::put(Table::Jobs, key.to_be_bytes(), &*body),
            };
            let commit = commit((0..count).map(put).collect());
            let bytes = commit.bytes;
            let entries: Vec<u64> = commit.transactions().iter().map(entry_bytes).collect();
            assert!(entries.iter().all(|entry| *entry <= ENTRY_BYTES_MAX), "{count}: {entries:?}");
            assert_eq!(entries.len() > 1, bytes > ENTRY_BYTES_MAX);
            if entries.len() == 1 {
                assert!(entries[0] <= bytes, "{count} of {}: {entries:?} of {bytes}", body.len());
            }
        }
    }
}
