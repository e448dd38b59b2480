//! Bad result claims.

use candela_core::claim::Claim;
use candela_core::farm::Farm;
use candela_core::layers::TileGrid;
use candela_core::verification::Purpose;
use candela_wire::api::ClaimInfo;

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
