//! The manager's HTTP interface as a Rust library: everything that a user can do, typed.
//!
//! Start reading at [`Client`]. It is all that the command line uses to reach a manager as a user.

mod claims;
mod client;
mod error;
mod events;
mod films;
pub mod limits;
mod pieces;
mod sse;
#[cfg(test)]
mod tests;
mod transfer;

pub use client::Client;
pub use error::ClientError;
pub use events::EventStream;
pub use films::DownloadedFilm;
pub use pieces::Sent;
pub use transfer::{Downloaded, HashedFile, hash_file};

/// What is sent and received, from `candela-wire`.
pub use candela_wire::api as dto;
