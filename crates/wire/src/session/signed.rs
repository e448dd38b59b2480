//! The exact bytes that signatures cover. Each kind begins with words of its own, so that a
//! signature of one kind is none of another.

use super::v1::Report;
use crate::mirror::{Mirror, to_bytes};
use candela_core::task::Statement;

/// The bytes that a worker signs for a receipt.
#[must_use]
pub fn statement_bytes(statement: &Statement) -> Vec<u8> {
    to_bytes(b"candela receipt 1\0".to_vec(), &statement.to_wire())
}

/// The bytes that a verifier signs for its report.
#[must_use]
pub fn report_bytes(report: &Report) -> Vec<u8> {
    to_bytes(b"candela report 1\0".to_vec(), report)
}
