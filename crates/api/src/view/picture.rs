//! Which blobs the pictures of a verdict are made of, and whether they may be shown.

use super::claim::no_such_claim;
use super::receipt::is_told;
use candela_core::claim::ClaimStatus;
use candela_core::farm::Farm;
use candela_core::id::{ClaimId, VerificationId};
use candela_core::layers::Size;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::verification::VerificationTask;
use candela_node::pictures::Kept;
use std::collections::BTreeMap;

/// What the pictures of a verdict are made of.
///
/// # Errors
/// There is no such verdict, or it is not told: which of them, nobody hears.
pub(crate) fn kept_of(farm: &Farm, id: VerificationId) -> Result<Kept, Refusal> {
    let task = farm.verification(id).filter(|task| {
        farm.receipt_of(task.receipt).is_some_and(|receipt| is_told(farm, receipt, task))
    });
    task.and_then(|task| kept(farm, task)).ok_or_else(|| {
        Refusal::new(RefusalCode::NotFound, format!("verification {id} has no pictures to show"))
            .with_hint("they are shown once the receipt, or the claim, is decided")
    })
}

/// What the pictures of a whole claim are made of: of each part the last verdict that kept any.
///
/// # Errors
/// There is no such claim, or it is open.
pub(crate) fn kept_of_claim(farm: &Farm, id: ClaimId) -> Result<(Size, Vec<Kept>), Refusal> {
    let claim = farm.claim_of(id).ok_or_else(|| no_such_claim(id))?;
    if claim.status == ClaimStatus::Open {
        let text = format!("claim {id} is open, and its pictures are shown once it is decided");
        return Err(Refusal::new(RefusalCode::WrongState, text)
            .with_hint("`candela claim show` tells how far it is"));
    }
    let receipt = farm.receipt_of(claim.receipt).ok_or_else(|| no_such_claim(id))?;
    let told = farm
        .verifications(receipt.id)
        .filter(|task| task.purpose.is_claim() && is_told(farm, receipt, task));
    let parts: BTreeMap<u32, Kept> =
        told.filter_map(|task| Some((task.first_probe, kept(farm, task)?))).collect();
    let kept: Vec<Kept> = parts.into_values().collect();
    let size = kept.first().map(|kept| kept.size);
    size.map(|size| (size, kept)).ok_or_else(|| {
        Refusal::new(RefusalCode::NotFound, format!("claim {id} has no pictures to show"))
    })
}

fn kept(farm: &Farm, task: &VerificationTask) -> Option<Kept> {
    let verdict = task.verdict()?;
    let statement = &farm.receipt_of(task.receipt)?.statement;
    Some(Kept {
        layers: statement.layers,
        layers_bytes: statement.layers_bytes,
        size: farm.job(task.job)?.inspected.as_ref()?.settings.size,
        evidence: verdict.evidence()?,
        worker_tiles: verdict.worker_tiles,
    })
}
