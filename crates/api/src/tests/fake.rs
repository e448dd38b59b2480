//! A farm without a network around it: commands are applied at once, and nothing happens by itself.

use candela_blobs::{Blobs, OpenOptions};
use candela_core::addr::NodeAddr;
use candela_core::counts::TileCounts;
use candela_core::farm::{Command, Effect, Farm, Reply, Rows};
use candela_core::id::{
    BlobHash, EngineBuild, JobId, LeaseId, NodeId, OwnerId, ReceiptId, VerificationId,
};
use candela_core::job::FrameStatus;
use candela_core::layers::{Pixels, Region, Size};
use candela_core::node::{Hello, Role};
use candela_core::policy::Policy;
use candela_core::scene::{PreviewFacts, SceneFacts};
use candela_core::seed::Seed;
use candela_core::task::{Statement, TaskStatus};
use candela_core::time::Time;
use candela_core::verification::{
    Floor, Found, Outcome, Peer, ProbeCounts, SignedReport, Verdict, VerificationStatus,
    VerificationTask,
};
use candela_node::manager::{
    ApplyError, FarmEvent, FrameProgress, ProofDraft, ProofFile, TicketRequest, TokenRequest,
};
use candela_wire::evidence::{Evidence, ProbeEvidence};
use candela_wire::ticket::TicketRow;
use candela_wire::token::{TokenRow, TokenSecret};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::broadcast;

/// What a manager is to the interface. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Inner>);

struct Inner {
    farm: Mutex<(Farm, Time)>,
    events: broadcast::Sender<FarmEvent>,
    progress: Mutex<Vec<FrameProgress>>,
    engines: BTreeSet<EngineBuild>,
    blobs: Blobs,
    tokens: Mutex<BTreeMap<[u8; 32], TokenRow>>,
    _folder: TempDir,
}

pub(crate) fn engine() -> EngineBuild {
    EngineBuild("blender-4.5.15".into())
}

pub(crate) fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

impl Fake {
    /// An empty farm at that time.
    pub(crate) async fn start(now: Time) -> Fake {
        let folder = tempfile::tempdir().unwrap();
        let blobs =
            Blobs::open(&folder.path().join("blobs"), OpenOptions::default()).await.unwrap();
        let engines = BTreeSet::from([engine()]);
        let farm = Farm::load(Policy::default(), engines.clone(), Rows::default(), now);
        Fake(Arc::new(Inner {
            farm: Mutex::new((farm, now)),
            events: broadcast::channel(4_096).0,
            progress: Mutex::default(),
            engines,
            blobs,
            tokens: Mutex::default(),
            _folder: folder,
        }))
    }

    pub(crate) async fn apply(&self, command: Command) -> Result<Reply, ApplyError> {
        self.step(command)
    }

    pub(crate) async fn read<R>(&self, read: impl FnOnce(&Farm) -> R) -> Result<R, ApplyError> {
        Ok(self.look(read))
    }

    pub(crate) async fn ticket(&self, request: TicketRequest) -> Result<String, ApplyError> {
        Ok(format!("ticket-for-{}", request.owner.unwrap_or_default()))
    }

    pub(crate) async fn webhook_secret(&self) -> Result<String, ApplyError> {
        Ok("the managers' own secret".into())
    }

    pub(crate) async fn tickets(&self) -> Result<Vec<TicketRow>, ApplyError> {
        Ok(vec![TicketRow {
            id: [7; 32],
            roles: [candela_core::node::Role::Worker].into(),
            owner: Some("ada".into()),
            created_at: Time(1_700_000_000_000),
            expires_at: None,
            revoked: false,
            manager: false,
        }])
    }

    pub(crate) async fn revoke_ticket(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        if id == [7; 32] {
            return Ok(());
        }
        let text = "there is no such ticket";
        Err(candela_core::refusal::Refusal::new(candela_core::refusal::RefusalCode::NotFound, text)
            .into())
    }

    pub(crate) async fn make_token(
        &self,
        request: TokenRequest,
    ) -> Result<(TokenSecret, TokenRow), ApplyError> {
        let mut tokens = self.0.tokens.lock().unwrap();
        let secret = TokenSecret([tokens.len() as u8 + 1; 32]);
        let now = crate::uploads::now();
        let row = TokenRow {
            id: secret.id(),
            name: request.name,
            user: request.user,
            scopes: request.scopes,
            created_at: now,
            expires_at: request.expires_s.map(|s| now.plus_ms(s * 1_000)),
            revoked: false,
        };
        tokens.insert(row.id, row.clone());
        Ok((secret, row))
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>, ApplyError> {
        Ok(self.0.tokens.lock().unwrap().values().cloned().collect())
    }

    pub(crate) async fn token(&self, id: [u8; 32]) -> Result<Option<TokenRow>, ApplyError> {
        Ok(self.0.tokens.lock().unwrap().get(&id).cloned())
    }

    pub(crate) async fn revoke_token(&self, id: [u8; 32]) -> Result<(), ApplyError> {
        match self.0.tokens.lock().unwrap().get_mut(&id) {
            Some(row) => row.revoked = true,
            None => {
                let text = "there is no such token";
                let code = candela_core::refusal::RefusalCode::NotFound;
                return Err(candela_core::refusal::Refusal::new(code, text).into());
            }
        }
        Ok(())
    }

    pub(crate) async fn proof(&self, job: JobId, pictures: bool) -> Result<ProofFile, ApplyError> {
        let draft = self.look(|farm| {
            let (mut draft, tasks) = ProofDraft::begin(farm, job, Time(1_700_000_000_000))?;
            draft.add(farm, &tasks).map(|()| draft)
        })?;
        let key = candela_net::NodeKey::from_bytes(&[5; 32]);
        let sealed = draft.seal(self.blobs(), &key, pictures).await;
        sealed.map_err(|error| ApplyError::Unavailable(error.to_string()))
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<FarmEvent> {
        self.0.events.subscribe()
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    pub(crate) fn progress(&self) -> Vec<FrameProgress> {
        self.0.progress.lock().unwrap().clone()
    }

    pub(crate) fn engines(&self) -> &BTreeSet<EngineBuild> {
        &self.0.engines
    }

    /// Applies a command a millisecond after the last.
    pub(crate) fn step(&self, command: Command) -> Result<Reply, ApplyError> {
        let mut effects = Vec::new();
        let about = match &command {
            Command::Joined(hello) => Some(hello.addr.node),
            Command::LinkLost(node) => Some(*node),
            Command::Judged { verdict, .. } => Some(verdict.verifier),
            _ => None,
        };
        let applied = {
            let (farm, now) = &mut *self.0.farm.lock().unwrap();
            *now = now.plus_ms(1);
            farm.apply(command, *now, &Seed([7; 32]), &mut effects)
        };
        for effect in effects {
            let event = match effect {
                Effect::JobChanged(job) => FarmEvent::Job(job),
                Effect::FrameChanged(job, frame) => FarmEvent::Frame(job, frame),
                _ => continue,
            };
            self.0.events.send(event).ok();
        }
        if let Some(node) = about {
            self.0.events.send(FarmEvent::Node(node)).ok();
        }
        Ok(applied?)
    }

    pub(crate) fn look<R>(&self, read: impl FnOnce(&Farm) -> R) -> R {
        read(&self.0.farm.lock().unwrap().0)
    }

    /// Lets a node join, with an owner of its own.
    pub(crate) fn join(&self, n: u8, name: &str, role: Role) {
        let hello = Hello {
            addr: NodeAddr { node: node(n), sockets: Vec::new(), relay: None },
            name: name.into(),
            owner: OwnerId(format!("{name}'s owner")),
            roles: BTreeSet::from([role]),
            engines: BTreeSet::from([engine()]),
            device: "cpu x86-64 avx2, 16 threads".into(),
            memory_bytes: 32 << 30,
            slots: 1,
            scenes_held: BTreeSet::new(),
            leases: BTreeSet::new(),
            verifications: BTreeSet::new(),
        };
        self.step(Command::Joined(Box::new(hello))).unwrap();
    }

    pub(crate) fn inspect(&self, job: JobId) {
        let preview = PreviewFacts {
            size: Size { width: 2, height: 1 },
            noise: vec![0.1, 0.2],
            unrepeatable_share: 0.0,
            unsteady: Vec::new(),
            black: false,
            class_share: 0.0,
            undevelopable: Vec::new(),
        };
        let facts = Box::new(facts());
        self.step(Command::Inspected { job, facts, preview: Some(Box::new(preview)) }).unwrap();
    }

    /// What a worker renders now: lease and frames.
    pub(crate) fn held(&self, n: u8) -> Vec<(JobId, LeaseId, Vec<i32>)> {
        self.look(|farm| {
            let tasks = farm.tasks_of(node(n)).into_iter().filter_map(|task| farm.task(task));
            tasks
                .filter_map(|task| match &task.status {
                    TaskStatus::Leased(lease) => {
                        Some((task.job, lease.id, task.frames.iter().copied().collect()))
                    }
                    _ => None,
                })
                .collect()
        })
    }

    /// The worker's first frame is rendered, received and stored, as `output`.
    pub(crate) async fn render(&self, n: u8, output: &[u8], render_ms: u64) -> (i32, ReceiptId) {
        let added = self.blobs().add_bytes(output.to_vec(), "test/new").await.unwrap();
        self.blobs().pin(&format!("test/{}", added.hash), added.hash).await.unwrap();
        let (job, lease, frames) = self.held(n).remove(0);
        let (task, scene) = self.look(|farm| {
            (farm.task_of_lease(lease).unwrap().id, farm.job(job).unwrap().submission.scene)
        });
        let statement = Statement {
            task,
            lease,
            frame: frames[0],
            scene,
            layers: BlobHash([n; 32]),
            layers_bytes: 1,
            output: added.hash,
            output_bytes: added.bytes,
            engine: engine(),
            device: "cpu x86-64 avx2".into(),
            render_ms,
            peak_memory_bytes: 3 << 29,
        };
        let receipt =
            Command::Receipt { node: node(n), statement: Box::new(statement), signature: [0; 64] };
        let Reply::Receipt(receipt) = self.step(receipt).unwrap() else { panic!("no receipt") };
        self.step(Command::OutputStored(receipt)).unwrap();
        (frames[0], receipt)
    }

    /// Judges what is being verified of a receipt, again and again until it is decided.
    pub(crate) fn judge(&self, receipt: ReceiptId, outcome: Outcome) {
        while self.judge_once(receipt, outcome) {}
    }

    /// Judges one verification task of a receipt; whether there was one.
    pub(crate) fn judge_once(&self, receipt: ReceiptId, outcome: Outcome) -> bool {
        let leased = self.look(|farm| {
            farm.verifications(receipt).find_map(|task| match task.status {
                VerificationStatus::Leased { node, .. } => Some((task.id, node)),
                _ => None,
            })
        });
        let Some((verification, verifier)) = leased else { return false };
        let earlier = self.look(|farm| {
            let earlier = farm.verifications(receipt).filter(|task| task.verdict().is_some());
            earlier.map(|task| task.id).collect::<Vec<_>>()
        });
        // Verifiers here see the same pictures.
        let same = |verification| Peer { verification, same: true, counts: TileCounts::default() };
        let peers = earlier.into_iter().map(same).collect();
        let verdict = Box::new(Verdict { peers, ..verdict(verifier, outcome) });
        let judged = Command::Judged { verification, verdict, rendered_px: 24_576 };
        self.step(judged).unwrap();
        true
    }

    /// The same as [`Fake::judge_once`] with a verifier's pictures: which it then was, and their blob.
    pub(crate) async fn judge_with_pictures(
        &self,
        receipt: ReceiptId,
        outcome: Outcome,
    ) -> (VerificationId, BlobHash) {
        let (verification, verifier) = self.look(|farm| {
            let leased = |task: &VerificationTask| match task.status {
                VerificationStatus::Leased { node, .. } => Some((task.id, node)),
                _ => None,
            };
            farm.verifications(receipt).find_map(leased).unwrap()
        });
        let region = Region { x0: 32, y0: 64, x1: 64, y1: 96 };
        let pixels = |value| Pixels {
            size: region.size(),
            channels: vec!["Noisy Image.R".into()],
            data: vec![value; 32 * 32],
        };
        let (replica, control) = (pixels(0.5), pixels(0.52));
        let probe = ProbeEvidence { region, replica, control, second: None };
        let evidence = Evidence {
            verification,
            frame: 1,
            engine: engine(),
            device: "cpu".into(),
            probes: vec![probe],
        };
        let bytes = candela_wire::evidence::encode(&evidence).unwrap();
        let pin = format!("test/evidence/{verification}");
        let added = self.blobs().add_bytes(bytes, &pin).await.unwrap();
        let report = Some(SignedReport {
            evidence: added.hash,
            evidence_bytes: added.bytes,
            rendered_px: 2_048,
            took_ms: 10,
            signature: [0; 64],
        });
        let verdict = Box::new(Verdict { report, ..verdict(verifier, outcome) });
        self.step(Command::Judged { verification, verdict, rendered_px: 2_048 }).unwrap();
        (verification, added.hash)
    }

    /// Says how far a worker is with its first frame.
    pub(crate) fn tell_progress(&self, n: u8, samples_done: u32, samples: u32) {
        let (_, lease, frames) = self.held(n).remove(0);
        let mut board = self.0.progress.lock().unwrap();
        board.retain(|progress| progress.node != node(n));
        board.push(FrameProgress {
            node: node(n),
            lease,
            frame: frames[0],
            samples_done,
            samples,
            memory_bytes: 1 << 30,
        });
    }

    /// Frames of a job that are accepted.
    pub(crate) fn accepted(&self, job: JobId) -> Vec<i32> {
        let accepted = |status: &FrameStatus| matches!(status, FrameStatus::Accepted(_));
        self.look(|farm| {
            farm.frames(job).filter(|frame| accepted(&frame.status)).map(|f| f.number).collect()
        })
    }
}

fn verdict(verifier: NodeId, outcome: Outcome) -> Verdict {
    let rejected = outcome == Outcome::Rejected;
    let probe = |x0, y0| ProbeCounts {
        region: Region { x0, y0, x1: x0 + 64, y1: y0 + 64 },
        counts: TileCounts {
            pixels: 4_096,
            informative_judged: 3_900,
            informative_agree: if rejected { 1_210 } else { 3_898 },
            direct_judged: 196,
            direct_agree: 196,
            informative_patch_squares: 3_900 * 240,
            direct_patch_squares: 196 * 12,
            ..TileCounts::default()
        },
    };
    Verdict {
        outcome,
        verifier,
        device: "cpu x86-64 avx2".into(),
        report: None,
        worker_tiles: None,
        probes: vec![probe(192, 64), probe(448, 256), probe(0, 128)],
        with: Vec::new(),
        peers: Vec::new(),
        floor: Floor { disagree_share: 0.001, bad_probe_share: 0.0 },
        probes_first: 5,
        reject_p: if rejected { 3e-41 } else { 0.62 },
        accept_p: if rejected { 1.0 } else { 4e-12 },
        reason: if rejected {
            "8070 of 11700 informative pixels differ from two replicas that agree".into()
        } else {
            "6 of 11700 informative pixels differ, as between honest workers".into()
        },
        found: Found::ByPictures,
        developed: true,
        judged_at: Time(1_700_000_100_000),
    }
}

pub(crate) fn facts() -> SceneFacts {
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
        size: Size { width: 1280, height: 720 },
        percentage: 100,
        border: true,
        samples: 64,
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
