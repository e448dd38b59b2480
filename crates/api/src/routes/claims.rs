//! Bad result claims: made, listed, shown with their verdicts.

use super::jobs::need_own;
use super::page_size;
use crate::extract::{Json, Path, Query};
use crate::guard::Caller;
use crate::refuse::Refused;
use crate::state::AppState;
use crate::view;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use candela_core::farm::submit::check_name;
use candela_core::farm::{Command, Reply, no_such_job};
use candela_core::id::{ClaimId, JobId};
use candela_wire::api::{
    ClaimDetail, ClaimInfo, ClaimRequest, ClaimsPage, ClaimsQuery, PREFIX, RefusalInfo,
};

/// Says that an accepted frame is not what the scene defines: the whole frame is verified.
#[utoipa::path(post, path = "/jobs/{id}/frames/{number}/claims", tag = "claims",
    params(("id" = u64, Path), ("number" = i32, Path)), request_body = ClaimRequest,
    responses((status = 201, body = ClaimInfo),
        (status = 409, body = RefusalInfo,
            description = "`frame_not_ready`: the frame is not accepted; `claim_there`: its result was claimed before"),
        (status = 429, body = RefusalInfo, description = "`claims_too_many`: open at once, or within a day"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn make(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path((id, number)): Path<(u64, i32)>,
    Json(request): Json<ClaimRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], axum::Json<ClaimInfo>), Refused> {
    need_own(&state, &caller, JobId(id)).await?;
    let user = caller.submits_as(request.user)?.unwrap_or_else(|| "anonymous".to_owned());
    check_name(&user)?;
    let (job, comment) = (JobId(id), request.comment);
    let reply = state.desk.apply(Command::Claim { job, frame: number, user, comment }).await?;
    let Reply::Claim(claim) = reply else {
        return Err(Refused::unavailable("the manager answered something else"));
    };
    let info = state
        .desk
        .read(move |farm| farm.claim_of(claim).map(|claim| view::claim_info(farm, claim)));
    let info = info.await?.ok_or_else(|| view::no_such_claim(claim))?;
    let location = [(header::LOCATION, format!("{PREFIX}/claims/{claim}"))];
    Ok((StatusCode::CREATED, location, axum::Json(info)))
}

/// Claims, the newest first.
#[utoipa::path(get, path = "/claims", tag = "claims", params(ClaimsQuery),
    responses((status = 200, body = ClaimsPage), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ClaimsQuery>,
) -> Result<axum::Json<ClaimsPage>, Refused> {
    let page = state
        .desk
        .read(move |farm| view::claims_page(farm, None, query.before, page_size(query.limit)));
    Ok(axum::Json(page.await?))
}

/// Claims on frames of a job, the newest first.
#[utoipa::path(get, path = "/jobs/{id}/claims", tag = "claims",
    params(("id" = u64, Path), ClaimsQuery),
    responses((status = 200, body = ClaimsPage), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn of_job(
    State(state): State<AppState>,
    Path(id): Path<u64>,
    Query(query): Query<ClaimsQuery>,
) -> Result<axum::Json<ClaimsPage>, Refused> {
    let job = JobId(id);
    let page = state.desk.read(move |farm| {
        farm.job(job)?;
        Some(view::claims_page(farm, Some(job), query.before, page_size(query.limit)))
    });
    Ok(axum::Json(page.await?.ok_or_else(|| no_such_job(job))?))
}

/// A claim with the verdicts on its parts, which are told once it is decided.
#[utoipa::path(get, path = "/claims/{id}", tag = "claims", params(("id" = u64, Path)),
    responses((status = 200, body = ClaimDetail),
        (status = 404, body = RefusalInfo, description = "`no_such_claim`"),
        (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Path(id): Path<u64>,
) -> Result<axum::Json<ClaimDetail>, Refused> {
    let detail = state.desk.read(move |farm| view::claim_detail(farm, ClaimId(id)));
    Ok(axum::Json(detail.await??))
}
