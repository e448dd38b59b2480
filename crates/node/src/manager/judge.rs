//! From a verifier's report to a verdict: fetches the evidence and the worker's tiles, compares, judges.

use crate::manager::desk::now;
use crate::manager::errands::{Errands, Lost};
use crate::manager::sessions::refusal_of;
use bytes::Bytes;
use candela_blobs::{BlobError, FetchOptions};
use candela_core::counts::TileCounts;
use candela_core::farm::Command;
use candela_core::id::{EngineBuild, NodeId, VerificationId};
use candela_core::job::Job;
use candela_core::layers::{LayersLayout, Pixels, Size, TileGrid, TileIndex};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::RenderSettings;
use candela_core::task::Receipt;
use candela_core::verification::{
    Outcome, ProbeCounts, Purpose, Verdict, VerificationStatus, VerificationTask,
};
use candela_engine::layers::{HEADER_BYTES, LayersHeader, decode_tile, read_header};
use candela_proof::agreement::{CompareOptions, Mismatch, Rendering, compare};
use candela_proof::judge::{self, Judgement, NoiseFloor, Policy, Progress, judge};
use candela_wire::evidence::{self, Evidence};
use candela_wire::session::Report;
use std::ops::Range;

/// Bytes of a verifier's evidence at most; as its encoding allows.
const EVIDENCE_BYTES_MAX: u64 = candela_wire::limits::EVIDENCE_BYTES_MAX as u64;

/// What one frame must show before it is accepted: a whole-frame cheat is excluded by three tiles,
/// and rejection looks at all tiles of the lease together.
pub(crate) fn frame_policy(probes_first: u32) -> Policy {
    Policy {
        tiles_min: u64::from(probes_first),
        tiles_max: 4 * u64::from(probes_first),
        cheat_share: 0.25,
        ..Policy::default()
    }
}

/// Everything that a judgement needs of the state.
struct Case {
    verification: VerificationTask,
    receipt: Receipt,
    job: Job,
    settings: RenderSettings,
    size: Size,
    expected_tiles: Vec<TileIndex>,
    /// Which judgement of this receipt it is, from 1.
    round: u32,
    /// Probes of a frame's first verification task.
    probes_first: u32,
    /// Counts of earlier rounds on this receipt with the same purpose.
    earlier: Vec<ProbeCounts>,
    /// Counts of the other frames of the lease.
    of_lease: Vec<ProbeCounts>,
}

/// Why there is no verdict.
enum Undone {
    /// The worker's blobs can't be had.
    Lost(Lost),
    /// The answer is of no use, or couldn't be checked.
    Useless(String),
}

/// The worker's part of a comparison, or what is wrong with it.
enum WorkerTiles {
    There(Vec<Pixels>),
    /// What was committed to can't be the layers of this frame.
    Wrong(String),
}

impl Errands {
    /// Judges a report and hands the verdict in.
    ///
    /// # Errors
    /// A refusal for the verifier: its report is stale, or its evidence is of no use.
    pub(crate) async fn judge(&self, verifier: NodeId, report: Report) -> Result<(), Refusal> {
        let id = report.verification;
        let case = self.case(verifier, id).await?;
        let evidence = match self.evidence(verifier, &report, &case).await {
            Ok(evidence) => evidence,
            Err(refusal) => {
                let reason = refusal.message.clone();
                let failed =
                    Command::VerificationFailed { node: verifier, verification: id, reason };
                self.settle(failed).await;
                return Err(refusal);
            }
        };
        let rendered_px = report.rendered_px.min(pixels_asked(&evidence));
        let evidence_hash = report.evidence;
        let command = match self.worker_tiles(&case, &evidence).await {
            Err(lost) => lost.command(case.receipt.id),
            Ok(WorkerTiles::Wrong(reason)) => {
                let verdict = flat_rejection(verifier, evidence_hash, reason);
                Command::Judged { verification: id, verdict: Box::new(verdict), rendered_px }
            }
            Ok(WorkerTiles::There(tiles)) => {
                let verdict = verdict(&case, &evidence, &tiles, verifier, evidence_hash);
                match self.with_development(&case, verdict).await {
                    Ok(verdict) => Command::Judged {
                        verification: id,
                        verdict: Box::new(verdict),
                        rendered_px,
                    },
                    Err(Undone::Lost(lost)) => lost.command(case.receipt.id),
                    Err(Undone::Useless(reason)) => {
                        Command::VerificationFailed { node: verifier, verification: id, reason }
                    }
                }
            }
        };
        self.settle(command).await;
        Ok(())
    }

    /// An accepting verdict stands if the output follows from the layers.
    async fn with_development(
        &self,
        case: &Case,
        verdict: Result<Verdict, String>,
    ) -> Result<Verdict, Undone> {
        let verdict = verdict.map_err(Undone::Useless)?;
        if verdict.outcome != Outcome::Accepted {
            return Ok(verdict);
        }
        let statement = &case.receipt.statement;
        let options = FetchOptions {
            bytes_max: statement.layers_bytes,
            ..FetchOptions::pinned(format!("developing/{}", case.receipt.id))
        };
        let fetched = self.get_from_worker(case.receipt.node, || async {
            let from = self.addresses(case.receipt.node).await;
            self.fetcher.fetch(statement.layers, &from, &options).await.map(drop)
        });
        fetched.await.map_err(Undone::Lost)?;
        let checked = self.developer.check(&case.job, &case.settings, statement).await;
        // It is collected later at the latest; the worker has its own.
        self.fetcher.blobs().unpin(&format!("developing/{}", case.receipt.id)).await.ok();
        match checked {
            Ok(None) => Ok(verdict),
            Ok(Some(wrong)) => {
                tracing::info!(receipt_id = %case.receipt.id, "{wrong}");
                Ok(Verdict { outcome: Outcome::Rejected, reason: wrong, ..verdict })
            }
            Err(error) => Err(Undone::Useless(error.to_string())),
        }
    }

    async fn case(&self, verifier: NodeId, id: VerificationId) -> Result<Case, Refusal> {
        let stale = || {
            Refusal::new(
                RefusalCode::VerificationStale,
                format!("the verification task {id} is over, or is not yours"),
            )
        };
        let case = self.manager.read(move |farm| {
            let verification = farm.verification(id)?.clone();
            let leased = &verification.status;
            if !matches!(leased, VerificationStatus::Leased { node, .. } if *node == verifier) {
                return None;
            }
            let receipt = farm.receipt_of(verification.receipt)?.clone();
            let job = farm.job(verification.job)?;
            let settings = job.inspected.as_ref()?.settings.clone();
            let (job, size) = (job.clone(), settings.size);
            let expected_tiles = super::errands::tiles_of(&verification, farm)?;
            let counts = |v: &VerificationTask| match &v.status {
                VerificationStatus::Judged(verdict) => verdict.probes.clone(),
                _ => Vec::new(),
            };
            let judged: Vec<_> = farm
                .verifications(receipt.id)
                .filter(|v| matches!(v.status, VerificationStatus::Judged(_)))
                .filter(|v| v.purpose == Purpose::Probe && verification.purpose == Purpose::Probe)
                .collect();
            let round = u32::try_from(judged.len()).unwrap_or(u32::MAX).saturating_add(1);
            let earlier = judged.into_iter().flat_map(counts).collect();
            let probes_first = farm.policy().probes_first;
            let lease = receipt.statement.lease;
            let of_lease = farm
                .receipts(receipt.job)
                .filter(|other| other.statement.lease == lease && other.id != receipt.id)
                .flat_map(|other| farm.verifications(other.id))
                .filter(|v| v.purpose == Purpose::Probe)
                .flat_map(counts)
                .collect();
            Some(Case {
                verification,
                receipt,
                job,
                settings,
                size,
                expected_tiles,
                round,
                probes_first,
                earlier,
                of_lease,
            })
        });
        case.await.map_err(refusal_of)?.ok_or_else(stale)
    }

    /// The verifier's evidence, of just the probes that it was asked for.
    async fn evidence(
        &self,
        verifier: NodeId,
        report: &Report,
        case: &Case,
    ) -> Result<Evidence, Refusal> {
        let useless = |why: String| Refusal::new(RefusalCode::MessageNotAllowed, why);
        let options = FetchOptions {
            bytes_max: EVIDENCE_BYTES_MAX,
            ..FetchOptions::pinned(format!(
                "job/{}/evidence/{}",
                case.receipt.job, report.verification
            ))
        };
        let from = self.addresses(verifier).await;
        let unavailable = |error: BlobError| useless(format!("the evidence can't be had: {error}"));
        if let Err(error) = self.fetcher.fetch(report.evidence, &from, &options).await {
            self.rejoin_if_unreachable(verifier, &error);
            return Err(unavailable(error));
        }
        let blobs = self.fetcher.blobs();
        let bytes = blobs.read(report.evidence, EVIDENCE_BYTES_MAX).await.map_err(unavailable)?;
        blobs.sync().await.map_err(unavailable)?;
        let evidence = evidence::decode(&bytes).map_err(|error| useless(error.to_string()))?;
        check_evidence(&evidence, report, case).map_err(useless)?;
        Ok(evidence)
    }

    /// The worker's pixels of the probes, by verified range reads.
    async fn worker_tiles(&self, case: &Case, evidence: &Evidence) -> Result<WorkerTiles, Lost> {
        let worker = case.receipt.node;
        let layers = case.receipt.statement.layers;
        let options = FetchOptions {
            bytes_max: case.receipt.statement.layers_bytes,
            pin: None,
            ..FetchOptions::pinned("")
        };
        let read = |ranges: Vec<Range<u64>>| {
            let options = options.clone();
            async move {
                self.get_from_worker(worker, || async {
                    let from = self.addresses(worker).await;
                    let got = self.fetcher.fetch_ranges(layers, &ranges, &from, &options).await;
                    got.map(|got| got.0)
                })
                .await
            }
        };
        if case.receipt.statement.layers_bytes < HEADER_BYTES {
            return Ok(WorkerTiles::Wrong("the layers are shorter than their header".into()));
        }
        let header: Vec<Bytes> = read(std::iter::once(0..HEADER_BYTES).collect()).await?;
        let header = match checked_header(header.first(), case, evidence) {
            Ok(header) => header,
            Err(wrong) => return Ok(WorkerTiles::Wrong(wrong)),
        };
        let layout: LayersLayout = header.layout;
        let ranges = case.expected_tiles.iter().map(|tile| layout.tile_range(*tile)).collect();
        let parts = read(ranges).await?;
        let tiles = case.expected_tiles.iter().zip(parts);
        let decoded: Result<Vec<Pixels>, _> =
            tiles.map(|(tile, bytes)| decode_tile(&header, *tile, &bytes)).collect();
        Ok(match decoded {
            Ok(tiles) => WorkerTiles::There(tiles),
            Err(error) => WorkerTiles::Wrong(error.to_string()),
        })
    }
}

fn pixels_asked(evidence: &Evidence) -> u64 {
    let px = |probe: &evidence::ProbeEvidence| {
        // Three pictures at most, each with a margin around the tile.
        12 * probe.region.size().pixels()
    };
    evidence.probes.iter().map(px).sum()
}

fn check_evidence(evidence: &Evidence, report: &Report, case: &Case) -> Result<(), String> {
    let grid = TileGrid { size: case.size };
    let engine: &EngineBuild = &case.receipt.statement.engine;
    let expected = case.expected_tiles.iter().map(|tile| grid.region(*tile));
    if evidence.verification != report.verification
        || evidence.frame != case.receipt.statement.frame
    {
        return Err("the evidence is of another verification task".into());
    }
    if evidence.engine != *engine {
        return Err(format!("the evidence was rendered with {}, not {engine}", evidence.engine));
    }
    if !expected.eq(evidence.probes.iter().map(|probe| probe.region)) {
        return Err("the evidence is of other regions than were asked for".into());
    }
    let second = case.verification.second_replica;
    if evidence.probes.iter().any(|probe| probe.second.is_some() != second) {
        return Err("the evidence has not the number of replicas that were asked for".into());
    }
    Ok(())
}

fn checked_header(
    bytes: Option<&Bytes>,
    case: &Case,
    evidence: &Evidence,
) -> Result<LayersHeader, String> {
    let header = read_header(bytes.map_or(&[][..], |bytes| bytes)).map_err(|e| e.to_string())?;
    let size = header.layout.size;
    if size != case.size {
        return Err(format!(
            "the layers have {} × {} pixels, the frame has {} × {}",
            size.width, size.height, case.size.width, case.size.height
        ));
    }
    let expected = evidence.probes.first().map(|probe| &probe.replica.channels);
    if expected.is_some_and(|channels| *channels != header.channels) {
        return Err("the layers have other passes than the scene gives".into());
    }
    if header.layout.blob_bytes() != case.receipt.statement.layers_bytes {
        return Err("the layers have another length than their header says".into());
    }
    Ok(header)
}

/// The verdict on what was compared; an error if the verifier's own pictures don't fit each other.
fn verdict(
    case: &Case,
    evidence: &Evidence,
    tiles: &[Pixels],
    verifier: NodeId,
    evidence_hash: candela_core::id::BlobHash,
) -> Result<Verdict, String> {
    let mut probes = Vec::new();
    for ((tile, worker), probe) in case.expected_tiles.iter().zip(tiles).zip(&evidence.probes) {
        let (replica, control) = (&probe.replica, &probe.control);
        let options = CompareOptions::default();
        match compare(worker, replica, control, probe.second.as_ref(), &options) {
            Ok(counts) => probes.push(ProbeCounts { tile: *tile, counts }),
            Err(error) if blames_worker(&error) => {
                return Ok(flat_rejection(verifier, evidence_hash, error.to_string()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    let of_frame: Vec<TileCounts> =
        case.earlier.iter().chain(&probes).map(|probe| probe.counts).collect();
    let grid = TileGrid { size: case.size };
    let floor = NoiseFloor::other_class();
    let progress = Progress { round: case.round, tiles_in_task: grid.len() as u64 };
    let policy = frame_policy(case.probes_first);
    let mut judgement = judge(&of_frame, &floor, &policy, progress);
    if judgement.verdict == judge::Verdict::Accepted {
        // What no single frame shows, all frames of the lease together may.
        let lease: Vec<TileCounts> =
            of_frame.iter().copied().chain(case.of_lease.iter().map(|p| p.counts)).collect();
        let tiles_in_task = u64::MAX;
        let pooled =
            judge(&lease, &floor, &Policy::default(), Progress { tiles_in_task, ..progress });
        if pooled.verdict == judge::Verdict::Rejected {
            judgement = pooled;
        }
    }
    Ok(stated(&judgement, probes, verifier, evidence_hash))
}

fn blames_worker(mismatch: &Mismatch) -> bool {
    match mismatch {
        Mismatch::Size { which, .. }
        | Mismatch::Channels { which }
        | Mismatch::Values { which, .. } => *which == Rendering::Worker,
        Mismatch::NoChannels => false,
    }
}

fn stated(
    judgement: &Judgement,
    probes: Vec<ProbeCounts>,
    verifier: NodeId,
    evidence: candela_core::id::BlobHash,
) -> Verdict {
    let pooled = &judgement.pooled;
    let reason = format!(
        "{}: {} of {} judged pixels on {} tiles agree",
        judgement.reason,
        pooled.judged() - pooled.wrong(),
        pooled.judged(),
        judgement.tiles,
    );
    let tail = |a: f64, b: f64| a.min(b).exp();
    Verdict {
        outcome: match judgement.verdict {
            judge::Verdict::Accepted => Outcome::Accepted,
            judge::Verdict::Rejected => Outcome::Rejected,
            judge::Verdict::Undecided => Outcome::Undecided,
        },
        verifier,
        evidence: Some(evidence),
        probes,
        floor: judgement.floor.disagree_share_upper,
        reject_p: tail(judgement.informative.ln_tail_floor, judgement.direct.ln_tail_floor),
        accept_p: tail(judgement.informative.ln_tail_cheat, judgement.direct.ln_tail_cheat),
        reason,
        judged_at: now(),
    }
}

/// What was delivered can't be this frame at all: wrong size, wrong passes.
fn flat_rejection(
    verifier: NodeId,
    evidence: candela_core::id::BlobHash,
    reason: String,
) -> Verdict {
    Verdict {
        outcome: Outcome::Rejected,
        verifier,
        evidence: Some(evidence),
        probes: Vec::new(),
        floor: 0.0,
        reject_p: 0.0,
        accept_p: 1.0,
        reason,
        judged_at: now(),
    }
}
