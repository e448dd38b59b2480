//! Mirrors that messages, rows and signatures share, version 1.
//!
//! Never changed once released: a new version gets mirrors of its own next to these.

use crate::limits::REFUSAL_BYTES_MAX;
use crate::mirror::{Mirror, mirror_enum, mirror_newtype, mirror_struct};
use candela_core::addr::NodeAddr;
use candela_core::farm::Fault;
use candela_core::id::{
    BlobHash, ClaimId, EngineBuild, JobId, LeaseId, MessageId, NodeId, OwnerId, ReceiptId,
    SubmissionId, TaskId, VerificationId,
};
use candela_core::layers::{Region, Size};
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::task::{Statement, VerificationKey};
use candela_core::time::Time;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

mirror_newtype! {
    JobId as u64,
    TaskId as u64,
    LeaseId as u64,
    ReceiptId as u64,
    VerificationId as u64,
    ClaimId as u64,
    MessageId as u64,
    Time as u64,
    NodeId as [u8; 32],
    BlobHash as [u8; 32],
    SubmissionId as [u8; 16],
    VerificationKey as [u8; 32],
    OwnerId as String,
    EngineBuild as String,
}

mirror_struct! { Size as SizeV1 { width: u32, height: u32, } }

mirror_struct! { Region as RegionV1 { x0: u32, y0: u32, x1: u32, y1: u32, } }

mirror_enum! { Role as RoleV1 { Worker, Verifier, } }

mirror_enum! { Fault as FaultV1 { Engine, Worker, } }

mirror_enum! { OutputFormat as OutputFormatV1 { Png, Png16, Jpeg, Exr, } }

mirror_struct! {
    RenderSettings as RenderSettingsV1 {
        size: Size,
        samples: Option<u32>,
        scene: Option<String>,
        camera: Option<String>,
        force_cycles: bool,
        format: OutputFormat,
    }
}

mirror_struct! {
    Statement as StatementV1 {
        task: TaskId,
        lease: LeaseId,
        frame: i32,
        scene: BlobHash,
        layers: BlobHash,
        layers_bytes: u64,
        output: BlobHash,
        output_bytes: u64,
        engine: EngineBuild,
        device: String,
        render_ms: u64,
        peak_memory_bytes: u64,
    }
}

/// A node's key and places; socket addresses are written as bytes, not as text.
#[derive(Serialize, Deserialize)]
pub(crate) struct NodeAddrV1 {
    node: [u8; 32],
    sockets: Vec<SocketAddr>,
    relay: Option<String>,
}

impl Mirror for NodeAddr {
    type Wire = NodeAddrV1;

    fn to_wire(&self) -> NodeAddrV1 {
        let NodeAddr { node, sockets, relay } = self;
        NodeAddrV1 { node: node.0, sockets: sockets.clone(), relay: relay.clone() }
    }

    fn from_wire(wire: NodeAddrV1) -> Result<Self, &'static str> {
        let NodeAddrV1 { node, sockets, relay } = wire;
        Ok(NodeAddr { node: NodeId(node), sockets, relay })
    }
}

/// A refusal; the code as its text, so that codes of newer programs can be shown.
#[derive(Serialize, Deserialize)]
pub(crate) struct RefusalV1 {
    code: String,
    message: String,
    hint: Option<String>,
}

impl Mirror for Refusal {
    type Wire = RefusalV1;

    fn to_wire(&self) -> RefusalV1 {
        let Refusal { code, message, hint } = self;
        RefusalV1 {
            code: code.as_str().to_owned(),
            message: clip(message, REFUSAL_BYTES_MAX).to_owned(),
            hint: hint.as_deref().map(|hint| clip(hint, REFUSAL_BYTES_MAX).to_owned()),
        }
    }

    /// A code that isn't known here becomes [`RefusalCode::MessageNotAllowed`] and stands before the message.
    fn from_wire(wire: RefusalV1) -> Result<Self, &'static str> {
        let RefusalV1 { code, message, hint } = wire;
        Ok(match RefusalCode::parse(&code) {
            Some(code) => Refusal { code, message, hint },
            None => Refusal {
                code: RefusalCode::MessageNotAllowed,
                message: format!("{}: {message}", clip(&code, 64)),
                hint,
            },
        })
    }
}

/// An Ed25519 signature: two halves, because serde knows arrays up to 32.
impl Mirror for [u8; 64] {
    type Wire = [[u8; 32]; 2];

    fn to_wire(&self) -> Self::Wire {
        let mut halves = [[0; 32]; 2];
        for (half, bytes) in halves.iter_mut().zip(self.chunks_exact(32)) {
            half.copy_from_slice(bytes);
        }
        halves
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, &'static str> {
        let mut bytes = [0; 64];
        for (part, half) in bytes.chunks_exact_mut(32).zip(&wire) {
            part.copy_from_slice(half);
        }
        Ok(bytes)
    }
}

/// The text's beginning of at most `bytes_max` bytes, cut at a character's border.
pub(crate) fn clip(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
