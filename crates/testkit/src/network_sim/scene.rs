//! What the rules are told in a simulation: nodes, scenes, statements, verdicts.

use candela_core::addr::NodeAddr;
use candela_core::frames::FrameSet;
use candela_core::id::{BlobHash, EngineBuild, NodeId, OwnerId, SubmissionId, VerificationId};
use candela_core::job::{Allowances, FramesWanted, Overrides, Submission};
use candela_core::layers::{PROBE_PX, Size};
use candela_core::node::{Hello, Role};
use candela_core::scene::{PreviewFacts, SceneFacts};
use candela_core::task::{Statement, Task};
use candela_core::time::Time;
use candela_core::verification::{Floor, Found, Outcome, Peer, Verdict, VerificationTask};
use std::collections::BTreeSet;

/// The one engine of the simulation.
#[must_use]
pub fn engine() -> EngineBuild {
    EngineBuild("blender-4.5.15".into())
}

pub(crate) fn hello(node: NodeId, owner: &str, roles: &BTreeSet<Role>, slots: u32) -> Hello {
    Hello {
        addr: NodeAddr { node, sockets: Vec::new(), relay: None },
        name: format!("node {}", node.short()),
        owner: OwnerId(owner.to_owned()),
        roles: roles.clone(),
        engines: BTreeSet::from([engine()]),
        device: "cpu x86-64 avx2".into(),
        memory_bytes: 8 << 30,
        slots,
        scenes_held: BTreeSet::new(),
        leases: BTreeSet::new(),
        verifications: BTreeSet::new(),
    }
}

/// A submission of those frames; the id also names the scene.
#[must_use]
pub fn submission(id: [u8; 32], frames: FrameSet) -> Submission {
    let mut submission_id = [0; 16];
    submission_id.copy_from_slice(&id[..16]);
    Submission {
        submission_id: SubmissionId(submission_id),
        user: "ada".into(),
        name: "shot".into(),
        scene: BlobHash(id),
        main_file: "shot.blend".into(),
        frames: FramesWanted::These(frames),
        engine: engine(),
        overrides: Overrides::default(),
        allow: Allowances { wait_for_workers: true, ..Allowances::default() },
        priority: 0,
        notify: candela_core::message::Notify::default(),
    }
}

/// Facts of an ordinary scene.
#[must_use]
pub fn facts(size: Size, samples: u32) -> SceneFacts {
    SceneFacts {
        saved_by: [4, 5, 0],
        engine_version: [4, 5, 15],
        render_engine: "CYCLES".into(),
        scene_name: "Scene".into(),
        scenes: vec!["Scene".into()],
        camera: Some("Camera".into()),
        cameras: vec!["Camera".into()],
        frame_start: 1,
        frame_end: 3,
        frame_step: 1,
        fps: 24.0,
        size,
        percentage: 100,
        border: false,
        samples,
        adaptive_sampling: false,
        denoiser: None,
        path_guiding: false,
        time_limit_s: 0.0,
        seed_animated: false,
        compositor: false,
        output_file_nodes: 0,
        sequencer: false,
        file_format: "PNG".into(),
        device: "CPU".into(),
        scripts: Vec::new(),
        unbaked: Vec::new(),
        missing: Vec::new(),
        warnings: Vec::new(),
    }
}

pub(crate) fn preview() -> PreviewFacts {
    PreviewFacts {
        size: Size { width: 2, height: 1 },
        noise: vec![0.1, 0.2],
        unrepeatable_share: 0.0,
        unsteady: Vec::new(),
        black: false,
        class_share: 0.0,
        undevelopable: Vec::new(),
    }
}

/// What a worker states about a frame of a task that it holds.
pub(crate) fn statement(
    task: &Task,
    lease: candela_core::id::LeaseId,
    scene: BlobHash,
    frame: i32,
    layers: [u8; 32],
    render_ms: u64,
) -> Statement {
    Statement {
        task: task.id,
        lease,
        frame,
        scene,
        layers: BlobHash(layers),
        layers_bytes: 1 << 20,
        output: BlobHash(layers),
        output_bytes: 1 << 16,
        engine: engine(),
        device: "cpu x86-64 avx2".into(),
        render_ms,
        peak_memory_bytes: 1 << 30,
    }
}

/// A verdict without pictures.
#[must_use]
pub fn verdict(
    outcome: Outcome,
    verifier: NodeId,
    peers: Vec<(VerificationId, bool)>,
    judged_at: Time,
) -> Verdict {
    let peer = |(verification, same)| Peer { verification, same, counts: Default::default() };
    Verdict {
        outcome,
        verifier,
        device: "cpu x86-64 avx2".into(),
        report: None,
        worker_tiles: None,
        probes: Vec::new(),
        with: Vec::new(),
        peers: peers.into_iter().map(peer).collect(),
        floor: Floor { disagree_share: 0.001, bad_probe_share: 0.0 },
        probes_first: 5,
        reject_p: 1.0,
        accept_p: 0.0,
        found: Found::ByPictures,
        developed: false,
        reason: outcome.word().into(),
        judged_at,
    }
}

/// Pixels that a verifier renders for a task: replicas and control of each region.
pub(crate) fn rendered_px(verification: &VerificationTask) -> u64 {
    let edge = match verification.purpose.is_claim() {
        true => candela_core::layers::TILE_PX,
        false => PROBE_PX,
    };
    let pictures = if verification.second_replica { 3 } else { 2 };
    u64::from(verification.probes) * pictures * u64::from(edge) * u64::from(edge)
}
