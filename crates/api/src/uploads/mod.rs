//! Uploads: whole blobs that are kept until a job uses them, and files that arrive in pieces.
//!
//! A file that arrives in pieces goes on where it broke off, and of it only those chunks are sent that
//! no earlier file of the same user holds. The manager never trusts a hash that it was told: each
//! chunk is compared when it is taken over, and the whole file before it becomes a blob.

mod book;
mod index;
mod part;
mod pins;

pub(crate) use book::{UploadBook, Wanted};
pub(crate) use pins::{now, pin, sweep_for_ever};

/// A SHA-256.
pub(crate) type Sha256 = [u8; 32];
