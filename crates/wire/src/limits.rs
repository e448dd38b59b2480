//! Limits on messages, rows and blobs, with how each was chosen. Limits of the domain are in `candela_core::limits`.

/// Bytes of one session message: the same as the sessions of the `net` crate carry.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes of one stored row: a job of 100,000 scattered frames needs 1.5 MB.
pub const ROW_BYTES_MAX: usize = 16 << 20;

/// Frames of one task: two hundred times what the default policy gives.
pub const TASK_FRAMES_MAX: usize = 10_000;

/// Probes of one verification task: more than twice what the default policy draws.
pub const PROBES_MAX: usize = 128;

/// Channels of one picture: two view layers with all of Cycles' denoising passes have about 40.
pub const CHANNELS_MAX: usize = 64;

/// Bytes of one evidence blob: 48 probes of 64 channels, each rendered three times, are 151 MB.
pub const EVIDENCE_BYTES_MAX: usize = 256 << 20;

/// Bytes of an evidence blob's header: 128 probes of 64 channels with names of 100 bytes.
///
/// Far below the blob's limit, because many short names take more memory than they have bytes.
pub const EVIDENCE_HEADER_BYTES_MAX: usize = 1 << 20;

/// Bytes of a path within a scene: Linux's `PATH_MAX`.
pub const PATH_BYTES_MAX: usize = 4096;

/// Socket addresses of one node: interfaces of a large host, in both IP versions.
pub const SOCKETS_MAX: usize = 32;

/// Bytes of a relay's URL.
pub const RELAY_BYTES_MAX: usize = 512;

/// Engine builds that one node offers.
pub const ENGINES_MAX: usize = 64;

/// Leases or verification tasks that a node may say that it works on: some times the most slots.
pub const HELD_MAX: usize = 1_024;

/// Bytes of a refusal's message, and of its hint: the engine's last words and a list of files fit.
pub const REFUSAL_BYTES_MAX: usize = 2 * candela_core::limits::ENGINE_TEXT_BYTES_MAX;

/// Managers of one network that are known to one another.
pub const MANAGERS_MAX: usize = 64;

/// Characters of a `host:port`: the longest host name, and a port.
pub const HOST_CHARS_MAX: usize = 262;

/// Characters of the secret that managers share.
pub const SECRET_CHARS_MAX: usize = 256;

/// Managers in a ticket, or storage nodes in a welcome.
pub const ADDRS_MAX: usize = 32;

/// Characters of a ticket: what [`ADDRS_MAX`] managers of a few addresses each need, and what a person can still paste.
pub const TICKET_CHARS_MAX: usize = 16 * 1024;

/// Bytes of a proof's facts: a job of 100,000 scattered frames needs 3 MB, its frames named twice.
pub const PROOF_FACTS_BYTES_MAX: usize = 8 << 20;

/// Bytes of a proof's records: a job of 100,000 frames needs 120 MB.
pub const PROOF_RECORDS_BYTES_MAX: usize = 256 << 20;

/// Bytes of one record of a proof: a verdict on 128 probes with all the texts that it may have.
pub const PROOF_RECORD_BYTES_MAX: usize = 1 << 20;

/// Blobs of a proof: evidence and the worker's tiles of four verdicts on each of 100,000 frames.
pub const PROOF_BLOBS_MAX: usize = 800_000;

/// Nodes that a proof names: as many as a large network has.
pub const PROOF_NODES_MAX: usize = 10_000;
