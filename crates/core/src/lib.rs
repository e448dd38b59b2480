//! The rules of the network: jobs, tasks, leases, verification.
//!
//! Pure: no clock, no randomness, no I/O, no async. Time and seeds come in as arguments.
//! Start reading at [`farm::Farm`]: the whole state, and the one function that changes it.

pub mod addr;
pub mod claim;
pub mod counts;
pub mod farm;
pub mod frames;
pub mod id;
pub mod inspection;
pub mod job;
pub mod layers;
pub mod limits;
pub mod message;
pub mod node;
pub mod policy;
pub mod refusal;
pub mod scene;
pub mod seed;
pub mod settings;
pub mod standing;
pub mod task;
pub mod time;
pub mod verification;
