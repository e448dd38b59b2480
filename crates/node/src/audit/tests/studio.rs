//! A job that never was rendered: pictures of noise, with everything around them made by the rules,
//! so that single things can be forged.

use crate::verdict;
use bytes::Bytes;
use candela_blobs::{Blobs, OpenOptions};
use candela_core::frames::FrameSet;
use candela_core::id::{
    BlobHash, EngineBuild, JobId, LeaseId, NodeId, OwnerId, ReceiptId, SubmissionId, TaskId,
    VerificationId,
};
use candela_core::job::{
    Allowances, FramesWanted, Inspected, Job, JobStatus, Overrides, Submission,
};
use candela_core::layers::{LayersLayout, Pixels, Region, Size, TileGrid};
use candela_core::scene::{PreviewFacts, SceneFacts};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::standing::{self, Checking};
use candela_core::task::{
    Check, Receipt, ReceiptStatus, Statement, Task, TaskStatus, VerificationKey,
};
use candela_core::time::Time;
use candela_core::verification::{
    Found, Outcome, Purpose, SignedReport, Verdict, VerificationStatus, VerificationTask,
};
use candela_engine::layers::LayersHeader;
use candela_net::NodeKey;
use candela_wire::evidence::{self, Evidence, ProbeEvidence};
use candela_wire::provenance::{
    Facts, Header, IndexEntry, NodeFacts, Record, SectionFacts, encode_facts, encode_index,
    push_record,
};
use candela_wire::session::{Report, report_bytes, statement_bytes};
use std::collections::BTreeSet;
use std::ops::Range;

pub(super) const SIZE: Size = Size { width: 96, height: 64 };
const DEVICE: &str = "cpu x86-64 avx2";

/// Who takes part; all keys are known to the tests.
pub(super) struct Cast {
    pub manager: NodeKey,
    pub worker: NodeKey,
    pub verifier: NodeKey,
}

impl Cast {
    pub(super) fn new() -> Cast {
        let key = |byte| NodeKey::from_bytes(&[byte; 32]);
        Cast { manager: key(1), worker: key(2), verifier: key(3) }
    }
}

/// A proof in parts, each of which can be forged.
#[derive(Clone)]
pub(super) struct Parts {
    pub facts: Facts,
    pub tasks: Vec<Task>,
    pub receipts: Vec<Receipt>,
    pub verifications: Vec<VerificationTask>,
    pub blobs: Vec<Bytes>,
}

/// What the file of a frame's pixels is: of a seed.
fn pixel(frame: i32, x: u32, y: u32, channel: u32, seed: u32) -> f32 {
    let words = [frame.cast_unsigned(), x, y, channel, seed];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    f32::from(blake3::hash(&bytes).as_bytes()[0]) / 128.0
}

fn channels() -> Vec<String> {
    ["R", "G", "B"].map(|c| format!("ViewLayer/Noisy Image.{c}")).to_vec()
}

fn picture(frame: i32, region: Region, seed: u32) -> Pixels {
    let mut data = Vec::new();
    for y in region.y0..region.y1 {
        for x in region.x0..region.x1 {
            data.extend((0..3).map(|channel| pixel(frame, x, y, channel, seed)));
        }
    }
    Pixels { size: region.size(), channels: channels(), data }
}

/// The layers of a frame that was rendered with a seed; the scene's is 0.
fn layers(frame: i32, seed: u32) -> Vec<u8> {
    let mut blob = LayersHeader::new(SIZE, channels()).unwrap().encode();
    let grid = TileGrid { size: SIZE };
    for number in 0..grid.len() {
        let tile = picture(frame, grid.region(grid.tile(number).unwrap()), seed);
        blob.extend(tile.data.iter().flat_map(|value| value.to_le_bytes()));
    }
    blob
}

pub(super) fn key() -> VerificationKey {
    VerificationKey([9; 32])
}

/// A frame of the studio.
pub(super) struct Shot {
    pub frame: i32,
    /// With which seed the worker rendered it; 0 is honest.
    pub seed: u32,
    pub checked: bool,
}

/// A job of these frames, all of one lease; the first is claimed to be wrong.
pub(super) async fn parts(cast: &Cast, shots: &[Shot]) -> Parts {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), OpenOptions::default()).await.unwrap();
    let mut parts = Parts {
        facts: facts(cast, shots),
        tasks: vec![Task {
            id: TaskId(5),
            job: JobId(1),
            frames: BTreeSet::new(),
            status: TaskStatus::Done,
            key: key(),
        }],
        receipts: Vec::new(),
        verifications: Vec::new(),
        blobs: Vec::new(),
    };
    for (number, shot) in (0..).zip(shots) {
        let blob = layers(shot.frame, shot.seed);
        let hash = blobs.add_bytes(blob.clone(), "studio/layers").await.unwrap().hash;
        let receipt = receipt(cast, shot, number, hash, blob.len() as u64);
        if shot.checked {
            add_verdict(cast, &mut parts, &receipt, &blobs, Purpose::Probe).await;
        }
        parts.receipts.push(receipt);
    }
    let claimed = parts.receipts[0].clone();
    add_verdict(cast, &mut parts, &claimed, &blobs, Purpose::Claim).await;
    blobs.shutdown().await.unwrap();
    parts
}

fn receipt(cast: &Cast, shot: &Shot, number: u64, layers: BlobHash, bytes: u64) -> Receipt {
    let statement = Statement {
        task: TaskId(5),
        lease: LeaseId(6),
        frame: shot.frame,
        scene: BlobHash([7; 32]),
        layers,
        layers_bytes: bytes,
        output: BlobHash([8; 32]),
        output_bytes: 100,
        engine: EngineBuild("blender-4.5.15".into()),
        device: DEVICE.into(),
        render_ms: 10,
        peak_memory_bytes: 1 << 20,
    };
    let draw = standing::draw(&key(), shot.frame, &layers);
    let rate = if shot.checked { 1.0 } else { 0.1 };
    assert!(shot.checked || draw >= rate, "frame {} has to be checked: {draw}", shot.frame);
    let honest = shot.seed == 0;
    Receipt {
        id: ReceiptId(100 + number),
        job: JobId(1),
        node: cast.worker.node_id(),
        signature: cast.worker.sign(&statement_bytes(&statement)),
        statement,
        received_at: Time(1),
        status: if honest { ReceiptStatus::Accepted } else { ReceiptStatus::Rejected },
        reason: None,
        failed_tries: 0,
        check: Check { rate, draw, checked: shot.checked },
        credit: 1,
        forfeited: 0,
        accepted_at: honest.then_some(Time(9)),
        reopened: false,
    }
}

async fn add_verdict(
    cast: &Cast,
    parts: &mut Parts,
    receipt: &Receipt,
    blobs: &Blobs,
    purpose: Purpose,
) {
    let id = VerificationId(200 + parts.verifications.len() as u64);
    let statement = &receipt.statement;
    let preview = &parts.facts.job.inspected.as_ref().unwrap().preview;
    let probes_first =
        parts.facts.checking.probes(SIZE, candela_core::verification::probe_px(false, true));
    let tiles = u32::try_from(TileGrid { size: SIZE }.len()).unwrap();
    let mut verification = VerificationTask {
        id,
        receipt: receipt.id,
        job: JobId(1),
        purpose,
        first_probe: 0,
        probes: if purpose.is_claim() { tiles } else { probes_first },
        second_replica: false,
        status: VerificationStatus::Dropped,
    };
    let regions = regions_of(&verification, statement, preview);
    let evidence = evidence_of(id, statement, &regions);
    let (excerpt, tiles) = excerpt_of(statement, &regions, &evidence, blobs).await;
    let probes = verdict::compared(&regions, &tiles, &evidence, (preview, SIZE), DEVICE).unwrap();
    let blob: Bytes = evidence::encode(&evidence).unwrap().into();
    let report = signed(&cast.verifier, id, &blob);
    let together = || parts.verifications.iter().filter(|_| !purpose.is_claim());
    let with: Vec<_> = together().map(|earlier| earlier.id).collect();
    let of_lease = together().filter_map(|earlier| earlier.verdict());
    let grounds = verdict::Grounds {
        purpose,
        size: SIZE,
        round: 1,
        probes_first,
        floor: verdict::floor(DEVICE, DEVICE, (preview, SIZE), &Default::default()),
        earlier: Vec::new(),
        of_lease: of_lease.flat_map(|v| v.probes.iter().map(|probe| probe.counts)).collect(),
    };
    let judged = verdict::judged(&grounds, &probes);
    let (reject_p, accept_p) = verdict::chances(&judged);
    let outcome = verdict::outcome(judged.verdict());
    verification.status = VerificationStatus::Judged(Box::new(Verdict {
        outcome,
        verifier: cast.verifier.node_id(),
        device: DEVICE.into(),
        report: Some(report),
        worker_tiles: Some(hash(&excerpt)),
        probes,
        with,
        peers: Vec::new(),
        floor: grounds.floor,
        probes_first,
        reject_p,
        accept_p,
        found: Found::ByPictures,
        developed: outcome == Outcome::Accepted,
        reason: judged.to_string(),
        judged_at: Time(id.0),
    }));
    parts.verifications.push(verification);
    parts.blobs.extend([blob, excerpt]);
}

fn regions_of(
    verification: &VerificationTask,
    statement: &Statement,
    preview: &PreviewFacts,
) -> Vec<Region> {
    verdict::regions(&verdict::Where {
        purpose: verification.purpose,
        first: verification.first_probe,
        count: verification.probes,
        size: SIZE,
        frame: statement.frame,
        layers: statement.layers,
        key: &key(),
        weights: &verdict::cell_weights(preview, SIZE),
    })
}

/// The worker's tiles of these regions, and the excerpt that proves them.
async fn excerpt_of(
    statement: &Statement,
    regions: &[Region],
    evidence: &Evidence,
    blobs: &Blobs,
) -> (Bytes, Vec<Pixels>) {
    let layout = LayersLayout { size: SIZE, channels: 3, header_bytes: 4096 };
    let ranges = verdict::ranges_of(regions, &layout);
    let groups: Vec<Range<u64>> = verdict::whole_groups(&ranges, statement.layers_bytes);
    let excerpt = blobs.excerpt(statement.layers, &groups).await.unwrap();
    let tiles =
        candela_blobs::read_excerpt(statement.layers, statement.layers_bytes, &groups, &excerpt);
    let tiles = verdict::cut_groups(&tiles.unwrap(), &groups, &ranges);
    let header = verdict::checked_header(&tiles[0], statement, SIZE, evidence).unwrap();
    let tiles = verdict::cut_tiles(&header, regions, &tiles[1..]).unwrap();
    (excerpt, tiles)
}

/// What an honest verifier sends.
fn evidence_of(id: VerificationId, statement: &Statement, regions: &[Region]) -> Evidence {
    let probe = |region: &Region| ProbeEvidence {
        region: *region,
        replica: picture(statement.frame, *region, 0),
        control: picture(statement.frame, *region, 1),
        second: None,
    };
    Evidence {
        verification: id,
        frame: statement.frame,
        engine: statement.engine.clone(),
        device: DEVICE.into(),
        probes: regions.iter().map(probe).collect(),
    }
}

/// A report of that evidence, signed.
pub(super) fn signed(key: &NodeKey, verification: VerificationId, evidence: &[u8]) -> SignedReport {
    let report = Report {
        verification,
        evidence: hash(evidence),
        evidence_bytes: evidence.len() as u64,
        rendered_px: 1,
        took_ms: 2,
    };
    SignedReport {
        evidence: report.evidence,
        evidence_bytes: report.evidence_bytes,
        rendered_px: report.rendered_px,
        took_ms: report.took_ms,
        signature: key.sign(&report_bytes(&report)),
    }
}

pub(super) fn hash(bytes: &[u8]) -> BlobHash {
    BlobHash(blake3::hash(bytes).into())
}

fn facts(cast: &Cast, shots: &[Shot]) -> Facts {
    let node = |key: &NodeKey, name: &str| NodeFacts {
        id: key.node_id(),
        name: name.into(),
        owner: OwnerId(format!("{name}'s owner")),
    };
    let frames = FrameSet::new(shots.iter().map(|shot| shot.frame)).unwrap();
    Facts {
        program: "candela 0.1.0".into(),
        exported_at: Time(1_760_000_000_000),
        job: job(frames.clone()),
        frames: FramesWanted::These(frames),
        checking: Checking::default(),
        nodes: vec![node(&cast.worker, "ada"), node(&cast.verifier, "vera")],
        pictures: true,
    }
}

fn job(frames: FrameSet) -> Job {
    Job {
        id: JobId(1),
        submission: Submission {
            submission_id: SubmissionId([4; 16]),
            user: "ada".into(),
            name: "studio".into(),
            scene: BlobHash([7; 32]),
            main_file: "scene.blend".into(),
            frames: FramesWanted::These(frames),
            engine: EngineBuild("blender-4.5.15".into()),
            overrides: Overrides::default(),
            allow: Allowances::default(),
            priority: 0,
            notify: candela_core::message::Notify::default(),
        },
        submitted_at: Time(0),
        ended_at: None,
        status: JobStatus::Active,
        inspected: Some(inspected().into()),
        landmarks: Vec::new(),
        render_ms_sum: 0,
        render_ms_count: 0,
        excluded: BTreeSet::new(),
        verification_px: 0,
        messages: Vec::new(),
        wrong_told: false,
    }
}

fn inspected() -> Inspected {
    Inspected {
        facts: scene_facts(),
        preview: PreviewFacts {
            size: Size { width: 3, height: 2 },
            noise: vec![0.1, 0.2, 0.3, 0.1, 0.5, 0.2],
            unrepeatable_share: 0.0,
            unsteady: Vec::new(),
            black: false,
            class_share: 0.0,
            undevelopable: Vec::new(),
        },
        settings: RenderSettings {
            size: SIZE,
            samples: Some(4),
            scene: None,
            camera: None,
            force_cycles: false,
            format: OutputFormat::Png,
        },
        notes: Vec::new(),
    }
}

fn scene_facts() -> SceneFacts {
    SceneFacts {
        saved_by: [4, 5, 0],
        engine_version: [4, 5, 15],
        render_engine: "CYCLES".into(),
        scene_name: "Scene".into(),
        scenes: vec!["Scene".into()],
        camera: None,
        cameras: Vec::new(),
        frame_start: 1,
        frame_end: 3,
        frame_step: 1,
        fps: 24.0,
        size: SIZE,
        percentage: 100,
        border: false,
        samples: 4,
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

impl Parts {
    /// The verdict of a verification task.
    pub(super) fn verdict(&mut self, at: usize) -> &mut Verdict {
        match &mut self.verifications[at].status {
            VerificationStatus::Judged(verdict) => verdict,
            other => panic!("{other:?}"),
        }
    }

    /// The file, signed by that key.
    pub(super) fn sealed(&self, key: &NodeKey) -> Vec<u8> {
        let mut records = Vec::new();
        for task in &self.tasks {
            push_record(&mut records, &Record::Task(task.clone()));
        }
        for receipt in &self.receipts {
            push_record(&mut records, &Record::Receipt(Box::new(receipt.clone())));
        }
        for verification in &self.verifications {
            push_record(&mut records, &Record::Verification(Box::new(verification.clone())));
        }
        let blobs = if self.facts.pictures { &self.blobs[..] } else { &[] };
        let entry = |blob: &Bytes| IndexEntry { hash: hash(blob), bytes: blob.len() as u64 };
        let entries: Vec<IndexEntry> = blobs.iter().map(entry).collect();
        let (facts, index) = (encode_facts(&self.facts), encode_index(&entries));
        let mut header = Header {
            facts: SectionFacts::of(&facts),
            records: SectionFacts::of(&records),
            index: SectionFacts::of(&index),
            pictures_bytes: entries.iter().map(|entry| entry.bytes).sum(),
            manager: key.node_id(),
            signature: [0; 64],
        };
        header.signature = key.sign(&header.signed_bytes());
        [header.encode(), facts, records, index, blobs.concat()].concat()
    }

    /// Signs a receipt anew, as a worker that lies does.
    pub(super) fn sign(&mut self, at: usize, key: &NodeKey) {
        let receipt = &mut self.receipts[at];
        receipt.signature = key.sign(&statement_bytes(&receipt.statement));
    }

    /// Takes a node's owner for another's.
    pub(super) fn owned_by(&mut self, node: NodeId, owner: &str) {
        for facts in self.facts.nodes.iter_mut().filter(|facts| facts.id == node) {
            facts.owner = OwnerId(owner.into());
        }
    }
}
