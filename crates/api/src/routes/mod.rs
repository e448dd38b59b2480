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

use crate::refuse::Refused;
use candela_core::id::BlobHash;
use candela_core::refusal::RefusalCode;
use candela_wire::api::limits::{PAGE_DEFAULT, PAGE_MAX};

/// Entries of a page, of what was asked for.
fn page_size(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

/// The id in a path, of which a command lists the ones that there are. `kind`: `ticket`, `token`.
fn id_of(text: &str, kind: &str) -> Result<[u8; 32], Refused> {
    // Ids and hashes are written alike.
    let id: Result<BlobHash, _> = text.parse();
    id.map(|id| id.0).map_err(|_| {
        let text = format!("that is no {kind}'s number");
        Refused::new(RefusalCode::RequestNotUnderstood, text)
            .with_hint(format!("`candela {kind} list` shows them"))
    })
}
