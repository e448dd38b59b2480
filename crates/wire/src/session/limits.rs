//! The limits of each message.

use super::v1::{
    Heartbeat, Hello, TaskOffer, ToManager, ToManagerBody, ToNode, VerificationOffer, Welcome,
};
use super::{Message, PROTOCOL};
use crate::check;
use crate::cluster;
use crate::limits::{
    ADDRS_MAX, ENGINES_MAX, EVIDENCE_BYTES_MAX, HELD_MAX, MANAGERS_MAX, PROBES_MAX,
    TASK_FRAMES_MAX, TICKET_CHARS_MAX,
};
use candela_core::layers::TILE_PX;
use candela_core::limits::{SCENES_HELD_MAX, SLOTS_MAX};
use candela_core::refusal::{Refusal, RefusalCode};

impl Message for ToManager {
    const KIND: &'static str = "message to a manager";

    fn check(&self) -> Result<(), Refusal> {
        match &self.body {
            ToManagerBody::Hello(body) => hello(body),
            ToManagerBody::Heartbeat(body) => heartbeat(body),
            ToManagerBody::LeaseDeclined { reason, .. }
            | ToManagerBody::VerificationFailed { reason, .. } => check::text("reason", reason),
            ToManagerBody::FrameFailed { frame, text, .. } => {
                check::frame(*frame)?;
                check::text("text of an engine", text)
            }
            ToManagerBody::Receipt { statement, .. } => check::statement(statement),
            ToManagerBody::Report { report, .. } => {
                if report.evidence_bytes > EVIDENCE_BYTES_MAX as u64 {
                    return Err(Refusal::new(
                        RefusalCode::TooLarge,
                        format!("evidence has at most {EVIDENCE_BYTES_MAX} bytes"),
                    ));
                }
                Ok(())
            }
            ToManagerBody::JoinManagers(body) => cluster::check_hello(body),
            ToManagerBody::Bye => Ok(()),
        }
    }
}

impl Message for ToNode {
    const KIND: &'static str = "message to a node";

    fn check(&self) -> Result<(), Refusal> {
        match self {
            ToNode::Welcome(body) => welcome(body),
            ToNode::Refused(body) => check::refusal(body),
            ToNode::Ack { refusal, .. } => refusal.as_ref().map_or(Ok(()), check::refusal),
            ToNode::OfferTask(body) => task_offer(body),
            ToNode::Revoke { reason, .. } => check::text("reason", reason),
            ToNode::OfferVerification(body) => verification_offer(body),
            ToNode::Moved(body) => cluster::check_moved(body),
            ToNode::ManagerWelcome(body) => cluster::check_welcome(body),
            ToNode::RevokeVerification { .. } | ToNode::Shutdown => Ok(()),
        }
    }
}

pub(super) fn hello(hello: &Hello) -> Result<(), Refusal> {
    if hello.protocol != PROTOCOL {
        return Err(Refusal::new(
            RefusalCode::VersionMismatch,
            format!("protocol {} isn't spoken here, but {PROTOCOL}", hello.protocol),
        )
        .with_hint("update the older of the two"));
    }
    check::count("characters of a ticket", hello.ticket.len(), TICKET_CHARS_MAX)?;
    check::addr(&hello.addr)?;
    check::name("node's name", &hello.name)?;
    check::name("device's name", &hello.device)?;
    check::count("engines", hello.engines.len(), ENGINES_MAX)?;
    hello.engines.iter().try_for_each(|engine| check::name("engine's name", &engine.0))?;
    check::count("slots", hello.slots as usize, SLOTS_MAX as usize)?;
    check::count("scenes", hello.scenes_held.len(), SCENES_HELD_MAX)?;
    check::count("leases", hello.leases.len(), HELD_MAX)?;
    check::count("verification tasks", hello.verifications.len(), HELD_MAX)
}

fn heartbeat(heartbeat: &Heartbeat) -> Result<(), Refusal> {
    check::count("scenes", heartbeat.scenes_held.len(), SCENES_HELD_MAX)?;
    check::count("frames under way", heartbeat.progress.len(), HELD_MAX)?;
    heartbeat.progress.iter().try_for_each(|progress| check::frame(progress.frame))
}

fn welcome(welcome: &Welcome) -> Result<(), Refusal> {
    check::name("node's name", &welcome.node_name)?;
    check::count("storage nodes", welcome.storage.len(), ADDRS_MAX)?;
    check::count("managers", welcome.managers.len(), MANAGERS_MAX)?;
    welcome.storage.iter().chain(&welcome.managers).try_for_each(check::addr)
}

fn task_offer(offer: &TaskOffer) -> Result<(), Refusal> {
    check::path(&offer.main_file)?;
    check::count("frames of a task", offer.frames.len(), TASK_FRAMES_MAX)?;
    offer.frames.iter().try_for_each(|frame| check::frame(*frame))?;
    check::settings(&offer.settings)?;
    check::name("engine's name", &offer.engine.0)
}

fn verification_offer(offer: &VerificationOffer) -> Result<(), Refusal> {
    check::path(&offer.main_file)?;
    check::frame(offer.frame)?;
    check::settings(&offer.settings)?;
    check::name("engine's name", &offer.engine.0)?;
    check::count("probes", offer.probes.len(), PROBES_MAX)?;
    offer.probes.iter().try_for_each(|probe| {
        check::region(*probe, offer.settings.size)?;
        let size = probe.size();
        check::count(
            "pixels of a probe's edge",
            size.width.max(size.height) as usize,
            TILE_PX as usize,
        )
    })
}
