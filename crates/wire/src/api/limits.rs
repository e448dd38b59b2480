//! Limits of the interface that both sides have to know.

/// Hashes in one question for missing blobs: 4,096 of them are about 280 KB of JSON.
pub const MISSING_HASHES_MAX: usize = 4_096;

/// Entries of one page at most; a page of frames is about 1 MB then.
pub const PAGE_MAX: usize = 1_000;

/// Entries of one page unless something else is asked for.
pub const PAGE_DEFAULT: usize = 100;

/// Bytes of one line of an event stream: a job's summary is below 4 KB, a node's may name many tasks.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
