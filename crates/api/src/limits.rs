//! Limits on everything that comes in over HTTP, with how each was chosen.

use std::time::Duration;

/// Bytes of one request in JSON: a scene of 50,000 files with long paths is below 16 MB.
pub const JSON_BYTES_MAX: usize = 32 << 20;

/// Bytes of one uploaded blob unless configured otherwise: caches of simulations reach tens of gigabytes.
pub const UPLOAD_BYTES_MAX: u64 = 64 << 30;

/// Uploads at once, of everybody: more only make each slower.
pub const UPLOADS_MAX: usize = 32;

/// How long an upload waits for its turn before it is told to come again.
pub const UPLOAD_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long an uploaded blob is kept for a job that uses it: over a night.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Uploads of one user that are not finished.
pub const UPLOADS_OPEN_MAX: usize = 1_000;

/// After so many bytes it is noted how far an upload is, so that a manager that is killed goes on there.
pub const UPLOAD_NOTED_BYTES: u64 = 4 << 20;

/// Bytes of an upload read at once when a blob is made of it.
pub const READ_AT_ONCE: usize = 1 << 20;

/// For so long the figures of the network are told again: they are counted over all jobs.
pub const NETWORK_KEPT: Duration = Duration::from_secs(2);

/// Minutes of the network's history.
pub const HISTORY_MINUTES: usize = 60;

/// How often uploads that no job used are let go.
pub const UPLOAD_SWEEP: Duration = Duration::from_secs(600);

/// Event streams at once: each is a connection and a small queue.
pub const STREAMS_MAX: usize = 1_000;

/// Events that a watcher may lag behind before it has to read everything again.
pub const EVENTS_QUEUED_MAX: usize = 1_024;

/// Changes are collected for so long before watchers hear of them: people see no difference, and a
/// burst of a thousand changes is read from the state once.
pub const EVENTS_GATHERED: Duration = Duration::from_millis(60);

/// How often watchers hear how far frames are: engines report about once a second.
pub const PROGRESS_PERIOD: Duration = Duration::from_secs(2);

/// Something is sent on a quiet event stream so often, below the idle limits of usual proxies (60 s).
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Requests per second of one address that is not this machine.
pub const REQUESTS_PER_S: f64 = 200.0;

/// Requests of one address in a burst: a page of thumbnails.
pub const REQUESTS_BURST: f64 = 2_000.0;

/// Addresses whose rate is remembered.
pub const ADDRESSES_MAX: usize = 10_000;

/// Requests that are not answered yet when the manager ends are waited for so long.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Hashes named in one refusal.
pub const HASHES_NAMED_MAX: usize = 1_000;

/// Characters of a search text.
pub const SEARCH_CHARS_MAX: usize = 200;

/// Probes told of one verdict: the rules draw at most a few dozen.
pub const PROBES_TOLD_MAX: usize = 256;

/// Frames told of one task of a node.
pub const TASK_FRAMES_TOLD_MAX: usize = 8;

/// Pictures of evidence made at once: each holds the evidence of one verdict in memory.
pub const PICTURES_MAX: usize = 2;

/// How long a picture waits for its turn: a page asks for a dozen at once, each below a second.
pub const PICTURE_WAIT_MAX: Duration = Duration::from_secs(20);

/// Bytes of evidence of which pictures are made: 24 tiles of 64 channels, each rendered three times,
/// are 75 MB, as are the worker's tiles at a third.
pub const PICTURE_BLOB_BYTES_MAX: u64 = 96 << 20;

/// How long a request waits for a film before it is told to come again: below the time-outs of usual
/// proxies (60 s).
pub const FILM_WAIT_MAX: Duration = Duration::from_secs(20);

/// After this time at most whoever waits for a film is told to ask again.
pub const FILM_RETRY_MAX: Duration = Duration::from_secs(30);

/// What was not delivered is tried again after this time, and each further time after twice as long.
pub const MESSAGE_RETRY_FIRST: Duration = Duration::from_secs(10);

/// Nor is it tried less often than this: a receiver that comes back hears of what happened soon.
pub const MESSAGE_RETRY_MAX: Duration = Duration::from_secs(3_600);

/// After this time a message is given up: who hasn't heard of a job for a day has looked.
pub const MESSAGE_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Messages of one kind that are sent at once.
pub const MESSAGES_AT_ONCE: usize = 4;

/// It is looked for messages so often, if nothing says that there are some.
pub const MESSAGES_LOOK: Duration = Duration::from_secs(5);

/// And not more often than this: a burst of changes is looked at once.
pub const MESSAGES_GATHERED: Duration = Duration::from_millis(250);
