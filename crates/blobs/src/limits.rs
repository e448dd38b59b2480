//! What strangers' data may cost us, and how each number was chosen.

use std::time::Duration;

/// Blobs of one collection: production scenes with their textures have thousands of files.
pub const COLLECTION_ENTRIES_MAX: usize = 100_000;

/// Bytes of one name in a collection; with a folder in front it must fit the 4,096 of Linux.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Bytes of one part of a name: what common file systems take.
pub const NAME_PART_BYTES_MAX: usize = 255;

/// Bytes of all names of a collection together: half of what the two limits above would allow is far more than seen.
pub const NAMES_BYTES_MAX: u64 = 16 << 20;

/// Bytes of a pin's name.
pub const PIN_BYTES_MAX: usize = 512;

/// Bytes that one read into memory may ask for: the layers of a 4K frame in strips, not whole scenes.
pub const READ_BYTES_MAX: u64 = 256 << 20;

/// Ranges of one request: a frame's probes are hundreds.
pub const RANGES_MAX: usize = 4_096;

/// A fetch takes no blob or collection larger than this unless told otherwise: the largest scenes seen are tens of GiB.
pub const FETCH_BYTES_MAX: u64 = 256 << 30;

/// A provider that sends nothing for so long is left for the next one; several retransmissions on a bad line.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Time for connecting to one provider.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Failures in a row after which a provider is not asked again during a fetch.
pub const PROVIDER_FAILURES_MAX: u32 = 3;

/// Large blobs are fetched in pieces of this size, spread over the providers: small enough to
/// balance unequal lines, large enough that the request's round trip doesn't count.
pub const PIECE_BYTES: u64 = 16 << 20;

/// Requests under way per provider: hides the round trip when a collection has many small blobs.
pub const REQUESTS_PER_PROVIDER: usize = 8;

/// Providers that are used for one fetch; more add connections, not speed.
pub const PROVIDERS_MAX: usize = 8;

/// Connections that read from us, of everybody.
pub const READERS_MAX: usize = 4_096;

/// Connections of one node that read from us: a fetch opens one.
pub const READERS_PER_NODE_MAX: usize = 32;

/// How often garbage is collected: a pass lists all blobs, so not often; a node that fills its disk waits no longer than this.
pub const GC_INTERVAL: Duration = Duration::from_secs(300);

/// Bytes that stay free on the store's disk. The store's own database must never meet a full disk:
/// with iroh-blobs 0.104.0 it then stops for good (one in three attempts on a 16 MiB disk).
/// As much as all pieces of one fetch that are under way with the most providers.
pub const RESERVE_BYTES: u64 = 256 << 20;

/// Bytes of an upload after which the free space is looked at again.
pub const ROOM_CHECK_BYTES: u64 = 1 << 20;
