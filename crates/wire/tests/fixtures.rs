//! The formats are what they were: each kind of message, row and blob has its bytes in `fixtures/v1`.
//!
//! `UPDATE_FIXTURES=1 cargo test -p candela-wire --test fixtures` writes those that are missing and
//! those that differ. Once a version is released, its fixtures never change.

#[path = "samples/mod.rs"]
mod samples;

use candela_core::job::Job;
use candela_core::message::Notify;
use samples::{Case, cases};
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1").join(format!("{name}.bin"))
}

#[test]
fn every_format_is_what_it_was() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut differ = Vec::new();
    for Case { name, bytes, round_trips, .. } in cases() {
        let path = path(&name);
        if update {
            std::fs::write(&path, &bytes).unwrap();
        }
        let stored = std::fs::read(&path).unwrap_or_default();
        if stored != bytes {
            differ.push(name);
        } else {
            assert!(round_trips(&stored), "{name}: the fixture is read as something else");
        }
    }
    assert!(
        differ.is_empty(),
        "not as in their fixtures (UPDATE_FIXTURES=1 writes them): {differ:?}"
    );
}

#[test]
fn no_fixture_is_without_its_case() {
    let mut known: Vec<_> = cases().into_iter().map(|case| path(&case.name)).collect();
    known.sort();
    let dir = path("x");
    let mut there: Vec<_> =
        std::fs::read_dir(dir.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect();
    there.sort();
    assert_eq!(there, known);
}

/// Cut off anywhere, or longer by a byte, it is an error; with any one bit turned over, it may be read as something else.
#[test]
fn damage_never_panics() {
    for Case { name, bytes, reads, round_trips } in cases() {
        let signed = name.starts_with("signed");
        for end in 0..bytes.len() {
            assert!(!reads(&bytes[..end]) || signed, "{name}: cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(!reads(&longer) || signed, "{name}: one byte more");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = reads(&damaged);
                let _ = round_trips(&damaged);
            }
            for byte in [0, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                let _ = reads(&damaged);
            }
        }
    }
}

fn before(name: &str) -> Vec<u8> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::fs::read(dir.join("before").join(format!("{name}.bin"))).unwrap()
}

/// Inspections once lay in the rows of their jobs; such a row is read with what it holds.
#[test]
fn a_jobs_row_that_holds_its_inspection_is_still_read() {
    let job = candela_wire::rows::decode_job(&before("row_job_active")).unwrap();
    let inspection = std::fs::read(path("row_inspection")).unwrap();
    let inspection = candela_wire::rows::decode_inspection(&inspection).unwrap();
    assert_eq!(job.inspected.as_deref(), Some(&inspection));
    let without = before("row_job_active_without_inspection");
    let without = candela_wire::rows::decode_job(&without).unwrap();
    assert_eq!(Job { inspected: None, ..job }, without);
}

/// Jobs once had no messages; such a row is read as that of a job that has none.
#[test]
fn a_jobs_row_without_messages_is_still_read() {
    let active = "row_job_active_without_inspection";
    for (old, new) in [
        ("row_job_inspecting", "row_job_inspecting"),
        (active, "row_job_active"),
        ("row_job_refused", "row_job_refused"),
        ("row_job_completed", "row_job_completed"),
        ("row_job_failed", "row_job_failed"),
        ("row_job_cancelled", "row_job_cancelled"),
    ] {
        let read = candela_wire::rows::decode_job(&before(old)).unwrap();
        let now = std::fs::read(path(new)).unwrap();
        let mut want = candela_wire::rows::decode_job(&now).unwrap();
        want.submission.notify = Notify::default();
        (want.messages, want.wrong_told) = (Vec::new(), false);
        assert_eq!(read, want, "{old}");
    }
}
