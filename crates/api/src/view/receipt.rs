//! Receipts and their verification. What could be misused is told once the receipt is decided.

use super::{node_ref, probability};
use crate::limits::PROBES_TOLD_MAX;
use candela_core::claim::ClaimStatus;
use candela_core::farm::Farm;
use candela_core::task::{Receipt, ReceiptStatus};
use candela_core::verification::{Found, Purpose, Verdict, VerificationStatus, VerificationTask};
use candela_wire::api::{
    OutcomeName, ReceiptInfo, VerdictInfo, VerdictSummary, VerificationInfo, VerificationState,
};

/// A receipt with its verification tasks.
pub(crate) fn info(farm: &Farm, receipt: &Receipt) -> ReceiptInfo {
    let statement = &receipt.statement;
    let decided = is_decided(receipt);
    // A canary must not be recognised by whoever has it.
    let verifications =
        farm.verifications(receipt.id).filter(|task| task.purpose != Purpose::Canary);
    ReceiptInfo {
        id: receipt.id.0,
        status: receipt.status.into(),
        worker: node_ref(farm, receipt.node),
        received_at_ms: receipt.received_at.0,
        render_s: statement.render_ms as f64 / 1_000.0,
        device: statement.device.clone(),
        engine: statement.engine.to_string(),
        peak_memory_bytes: statement.peak_memory_bytes,
        layers_hash: decided.then(|| statement.layers.to_string()),
        output_hash: decided.then(|| statement.output.to_string()),
        reason: receipt.reason.clone(),
        failed_tries: receipt.failed_tries,
        checked: decided.then_some(receipt.check.checked),
        check_rate: probability(receipt.check.rate),
        reopened: receipt.reopened,
        credit: receipt.credit,
        verifications: verifications.map(|v| verification(farm, receipt, v)).collect(),
    }
}

/// A verifier could copy what is known of an open receipt instead of rendering.
pub(super) fn is_decided(receipt: &Receipt) -> bool {
    match receipt.status {
        ReceiptStatus::Storing | ReceiptStatus::Verifying => false,
        ReceiptStatus::Accepted | ReceiptStatus::Rejected | ReceiptStatus::Withdrawn => true,
    }
}

/// Whether the verdict on a verification task may be told: nobody is to be asked the same any more.
pub(super) fn is_told(farm: &Farm, receipt: &Receipt, task: &VerificationTask) -> bool {
    let claim_open =
        || farm.claim_on(receipt.id).is_some_and(|claim| claim.status == ClaimStatus::Open);
    is_decided(receipt)
        && task.purpose != Purpose::Canary
        && !(task.purpose.is_claim() && claim_open())
}

/// A verification task, with its verdict if that may be told.
pub(super) fn verification(
    farm: &Farm,
    receipt: &Receipt,
    task: &VerificationTask,
) -> VerificationInfo {
    VerificationInfo {
        id: task.id.0,
        purpose: task.purpose.into(),
        status: match task.status {
            VerificationStatus::Queued => VerificationState::Queued,
            VerificationStatus::Leased { .. } => VerificationState::Leased,
            VerificationStatus::Judged(_) => VerificationState::Judged,
            VerificationStatus::Dropped => VerificationState::Dropped,
        },
        probes: task.probes,
        second_replica: task.second_replica,
        verdict: match &task.status {
            VerificationStatus::Judged(judged) if is_told(farm, receipt, task) => {
                Some(verdict(farm, judged))
            }
            _ => None,
        },
    }
}

fn verdict(farm: &Farm, verdict: &Verdict) -> VerdictInfo {
    VerdictInfo {
        outcome: verdict.outcome.into(),
        verifier: node_ref(farm, verdict.verifier),
        reason: verdict.reason.clone(),
        evidence_hash: verdict.evidence().map(|hash| hash.to_string()),
        worker_tiles_hash: verdict.worker_tiles.map(|hash| hash.to_string()),
        floor: probability(verdict.floor.disagree_share),
        reject_p: probability(verdict.reject_p),
        accept_p: probability(verdict.accept_p),
        found_by_manager: verdict.found == Found::ByManager,
        developed: verdict.developed,
        judged_at_ms: verdict.judged_at.0,
        probes: verdict.probes.iter().take(PROBES_TOLD_MAX).map(Into::into).collect(),
    }
}

/// All judged rounds of an accepted receipt together; none if it was accepted without any.
pub(super) fn verdict_summary(farm: &Farm, receipt: &Receipt) -> Option<VerdictSummary> {
    let verdicts: Vec<&Verdict> = farm
        .verifications(receipt.id)
        .filter(|task| task.purpose.judges_receipt())
        .filter_map(VerificationTask::verdict)
        .collect();
    let last = verdicts.last()?;
    let probes = || verdicts.iter().flat_map(|verdict| &verdict.probes);
    let mut verifiers = Vec::new();
    for verdict in &verdicts {
        let verifier = node_ref(farm, verdict.verifier);
        if !verifiers.contains(&verifier) {
            verifiers.push(verifier);
        }
    }
    Some(VerdictSummary {
        outcome: OutcomeName::Accepted,
        reason: last.reason.clone(),
        verifiers,
        rounds: verdicts.len(),
        probes: probes().count(),
        informative: probes().map(|probe| probe.counts.informative_judged).sum(),
        informative_agree: probes().map(|probe| probe.counts.informative_agree).sum(),
        direct: probes().map(|probe| probe.counts.direct_judged).sum(),
        direct_agree: probes().map(|probe| probe.counts.direct_agree).sum(),
        reject_p: probability(last.reject_p),
        accept_p: probability(last.accept_p),
    })
}
