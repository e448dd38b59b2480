//! Content-addressed storage of scenes and frames, on iroh-blobs.
//!
//! [`Blobs`] is the store of one node: it adds, pins, reads and exports blobs, and garbage
//! collection removes what no pin names. [`Fetcher`] brings blobs from other nodes, verified and
//! without transferring anything twice. [`Blobs::protocol`] is how other nodes read from this one.
//!
//! A pin is a name for a blob or a collection; names are the callers', e.g. `job/12/scene`.

mod collection;
mod error;
mod excerpt;
mod export;
mod fetch;
mod leftovers;
pub mod limits;
mod providers;
mod read;
mod room;
mod serve;
mod store;

pub use collection::{Collection, CollectionError};
pub use error::{BlobError, ProviderFailure};
pub use excerpt::{ExcerptError, read_excerpt};
pub use export::ExportMode;
pub use fetch::{FetchOptions, FetchProgress, FetchStats, Fetcher};
pub use serve::{ALPN, ReadPolicy};
pub use store::{Added, Blobs, ImportMode, OpenOptions, Pin};
