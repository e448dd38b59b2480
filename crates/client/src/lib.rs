//! The manager's HTTP interface as a Rust library.
