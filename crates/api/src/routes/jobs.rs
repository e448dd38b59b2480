//! Jobs: submitted, listed, shown, ended, tried again.

use super::page_size;
use crate::extract::{Json, Path, Query};
use crate::guard::Caller;
use crate::limits::{HASHES_NAMED_MAX, SEARCH_CHARS_MAX};
use crate::refuse::Refused;
use crate::state::AppState;
use crate::submit::{self, Scene};
use crate::{messages, uploads, view};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use candela_core::farm::{Command, Farm, Reply, no_such_job};
use candela_core::id::{BlobHash, EngineBuild, JobId, SubmissionId};
use candela_core::job::Job;
use candela_core::refusal::RefusalCode;
use candela_node::manager::scene_pin;
use candela_wire::api::limits::JOBS_OF_ACTION_MAX;
use candela_wire::api::{
    JobDetail, JobRequest, JobState, JobSummary, JobsAction, JobsActionReply, JobsActionRequest,
    JobsPage, JobsQuery, NotDone, PREFIX, PriorityRequest, RefusalInfo, ScopeName,
};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Submits a job. The blobs of its scene have to be uploaded before.
#[utoipa::path(post, path = "/jobs", tag = "jobs", request_body = JobRequest,
    responses(
        (status = 201, body = JobSummary),
        (status = 429, body = RefusalInfo, description = "`jobs_too_many`: of the user, not over yet"),
        (status = "4XX", body = RefusalInfo)
    ))]
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(mut request): Json<JobRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], axum::Json<JobSummary>), Refused> {
    request.user = caller.submits_as(request.user)?;
    let default = state.config.default_engine.as_ref().or_else(|| newest(state.desk.engines()));
    let notify = messages::check(&state.config.messages, &request.notify)?;
    let (mut submission, scene) = submit::check(request, default)?;
    submission.notify = notify;
    submission.scene = store_scene(&state, &scene, submission.submission_id).await?;
    let hash = submission.scene;
    let reply = state.desk.apply(Command::Submit(Box::new(submission))).await;
    let job = match reply {
        Ok(Reply::Job(job)) => job,
        Ok(_) => return Err(Refused::unavailable("the manager answered something else")),
        Err(error) => {
            let_go(&state, hash).await;
            return Err(error.into());
        }
    };
    let location = [(header::LOCATION, format!("{PREFIX}/jobs/{job}"))];
    Ok((StatusCode::CREATED, location, axum::Json(summary(&state, job).await?)))
}

/// The engine with the highest version: `blender-4.5.15` is above `blender-4.5.9`.
fn newest(engines: &std::collections::BTreeSet<EngineBuild>) -> Option<&EngineBuild> {
    let key = |engine: &EngineBuild| -> Vec<u64> {
        engine.0.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    engines.iter().max_by_key(|engine| key(engine))
}

/// Stores a scene's collection for good, if all of its blobs are here.
async fn store_scene(
    state: &AppState,
    scene: &Scene,
    submission: SubmissionId,
) -> Result<BlobHash, Refused> {
    let blobs = state.desk.blobs();
    // Pinned before it is looked through, so that nothing goes in between.
    let upload = uploads::pin(format_args!("submission-{submission}"), uploads::now());
    let hash = blobs.store_collection(&scene.collection, &upload).await?;
    let mut missing = Vec::new();
    for (blob, bytes) in &scene.bytes {
        match blobs.size(*blob).await? {
            None => missing.push(*blob),
            Some(stored) if stored != *bytes => {
                return Err(Refused::new(
                    RefusalCode::HashMismatch,
                    format!("the blob {blob} has {stored} bytes, and not {bytes} as was said"),
                ));
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        let named = missing.iter().take(HASHES_NAMED_MAX).map(ToString::to_string).collect();
        return Err(Refused::new(
            RefusalCode::BlobsMissing,
            format!("{} blobs of the scene are not uploaded", missing.len()),
        )
        .with_hint(
            "upload them with POST /api/v1/uploads or PUT /api/v1/blobs/{hash}, then submit again",
        )
        .with_items(named));
    }
    blobs.pin_collection(&scene_pin(hash), hash).await?;
    blobs.sync().await?;
    state.desk.hold_scene(hash).await?;
    Ok(hash)
}

/// Doesn't keep the scene of a refused job any longer than an upload, unless another job has it.
async fn let_go(state: &AppState, scene: BlobHash) {
    let used = state.desk.read(move |farm| farm.jobs().any(|j| j.submission.scene == scene)).await;
    if let Ok(false) = used
        && let Err(error) = state.desk.blobs().unpin(&scene_pin(scene)).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "a scene stays pinned");
    }
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, body = JobsPage), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<JobsQuery>,
) -> Result<axum::Json<JobsPage>, Refused> {
    Ok(axum::Json(state.desk.read(move |farm| page(farm, &query)).await?))
}

fn page(farm: &Farm, query: &JobsQuery) -> JobsPage {
    let limit = page_size(query.limit);
    let search = query.search.as_deref().unwrap_or_default();
    let search: String = search.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let search = search.to_lowercase();
    let found = |text: &str| text.to_lowercase().contains(&search);
    let wanted = |job: &&Job| {
        query.status.is_none_or(|status| JobState::from(&job.status) == status)
            && query.user.as_deref().is_none_or(|user| job.submission.user == user)
            && (search.is_empty() || found(&job.submission.name) || found(&job.submission.user))
    };
    let mut page = JobsPage { items: Vec::new(), next: None, total: 0 };
    for job in farm.jobs().rev().filter(wanted) {
        page.total += 1;
        if query.before.is_some_and(|before| job.id.0 >= before) {
            continue;
        }
        if page.items.len() < limit {
            page.items.push(view::job_summary(farm, job));
        } else if page.next.is_none() {
            page.next = page.items.last().map(|last| last.id);
        }
    }
    page
}

/// A job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = u64, Path)),
    responses((status = 200, body = JobDetail), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Path(id): Path<u64>,
) -> Result<axum::Json<JobDetail>, Refused> {
    let id = JobId(id);
    let detail =
        state.desk.read(move |farm| farm.job(id).map(|job| view::job_detail(farm, job))).await?;
    Ok(axum::Json(detail.ok_or_else(|| no_such_job(id))?))
}

/// Ends a job; its accepted frames are kept.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = u64, Path)),
    responses((status = 200, body = JobSummary), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
) -> Result<axum::Json<JobSummary>, Refused> {
    need_own(&state, &caller, JobId(id)).await?;
    state.desk.apply(Command::Cancel(JobId(id))).await?;
    Ok(axum::Json(summary(&state, JobId(id)).await?))
}

/// Has failed or cancelled frames tried again.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = u64, Path)),
    responses((status = 200, body = JobSummary), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn retry(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
) -> Result<axum::Json<JobSummary>, Refused> {
    need_own(&state, &caller, JobId(id)).await?;
    state.desk.apply(Command::Retry(JobId(id))).await?;
    Ok(axum::Json(summary(&state, JobId(id)).await?))
}

/// Moves a job that is not over before others or behind them.
#[utoipa::path(post, path = "/jobs/{id}/priority", tag = "jobs", params(("id" = u64, Path)),
    request_body = PriorityRequest,
    responses((status = 200, body = JobSummary), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn prioritise(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
    Json(request): Json<PriorityRequest>,
) -> Result<axum::Json<JobSummary>, Refused> {
    let (job, priority) = (JobId(id), submit::check_priority(request.priority)?);
    need_own(&state, &caller, job).await?;
    state.desk.apply(Command::Prioritise { job, priority }).await?;
    Ok(axum::Json(summary(&state, job).await?))
}

/// Does the same to several jobs. What is refused for one is done to the others.
#[utoipa::path(post, path = "/jobs/actions", tag = "jobs", request_body = JobsActionRequest,
    responses((status = 200, body = JobsActionReply), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn act(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<JobsActionRequest>,
) -> Result<axum::Json<JobsActionReply>, Refused> {
    if request.jobs.len() > JOBS_OF_ACTION_MAX {
        return Err(Refused::new(
            RefusalCode::TooLarge,
            format!("an action is for at most {JOBS_OF_ACTION_MAX} jobs"),
        )
        .with_hint("send several requests"));
    }
    let command: Box<dyn Fn(JobId) -> Command + Send> = match (request.action, request.priority) {
        (JobsAction::Cancel, _) => Box::new(Command::Cancel),
        (JobsAction::Retry, _) => Box::new(Command::Retry),
        (JobsAction::Priority, Some(priority)) => {
            let priority = submit::check_priority(priority)?;
            Box::new(move |job| Command::Prioritise { job, priority })
        }
        (JobsAction::Priority, None) => {
            return Err(Refused::new(RefusalCode::RequestNotUnderstood, "which priority?")
                .with_hint("name `priority`, from -100 to 100"));
        }
    };
    // All at once: they become one transaction or few.
    let mut asked = JoinSet::new();
    for job in request.jobs.into_iter().collect::<BTreeSet<u64>>() {
        let (command, state, caller) = (command(JobId(job)), state.clone(), caller.clone());
        asked.spawn(async move {
            let done = async {
                need_own(&state, &caller, JobId(job)).await?;
                state.desk.apply(command).await.map_err(Refused::from)
            };
            (job, done.await)
        });
    }
    let mut reply = JobsActionReply { done: Vec::new(), refused: Vec::new() };
    while let Some(answered) = asked.join_next().await {
        match answered {
            Ok((job, Ok(_))) => reply.done.push(job),
            Ok((job, Err(refused))) => {
                reply.refused.push(NotDone { job, refusal: refused.into_info() });
            }
            Err(_) => return Err(Refused::unavailable("the manager is ending")),
        }
    }
    reply.done.sort_unstable();
    reply.refused.sort_unstable_by_key(|not_done| not_done.job);
    Ok(axum::Json(reply))
}

/// Refuses unless a job is the caller's, or the caller may do everything.
pub(crate) async fn need_own(state: &AppState, caller: &Caller, job: JobId) -> Result<(), Refused> {
    if caller.may(ScopeName::Operate) {
        return Ok(());
    }
    let user = state.desk.read(move |farm| farm.job(job).map(|job| job.submission.user.clone()));
    caller.need_job_of(&user.await?.ok_or_else(|| no_such_job(job))?)
}

async fn summary(state: &AppState, id: JobId) -> Result<JobSummary, Refused> {
    let found = state.desk.read(move |farm| farm.job(id).map(|job| view::job_summary(farm, job)));
    Ok(found.await?.ok_or_else(|| no_such_job(id))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_engine_by_number() {
        let check = |engines: &[&str], want: Option<&str>| {
            let engines = engines.iter().map(|engine| EngineBuild((*engine).to_owned())).collect();
            assert_eq!(newest(&engines).map(|engine| engine.0.as_str()), want);
        };
        check(&["blender-4.5.9", "blender-4.5.15", "blender-4.2.20"], Some("blender-4.5.15"));
        check(&["blender-4.5.9"], Some("blender-4.5.9"));
        check(&[], None);
    }
}
