//! One verdict, derived again: where the probes lie, whether the pictures are what was signed and
//! committed to, what is counted in them, and what follows.

use super::chain::Book;
use super::file::{NoBlob, Pictures};
use super::{Finding, FindingKind, VerdictAudit};
use crate::verdict::{self, Unfit};
use candela_core::counts::TileCounts;
use candela_core::id::BlobHash;
use candela_core::job::Inspected;
use candela_core::layers::{LayersLayout, Region};
use candela_core::task::{Receipt, Task};
use candela_core::verification::{
    Found, Outcome, ProbeCounts, Purpose, Verdict, VerificationTask, class_of, probe_px,
};
use candela_engine::layers::HEADER_BYTES;
use candela_wire::evidence::{self, Evidence};
use candela_wire::session::{Report, report_bytes};
use std::collections::BTreeSet;
use std::io::{self, Read, Seek};
use std::ops::Range;

/// Rounding that another machine's logarithm may bring into a probability, as a share of it.
const ROUNDING: f64 = 1e-9;

/// What a verdict is about.
pub(super) struct Judged<'a> {
    pub verification: &'a VerificationTask,
    pub verdict: &'a Verdict,
    pub receipt: &'a Receipt,
    pub task: &'a Task,
    pub inspected: &'a Inspected,
}

/// Derives a verdict, and says what doesn't hold.
pub(super) struct Derivation<'a, 'b, F> {
    pub book: &'a Book,
    pub pictures: &'a mut Pictures<'b, F>,
    pub findings: &'a mut Vec<Finding>,
    pub notes: &'a mut Vec<String>,
    pub of: Judged<'a>,
}

impl<F: Read + Seek> Derivation<'_, '_, F> {
    fn say(&mut self, kind: FindingKind, text: impl Into<String>) {
        let text = format!("verification {}: {}", self.of.verification.id, text.into());
        self.findings.push(Finding::new(kind, Some(self.of.receipt.statement.frame), text));
    }

    fn note(&mut self, text: &str) {
        let (frame, id) = (self.of.receipt.statement.frame, self.of.verification.id);
        self.notes.push(format!("frame {frame}, verification {id}: {text}"));
    }

    /// The line of this verdict.
    pub(super) fn run(mut self) -> io::Result<VerdictAudit> {
        let signature_holds = self.signature();
        let regions = self.regions();
        let made_again = self.counts(&regions)?;
        self.floor();
        let (verification, verdict) = (self.of.verification, self.of.verdict);
        let by_manager = verdict.found == Found::ByManager;
        let derived = if by_manager && verdict.worker_tiles.is_none() {
            self.note(&format!("found by the manager itself, on its word: {}", verdict.reason));
            None
        } else {
            self.outcome()
        };
        let total = verdict.probes.iter().fold(TileCounts::default(), |mut all, probe| {
            all += probe.counts;
            all
        });
        Ok(VerdictAudit {
            verification: verification.id.0,
            purpose: verification.purpose.word(),
            verifier: self.book.name(verdict.verifier),
            probes: verdict.probes.len(),
            judged_px: total.judged(),
            agree_px: total.judged() - total.wrong(),
            signature_holds,
            stored: verdict.outcome.word(),
            derived: derived.map(Outcome::word),
            from_pictures: made_again,
        })
    }

    /// Whether the verifier signed its report.
    fn signature(&mut self) -> bool {
        let verdict = self.of.verdict;
        let Some(report) = verdict.report else {
            self.say(FindingKind::Signature, "there is no signed report of the verifier");
            return false;
        };
        let stated = Report {
            verification: self.of.verification.id,
            evidence: report.evidence,
            evidence_bytes: report.evidence_bytes,
            rendered_px: report.rendered_px,
            took_ms: report.took_ms,
        };
        let bytes = report_bytes(&stated);
        let holds = candela_net::verify(&verdict.verifier, &bytes, &report.signature).is_ok();
        if !holds {
            let who = self.book.name(verdict.verifier);
            self.say(
                FindingKind::Signature,
                format!("the signature of the verifier {who} over its report doesn't hold"),
            );
        }
        holds
    }

    /// Where the probes lie, by the key; the verdict has to be about just these.
    fn regions(&mut self) -> Vec<Region> {
        let (verification, statement) = (self.of.verification, &self.of.receipt.statement);
        let size = self.of.inspected.settings.size;
        let regions = verdict::regions(&verdict::Where {
            purpose: verification.purpose,
            first: verification.first_probe,
            count: verification.probes,
            size,
            frame: statement.frame,
            layers: statement.layers,
            key: &self.of.task.key,
            weights: &verdict::cell_weights(&self.of.inspected.preview, size),
        });
        let stated = &self.of.verdict.probes;
        let same = regions.iter().copied().eq(stated.iter().map(|probe| probe.region));
        let none = self.of.verdict.worker_tiles.is_none() && stated.is_empty();
        if !same && !none {
            self.say(
                FindingKind::Derivation,
                "its probes don't lie where key and commitment place them",
            );
        }
        regions
    }

    /// Makes the counts again from the pictures; says whether that could be done.
    fn counts(&mut self, regions: &[Region]) -> io::Result<bool> {
        let verdict = self.of.verdict;
        let Some(evidence) = self.evidence(regions)? else { return Ok(false) };
        self.peers(&evidence)?;
        let Some(excerpt) = verdict.worker_tiles else {
            if verdict.found == Found::ByPictures {
                self.say(FindingKind::Chain, "there are no tiles of the worker");
            }
            return Ok(false);
        };
        let Some(bytes) = self.blob(excerpt, "the worker's tiles")? else { return Ok(false) };
        let probes = match self.compared(regions, &evidence, &bytes) {
            Ok(probes) => probes,
            Err(wrong) => {
                self.say(FindingKind::Derivation, wrong);
                return Ok(false);
            }
        };
        let differs = |(a, b): (&ProbeCounts, &ProbeCounts)| a.counts != b.counts;
        if probes.len() != verdict.probes.len() {
            let (found, stated) = (probes.len(), verdict.probes.len());
            let text = format!("{found} probes follow from the pictures, and {stated} are stated");
            self.say(FindingKind::Derivation, text);
        } else if let Some(at) = probes.iter().zip(&verdict.probes).position(differs) {
            let text = format!("the counts of probe {} don't follow from the pictures", at + 1);
            self.say(FindingKind::Derivation, text);
        }
        Ok(true)
    }

    /// The verifier's pictures, if they are there and of this verification task.
    fn evidence(&mut self, regions: &[Region]) -> io::Result<Option<Evidence>> {
        let Some(report) = self.of.verdict.report else { return Ok(None) };
        let Some(bytes) = self.blob(report.evidence, "the evidence")? else { return Ok(None) };
        if bytes.len() as u64 != report.evidence_bytes {
            self.say(FindingKind::Chain, "the evidence has another length than was signed");
        }
        let evidence = match evidence::decode(&bytes) {
            Ok(evidence) => evidence,
            Err(error) => {
                self.say(FindingKind::Chain, format!("the evidence can't be read: {error}"));
                return Ok(None);
            }
        };
        let statement = &self.of.receipt.statement;
        let fits = verdict::check_evidence(&evidence, self.of.verification, statement, regions);
        if let Err(wrong) = fits {
            self.say(FindingKind::Chain, wrong);
            return Ok(None);
        }
        if evidence.device != self.of.verdict.device {
            self.say(FindingKind::Chain, "the verdict names another device than the evidence");
        }
        Ok(Some(evidence))
    }

    /// A blob of the file; if it can't be had, that is said.
    fn blob(&mut self, hash: BlobHash, what: &str) -> io::Result<Option<Vec<u8>>> {
        match self.pictures.read(hash)? {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(NoBlob::Missing) if !self.book.facts.pictures => {}
            Err(NoBlob::Missing) => {
                let text = format!("{what} (blob {hash}) is not in the file");
                self.say(FindingKind::Chain, text);
            }
            Err(NoBlob::Damaged(Range { start, end })) => {
                let text = format!("{what} is damaged (bytes {start} to {end} of the file)");
                self.say(FindingKind::Hash, text);
            }
            Err(NoBlob::TooLarge) => self.say(FindingKind::Format, format!("{what} is too large")),
        }
        Ok(None)
    }

    /// Counts of the regions, from the verifier's pictures and the worker's tiles as it committed to them.
    fn compared(
        &self,
        regions: &[Region],
        evidence: &Evidence,
        excerpt: &[u8],
    ) -> Result<Vec<ProbeCounts>, String> {
        let statement = &self.of.receipt.statement;
        let size = self.of.inspected.settings.size;
        let channels = evidence.probes.first().map_or(0, |probe| probe.replica.channels.len());
        let layout = LayersLayout {
            size,
            channels: u32::try_from(channels).unwrap_or(u32::MAX),
            header_bytes: HEADER_BYTES,
        };
        let (layers, bytes) = (statement.layers, statement.layers_bytes);
        if layout.blob_bytes() != bytes {
            return Err("the layers have another length than the frame's size gives".into());
        }
        let ranges = verdict::ranges_of(regions, &layout);
        let groups = verdict::whole_groups(&ranges, bytes);
        let parts = candela_blobs::read_excerpt(layers, bytes, &groups, excerpt);
        let parts = parts.map_err(|error| {
            format!("the worker's tiles don't follow from the layers that it signed: {error}")
        })?;
        let parts = verdict::cut_groups(&parts, &groups, &ranges);
        let (header, tiles) = parts.split_first().ok_or("there are no tiles")?;
        let header = verdict::checked_header(header, statement, size, evidence)?;
        let tiles = verdict::cut_tiles(&header, regions, tiles)?;
        let scene = (&self.of.inspected.preview, size);
        verdict::compared(regions, &tiles, evidence, scene, &statement.device).map_err(|unfit| {
            match unfit {
                Unfit::Worker(wrong) | Unfit::Verifier(wrong) => wrong,
            }
        })
    }

    /// The floor can't be derived, since it was moved by what other jobs showed: it has its bounds.
    fn floor(&mut self) {
        let floor = self.of.verdict.floor;
        let (worker, verifier) = (&self.of.receipt.statement.device, &self.of.verdict.device);
        let preview = &self.of.inspected.preview;
        let size = self.of.inspected.settings.size;
        let prior = verdict::floor(worker, verifier, (preview, size), &TileCounts::default());
        let (least, most) = verdict::floor_bounds(prior);
        if !(least..=most).contains(&floor.disagree_share)
            || floor.bad_probe_share != prior.bad_probe_share
        {
            self.say(FindingKind::Derivation, "its noise floor is not one that the rules allow");
        }
        if floor.disagree_share != prior.disagree_share {
            self.note(&format!(
                "judged with a noise floor of {:.2e}, moved from {:.2e} by what was seen between {} and {}",
                floor.disagree_share,
                prior.disagree_share,
                class_of(worker),
                class_of(verifier)
            ));
        }
    }

    /// What the judgement says of the stated counts, together with those that were judged with them.
    fn outcome(&mut self) -> Option<Outcome> {
        let (verification, verdict) = (self.of.verification, self.of.verdict);
        let (mut earlier, mut rounds, mut of_lease) = (Vec::new(), 0u32, Vec::new());
        let mut before = BTreeSet::new();
        for id in &verdict.with {
            if !before.insert(*id) {
                self.say(FindingKind::Chain, format!("the earlier verdict {id} is counted twice"));
                return None;
            }
            let Some((other, with)) = self.book.verdict(*id) else {
                self.say(FindingKind::Chain, format!("the earlier verdict {id} is not there"));
                return None;
            };
            let counts = with.probes.iter().map(|probe| probe.counts);
            let lease = self.book.receipts.get(&other.receipt).map(|r| r.statement.lease);
            if other.purpose != Purpose::Probe || lease != Some(self.of.receipt.statement.lease) {
                let text = format!("the verdict {id} can't be judged together with it");
                self.say(FindingKind::Chain, text);
            } else if other.receipt == verification.receipt {
                rounds += 1;
                earlier.extend(counts);
            } else {
                of_lease.extend(counts);
            }
        }
        self.left_out();
        let inspected = self.of.inspected;
        let size = inspected.settings.size;
        self.first_probes();
        let grounds = verdict::Grounds {
            purpose: verification.purpose,
            size,
            round: rounds.saturating_add(1),
            probes_first: verdict.probes_first,
            floor: verdict.floor,
            earlier,
            of_lease,
        };
        let judged = verdict::judged(&grounds, &verdict.probes);
        let follows = verdict::outcome(judged.verdict());
        let (reject_p, accept_p) = verdict::chances(&judged);
        if !near(reject_p, verdict.reject_p) || !near(accept_p, verdict.accept_p) {
            self.say(FindingKind::Derivation, "its probabilities don't follow from its counts");
        }
        if verdict.found == Found::ByManager {
            // The pictures were right, and the output was not: that takes an engine to see.
            self.note(&format!("rejected by the manager itself, on its word: {}", verdict.reason));
            if verdict.outcome != Outcome::Rejected || !verdict.developed {
                self.say(FindingKind::Derivation, "the manager can find a frame wrong only");
            }
            return None;
        }
        if follows != verdict.outcome {
            let text = format!(
                "the verdict is {}, and from its counts follows {}",
                verdict.outcome.word(),
                follows.word()
            );
            self.say(FindingKind::Derivation, text);
        } else if judged.to_string() != verdict.reason {
            self.say(FindingKind::Derivation, "its reason is not the one that follows");
        }
        Some(follows)
    }

    /// How many probes had to be judged is the policy's of then; today's may be another.
    fn first_probes(&mut self) {
        let (inspected, stated) = (self.of.inspected, self.of.verdict.probes_first);
        let repeats = inspected.preview.unrepeatable_share == 0.0;
        let probe_px = probe_px(inspected.facts.adaptive_sampling, repeats);
        let today = self.book.facts.checking.probes(inspected.settings.size, probe_px);
        if stated == 0 {
            self.say(FindingKind::Derivation, "it asks for no probe at all");
        } else if stated != today {
            self.note(&format!(
                "judged when {stated} probes had to be compared at first; today they are {today}"
            ));
        }
    }

    /// Earlier rounds of the same frame must all have been judged with it.
    fn left_out(&mut self) {
        let verification = self.of.verification;
        if verification.purpose != Purpose::Probe {
            return;
        }
        let judged_at = self.of.verdict.judged_at;
        let left: Vec<String> = self
            .book
            .verdicts(verification.receipt)
            .filter(|(other, verdict)| {
                other.purpose == Purpose::Probe
                    && other.id < verification.id
                    && verdict.judged_at < judged_at
                    && !self.of.verdict.with.contains(&other.id)
            })
            .map(|(other, _)| other.id.to_string())
            .collect();
        if !left.is_empty() {
            let text = format!("the earlier verdicts {} were left out", left.join(", "));
            self.say(FindingKind::Derivation, text);
        }
    }

    /// How it compares with earlier answers to the same regions.
    fn peers(&mut self, evidence: &Evidence) -> io::Result<()> {
        let verdict = self.of.verdict;
        for peer in &verdict.peers {
            let other = self.book.verdict(peer.verification);
            let Some(report) = other.and_then(|(_, verdict)| verdict.report) else {
                let text = format!("the earlier answer {} is not there", peer.verification);
                self.say(FindingKind::Chain, text);
                continue;
            };
            let what = format!("the evidence of verification {}", peer.verification);
            let Some(bytes) = self.blob(report.evidence, &what)? else { continue };
            // If it can't be read, that is said where it is checked itself.
            let Ok(other) = evidence::decode(&bytes) else { continue };
            let between = verdict::between(&other, evidence, verdict.floor);
            if between != Some((peer.same, peer.counts)) {
                let text = format!("how it compares with {what} doesn't follow from the pictures");
                self.say(FindingKind::Derivation, text);
            }
        }
        Ok(())
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}
