//! The rules of the network: jobs, tasks, leases, verification.
//!
//! Pure: no clock, no randomness, no I/O, no async. Time and seeds come in as arguments.

pub mod addr;
pub mod id;
pub mod layers;
pub mod scene;
pub mod settings;
