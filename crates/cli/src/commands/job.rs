//! `candela job`: what the manager has, and what can be done with it.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::print;
use crate::report::{Exit, Problem, problem_lines};
use crate::table::{Align, Table};
use crate::terminal::Style;
use crate::units::{Bytes, span};
use anyhow::Result;
use candela_core::id::JobId;
use candela_wire::api::{
    FilmInfo, FrameState, FrameSummary, JobDetail, JobState, JobSummary, JobsQuery,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// List jobs, look at one, cancel it, try it again or watch it as a film.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs, the newest first.
    List(ListArgs),
    /// Show all that is known of a job.
    Show(JobArgs),
    /// List a job's frames: how far each is, who rendered it and what its verification said.
    Frames(JobArgs),
    /// End a job. Frames that were verified are kept.
    Cancel(JobArgs),
    /// Render a failed or cancelled job's missing frames again.
    Retry(JobArgs),
    /// Download a film (MP4) of the frames of a job that are verified so far.
    ///
    /// The manager makes it, at the scene's own frames per second, and this waits for it. Once the job
    /// is over, it is the film of all verified frames.
    Film(FilmArgs),
}

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only jobs whose name or user contains this.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Entries at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job's number.
    job: JobId,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which film, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct FilmArgs {
    /// The job's number.
    job: JobId,
    /// The file to write [default: job-JOB.mp4].
    #[arg(long, short, value_name = "FILE.mp4")]
    output: Option<PathBuf>,
    /// Print JSON instead of text: `{"file": …, "frames": …, "bytes": …}`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, command: JobCommand) -> Result<Exit> {
    match command {
        JobCommand::List(args) => list(app, args).await,
        JobCommand::Show(args) => show(app, args).await,
        JobCommand::Frames(args) => frames(app, args).await,
        JobCommand::Cancel(args) => {
            let client = app.client(&args.api)?;
            let job = asked(client.cancel(args.job.0).await)?;
            done(&args, &job, "is cancelled; its verified frames are kept")
        }
        JobCommand::Retry(args) => {
            let client = app.client(&args.api)?;
            let job = asked(client.retry(args.job.0).await)?;
            done(&args, &job, "goes on")
        }
        JobCommand::Film(args) => film(app, args).await,
    }
}

fn done(args: &JobArgs, job: &JobSummary, what: &str) -> Result<Exit> {
    if args.json {
        print::json(job)?;
    } else {
        print::note(&format!("job {} {what}", args.job));
    }
    Ok(Exit::Done)
}

async fn film(app: &App, args: FilmArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let job = args.job;
    let file = args.output.unwrap_or_else(|| format!("job-{job}.mp4").into());
    let waits = |film: &FilmInfo| {
        let left = film.left_s.map(|left_s| format!(", about {} left", span(left_s)));
        let doing = if film.state == "waiting" { "waits for its turn" } else { "is being made" };
        let left = left.unwrap_or_default();
        print::note(&format!("a film of {} frames {doing}{left}", film.frames));
    };
    let film = asked(client.download_film(job.0, &file, waits).await)?;
    if args.json {
        let film = json!({ "file": file, "frames": film.frames, "bytes": film.bytes });
        print::json(&film)?;
    } else {
        let frames = film.frames.map(|frames| format!("{frames} verified frames, "));
        let (frames, bytes) = (frames.unwrap_or_default(), Bytes(film.bytes));
        print::note(&format!("{} is the film of job {job}: {frames}{bytes}", file.display()));
    }
    Ok(Exit::Done)
}

async fn list(app: &App, args: ListArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let mut jobs = Vec::new();
    let mut query = JobsQuery {
        search: args.search,
        limit: Some(args.limit.min(1_000)),
        ..JobsQuery::default()
    };
    loop {
        let page = asked(client.jobs(&query).await)?;
        jobs.extend(page.items);
        query.before = page.next;
        if query.before.is_none() || jobs.len() >= args.limit {
            break;
        }
    }
    jobs.truncate(args.limit);
    if args.json {
        print::json(&jobs)?;
    } else {
        print::data(&jobs_table(&jobs).render(app.out))?;
    }
    Ok(Exit::Done)
}

async fn show(app: &App, args: JobArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let job = asked(client.job(args.job.0).await)?;
    if args.json {
        print::json(&job)?;
    } else {
        print::data(&detail(&job, app.out))?;
    }
    Ok(Exit::Done)
}

async fn frames(app: &App, args: JobArgs) -> Result<Exit> {
    let client = app.client(&args.api)?;
    let frames = asked(client.all_frames(args.job.0).await)?;
    if args.json {
        print::json(&frames)?;
    } else {
        print::data(&frames_table(&frames).render(app.out))?;
    }
    Ok(Exit::Done)
}

fn jobs_table(jobs: &[JobSummary]) -> Table {
    let mut table = Table::new(&[
        ("job", Align::Right),
        ("name", Align::Left),
        ("state", Align::Left),
        ("verified", Align::Right),
        ("frames", Align::Right),
        ("left", Align::Right),
        ("waits for", Align::Left),
    ]);
    for job in jobs {
        table.row(vec![
            job.id.to_string(),
            job.name.clone(),
            job.status.word().to_owned(),
            job.counts.accepted.to_string(),
            job.counts.all.to_string(),
            job.time_left_s.map_or_else(|| "-".to_owned(), span),
            job.waits_for.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn frames_table(frames: &[FrameSummary]) -> Table {
    let mut table = Table::new(&[
        ("frame", Align::Right),
        ("state", Align::Left),
        ("worker", Align::Left),
        ("seconds", Align::Right),
        ("rejected", Align::Right),
        ("verification", Align::Left),
    ]);
    for frame in frames {
        let progress = frame.progress.filter(|progress| progress.samples > 0);
        let share = progress
            .map(|p| format!(" {} %", u64::from(p.samples_done) * 100 / u64::from(p.samples)));
        let verdict = frame.verdict.as_ref().map(|verdict| verdict.reason.clone());
        let said = verdict.or_else(|| frame.last_error.clone()).unwrap_or_default();
        table.row(vec![
            frame.number.to_string(),
            format!("{}{}", state_word(frame.status), share.unwrap_or_default()),
            frame.worker.as_ref().map_or_else(|| "-".to_owned(), |worker| worker.name.clone()),
            frame.render_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}")),
            frame.receipts_rejected.to_string(),
            said.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn state_word(state: FrameState) -> &'static str {
    match state {
        FrameState::Waiting => "waiting",
        FrameState::Rendering => "rendering",
        FrameState::Verifying => "verifying",
        FrameState::Accepted => "verified",
        FrameState::Failed => "failed",
    }
}

/// A job in lines of `what  value`, and what is in its way.
fn detail(job: &JobDetail, style: Style) -> String {
    let (summary, counts) = (&job.summary, &job.summary.counts);
    let mut lines = vec![
        ("job", format!("{} {}", summary.id, summary.name)),
        ("state", state(summary.status, style)),
        ("scene", format!("{} ({})", job.main_file, short(&job.scene_hash))),
        ("engine", summary.engine.clone()),
    ];
    if let Some(render) = &job.render {
        let size = format!(
            "{} × {} pixels, {} samples",
            render.width_px, render.height_px, render.samples
        );
        lines.push(("picture", size));
    }
    lines.push((
        "frames",
        format!(
            "{} in all: {} verified, {} being verified, {} rendering, {} waiting, {} failed",
            counts.all,
            counts.accepted,
            counts.verifying,
            counts.rendering,
            counts.waiting,
            counts.failed
        ),
    ));
    lines.push(("rejected", format!("{} receipts", job.receipts_rejected)));
    if let Some(share) = job.verification.share {
        lines.push(("checking", format!("{:.1} % of the rendered pixels", share * 100.0)));
    }
    if let Some(seconds) = summary.frame_s {
        lines.push(("per frame", format!("{seconds:.1} s")));
    }
    if let Some(left) = summary.time_left_s {
        lines.push(("time left", span(left)));
    }
    if let Some(waits_for) = &summary.waits_for {
        lines.push(("waits for", waits_for.clone()));
    }
    let excluded: Vec<&str> = job.excluded.iter().map(|node| node.name.as_str()).collect();
    if !excluded.is_empty() {
        lines.push(("excluded", excluded.join(", ")));
    }
    lines.extend(job.notes.iter().map(|note| ("note", note.clone())));
    let mut text = String::new();
    for (what, value) in lines {
        text.push_str(&format!("{} {}\n", style.dim(&format!("{what:<10}")), value));
    }
    for refusal in &job.refusals {
        text.push_str(&problem_lines(&Problem::from(refusal), style));
        text.push('\n');
    }
    text
}

fn state(state: JobState, style: Style) -> String {
    match state {
        JobState::Inspecting | JobState::Active => style.yellow(state.word()),
        JobState::Completed => style.green(state.word()),
        JobState::Failed | JobState::Refused | JobState::Cancelled => style.red(state.word()),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..10).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn jobs_in_a_table() {
        let text = jobs_table(&[samples::job_summary()]).render(Style::plain());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_refused_job_shows_why() {
        insta::assert_snapshot!(detail(&samples::refused_job(), Style::plain()));
    }

    #[test]
    fn frames_in_a_table() {
        let text = frames_table(&samples::frames()).render(Style::plain());
        insta::assert_snapshot!(text);
    }
}
