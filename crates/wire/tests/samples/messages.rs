//! One message per variant, and what is signed.

use super::{Case, addr, engine, refusal, settings, signature, statement};
use candela_core::farm::Fault;
use candela_core::id::{BlobHash, JobId, LeaseId, TaskId, VerificationId};
use candela_core::layers::Region;
use candela_core::node::Role;
use candela_wire::DecodeError;
use candela_wire::cluster::{ManagerHello, ManagerWelcome, Moved};
use candela_wire::session::{
    self, FrameProgress, Heartbeat, Hello, Message, Report, TaskOffer, ToManager, ToManagerBody,
    ToNode, VerificationOffer, Welcome,
};
use candela_wire::ticket::Ticket;
use std::collections::BTreeSet;

pub(super) fn cases() -> Vec<Case> {
    let to_manager = |name: &str, body| message(name, ToManager { seq: 300, body });
    let mut cases: Vec<Case> =
        from_node().into_iter().map(|(name, body)| to_manager(name, body)).collect();
    cases.extend(from_manager().into_iter().map(|(name, body)| message(name, body)));
    // What is signed is never read, only compared.
    let signed =
        |name: &str, bytes: Vec<u8>| Case::new(name, bytes, Vec::clone, |bytes| Ok(bytes.to_vec()));
    cases.push(signed("signed_receipt", session::statement_bytes(&statement())));
    cases.push(signed("signed_report", session::report_bytes(&report())));
    let text = |ticket: &Ticket| ticket.to_string().into_bytes();
    cases.push(Case::new("ticket", ticket(), text, |bytes| {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        text.parse().map_err(|_| DecodeError::WrongLength {
            kind: "ticket",
            bytes: bytes.len(),
            expected: 0,
        })
    }));
    cases
}

fn message<T: Message + PartialEq + 'static>(name: &str, message: T) -> Case {
    Case::new(name, message, session::encode, session::decode)
}

fn ticket() -> Ticket {
    Ticket { managers: vec![addr(7)], secret: [9; 32], roles: BTreeSet::from([Role::Worker]) }
}

fn report() -> Report {
    Report {
        verification: VerificationId(12),
        evidence: BlobHash([5; 32]),
        evidence_bytes: 1_234_567,
        rendered_px: 24_576,
        took_ms: 4_321,
    }
}

fn hello() -> Hello {
    Hello {
        protocol: session::PROTOCOL,
        ticket: ticket().to_string(),
        addr: addr(8),
        name: "attic".into(),
        roles: BTreeSet::from([Role::Worker, Role::Verifier]),
        engines: BTreeSet::from([engine()]),
        device: "cpu x86-64 avx2, 2 threads".into(),
        memory_bytes: 8 << 30,
        slots: 2,
        scenes_held: BTreeSet::from([BlobHash([1; 32]), BlobHash([2; 32])]),
        leases: BTreeSet::from([LeaseId(4)]),
        verifications: BTreeSet::from([VerificationId(12)]),
    }
}

fn from_node() -> Vec<(&'static str, ToManagerBody)> {
    let progress = FrameProgress {
        lease: LeaseId(4),
        frame: -17,
        samples_done: 12,
        samples: 128,
        memory_bytes: 1 << 30,
    };
    let heartbeat = Heartbeat {
        scenes_held: BTreeSet::from([BlobHash([1; 32])]),
        paused: true,
        progress: vec![progress],
    };
    let (lease, text) = (LeaseId(4), "no space left on device".to_owned());
    vec![
        ("hello", ToManagerBody::Hello(Box::new(hello()))),
        ("heartbeat", ToManagerBody::Heartbeat(heartbeat)),
        ("lease_declined", ToManagerBody::LeaseDeclined { lease, reason: text.clone() }),
        (
            "frame_failed",
            ToManagerBody::FrameFailed {
                lease,
                frame: -17,
                fault: Fault::Worker,
                text: text.clone(),
            },
        ),
        (
            "receipt",
            ToManagerBody::Receipt { statement: Box::new(statement()), signature: signature() },
        ),
        ("report", ToManagerBody::Report { report: report(), signature: signature() }),
        (
            "verification_failed",
            ToManagerBody::VerificationFailed { verification: VerificationId(12), reason: text },
        ),
        ("bye", ToManagerBody::Bye),
        (
            "join_managers",
            ToManagerBody::JoinManagers(Box::new(ManagerHello {
                protocol: session::PROTOCOL,
                ticket: ticket().to_string(),
                addr: addr(8),
                replication: "manager-2.example:18000".into(),
                requests: "[2001:db8::2]:18001".into(),
            })),
        ),
    ]
}

fn from_manager() -> Vec<(&'static str, ToNode)> {
    let welcome = Welcome {
        node_name: "attic".into(),
        grace_ms: 30_000,
        heartbeat_ms: 1_000,
        storage: vec![addr(7)],
        managers: vec![addr(7), addr(8)],
    };
    let task = TaskOffer {
        task: TaskId(3),
        lease: LeaseId(4),
        job: JobId(1),
        scene: BlobHash([1; 32]),
        main_file: "shots/03.blend".into(),
        frames: vec![-17, 1, 24],
        settings: settings(),
        engine: engine(),
        deadline_ms_left: 14_400_000,
    };
    let verification = VerificationOffer {
        verification: VerificationId(12),
        job: JobId(1),
        scene: BlobHash([1; 32]),
        main_file: "shots/03.blend".into(),
        frame: -17,
        probes: vec![Region { x0: 1856, y0: 1024, x1: 1920, y1: 1080 }],
        settings: settings(),
        engine: engine(),
        second_replica: true,
    };
    vec![
        ("welcome", ToNode::Welcome(welcome)),
        ("refused", ToNode::Refused(refusal())),
        ("ack", ToNode::Ack { seq: 300, refusal: None }),
        ("ack_refused", ToNode::Ack { seq: 300, refusal: Some(refusal()) }),
        ("offer_task", ToNode::OfferTask(Box::new(task))),
        ("revoke", ToNode::Revoke { lease: LeaseId(4), reason: "the job was cancelled".into() }),
        ("offer_verification", ToNode::OfferVerification(Box::new(verification))),
        ("revoke_verification", ToNode::RevokeVerification { verification: VerificationId(12) }),
        ("shutdown", ToNode::Shutdown),
        (
            "moved",
            ToNode::Moved(Box::new(Moved { leader: Some(addr(7)), managers: vec![addr(7)] })),
        ),
        (
            "manager_welcome",
            ToNode::ManagerWelcome(Box::new(ManagerWelcome {
                number: 2,
                secret: "a secret of the managers".into(),
                election_ms: 700,
                managers: vec![super::rows::manager()],
            })),
        ),
    ]
}
