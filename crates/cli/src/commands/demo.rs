//! `candela demo`: the whole network on this machine, with one worker that cheats.

use crate::args::App;
use crate::commands::render::{RenderArgs, submit_scene};
use crate::demo::story::Story;
use crate::demo::{CHEAT, Folder, HONEST, Network, Roles, VERIFIER, make_scene};
use crate::engines;
use crate::film;
use crate::follow::downloads::Downloads;
use crate::follow::view::{Telling, View};
use crate::follow::{Follower, check_completed};
use crate::print;
use crate::report::{Exit, Problem, Refused};
use crate::shutdown;
use crate::terminal::is_interactive;
use anyhow::{Context, Result};
use candela_client::Client;
use candela_engine::Installed;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// See the whole of it on this machine: a network with one worker that cheats, and how it is found out.
///
/// Installs the engine, makes an example scene, starts a manager, two workers and a verifier,
/// and renders an animation. One of the workers renders half of the samples; its frames are
/// rejected and rendered again by the other. At the end there are verified frames and a film.
/// On a terminal the network's page stays up until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when the frames are there, also on a terminal.
    #[arg(long)]
    pub exit: bool,
    /// Write what happened to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where the frames and the film are put.
    #[arg(long, short = 'o', value_name = "DIR", default_value = "frames/demo")]
    pub output: PathBuf,
    /// How many frames.
    #[arg(long, short = 'f', value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(3..=24))]
    pub frames: u32,
    /// How many managers keep the network's state: 1, or 3, of which any one may be killed.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = managers)]
    pub managers: usize,
    /// Folder of the network's own data and logs [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep the network's own data and logs.
    #[arg(long)]
    pub keep: bool,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    pub engine_folder: Option<PathBuf>,
}

fn managers(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3".to_owned()),
    }
}

/// Runs it.
pub(crate) async fn run(app: &App, args: DemoArgs) -> Result<Exit> {
    let folder = Folder::make(args.data.as_deref(), args.keep)?;
    let engines = engines::folder(app, args.engine_folder.clone())?;
    let mut network = Network::new(folder.path(), &engines, args.managers)?;
    // Whatever happens, also when it is interrupted, the roles are ended before this returns.
    let performed = tokio::select! {
        performed = perform(app, &args, &engines, &folder, &mut network) => performed.map(Some),
        signal = shutdown::requested(false) => signal.map(|_| None),
    };
    let done = match performed {
        Ok(Some((exit, client))) if is_interactive() && !args.exit => {
            serve(&client, &mut network.roles).await.map(|()| exit)
        }
        Ok(Some((exit, _))) => Ok(exit),
        Ok(None) => Ok(Exit::Interrupted),
        Err(error) => Err(error),
    };
    let dead = network.roles.dead().map(|(name, _)| name);
    network.roles.end().await;
    if done.is_err() {
        // Of a role that fell over its own words are told, otherwise those of the one that decides.
        if let Some(tail) = network.roles.tail(dead.unwrap_or("manager")) {
            print::note(&tail);
        }
    }
    if folder.is_kept() {
        print::note(&format!("data and logs: {}", folder.path().display()));
    }
    done
}

async fn perform(
    app: &App,
    args: &DemoArgs,
    engines: &Path,
    folder: &Folder,
    network: &mut Network,
) -> Result<(Exit, Client)> {
    print::note("A render network on this machine, with one worker that cheats.\n");
    let build = engines::build(app, None)?;
    let installed = engines::install(&build, engines).await?;
    print::note("making the example scene");
    let scene = make_scene(&installed, folder.path()).await?;
    let managers = if args.managers == 1 { "a manager" } else { "three managers" };
    print::note(&format!("starting {managers}, two workers and a verifier, a process each"));
    let client = network.start().await?;
    print::note(&format!(
        "  {HONEST}    a worker\n  {CHEAT}  a worker that renders half of the samples\n  \
         {VERIFIER}   a verifier\n\nthe network's page: {}\n",
        network.pages.join("/\n     the same page: ")
    ));
    tokio::select! {
        story = play(app, args, &client, &installed, &scene, engines) => story,
        error = network.roles.watch() => Err(error),
    }
    .map(|exit| (exit, client))
}

/// Keeps the network up for whoever wants to look at its page.
async fn serve(client: &Client, roles: &mut Roles) -> Result<()> {
    print::note(&format!("\nthe network's page stays up until Ctrl-C: {}", client.base_url()));
    tokio::select! {
        signal = shutdown::requested(false) => signal.map(drop),
        error = roles.watch() => Err(error),
    }
}

/// Submits the scene as `candela render` does, follows it, and tells how it ended.
async fn play(
    app: &App,
    args: &DemoArgs,
    client: &Client,
    installed: &Installed,
    scene: &Path,
    engines: &Path,
) -> Result<Exit> {
    let output =
        std::path::absolute(&args.output).context("can't tell where the output folder is")?;
    let mut render = RenderArgs::of(scene.to_owned(), output.clone());
    render.frames = Some(format!("1-{}", args.frames));
    render.engine_folder = Some(engines.to_owned());
    let started = Instant::now();
    let (job, _) = submit_scene(app, client, &render).await?;
    let view = View::new(app.err, Telling::Story);
    let follower = Follower::new(client, job.id, &view, Downloads::to(output.clone(), &job.name));
    let outcome = follower.run().await?;
    let page = client.base_url().to_owned();
    let mut story = Story::new(&outcome, output.clone(), page, started.elapsed());
    let completed = check_completed(&outcome.job);
    let mut filmed = Ok(());
    if completed.is_ok() {
        let video = output.join(format!("{}.mp4", job.name));
        // What happened is told and written also if the film fails.
        filmed = film::encode(installed, &outcome, &video).await;
        story.video = filmed.is_ok().then_some(video);
    }
    print::note("");
    for line in story.lines() {
        print::note(&line);
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&story).context("can't write as JSON")? + "\n";
        std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))?;
    }
    completed.and(filmed)?;
    if story.is_good(outcome.job.summary.status) {
        return Ok(Exit::Done);
    }
    let problem = Problem::new(
        "cheat_not_caught",
        format!("worker {CHEAT} was not found out"),
        "this is a fault of Candela: please report it with the logs (`candela demo --keep`)",
    );
    Err(Refused(vec![problem]).into())
}
