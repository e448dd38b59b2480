//! The iroh endpoint: who a node is, how nodes find and recognise one another, and the sessions they talk over.
//!
//! A node is its Ed25519 key ([`NodeKey`]); a connection proves the key of the other side, so a
//! [`candela_core::id::NodeId`] that comes out of this crate was proven. What the messages of a
//! session mean is not known here: they are bytes with a size limit.
//!
//! No service of anybody else is contacted unless a relay is configured.

mod accept;
mod admission;
mod close;
mod endpoint;
mod error;
mod key;
pub mod limits;
mod pipe;
mod redial;
mod session;
mod stream;

pub use admission::AcceptOptions;
pub use close::CloseReason;
pub use endpoint::{BindOptions, Endpoint, EndpointBuilder, SESSION_ALPN, SESSION_VERSION};
pub use error::NetError;
pub use key::{BadSignature, KeyError, NodeKey, verify};
pub use pipe::{Pipe, PipePolicy};
pub use redial::{Backoff, BackoffOptions};
pub use session::{Session, SessionOptions, SessionReceiver, SessionSender};
