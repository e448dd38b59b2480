//! The handlers, one file for each kind of thing.

pub(crate) mod blobs;
pub(crate) mod claims;
pub(crate) mod events;
pub(crate) mod film;
pub(crate) mod frames;
pub(crate) mod jobs;
pub(crate) mod managers;
pub(crate) mod network;
pub(crate) mod nodes;
pub(crate) mod pictures;
pub(crate) mod proof;
pub(crate) mod session;
pub(crate) mod tokens;
pub(crate) mod uploads;

use candela_wire::api::limits::{PAGE_DEFAULT, PAGE_MAX};

/// Entries of a page, of what was asked for.
fn page_size(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}
