//! The stored rows: keys whose order is that of the numbers, and bodies that begin with their version.
//!
//! A row that an older program wrote stays readable: its version's mirrors and fixture are kept.

mod job;
pub(crate) mod job_v1;
mod keys;
mod message;
mod v1;

pub use keys::{
    key_claim, key_counter, key_frame, key_job, key_manager, key_node, key_receipt, key_task,
    key_ticket, key_token, key_verification, key_webhook_secret,
};

use crate::cluster::ManagerRow;
use crate::error::DecodeError;
use crate::limits::ROW_BYTES_MAX;
use crate::mirror::{Mirror, to_bytes};
use crate::ticket::TicketRow;
use crate::token::TokenRow;
use candela_core::claim::Claim;
use candela_core::job::{Frame, Inspected, Job};
use candela_core::node::Node;
use candela_core::task::{Receipt, Task};
use candela_core::verification::VerificationTask;
use serde::de::DeserializeOwned;

/// Version with which rows are written; 1 was never released, and is refused as unknown.
pub const VERSION: u8 = 3;

/// Version with which rows of jobs are written: with it they began to hold messages.
pub const JOB_VERSION: u8 = 4;

macro_rules! rows {
    ($($kind:literal, $type:ty, $encode:ident, $decode:ident;)*) => {$(
        #[doc = concat!("The body of the row of a ", $kind, ".")]
        #[must_use]
        pub fn $encode(value: &$type) -> Vec<u8> {
            encode(value)
        }

        #[doc = concat!("The ", $kind, " of a row's body.")]
        ///
        /// # Errors
        /// If the bytes are damaged, or were written by a newer program.
        pub fn $decode(bytes: &[u8]) -> Result<$type, DecodeError> {
            decode(concat!("row of a ", $kind), bytes)
        }
    )*};
}

rows! {
    "job's inspection", Inspected, encode_inspection, decode_inspection;
    "frame", Frame, encode_frame, decode_frame;
    "task", Task, encode_task, decode_task;
    "receipt", Receipt, encode_receipt, decode_receipt;
    "verification task", VerificationTask, encode_verification, decode_verification;
    "node", Node, encode_node, decode_node;
    "bad result claim", Claim, encode_claim, decode_claim;
    "counter", u64, encode_counter, decode_counter;
    "ticket", TicketRow, encode_ticket, decode_ticket;
    "token", TokenRow, encode_token, decode_token;
    "manager", ManagerRow, encode_manager, decode_manager;
    "webhook secret", String, encode_webhook_secret, decode_webhook_secret;
}

/// The body of the row of a job, without what its inspection found: that is a row of its own.
#[must_use]
pub fn encode_job(job: &Job) -> Vec<u8> {
    to_bytes(vec![JOB_VERSION], &Job { inspected: None, ..job.clone() }.to_wire())
}

/// The job of a row's body. An older program's row holds what the inspection found, too.
///
/// # Errors
/// If the bytes are damaged, or were written by a newer program.
pub fn decode_job(bytes: &[u8]) -> Result<Job, DecodeError> {
    let kind = "row of a job";
    match bytes.first() {
        Some(&job_v1::VERSION) => {
            body::<job_v1::JobV1>(kind, job_v1::VERSION, bytes).map(Job::from)
        }
        _ => decode_as(kind, JOB_VERSION, bytes),
    }
}

fn encode<T: Mirror>(value: &T) -> Vec<u8> {
    to_bytes(vec![VERSION], &value.to_wire())
}

fn decode<T: Mirror>(kind: &'static str, bytes: &[u8]) -> Result<T, DecodeError> {
    decode_as(kind, VERSION, bytes)
}

fn decode_as<T: Mirror>(kind: &'static str, known: u8, bytes: &[u8]) -> Result<T, DecodeError> {
    let malformed = |source| DecodeError::Malformed { kind, source };
    let wire = body::<T::Wire>(kind, known, bytes)?;
    T::from_wire(wire).map_err(|_| malformed(postcard::Error::SerdeDeCustom))
}

/// What was written with that version.
fn body<W: DeserializeOwned>(
    kind: &'static str,
    known: u8,
    bytes: &[u8],
) -> Result<W, DecodeError> {
    let malformed = |source| DecodeError::Malformed { kind, source };
    if bytes.len() > ROW_BYTES_MAX {
        return Err(DecodeError::TooLarge { kind, bytes: bytes.len(), bytes_max: ROW_BYTES_MAX });
    }
    let Some((version, body)) = bytes.split_first() else {
        return Err(malformed(postcard::Error::DeserializeUnexpectedEnd));
    };
    if *version != known {
        return Err(DecodeError::VersionUnknown { kind, version: *version });
    }
    let (wire, rest) = postcard::take_from_bytes::<W>(body).map_err(malformed)?;
    if !rest.is_empty() {
        let expected = bytes.len() - rest.len();
        return Err(DecodeError::WrongLength { kind, bytes: bytes.len(), expected });
    }
    Ok(wire)
}
