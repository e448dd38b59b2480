//! What nodes say to each other and what is stored, versioned.
//!
//! The only crate that serializes domain types. The types of `candela-core` know nothing of
//! formats; here each has a mirror per version, and a fixture of its bytes in `fixtures/`, so that
//! a format changes on purpose only. Whoever decodes gets checked values: every limit of
//! [`candela_core::limits`] and of [`limits`] held, or an error that says which did not.

pub mod api;
pub mod backup;
mod check;
pub mod cluster;
mod error;
pub mod evidence;
pub mod limits;
mod mirror;
mod passphrase;
pub mod provenance;
pub mod rows;
pub mod session;
pub mod ticket;
pub mod token;
mod v1;

pub use error::DecodeError;
