//! The managers themselves: who leads, how far each is, what there is to do; in JSON and for Prometheus.

use crate::extract::Path;
use crate::refuse::Refused;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use candela_core::farm::Farm;
use candela_core::job::JobStatus;
use candela_core::refusal::RefusalCode;
use candela_node::manager::Tally;
use candela_wire::api::{ManagerInfo, ManagersInfo, QueueInfo, RefusalInfo};
use std::fmt::Write;

/// The managers, as this one knows them.
#[utoipa::path(get, path = "/managers", tag = "managers",
    responses((status = 200, body = ManagersInfo), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn list(
    State(state): State<AppState>,
) -> Result<axum::Json<ManagersInfo>, Refused> {
    Ok(axum::Json(info(&state).await?))
}

/// Takes a manager out whose machine is lost, so that the others are a majority with one fewer.
#[utoipa::path(delete, path = "/managers/{number}", tag = "managers",
    params(("number" = u64, Path, description = "The manager's number")),
    responses((status = 204, description = "It is out"), (status = "4XX", body = RefusalInfo)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    Path(number): Path<u64>,
) -> Result<StatusCode, Refused> {
    match state.desk.manager() {
        Some(manager) => manager.remove_manager(number).await?,
        None => return Err(Refused::new(RefusalCode::NotFound, "there is one manager only")),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the manager can carry out requests, itself or by the leader.
#[utoipa::path(get, path = "/readyz", tag = "session", responses(
    (status = 200, description = "It can"), (status = 503, description = "No manager leads")))]
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let ready =
        state.desk.manager().is_none_or(|manager| manager.leads() || manager.leader().is_some());
    let (status, text) = if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no manager leads\n")
    };
    (status, text).into_response()
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "session",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<Response, Refused> {
    let tally = state.desk.manager().map(|manager| manager.tally()).unwrap_or_default();
    let text = exposition(&info(&state).await?, &tally);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn info(state: &AppState) -> Result<ManagersInfo, Refused> {
    let queue = state.desk.read(queue).await?;
    let Some(manager) = state.desk.manager() else {
        let (own, leader, term) = (1, Some(1), 1);
        let (log_entries, applied, managers) = (0, 0, Vec::new());
        return Ok(ManagersInfo { own, leader, term, log_entries, applied, managers, queue });
    };
    let known = manager.leadership();
    let behind = |number: u64| {
        let there = known.replicated.iter().find(|(other, _)| *other == number)?;
        Some(known.log_entries.saturating_sub(there.1))
    };
    let managers = manager.managers().into_iter().map(|row| ManagerInfo {
        number: row.number,
        node: row.addr.node.to_string(),
        addresses: row.addr.sockets.iter().map(ToString::to_string).collect(),
        database: row.replication,
        leads: known.leader == Some(row.number),
        behind: behind(row.number),
    });
    Ok(ManagersInfo {
        own: known.own,
        leader: known.leader,
        term: known.term,
        log_entries: known.log_entries,
        applied: known.applied,
        managers: managers.collect(),
        queue,
    })
}

fn queue(farm: &Farm) -> QueueInfo {
    let mut queue = QueueInfo::default();
    let open =
        |status: &JobStatus| matches!(status, JobStatus::Inspecting { .. } | JobStatus::Active);
    for job in farm.jobs().filter(|job| open(&job.status)) {
        let counts = farm.frame_counts(job.id);
        queue.jobs += 1;
        queue.frames_waiting += counts.waiting as u64;
        queue.frames_rendering += counts.rendering as u64;
        queue.frames_verifying += counts.verifying as u64;
    }
    for node in farm.nodes() {
        queue.nodes += 1;
        queue.nodes_linked += u64::from(farm.presence(node.id).is_some_and(|p| p.linked));
    }
    queue
}

/// The figures in Prometheus' text format.
fn exposition(info: &ManagersInfo, tally: &Tally) -> String {
    let ManagersInfo { queue, .. } = info;
    let leads = u64::from(info.leader == Some(info.own));
    let behind = info.managers.iter().filter_map(|manager| manager.behind).max().unwrap_or(0);
    let figures = [
        ("candela_leader", "Whether this manager leads.", leads),
        ("candela_has_leader", "Whether any manager leads.", u64::from(info.leader.is_some())),
        ("candela_term", "Elections so far.", info.term),
        ("candela_managers", "Managers of the network.", info.managers.len() as u64),
        ("candela_log_entries", "Entries of the log that this manager has.", info.log_entries),
        ("candela_log_applied", "Entries that its copy of the database holds.", info.applied),
        (
            "candela_log_behind_max",
            "Entries that the slowest manager lacks, of the leader.",
            behind,
        ),
        ("candela_jobs_open", "Jobs that are not over.", queue.jobs),
        ("candela_frames_waiting", "Frames that wait for a worker.", queue.frames_waiting),
        ("candela_frames_rendering", "Frames that are being rendered.", queue.frames_rendering),
        ("candela_frames_verifying", "Frames that are being verified.", queue.frames_verifying),
        ("candela_nodes", "Nodes that ever joined.", queue.nodes),
        ("candela_nodes_linked", "Nodes that have a session, of the leader.", queue.nodes_linked),
    ];
    let counters = [
        ("candela_commits_total", "Transactions of this manager since its start.", tally.commits),
        ("candela_rows_written_total", "Rows in them.", tally.rows),
        (
            "candela_transitions_total",
            "Rows in them that are tasks, receipts and verification tasks.",
            tally.transitions,
        ),
        ("candela_commit_microseconds_total", "Time that they took.", tally.commit_us),
    ];
    let mut text = String::new();
    for (kind, all) in [("gauge", &figures[..]), ("counter", &counters[..])] {
        for (name, help, value) in all {
            // Writing to a string can't fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    }
    text
}
