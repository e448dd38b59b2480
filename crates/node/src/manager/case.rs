//! Everything that a judgement needs of the state, taken at one moment.

use crate::engines::OpenScene;
use crate::manager::errands::{Errands, regions_of};
use crate::manager::sessions::refusal_of;
use crate::manager::weights::Weights;
use crate::verdict;
use candela_core::counts::TileCounts;
use candela_core::farm::Farm;
use candela_core::id::{BlobHash, NodeId, ReceiptId, VerificationId};
use candela_core::job::Inspected;
use candela_core::layers::Region;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::RenderSettings;
use candela_core::task::Receipt;
use candela_core::verification::{
    Floor, Outcome, Purpose, Verdict, VerificationStatus, VerificationTask,
};
use std::sync::Arc;

/// Earlier answers that a new one is compared with, at most: the latest.
const PEERS_MAX: usize = 4;

/// An earlier answer to the same receipt.
#[derive(Debug, Clone, Copy)]
pub(super) struct EarlierAnswer {
    /// Its verification task.
    pub verification: VerificationId,
    /// Its evidence.
    pub evidence: BlobHash,
    /// How much honest machines of its verifier's class and of the new one's may disagree.
    pub floor: Floor,
}

/// What is judged, and with what.
pub(super) struct Case {
    pub verification: VerificationTask,
    pub receipt: Receipt,
    pub scene: OpenScene,
    pub settings: RenderSettings,
    pub inspected: Arc<Inspected>,
    /// Where the verifier had to look.
    pub regions: Vec<Region>,
    pub grounds: verdict::Grounds,
    /// The earlier verdicts whose counts are judged together with the new ones.
    pub with: Vec<VerificationId>,
    /// Earlier answers to the same regions.
    pub peers: Vec<EarlierAnswer>,
    /// Of a canary, the answer with the known pictures.
    pub known: Option<EarlierAnswer>,
    /// Whether an earlier verdict found that the output follows from the layers.
    pub developed: bool,
}

impl Case {
    pub(super) fn floor(&self) -> Floor {
        self.grounds.floor
    }
}

impl Errands {
    /// The case of a verification task that this verifier holds.
    pub(super) async fn case(&self, verifier: NodeId, id: VerificationId) -> Result<Case, Refusal> {
        let stale = || {
            Refusal::new(
                RefusalCode::VerificationStale,
                format!("the verification task {id} is over, or is not yours"),
            )
        };
        let weights = self.weights.clone();
        let case = self.manager.read(move |farm| case(farm, verifier, id, &weights)).await;
        case.map_err(refusal_of)?.ok_or_else(stale)
    }
}

fn case(farm: &Farm, verifier: NodeId, id: VerificationId, weights: &Weights) -> Option<Case> {
    let verification = farm.verification(id)?.clone();
    let leased = &verification.status;
    if !matches!(leased, VerificationStatus::Leased { node, .. } if *node == verifier) {
        return None;
    }
    let receipt = farm.receipt_of(verification.receipt)?.clone();
    let job = farm.job(verification.job)?;
    let inspected = job.inspected.clone()?;
    let settings = inspected.settings.clone();
    let settings_scene = settings.scene.clone();
    let regions = regions_of(&verification, farm, weights)?;
    let device = farm.presence(verifier).map_or("", |presence| presence.hello.device.as_str());
    let seen = farm.seen_between(job.id, &receipt.statement.device, device);
    let preview = &inspected.preview;
    let floor = verdict::floor(&receipt.statement.device, device, (preview, settings.size), &seen);
    let earlier = judged_of(farm, receipt.id, |v| {
        v.purpose == Purpose::Probe && verification.purpose == Purpose::Probe
    });
    let of_lease = match verification.purpose {
        Purpose::Probe | Purpose::Confirm => lease_verdicts(farm, &receipt),
        Purpose::Canary | Purpose::Claim | Purpose::ClaimConfirm => Vec::new(),
    };
    let counts = |verdicts: &[(VerificationId, &Verdict)]| -> Vec<TileCounts> {
        verdicts.iter().flat_map(|(_, v)| &v.probes).map(|probe| probe.counts).collect()
    };
    let grounds = verdict::Grounds {
        purpose: verification.purpose,
        size: settings.size,
        round: u32::try_from(earlier.len()).unwrap_or(u32::MAX).saturating_add(1),
        probes_first: farm.first_probes(job.id),
        floor,
        earlier: counts(&earlier),
        of_lease: counts(&of_lease),
    };
    let with = earlier.iter().chain(&of_lease).map(|(id, _)| *id).collect();
    let same_part = |v: &VerificationTask| {
        v.purpose.is_claim() == verification.purpose.is_claim()
            && (!v.purpose.is_claim() || v.first_probe == verification.first_probe)
            && v.purpose != Purpose::Canary
    };
    let answers = judged_of(farm, receipt.id, same_part);
    let developed = answers.iter().any(|(_, v)| v.developed && v.outcome == Outcome::Accepted);
    let answer = |(verification, verdict): (VerificationId, &Verdict)| {
        // Two verifiers are held against one another by the floor of *their* classes.
        let floor = verdict::floor(
            &verdict.device,
            device,
            (preview, settings.size),
            &TileCounts::default(),
        );
        Some(EarlierAnswer { verification, evidence: verdict.evidence()?, floor })
    };
    let peers: Vec<_> = answers.into_iter().rev().filter_map(answer).take(PEERS_MAX).collect();
    let known = match verification.purpose {
        Purpose::Canary => {
            let known = farm.verification(farm.known_answer(receipt.id)?)?;
            Some(answer((known.id, known.verdict()?))?)
        }
        _ => None,
    };
    Some(Case {
        verification,
        receipt,
        settings,
        inspected,
        regions,
        grounds,
        with,
        peers,
        known,
        developed,
        scene: OpenScene {
            scene: job.submission.scene,
            main_file: job.submission.main_file.clone(),
            name: settings_scene,
        },
    })
}

/// The verdicts on a receipt that `takes` takes, the oldest first.
fn judged_of(
    farm: &Farm,
    receipt: ReceiptId,
    takes: impl Fn(&VerificationTask) -> bool,
) -> Vec<(VerificationId, &Verdict)> {
    let verifications = farm.verifications(receipt).filter(|v| takes(v));
    verifications.filter_map(|v| Some((v.id, v.verdict()?))).collect()
}

/// The verdicts on the probes of the other frames of a receipt's lease.
fn lease_verdicts<'a>(farm: &'a Farm, receipt: &Receipt) -> Vec<(VerificationId, &'a Verdict)> {
    let lease = receipt.statement.lease;
    let others = farm.receipts_of_lease(lease).filter(|other| other.id != receipt.id);
    others.flat_map(|other| judged_of(farm, other.id, |v| v.purpose == Purpose::Probe)).collect()
}
