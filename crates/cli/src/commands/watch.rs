//! `candela watch`: follows a job that is there already.

use crate::api::asked;
use crate::args::{ApiArgs, App};
use crate::desktop;
use crate::engines;
use crate::film;
use crate::follow::downloads::Downloads;
use crate::follow::view::{Telling, View};
use crate::follow::{Follower, Outcome, check_completed};
use crate::print;
use crate::report::Exit;
use crate::summary::Summary;
use anyhow::{Context, Result};
use candela_core::id::{EngineBuild, JobId};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Follow a job until it is over, and download its frames if told where.
///
/// Frames that are in the folder already are not downloaded again.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The job's number.
    pub job: JobId,
    /// Where frames are put, as NAME-0001.png and so on; nothing is downloaded if not given.
    #[arg(long, short = 'o', value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Make an MP4 of the frames at the end.
    #[arg(long, value_name = "FILE.mp4", requires = "output")]
    pub video: Option<PathBuf>,
    /// Show a notification on this desktop at the end, if it has any.
    #[arg(long)]
    pub notify: bool,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    pub engine_folder: Option<PathBuf>,
    /// Print a summary as JSON to standard output at the end.
    #[arg(long)]
    pub json: bool,
    /// The manager.
    #[command(flatten)]
    pub api: ApiArgs,
}

/// Runs it.
pub(crate) async fn run(app: &App, args: WatchArgs) -> Result<Exit> {
    let started = Instant::now();
    let client = app.client(&args.api)?;
    let job = asked(client.job(args.job.0).await)?;
    let downloads = match &args.output {
        Some(output) => {
            std::fs::create_dir_all(output)
                .with_context(|| format!("can't make the folder {}", output.display()))?;
            Downloads::to(output.clone(), &job.summary.name)
        }
        None => Downloads::none(),
    };
    let view = View::new(app.err, Telling::Frames);
    let follower = Follower::new(&client, args.job.0, &view, downloads);
    let place = args.output.as_deref().unwrap_or(Path::new("DIR"));
    let Some(outcome) = until_interrupted(follower, args.job.0, place).await? else {
        return Ok(Exit::Interrupted);
    };
    let page = client.absolute(&format!("/jobs/{}", args.job.0));
    let mut summary = Summary::new(&outcome, page, started.elapsed());
    summary.output = args.output.clone();
    if args.notify {
        desktop::tell_end(&outcome.job.summary);
    }
    let completed = check_completed(&outcome.job);
    if let Some(video) = args.video.as_ref().filter(|_| completed.is_ok()) {
        let build = EngineBuild(outcome.job.summary.engine.clone());
        let installed =
            engines::install(&build, &engines::folder(app, args.engine_folder)?).await?;
        film::encode(&installed, &outcome, video).await?;
        summary.video = Some(video.clone());
    }
    if args.json {
        print::json(&summary)?;
    }
    print::note(&summary.line());
    completed.map(|()| Exit::Done)
}

/// Follows a job to its end, or until Ctrl-C: then it is told how to go on with it, and none is returned.
///
/// # Errors
/// Those of [`Follower::run`].
pub(crate) async fn until_interrupted(
    follower: Follower<'_>,
    job: u64,
    output: &Path,
) -> Result<Option<Outcome>> {
    tokio::select! {
        outcome = follower.run() => outcome.map(Some),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("can't listen for Ctrl-C")?;
            print::note(&format!(
                "\njob {job} goes on without this program\n  \
                 candela watch {job} --output {}   follows it again\n  \
                 candela job cancel {job}   ends it",
                output.display()
            ));
            Ok(None)
        }
    }
}
