//! `candela render`: from a .blend on this disk to verified frames in a folder.

use crate::api::explained;
use crate::args::{ApiArgs, App};
use crate::commands::watch;
use crate::desktop;
use crate::engines;
use crate::film;
use crate::follow::downloads::Downloads;
use crate::follow::view::{Telling, View};
use crate::follow::{Follower, Outcome, check_completed};
use crate::pack::Wishes;
use crate::print;
use crate::report::{Exit, Problem, Refused};
use crate::scene;
use crate::summary::Summary;
use crate::units::Percentage;
use anyhow::{Context, Result};
use candela_client::Client;
use candela_core::frames::FrameSet;
use candela_core::id::{EngineBuild, SubmissionId};
use candela_core::job::{Allowances, Overrides};
use candela_engine::Installed;
use candela_wire::api::{
    AllowRequest, Format, JobRequest, JobSummary, NotifyRequest, OverridesRequest, SceneRequest,
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a submission is sent, in case its answer was lost; the job is made once.
const SUBMIT_TRIES: u32 = 5;

/// Render a scene and download its frames as they are verified.
///
/// The file is looked at first, packed with everything that it needs, and only what the network
/// lacks is uploaded. Each frame is downloaded once an independent verifier has found that it is
/// what the scene defines. Ctrl-C leaves the job running; `candela watch` takes it up again.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// The .blend file.
    #[arg(value_name = "SCENE.blend")]
    pub scene: PathBuf,
    /// Which frames, like `1-24`, `1,5,9-12` or `1-100/10` [default: the scene's own range].
    #[arg(long, short = 'f', value_name = "FRAMES", allow_hyphen_values = true)]
    pub frames: Option<String>,
    /// Where frames are put, as NAME-0001.png and so on.
    #[arg(long, short = 'o', value_name = "DIR", required_unless_present = "detach")]
    pub output: Option<PathBuf>,
    /// Size in percent of the scene's resolution, like `25%` [default: the scene's own].
    #[arg(long, value_name = "PERCENT")]
    pub size: Option<Percentage>,
    /// Samples per pixel [default: the scene's own].
    #[arg(long, value_name = "N")]
    pub samples: Option<u32>,
    /// Format of the frames [default: the scene's own].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<OutputFormat>,
    /// Name of the camera [default: the active one].
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Name of the scene in the file [default: the active one].
    #[arg(long = "scene", value_name = "NAME", id = "scene_in_file")]
    pub scene_in_file: Option<String>,
    /// The exact engine to render with [env: CANDELA_ENGINE] [default: blender-4.5.15].
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<String>,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    pub engine_folder: Option<PathBuf>,
    /// Go on although files that the scene names are missing.
    #[arg(long)]
    pub allow_missing: bool,
    /// Render with Cycles what is set to another render engine.
    #[arg(long)]
    pub force_cycles: bool,
    /// Wait for a worker if none that could render this is connected.
    #[arg(long)]
    pub wait: bool,
    /// Submit and leave; `candela watch` takes the job up again.
    #[arg(long, conflicts_with_all = ["video", "output"])]
    pub detach: bool,
    /// Name of the job and beginning of the frames' names [default: the file's name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Higher goes first.
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    pub priority: i32,
    /// Make an MP4 of the frames at the end.
    #[arg(long, value_name = "FILE.mp4")]
    pub video: Option<PathBuf>,
    /// Have the manager post a signed message to this URL when the job ends or a frame comes out wrong.
    #[arg(long, value_name = "URL")]
    pub notify_webhook: Option<String>,
    /// Have the manager mail this address then, if its owner has set that up.
    #[arg(long, value_name = "ADDRESS")]
    pub notify_email: Option<String>,
    /// Show a notification on this desktop at the end, if it has any.
    #[arg(long, conflicts_with = "detach")]
    pub notify: bool,
    /// Print a summary as JSON to standard output at the end.
    #[arg(long)]
    pub json: bool,
    /// The manager.
    #[command(flatten)]
    pub api: ApiArgs,
}

impl RenderArgs {
    /// A scene and where its frames go; all else is left to the scene and the settings.
    pub(crate) fn of(scene: PathBuf, output: PathBuf) -> RenderArgs {
        RenderArgs {
            scene,
            frames: None,
            output: Some(output),
            size: None,
            samples: None,
            format: None,
            camera: None,
            scene_in_file: None,
            engine: None,
            engine_folder: None,
            allow_missing: false,
            force_cycles: false,
            wait: false,
            detach: false,
            name: None,
            priority: 0,
            video: None,
            notify_webhook: None,
            notify_email: None,
            notify: false,
            json: false,
            api: ApiArgs::default(),
        }
    }
}

/// Format of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// 8-bit PNG.
    Png,
    /// 16-bit PNG.
    Png16,
    /// JPEG, quality 90.
    Jpeg,
    /// OpenEXR, 32-bit float, linear.
    Exr,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Format {
        match format {
            OutputFormat::Png => Format::Png,
            OutputFormat::Png16 => Format::Png16,
            OutputFormat::Jpeg => Format::Jpeg,
            OutputFormat::Exr => Format::Exr,
        }
    }
}

/// Runs it.
pub(crate) async fn run(app: &App, args: RenderArgs) -> Result<Exit> {
    let started = Instant::now();
    let client = app.client(&args.api)?;
    let (job, installed) = submit_scene(app, &client, &args).await?;
    let page = client.absolute(&format!("/jobs/{}", job.id));
    print::note(&format!("job {} is submitted: {page}", job.id));
    let Some(output) = &args.output else {
        if args.json {
            print::json(&job)?;
        } else {
            print::note(&format!("`candela watch {} --output DIR` downloads its frames", job.id));
        }
        return Ok(Exit::Done);
    };
    let view = View::new(app.err, Telling::Incidents);
    let downloads = Downloads::to(output.clone(), &job.name);
    let follower = Follower::new(&client, job.id, &view, downloads);
    let outcome = watch::until_interrupted(follower, job.id, output).await?;
    let Some(outcome) = outcome else { return Ok(Exit::Interrupted) };
    finish(&args, &outcome, &installed, page, started.elapsed()).await
}

/// From the file to a job: checked, packed, hashed, uploaded, submitted.
///
/// # Errors
/// Everything that is in the way.
pub(crate) async fn submit_scene(
    app: &App,
    client: &Client,
    args: &RenderArgs,
) -> Result<(JobSummary, Installed)> {
    let frames = args.frames.as_deref().map(FrameSet::parse).transpose();
    frames.map_err(|refusal| Refused(vec![Problem::from(refusal)]))?;
    let engine = engines::build(app, args.engine.clone())?;
    scene::check(&args.scene, engines::file_version(&engine))?;
    if let Some(output) = &args.output {
        std::fs::create_dir_all(output)
            .with_context(|| format!("can't make the folder {}", output.display()))?;
    }
    // Before the engine is installed and files are read: most often it is only not running.
    client.health().await.map_err(explained)?;
    let installed =
        engines::install(&engine, &engines::folder(app, args.engine_folder.clone())?).await?;
    let local = crate::pack::pack(&installed, &args.scene, &wishes(args)).await?;
    let hashed = scene::hash(&local).await?;
    scene::upload(client, &hashed).await?;
    let request = request(args, &engine, hashed.request.clone());
    Ok((submit(client, &request).await?, installed))
}

fn wishes(args: &RenderArgs) -> Wishes {
    Wishes {
        allow: Allowances {
            missing_files: args.allow_missing,
            force_cycles: args.force_cycles,
            wait_for_workers: args.wait,
        },
        overrides: Overrides {
            scene: args.scene_in_file.clone(),
            camera: args.camera.clone(),
            ..Overrides::default()
        },
    }
}

fn request(args: &RenderArgs, engine: &EngineBuild, scene: SceneRequest) -> JobRequest {
    let stem = args.scene.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    JobRequest {
        submission_id: SubmissionId(rand::random()).to_string(),
        name: args.name.clone().or(stem).unwrap_or_else(|| "scene".to_owned()),
        user: std::env::var("USER").ok().filter(|user| !user.is_empty()),
        scene,
        frames: args.frames.clone(),
        engine: Some(engine.to_string()),
        overrides: OverridesRequest {
            percentage: args.size.map(|size| size.0),
            samples: args.samples,
            scene: args.scene_in_file.clone(),
            camera: args.camera.clone(),
            format: args.format.map(Format::from),
        },
        allow: AllowRequest {
            missing_files: args.allow_missing,
            force_cycles: args.force_cycles,
            wait: args.wait,
        },
        priority: args.priority,
        notify: NotifyRequest {
            webhook: args.notify_webhook.clone(),
            email: args.notify_email.clone(),
        },
    }
}

/// Sends a submission; if the answer was lost, once more with the same id.
async fn submit(client: &Client, request: &JobRequest) -> Result<JobSummary> {
    let mut tries = 0;
    loop {
        tries += 1;
        match client.submit(request).await {
            Ok(job) => return Ok(job),
            Err(error) if error.is_passing() && tries < SUBMIT_TRIES => {
                tokio::time::sleep(Duration::from_secs(1 << tries)).await;
            }
            Err(error) => return Err(explained(error)),
        }
    }
}

async fn finish(
    args: &RenderArgs,
    outcome: &Outcome,
    installed: &Installed,
    page: String,
    elapsed: Duration,
) -> Result<Exit> {
    let mut summary = Summary::new(outcome, page, elapsed);
    summary.output = args.output.clone();
    if args.notify {
        desktop::tell_end(&outcome.job.summary);
    }
    let completed = check_completed(&outcome.job);
    if completed.is_ok()
        && let Some(video) = &args.video
    {
        film::encode(installed, outcome, video).await?;
        summary.video = Some(video.clone());
    }
    if args.json {
        print::json(&summary)?;
    }
    print::note(&summary.line());
    completed.map(|()| Exit::Done)
}
