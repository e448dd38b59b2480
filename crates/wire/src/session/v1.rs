//! The messages, version 1.

use crate::cluster::{ManagerHello, ManagerWelcome, Moved};
use candela_core::addr::NodeAddr;
use candela_core::farm::Fault;
use candela_core::id::{
    BlobHash, EngineBuild, JobId, LeaseId, NodeId, OwnerId, TaskId, VerificationId,
};
use candela_core::layers::Region;
use candela_core::node::Role;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::RenderSettings;
use candela_core::task::Statement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// From a node to a manager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToManager {
    /// Counted up by the node over the session; the manager's [`ToNode::Ack`] names it.
    pub seq: u64,
    /// What it says.
    pub body: ToManagerBody,
}

/// What a node says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToManagerBody {
    /// The first message of a session: who it is and what it can do.
    Hello(Box<Hello>),
    /// That it is still there; several times per grace time.
    Heartbeat(Heartbeat),
    /// It doesn't take a task, or gives it back.
    LeaseDeclined {
        /// The lease.
        #[serde(with = "crate::mirror")]
        lease: LeaseId,
        /// Why, for people.
        #[serde(serialize_with = "clipped")]
        reason: String,
    },
    /// A frame could not be rendered.
    FrameFailed {
        /// The lease.
        #[serde(with = "crate::mirror")]
        lease: LeaseId,
        /// The frame.
        frame: i32,
        /// Whose fault it looks like.
        #[serde(with = "crate::mirror")]
        fault: Fault,
        /// The engine's own words.
        #[serde(serialize_with = "clipped")]
        text: String,
    },
    /// A frame is rendered, and its blobs can be had.
    Receipt {
        /// What the worker states.
        #[serde(with = "crate::mirror")]
        statement: Box<Statement>,
        /// Its signature over [`super::statement_bytes`].
        #[serde(with = "crate::mirror")]
        signature: [u8; 64],
    },
    /// A verification task is answered.
    Report {
        /// What the verifier states.
        report: Report,
        /// Its signature over [`super::report_bytes`].
        #[serde(with = "crate::mirror")]
        signature: [u8; 64],
    },
    /// A verification task can't be done.
    VerificationFailed {
        /// Which.
        #[serde(with = "crate::mirror")]
        verification: VerificationId,
        /// Why, for people.
        #[serde(serialize_with = "clipped")]
        reason: String,
    },
    /// It leaves, and works on nothing any more.
    Bye,
    /// Instead of a hello: a manager asks to join the others. The answer ends the session.
    JoinManagers(Box<ManagerHello>),
}

/// What a node says of itself when it connects.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`super::PROTOCOL`] of the node.
    pub protocol: u32,
    /// The ticket that lets it join, see [`crate::ticket::Ticket`].
    pub ticket: String,
    /// Where it can be reached.
    #[serde(with = "crate::mirror")]
    pub addr: NodeAddr,
    /// What people call it.
    pub name: String,
    /// What it wants to do.
    #[serde(with = "crate::mirror")]
    pub roles: BTreeSet<Role>,
    /// Exact builds that it can run.
    #[serde(with = "crate::mirror")]
    pub engines: BTreeSet<EngineBuild>,
    /// What it renders on, e.g. `cpu x86-64 avx2, 2 threads`.
    pub device: String,
    /// Memory that it lends.
    pub memory_bytes: u64,
    /// Tasks it works on at once, of each role.
    pub slots: u32,
    /// Scenes whose blobs it has.
    #[serde(with = "crate::mirror")]
    pub scenes_held: BTreeSet<BlobHash>,
    /// Leases that it still works on.
    #[serde(with = "crate::mirror")]
    pub leases: BTreeSet<LeaseId>,
    /// Verification tasks that it still works on.
    #[serde(with = "crate::mirror")]
    pub verifications: BTreeSet<VerificationId>,
}

impl std::fmt::Debug for Hello {
    /// Without the ticket, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hello")
            .field("protocol", &self.protocol)
            .field("addr", &self.addr)
            .field("name", &self.name)
            .field("roles", &self.roles)
            .field("engines", &self.engines)
            .field("device", &self.device)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Hello {
    /// What the rules are told of the node. `peer` is the key that the connection proved; `owner`
    /// and `allowed` are from the ticket. Of the roles that the node wants, it gets the allowed ones.
    ///
    /// # Errors
    /// A refusal if the version is another, the address is somebody else's, a limit is not held,
    /// or no role remains.
    pub fn into_core(
        self,
        peer: NodeId,
        owner: OwnerId,
        allowed: &BTreeSet<Role>,
    ) -> Result<candela_core::node::Hello, Refusal> {
        super::limits::hello(&self)?;
        if self.addr.node != peer {
            return Err(Refusal::new(
                RefusalCode::MessageNotAllowed,
                format!("{} says that it is {}", peer.short(), self.addr.node.short()),
            ));
        }
        let roles: BTreeSet<Role> = self.roles.intersection(allowed).copied().collect();
        if roles.is_empty() {
            let words: Vec<_> = allowed.iter().map(|role| role.word()).collect();
            return Err(Refusal::new(
                RefusalCode::RoleMissing,
                "the ticket allows none of the roles that the node wants",
            )
            .with_hint(format!("it allows: {}", words.join(", "))));
        }
        Ok(candela_core::node::Hello {
            addr: self.addr,
            name: self.name,
            owner,
            roles,
            engines: self.engines,
            device: self.device,
            memory_bytes: self.memory_bytes,
            slots: self.slots,
            scenes_held: self.scenes_held,
            leases: self.leases,
            verifications: self.verifications,
        })
    }
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Scenes whose blobs it has by now.
    #[serde(with = "crate::mirror")]
    pub scenes_held: BTreeSet<BlobHash>,
    /// Whether its owner lets it rest: then it gets no new work.
    pub paused: bool,
    /// How far it is with what it renders now.
    pub progress: Vec<FrameProgress>,
}

/// How far a frame is on its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameProgress {
    /// The lease.
    #[serde(with = "crate::mirror")]
    pub lease: LeaseId,
    /// The frame.
    pub frame: i32,
    /// Samples per pixel that are done.
    pub samples_done: u32,
    /// Samples per pixel in all; zero before the engine has said it.
    pub samples: u32,
    /// Memory that the engine uses.
    pub memory_bytes: u64,
}

/// What a verifier states about a verification task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The verification task.
    #[serde(with = "crate::mirror")]
    pub verification: VerificationId,
    /// The blob with its replicas and controls, see [`crate::evidence`].
    #[serde(with = "crate::mirror")]
    pub evidence: BlobHash,
    /// Its length.
    pub evidence_bytes: u64,
    /// Pixels that it rendered.
    pub rendered_px: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// From a manager to a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToNode {
    /// The answer to a hello that was taken.
    Welcome(Welcome),
    /// The answer to a hello that was not; the session ends.
    Refused(#[serde(with = "crate::mirror")] Refusal),
    /// A message was handled and what follows from it is durable, or it was refused.
    Ack {
        /// [`ToManager::seq`] of the message.
        seq: u64,
        /// Why not, if so.
        #[serde(with = "crate::mirror")]
        refusal: Option<Refusal>,
    },
    /// A task, leased to the node.
    OfferTask(Box<TaskOffer>),
    /// A lease is over: what is rendered for it is of no use any more.
    Revoke {
        /// Which.
        #[serde(with = "crate::mirror")]
        lease: LeaseId,
        /// Why, for people.
        #[serde(serialize_with = "clipped")]
        reason: String,
    },
    /// A verification task, leased to the node.
    OfferVerification(Box<VerificationOffer>),
    /// A verification task is over.
    RevokeVerification {
        /// Which.
        #[serde(with = "crate::mirror")]
        verification: VerificationId,
    },
    /// The manager goes down; the node finds another one and keeps its leases.
    Shutdown,
    /// The answer to a hello of a manager that doesn't lead; the session ends.
    Moved(Box<Moved>),
    /// The answer to a manager that may join.
    ManagerWelcome(Box<ManagerWelcome>),
}

/// The answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// What the network calls the node.
    pub node_name: String,
    /// After this silence the node's leases are queued again.
    pub grace_ms: u64,
    /// How often the node says that it is there.
    pub heartbeat_ms: u64,
    /// Where scenes are had and results are put.
    #[serde(with = "crate::mirror")]
    pub storage: Vec<NodeAddr>,
    /// All managers, for when this one is lost.
    #[serde(with = "crate::mirror")]
    pub managers: Vec<NodeAddr>,
}

/// Everything that a worker needs to render a task. Nothing of its verification key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOffer {
    /// The task.
    #[serde(with = "crate::mirror")]
    pub task: TaskId,
    /// The lease.
    #[serde(with = "crate::mirror")]
    pub lease: LeaseId,
    /// The job.
    #[serde(with = "crate::mirror")]
    pub job: JobId,
    /// The scene's collection.
    #[serde(with = "crate::mirror")]
    pub scene: BlobHash,
    /// Path of the .blend within the collection.
    pub main_file: String,
    /// The frames, in the order in which they are to be rendered.
    pub frames: Vec<i32>,
    /// What else the render needs.
    #[serde(with = "crate::mirror")]
    pub settings: RenderSettings,
    /// Exact build to render with.
    #[serde(with = "crate::mirror")]
    pub engine: EngineBuild,
    /// Milliseconds until the lease is taken back, from now on: clocks differ.
    pub deadline_ms_left: u64,
}

/// Everything that a verifier needs. Nothing of what the worker delivered: the verifier is blind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationOffer {
    /// The verification task.
    #[serde(with = "crate::mirror")]
    pub verification: VerificationId,
    /// The job.
    #[serde(with = "crate::mirror")]
    pub job: JobId,
    /// The scene's collection.
    #[serde(with = "crate::mirror")]
    pub scene: BlobHash,
    /// Path of the .blend within the collection.
    pub main_file: String,
    /// The frame.
    pub frame: i32,
    /// The tiles to render, as regions of the frame.
    #[serde(with = "crate::mirror")]
    pub probes: Vec<Region>,
    /// What else the render needs.
    #[serde(with = "crate::mirror")]
    pub settings: RenderSettings,
    /// Exact build to render with.
    #[serde(with = "crate::mirror")]
    pub engine: EngineBuild,
    /// Whether each replica is rendered twice.
    pub second_replica: bool,
}

/// A text that is cut to its limit when it is sent, so that a long one never costs the message.
fn clipped<S: serde::Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(crate::v1::clip(text, candela_core::limits::ENGINE_TEXT_BYTES_MAX))
}
