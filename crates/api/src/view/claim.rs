//! Bad result claims.

use super::{node_ref, receipt};
use candela_core::claim::Claim;
use candela_core::farm::Farm;
use candela_core::id::{ClaimId, JobId};
use candela_core::layers::TileGrid;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::task::Receipt;
use candela_core::verification::Purpose;
use candela_wire::api::{ClaimDetail, ClaimInfo, ClaimTerms, ClaimsPage};

/// A claim, with how much of the frame was looked at.
pub(crate) fn info(farm: &Farm, claim: &Claim) -> ClaimInfo {
    let inspected = farm.job(claim.job).and_then(|job| job.inspected.as_ref());
    let tiles = inspected.map_or(0, |inspected| TileGrid { size: inspected.settings.size }.len());
    let judged = farm
        .verifications(claim.receipt)
        .filter(|task| task.purpose == Purpose::Claim && task.verdict().is_some());
    ClaimInfo {
        id: claim.id.0,
        job_id: claim.job.0,
        frame: claim.frame,
        receipt_id: claim.receipt.0,
        user: claim.user.clone(),
        comment: claim.comment.clone(),
        made_at_ms: claim.made_at.0,
        ended_at_ms: claim.ended_at.map(|at| at.0),
        status: (&claim.status).into(),
        reason: claim.status.reason().map(str::to_owned),
        tiles_judged: judged.map(|task| task.probes).sum(),
        tiles: u32::try_from(tiles).unwrap_or(u32::MAX),
    }
}

/// A claim with its verification tasks.
///
/// # Errors
/// There is no such claim.
pub(crate) fn detail(farm: &Farm, id: ClaimId) -> Result<ClaimDetail, Refusal> {
    let claim = farm.claim_of(id).ok_or_else(|| no_such_claim(id))?;
    let about = farm.receipt_of(claim.receipt).ok_or_else(|| no_such_claim(id))?;
    let parts = farm.verifications(about.id).filter(|task| task.purpose.is_claim());
    Ok(ClaimDetail {
        claim: info(farm, claim),
        worker: node_ref(farm, about.node),
        verifications: parts.map(|task| receipt::verification(farm, about, task)).collect(),
    })
}

/// A page of claims, the newest first; of one job, or of all.
pub(crate) fn page(
    farm: &Farm,
    job: Option<JobId>,
    before: Option<u64>,
    limit: usize,
) -> ClaimsPage {
    let wanted = |claim: &&Claim| {
        job.is_none_or(|job| claim.job == job) && before.is_none_or(|before| claim.id.0 < before)
    };
    let mut claims = farm.all_claims().rev().filter(wanted);
    let items: Vec<_> = claims.by_ref().take(limit).map(|claim| info(farm, claim)).collect();
    let next = claims.next().and_then(|_| items.last()).map(|claim| claim.id);
    ClaimsPage { items, next }
}

/// What a claim on an accepted receipt would cost; none if there was one.
pub(super) fn terms(farm: &Farm, receipt: &Receipt) -> Option<ClaimTerms> {
    if farm.claim_on(receipt.id).is_some() {
        return None;
    }
    let inspected = farm.job(receipt.job)?.inspected.as_ref()?;
    // Replica and control, and a second replica of what doesn't repeat.
    let pictures = if inspected.preview.unrepeatable_share > 0.0 { 3 } else { 2 };
    let figures = &farm.policy().claims;
    Some(ClaimTerms {
        render_px: pictures * inspected.settings.size.pixels(),
        day_max: figures.user_day_max,
        dismissed_day_max: figures.dismissed_day_max,
    })
}

/// The refusal for a claim that isn't there.
pub(crate) fn no_such_claim(id: ClaimId) -> Refusal {
    Refusal::new(RefusalCode::NoSuchClaim, format!("there is no claim {id}"))
        .with_hint("`candela claim list` shows the claims")
}
