//! Fixtures of what is sent: a changed line here is a changed interface.

use super::{
    Event, FrameState, FramesPage, JobRequest, JobState, JobsQuery, RefusalInfo, TicketRequest,
};
use candela_core::refusal::{Refusal, RefusalCode};
use serde_json::{Value, json};

/// The least that a job needs.
fn least() -> Value {
    json!({
        "submission_id": "00112233445566778899aabbccddeeff",
        "name": "shot",
        "scene": { "main_file": "a.blend", "files": [{ "path": "a.blend", "hash": "00", "bytes": 5 }] },
    })
}

#[test]
fn the_least_and_the_most_of_a_job() {
    let request: JobRequest = serde_json::from_value(least()).unwrap();
    assert_eq!(request.frames, None);
    assert!(!request.allow.wait && request.overrides.percentage.is_none());
    let mut full = least();
    for (name, value) in [
        ("user", json!("ada")),
        ("frames", json!("1-24")),
        ("engine", json!("blender-4.5.15")),
        (
            "overrides",
            json!({ "percentage": 25, "samples": 8, "scene": "S", "camera": "C", "format": "png16" }),
        ),
        ("allow", json!({ "missing_files": true, "force_cycles": true, "wait": true })),
        ("priority", json!(3)),
        ("notify", json!({ "webhook": "https://a.example/hook", "email": "ada@a.example" })),
    ] {
        full[name] = value;
    }
    let request: JobRequest = serde_json::from_value(full.clone()).unwrap();
    assert_eq!(serde_json::to_value(request).unwrap(), full);
}

#[test]
fn misspelt_fields_are_not_ignored() {
    for (pointer, name) in [("", "frame"), ("/scene", "main"), ("/scene/files/0", "size")] {
        let mut request = least();
        request.pointer_mut(pointer).unwrap()[name] = json!(1);
        assert!(serde_json::from_value::<JobRequest>(request).is_err(), "{pointer}/{name}");
    }
    for text in [r#"{"roles":["worker"],"owners":"x"}"#, r#"{"roles":["manager"]}"#, "{}"] {
        assert!(serde_json::from_str::<TicketRequest>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<JobsQuery>(r#"{"limits":1}"#).is_err());
}

#[test]
fn words_are_those_that_are_sent() {
    for state in [
        JobState::Inspecting,
        JobState::Active,
        JobState::Completed,
        JobState::Failed,
        JobState::Refused,
        JobState::Cancelled,
    ] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
    for state in [
        FrameState::Waiting,
        FrameState::Rendering,
        FrameState::Verifying,
        FrameState::Accepted,
        FrameState::Failed,
    ] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
}

#[test]
fn refusals() {
    let refusal = Refusal::new(RefusalCode::FramesEmpty, "no frames").with_hint("name some");
    let info = RefusalInfo::from(&refusal);
    let want = json!({ "code": "frames_empty", "message": "no frames", "hint": "name some" });
    assert_eq!(serde_json::to_value(&info).unwrap(), want);
    assert_eq!(info.known_code(), Some(RefusalCode::FramesEmpty));
    let later: RefusalInfo =
        serde_json::from_str(r#"{"code":"of_a_later_version","message":"no","more":1}"#).unwrap();
    assert_eq!((later.known_code(), later.hint), (None, None));
}

/// Replies may grow: an older client reads what it knows.
#[test]
fn a_page_of_frames_from_a_later_version() {
    let page = json!({
        "items": [{
            "number": 7, "status": "accepted", "worker": { "id": "aa", "name": "one" },
            "progress": null, "render_s": 1.5,
            "output": { "hash": "bb", "bytes": 9, "url": "/x", "file_name": "0007.png", "media_type": "image/png" },
            "receipt_id": 3,
            "verdict": {
                "outcome": "accepted", "reason": "agrees", "verifiers": [{ "id": "cc", "name": "two" }],
                "rounds": 1, "probes": 3, "informative": 100, "informative_agree": 99,
                "direct": 10, "direct_agree": 10, "reject_p": 0.5, "accept_p": 1e-9,
            },
            "attempts": 0, "receipts_rejected": 0, "last_error": null, "of_a_later_version": true,
        }],
        "next": 7,
    });
    let page: FramesPage = serde_json::from_value(page).unwrap();
    assert_eq!((page.items[0].status, page.next), (FrameState::Accepted, Some(7)));
}

#[test]
fn events_have_their_name_apart() {
    assert_eq!(serde_json::to_value(Event::Reset).unwrap(), json!({ "event": "reset" }));
}
