//! Limits of the task database, and how each was chosen.

use std::time::Duration;

/// Bytes of one segment of hiqlite's log; one entry has to fit into one segment.
///
/// A new segment is mapped into memory page by page while every commit waits, and is written out whole
/// with the next commit: a third of a second for 64 MiB, for three managers on two cores, each
/// fifteen seconds where a thousand tasks a second are done. With this size it takes a sixteenth of it,
/// sixteen times as often.
pub(crate) const LOG_SEGMENT_BYTES: u32 = 4 * 1024 * 1024;

/// Largest log entry, in bytes.
///
/// hiqlite stops its log writer for good when an entry exceeds a segment, so a commit is measured before
/// it is proposed; the rest of the segment is left for the entry's envelope.
pub(crate) const ENTRY_BYTES_MAX: u64 = (LOG_SEGMENT_BYTES - 512 * 1024) as u64;

/// Bytes of a piece of a commit that is too large for one entry: small enough that the log takes other
/// managers' heartbeats in between.
pub(crate) const PIECE_BYTES: u64 = 1024 * 1024;

/// Largest row, in bytes of its key and body: it has to fit into one entry.
pub const ROW_BYTES_MAX: u64 = ENTRY_BYTES_MAX - 64 * 1024;

/// Largest commit, in bytes: keys, bodies and about 40 bytes for each row. What doesn't fit into one
/// log entry goes in pieces, and counts with the last.
///
/// 100,000 rows of 300 bytes fit, which is the largest job accepted. A commit is in memory several times
/// while it is written.
pub const COMMIT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Free disk space below which commits are refused, unless configured.
///
/// A few log segments, SQLite's own log and a margin for whatever else writes to the disk.
/// Room for a snapshot of the database is asked for on top, by the database's size.
pub const FREE_BYTES_MIN_DEFAULT: u64 = 256 * 1024 * 1024;

/// Free disk space without which a database isn't opened: for what it may have to catch up with.
pub(crate) const OPEN_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Commits between two snapshots, unless configured.
///
/// After a crash the database is rebuilt from the last snapshot and the commits since: 3,400 commits
/// of 100 rows took 2.7 s in a debug build on a busy machine. A snapshot, in turn, holds up commits
/// while it copies the database: for about 5 ms for each of its megabytes. Where a thousand tasks a
/// second are done, 30,000 commits take six minutes, and by arithmetic a gigabyte and a half of log.
pub const COMMITS_PER_SNAPSHOT_DEFAULT: u64 = 30_000;

/// Managers that make their snapshots at different times: as many as a cluster has at most.
pub(crate) const MANAGERS_APART: u64 = 5;

/// Rows read by one query when a table is loaded; bounds the time for which a reader holds
/// a connection.
pub(crate) const ROWS_PER_PAGE: usize = 8_192;

/// Rows written by one statement, largest first: fewer statements make smaller log entries, and
/// few different sizes let SQLite keep each of them prepared.
pub(crate) const ROWS_PER_STATEMENT: [usize; 3] = [64, 8, 1];

/// Times a load starts again because a commit came in between two of its pages.
pub(crate) const LOAD_ATTEMPTS: usize = 8;

/// Shortest election time-out of managers in one local network, in milliseconds, unless configured;
/// the longest is half as much again, and a heartbeat half.
///
/// A manager that gets entries has a heartbeat's time to write them. With 60 ms two managers on a busy
/// machine of two cores could not agree on anything for two minutes; with 350 ms they do.
pub const CLUSTER_ELECTION_MS_DEFAULT: u64 = 700;

/// Entries of the log that are sent to another manager at once.
pub(crate) const ENTRIES_AT_ONCE: u64 = 32;

/// How long the store may take for a commit: longer than elections and slow disks take.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an opened database may take to catch up with its log, in seconds.
pub(crate) const CATCH_UP_SECONDS: u64 = 600;

/// Ports tried for the listeners before giving up.
pub(crate) const PORT_ATTEMPTS: usize = 200;

/// Ports are drawn from here: below the range that operating systems use for outgoing connections,
/// so that the choice is still free after a restart.
pub(crate) const PORT_RANGE: std::ops::Range<u16> = 18_000..32_000;
