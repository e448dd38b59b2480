//! What peers may cost us, and how each number was chosen.

use std::time::Duration;

/// Longest message of a session in bytes: room for a task with its settings or a receipt with its
/// checks, while larger things (layers, evidence, scenes) travel as blobs.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Messages that wait to be sent on one session: a burst of offers or progress, not a backlog.
pub const QUEUE_MESSAGES: usize = 64;

/// Bytes that wait to be sent on one session: four of the longest messages, so that a thousand
/// peers that don't read cost at most 4 GiB in theory and a few MiB in practice.
pub const QUEUE_BYTES: usize = 4 * MESSAGE_BYTES_MAX;

/// Bytes of a session that a peer may send before we read them: one longest message and the next one's start.
pub const RECEIVE_WINDOW_BYTES: u32 = 2 << 20;

/// Longest text of a reason to close, in bytes: a sentence or two, and it must fit one packet.
pub const REASON_BYTES_MAX: usize = 512;

/// How often a silent connection says that it lives: three signs are lost before [`IDLE_TIMEOUT`] ends it.
/// 10,000 idle connections cost about a tenth of a core at one sign in 5 s.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A peer that is silent for so long is taken as gone; above the 5 s after which a node gets no new work.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(8);

/// Time for opening a session once the connection stands: several round trips through a slow relay.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for dialling one node: hole punching takes a few seconds; a dead address costs no more than this.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that closing waits for queued messages to arrive: an orderly exit must not hang on a dead peer.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that binding waits for the list of this machine's own addresses; it is there after milliseconds.
pub const LOCAL_ADDRESSES_TIMEOUT: Duration = Duration::from_secs(2);

/// Sessions at a time: 100 KB of memory each was measured, so 1.6 GB.
pub const SESSIONS_MAX: usize = 16_384;

/// Sessions of one key at a time: a node's roles, and an old one that hasn't timed out yet.
pub const SESSIONS_PER_NODE_MAX: usize = 8;

/// Sessions of one key per minute: a node that redials with back-off stays far below.
pub const SESSIONS_PER_NODE_PER_MINUTE: u32 = 60;

/// Accepted sessions that nobody has taken yet: more means that the owner is stuck, and the rest is turned away.
pub const ACCEPT_QUEUE: usize = 256;

/// Handshakes per second from everybody together: one costs about 3 ms of CPU time, so at most
/// three quarters of a core goes to strangers.
pub const HANDSHAKES_PER_SECOND: u32 = 250;

/// Handshakes at once before the rate counts: all of a farm comes back after its manager restarted.
pub const HANDSHAKES_BURST: u32 = 2_000;

/// Keys whose rate of sessions is remembered; above that the idle ones are forgotten.
pub const NODES_REMEMBERED: usize = 4_096;
