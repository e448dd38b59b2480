//! Limits and times of the client, with how each was chosen.

use std::time::Duration;

/// A manager that doesn't take a connection for this long isn't there: several retransmissions over a slow link.
pub const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Longest silence in the middle of a reply: event streams say something every 15 seconds.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Longest time in which nothing of an upload goes out; after its last byte the manager may have to
/// copy tens of gigabytes before it answers.
pub const UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(600);

/// Longest question and answer in JSON; submitting a large scene waits for its collection to be durable.
pub const CALL_MAX: Duration = Duration::from_secs(120);

/// Bytes of one reply in JSON: a page of a thousand frames is about 1 MB.
pub const REPLY_BYTES_MAX: usize = 64 << 20;

/// First and longest pause before an event stream is opened again.
pub const RECONNECT_PAUSE: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(5));

/// How long an upload is tried again while no manager takes it.
pub const PATIENCE_MAX: Duration = Duration::from_secs(90);

/// Bytes read from a file at a time.
pub const READ_BYTES: usize = 256 * 1024;
