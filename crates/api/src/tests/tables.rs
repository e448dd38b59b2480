//! What is part of the interface: the status of each refusal, and the description.

use crate::refuse::{Refused, status_of};
use candela_blobs::BlobError;
use candela_core::id::BlobHash;
use candela_core::refusal::RefusalCode;

#[test]
fn the_status_of_each_refusal() {
    let table: String = RefusalCode::ALL
        .iter()
        .map(|code| format!("{} {code}\n", status_of(*code).as_u16()))
        .collect();
    insta::assert_snapshot!("statuses", table);
}

#[test]
fn what_storage_says() {
    let hash = BlobHash([1; 32]);
    let full = BlobError::StorageFull { step: "adding", object: "x".into(), source: "full".into() };
    for (error, code) in [
        (full, "storage_full"),
        (BlobError::StreamTooLarge { max: 1 }, "too_large"),
        (BlobError::WrongHash { expected: hash, got: hash }, "hash_mismatch"),
        (BlobError::Missing { hash }, "not_found"),
        (BlobError::PinName { name: "x".into() }, "unavailable"),
    ] {
        assert_eq!(Refused::from(error).code(), code);
    }
}

/// Paths and methods; the forms are in `candela_wire::api`.
#[test]
fn the_description() {
    let json = serde_json::to_value(crate::openapi()).unwrap();
    let mut lines = String::new();
    for (path, methods) in json["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let summary = about["summary"].as_str().unwrap_or_default();
            lines.push_str(&format!("{} {path}: {summary}\n", method.to_uppercase()));
        }
    }
    insta::assert_snapshot!("paths", lines);
}
