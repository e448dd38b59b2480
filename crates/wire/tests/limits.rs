//! Messages out of their limits are refused with a code; long texts are cut instead of lost.

use candela_core::farm::Fault;
use candela_core::id::{BlobHash, LeaseId, NodeId, OwnerId};
use candela_core::layers::Region;
use candela_core::limits::{ENGINE_TEXT_BYTES_MAX, FRAME_NUMBER_MAX, SCENES_HELD_MAX, SLOTS_MAX};
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_wire::DecodeError;
use candela_wire::limits::{MESSAGE_BYTES_MAX, PROBES_MAX, TASK_FRAMES_MAX};
use candela_wire::session::{
    self, Hello, Message, TaskOffer, ToManager, ToManagerBody, ToNode, VerificationOffer,
};
use std::collections::BTreeSet;

fn fixture<T: Message>(name: &str) -> T {
    let path = format!("{}/fixtures/v1/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    session::decode(&std::fs::read(path).unwrap()).unwrap()
}

fn code<T: Message + std::fmt::Debug>(message: &T) -> Option<RefusalCode> {
    match session::decode::<T>(&session::encode(message)) {
        Ok(_) => None,
        Err(DecodeError::NotAllowed { source, .. }) => Some(source.code),
        Err(other) => panic!("{message:?}: {other:?}"),
    }
}

fn hello() -> Hello {
    match fixture::<ToManager>("hello").body {
        ToManagerBody::Hello(hello) => *hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hello_out_of_limits() {
    let check = |want: Option<RefusalCode>, change: fn(&mut Hello)| {
        let mut hello = hello();
        change(&mut hello);
        assert_eq!(code(&ToManager { seq: 1, body: ToManagerBody::Hello(Box::new(hello)) }), want);
    };
    check(None, |_| {});
    check(Some(RefusalCode::VersionMismatch), |h| h.protocol = 2);
    check(Some(RefusalCode::NameNotAllowed), |h| h.name = " ".into());
    check(Some(RefusalCode::NameNotAllowed), |h| h.device = "a\u{1b}[2J".into());
    check(Some(RefusalCode::MessageNotAllowed), |h| h.slots = SLOTS_MAX + 1);
    check(Some(RefusalCode::MessageNotAllowed), |h| h.ticket = "a".repeat(20_000));
    check(Some(RefusalCode::MessageNotAllowed), |h| {
        let hash = |n: usize| BlobHash(std::array::from_fn(|at| n.to_le_bytes()[at % 8]));
        h.scenes_held = (0..=SCENES_HELD_MAX).map(hash).collect();
    });
    check(Some(RefusalCode::MessageNotAllowed), |h| h.addr.relay = Some("a b".into()));
    check(Some(RefusalCode::MessageNotAllowed), |h| {
        h.addr.sockets = vec!["192.0.2.1:1".parse().unwrap(); 33];
    });
}

#[test]
fn a_hello_gets_what_the_ticket_allows() {
    let check = |peer: u8, allowed: &[Role]| {
        let allowed: BTreeSet<Role> = allowed.iter().copied().collect();
        let core = hello().into_core(NodeId([peer; 32]), OwnerId("ada".into()), &allowed);
        core.map(|hello| hello.roles).map_err(|refusal| refusal.code)
    };
    assert_eq!(check(8, &[Role::Verifier]), Ok(BTreeSet::from([Role::Verifier])));
    assert_eq!(check(8, &[]), Err(RefusalCode::RoleMissing));
    assert_eq!(check(9, &[Role::Verifier]), Err(RefusalCode::MessageNotAllowed));
    assert!(!format!("{:?}", hello()).contains("candela1"), "the ticket is a secret");
}

#[test]
fn offers_out_of_limits() {
    let task = |want: Option<RefusalCode>, change: fn(&mut TaskOffer)| {
        let ToNode::OfferTask(mut offer) = fixture("offer_task") else { panic!() };
        change(&mut offer);
        assert_eq!(code(&ToNode::OfferTask(offer)), want);
    };
    task(None, |_| {});
    for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "a\0b"] {
        let ToNode::OfferTask(mut offer) = fixture("offer_task") else { panic!() };
        offer.main_file = path.into();
        assert_eq!(code(&ToNode::OfferTask(offer)), Some(RefusalCode::PathNotAllowed), "{path:?}");
    }
    task(Some(RefusalCode::FrameOutOfRange), |o| o.frames = vec![FRAME_NUMBER_MAX + 1]);
    task(Some(RefusalCode::FrameOutOfRange), |o| o.frames = vec![i32::MIN]);
    task(Some(RefusalCode::MessageNotAllowed), |o| o.frames = vec![1; TASK_FRAMES_MAX + 1]);
    task(Some(RefusalCode::SizeOutOfRange), |o| o.settings.size.width = 0);
    task(Some(RefusalCode::SizeOutOfRange), |o| o.settings.size.height = u32::MAX);
    task(Some(RefusalCode::SamplesOutOfRange), |o| o.settings.samples = Some(0));
    task(Some(RefusalCode::NameNotAllowed), |o| o.settings.camera = Some(String::new()));
    let verification = |want: Option<RefusalCode>, change: fn(&mut VerificationOffer)| {
        let ToNode::OfferVerification(mut offer) = fixture("offer_verification") else { panic!() };
        change(&mut offer);
        assert_eq!(code(&ToNode::OfferVerification(offer)), want);
    };
    verification(None, |_| {});
    verification(Some(RefusalCode::MessageNotAllowed), |o| o.probes[0].x1 += 1);
    verification(Some(RefusalCode::MessageNotAllowed), |o| o.probes[0].x0 -= 1);
    verification(Some(RefusalCode::MessageNotAllowed), |o| {
        o.probes = vec![Region { x0: 0, y0: 0, x1: 64, y1: 64 }; PROBES_MAX + 1];
    });
}

#[test]
fn receipts_out_of_limits() {
    let check = |change: fn(&mut candela_core::task::Statement)| {
        let mut message: ToManager = fixture("receipt");
        let ToManagerBody::Receipt { statement, .. } = &mut message.body else { panic!() };
        change(statement);
        code(&message)
    };
    assert_eq!(check(|_| {}), None);
    assert_eq!(check(|s| s.output_bytes = 0), Some(RefusalCode::TooLarge));
    assert_eq!(check(|s| s.layers_bytes = u64::MAX), Some(RefusalCode::TooLarge));
    assert_eq!(check(|s| s.frame = i32::MAX), Some(RefusalCode::FrameOutOfRange));
    assert_eq!(check(|s| s.device = "a".repeat(300)), Some(RefusalCode::NameNotAllowed));
}

#[test]
fn long_texts_are_cut_and_not_lost() {
    let text = "é".repeat(ENGINE_TEXT_BYTES_MAX);
    let body =
        ToManagerBody::FrameFailed { lease: LeaseId(1), frame: 1, fault: Fault::Engine, text };
    let bytes = session::encode(&ToManager { seq: 1, body });
    let ToManagerBody::FrameFailed { text, .. } =
        session::decode::<ToManager>(&bytes).unwrap().body
    else {
        panic!()
    };
    assert_eq!(text, "é".repeat(ENGINE_TEXT_BYTES_MAX / 2));
    let refusal =
        Refusal::new(RefusalCode::Busy, "x".repeat(1 << 17)).with_hint("y".repeat(1 << 17));
    assert_eq!(code(&ToNode::Refused(refusal)), None);
}

#[test]
fn a_code_of_a_newer_manager_is_shown() {
    let bytes = session::encode(&ToNode::Refused(Refusal::new(RefusalCode::Busy, "not today")));
    let newer: Vec<u8> = bytes.iter().map(|b| if *b == b'y' { b'z' } else { *b }).collect();
    let want = Refusal::new(RefusalCode::MessageNotAllowed, "busz: not todaz");
    assert_eq!(session::decode(&newer), Ok(ToNode::Refused(want)));
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let error = session::decode::<ToNode>(&vec![0; MESSAGE_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(Refusal::from(error).code, RefusalCode::TooLarge);
}
