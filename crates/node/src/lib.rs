//! The roles of a node: manager, worker, verifier.
//!
//! Event loops that join the parts: the rules of `core`, the database, storage, sessions, engines.
//! No rule is decided here.

pub mod agent;
pub mod audit;
pub mod config;
mod engines;
pub mod manager;
pub mod pictures;
mod port;
mod scenes;
mod verdict;

pub use candela_blobs as blobs;
