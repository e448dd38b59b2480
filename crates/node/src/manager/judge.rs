//! From a verifier's report to a verdict: fetches the evidence and the worker's tiles, compares, judges.

use crate::manager::case::Case;
use crate::manager::clock::now;
use crate::manager::errands::{Errands, Lost, evidence_pin, tiles_pin};
use crate::verdict::{self, Unfit};
use bytes::Bytes;
use candela_blobs::{BlobError, FetchOptions};
use candela_core::farm::Command;
use candela_core::id::{BlobHash, NodeId};
use candela_core::layers::Pixels;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::verification::{Found, Outcome, Peer, Purpose, SignedReport, Verdict};
use candela_engine::layers::HEADER_BYTES;
use candela_wire::evidence::{self, Evidence};
use candela_wire::session::Report;
use std::ops::Range;

/// Bytes of a verifier's evidence at most; as its encoding allows.
const EVIDENCE_BYTES_MAX: u64 = candela_wire::limits::EVIDENCE_BYTES_MAX as u64;

/// Why there is no verdict.
enum Undone {
    /// The worker's blobs can't be had.
    Lost(Lost),
    /// The answer is of no use, or couldn't be checked.
    Useless(String),
}

/// The worker's part of a comparison, or what is wrong with it.
enum WorkerTiles {
    There {
        /// Its pixels of each region.
        tiles: Vec<Pixels>,
        /// The excerpt that ties them to the commitment.
        excerpt: BlobHash,
    },
    /// What was committed to can't be the layers of this frame.
    Wrong(String),
}

/// What a verifier sent, as it is kept with a verdict.
struct Answer {
    verifier: NodeId,
    report: SignedReport,
    evidence: Evidence,
    peers: Vec<Peer>,
}

impl Errands {
    /// Judges a report and hands the verdict in.
    ///
    /// # Errors
    /// A refusal for the verifier: its report is stale, or its evidence is of no use.
    pub(crate) async fn judge(
        &self,
        verifier: NodeId,
        report: Report,
        signature: [u8; 64],
    ) -> Result<(), Refusal> {
        let id = report.verification;
        let case = self.case(verifier, id).await?;
        if let Some(stand_in) = &self.stand_in {
            let (signed, px) = (signed(&report, signature), report.rendered_px);
            let verdict = Box::new((stand_in.judged)(&case.verification, verifier, signed));
            let judged = Command::Judged { verification: id, verdict, rendered_px: px };
            self.settle(judged).await;
            return Ok(());
        }
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
        let report = signed(&report, signature);
        let peers = self.peers(&case, &evidence).await;
        let answer = Answer { verifier, report, evidence, peers };
        let judged = match case.verification.purpose {
            Purpose::Canary => self.canary(&case, &answer).await,
            _ => self.frame(&case, &answer).await,
        };
        let mut kept = Vec::new();
        let command = match judged {
            Ok(verdict) => {
                kept = blobs_of(&case, &verdict);
                Command::Judged { verification: id, verdict: Box::new(verdict), rendered_px }
            }
            Err(Undone::Lost(lost)) => lost.command(case.receipt.id),
            Err(Undone::Useless(reason)) => {
                tracing::warn!(verification_id = %id, node_id = %verifier.short(), "no verdict: {reason}");
                Command::VerificationFailed { node: verifier, verification: id, reason }
            }
        };
        self.settle(command).await;
        for (pin, hash) in kept {
            self.manager.mirror.spread(pin, hash);
        }
        Ok(())
    }

    /// The verdict on a frame, or on a part of one that is claimed to be wrong.
    async fn frame(&self, case: &Case, answer: &Answer) -> Result<Verdict, Undone> {
        let (tiles, excerpt) = match self.worker_tiles(case, &answer.evidence).await? {
            WorkerTiles::There { tiles, excerpt } => (tiles, excerpt),
            WorkerTiles::Wrong(reason) => return Ok(found_by_manager(case, answer, reason)),
        };
        let probes = match verdict::compared(
            &case.regions,
            &tiles,
            &answer.evidence,
            (&case.inspected.preview, case.settings.size),
            &case.receipt.statement.device,
        ) {
            Ok(probes) => probes,
            Err(Unfit::Worker(reason)) => return Ok(found_by_manager(case, answer, reason)),
            Err(Unfit::Verifier(reason)) => return Err(Undone::Useless(reason)),
        };
        let judged = verdict::judged(&case.grounds, &probes);
        let (reject_p, accept_p) = verdict::chances(&judged);
        let verdict = Verdict {
            outcome: verdict::outcome(judged.verdict()),
            worker_tiles: Some(excerpt),
            probes,
            reject_p,
            accept_p,
            found: Found::ByPictures,
            reason: judged.to_string(),
            ..found_by_manager(case, answer, String::new())
        };
        self.with_development(case, verdict).await
    }

    /// The verdict on a verifier: whether it shows what is known.
    async fn canary(&self, case: &Case, answer: &Answer) -> Result<Verdict, Undone> {
        let gone = || Undone::Useless("the known pictures are not there any more".into());
        let answered = case.known.ok_or_else(gone)?;
        let known = self.kept_evidence(answered.evidence).await.ok_or_else(gone)?;
        let between = verdict::between(&known, &answer.evidence, answered.floor);
        let (same, _) = between.ok_or_else(gone)?;
        let (outcome, reason) = if same {
            (Outcome::Accepted, "the pictures are the known ones")
        } else {
            (Outcome::Rejected, "the pictures are not the known ones")
        };
        let found = found_by_manager(case, answer, reason.to_owned());
        Ok(Verdict { outcome, found: Found::ByPictures, ..found })
    }

    /// How an answer compares with earlier ones to the same regions.
    async fn peers(&self, case: &Case, evidence: &Evidence) -> Vec<Peer> {
        let mut peers = Vec::new();
        for earlier in &case.peers {
            let Some(other) = self.kept_evidence(earlier.evidence).await else { continue };
            let between = verdict::between(&other, evidence, earlier.floor);
            let Some((same, counts)) = between else { continue };
            peers.push(Peer { verification: earlier.verification, same, counts });
        }
        peers
    }

    async fn kept_evidence(&self, hash: BlobHash) -> Option<Evidence> {
        let bytes = self.fetcher.blobs().read(hash, EVIDENCE_BYTES_MAX).await;
        let bytes = bytes.inspect_err(|error| tracing::warn!("kept evidence: {error}")).ok()?;
        evidence::decode(&bytes).ok()
    }

    /// An accepting verdict stands if the output follows from the layers.
    async fn with_development(&self, case: &Case, verdict: Verdict) -> Result<Verdict, Undone> {
        if verdict.outcome != Outcome::Accepted || case.developed {
            return Ok(verdict);
        }
        if case.verification.purpose.is_claim() && case.verification.first_probe > 0 {
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
        let checked = self.developer.check(case.scene.clone(), &case.settings, statement).await;
        // It is collected later at the latest; the worker has its own.
        self.fetcher.blobs().unpin(&format!("developing/{}", case.receipt.id)).await.ok();
        match checked {
            Ok(None) => Ok(Verdict { developed: true, ..verdict }),
            Ok(Some(wrong)) => {
                tracing::info!(receipt_id = %case.receipt.id, "{wrong}");
                let (outcome, found) = (Outcome::Rejected, Found::ByManager);
                Ok(Verdict { outcome, found, developed: true, reason: wrong, ..verdict })
            }
            Err(error) => Err(Undone::Useless(error.to_string())),
        }
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
            ..FetchOptions::pinned(evidence_pin(case.receipt.job, report.verification))
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
        let statement = &case.receipt.statement;
        verdict::check_evidence(&evidence, &case.verification, statement, &case.regions)
            .map_err(useless)?;
        Ok(evidence)
    }

    /// The worker's pixels of the regions, by verified range reads, and the excerpt that proves them.
    async fn worker_tiles(&self, case: &Case, evidence: &Evidence) -> Result<WorkerTiles, Undone> {
        let statement = &case.receipt.statement;
        let layers = statement.layers;
        if statement.layers_bytes < HEADER_BYTES {
            return Ok(WorkerTiles::Wrong("the layers are shorter than their header".into()));
        }
        let header_range: Vec<Range<u64>> = std::iter::once(0..HEADER_BYTES).collect();
        let header = self.read_ranges(case, &header_range).await.map_err(Undone::Lost)?;
        let header = header.first().map_or(&[][..], |bytes| bytes);
        let size = case.settings.size;
        let header = match verdict::checked_header(header, statement, size, evidence) {
            Ok(header) => header,
            Err(wrong) => return Ok(WorkerTiles::Wrong(wrong)),
        };
        let ranges = verdict::ranges_of(&case.regions, &header.layout);
        let parts = self.read_ranges(case, &ranges).await.map_err(Undone::Lost)?;
        let tiles = match verdict::cut_tiles(&header, &case.regions, &parts[1..]) {
            Ok(tiles) => tiles,
            Err(wrong) => return Ok(WorkerTiles::Wrong(wrong)),
        };
        let groups = verdict::whole_groups(&ranges, statement.layers_bytes);
        let kept = self.keep_excerpt(case, layers, &groups).await;
        let excerpt = kept.map_err(|error| Undone::Useless(error.to_string()))?;
        Ok(WorkerTiles::There { tiles, excerpt })
    }

    async fn read_ranges(&self, case: &Case, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Lost> {
        let (worker, statement) = (case.receipt.node, &case.receipt.statement);
        let options = FetchOptions {
            bytes_max: statement.layers_bytes,
            pin: None,
            ..FetchOptions::pinned("")
        };
        // Whole groups are fetched, so that they can be proved to others later.
        let groups = verdict::whole_groups(ranges, statement.layers_bytes);
        let parts = self.get_from_worker(worker, || async {
            let from = self.addresses(worker).await;
            let got = self.fetcher.fetch_ranges(statement.layers, &groups, &from, &options).await;
            got.map(|got| got.0)
        });
        Ok(verdict::cut_groups(&parts.await?, &groups, ranges))
    }

    async fn keep_excerpt(
        &self,
        case: &Case,
        layers: BlobHash,
        ranges: &[Range<u64>],
    ) -> Result<BlobHash, BlobError> {
        let blobs = self.fetcher.blobs();
        let excerpt = blobs.excerpt(layers, ranges).await?;
        let pin = tiles_pin(case.receipt.job, case.verification.id);
        Ok(blobs.add_bytes(excerpt, &pin).await?.hash)
    }
}

fn signed(report: &Report, signature: [u8; 64]) -> SignedReport {
    SignedReport {
        evidence: report.evidence,
        evidence_bytes: report.evidence_bytes,
        rendered_px: report.rendered_px,
        took_ms: report.took_ms,
        signature,
    }
}

/// What a verdict stands on, and the names under which it is kept.
fn blobs_of(case: &Case, verdict: &Verdict) -> Vec<(String, BlobHash)> {
    let (job, id) = (case.receipt.job, case.verification.id);
    let evidence = verdict.evidence().map(|hash| (evidence_pin(job, id), hash));
    let tiles = verdict.worker_tiles.map(|hash| (tiles_pin(job, id), hash));
    evidence.into_iter().chain(tiles).collect()
}

fn pixels_asked(evidence: &Evidence) -> u64 {
    let px = |probe: &evidence::ProbeEvidence| {
        // Three pictures at most, each with a margin around the tile.
        12 * probe.region.size().pixels()
    };
    evidence.probes.iter().map(px).sum()
}

/// What was delivered can't be this frame at all: wrong size, wrong passes, an output of something else.
fn found_by_manager(case: &Case, answer: &Answer, reason: String) -> Verdict {
    Verdict {
        outcome: Outcome::Rejected,
        verifier: answer.verifier,
        device: answer.evidence.device.clone(),
        report: Some(answer.report),
        worker_tiles: None,
        probes: Vec::new(),
        with: case.with.clone(),
        peers: answer.peers.clone(),
        floor: case.floor(),
        probes_first: case.grounds.probes_first,
        reject_p: 0.0,
        accept_p: 1.0,
        found: Found::ByManager,
        developed: false,
        reason,
        judged_at: now(),
    }
}
