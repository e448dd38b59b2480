//! Limits of the interface that both sides have to know.

/// Hashes in one question for missing blobs: 4,096 of them are about 280 KB of JSON.
pub const MISSING_HASHES_MAX: usize = 4_096;

/// Entries of one page at most; a page of frames is about 1 MB then.
pub const PAGE_MAX: usize = 1_000;

/// Entries of one page unless something else is asked for.
pub const PAGE_DEFAULT: usize = 100;

/// Bytes of one line of an event stream: a job's summary is below 4 KB, a node's may name many tasks.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// Jobs of one action.
pub const JOBS_OF_ACTION_MAX: usize = 1_000;

/// Bytes of one chunk of an upload: it is held in memory while it is compared.
pub const CHUNK_BYTES_MAX: u64 = 16 << 20;

/// Chunks of one upload: 12 GB in pieces of 64 KB, and about 20 MB of JSON.
pub const CHUNKS_MAX: usize = 200_000;

/// Ranges told of what an upload lacks.
pub const RANGES_TOLD_MAX: usize = 10_000;
