//! Has a scene looked at by an engine of the manager's own, in the sandbox.
//!
//! Not by a worker: what inspection finds decides what is refused and where probes fall, so it must
//! not come from somebody whose work is checked.

use crate::scenes::SceneCache;
use candela_core::farm::Command;
use candela_core::id::JobId;
use candela_core::job::{FramesWanted, Submission};
use candela_core::limits::ENGINE_TEXT_BYTES_MAX;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::scene::PreviewFacts;
use candela_engine::inspect::{Development, InspectOptions, inspect};
use candela_engine::{EngineError, EngineOptions};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Looks at one scene at a time; cheap to clone.
#[derive(Clone)]
pub(crate) struct Inspector {
    options: EngineOptions,
    scratch: PathBuf,
    scenes: SceneCache,
    one: Arc<Semaphore>,
}

impl Inspector {
    pub(crate) fn new(options: EngineOptions, scratch: PathBuf, scenes: SceneCache) -> Inspector {
        Inspector { options, scratch, scenes, one: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for the turn to look at a scene; none if the manager is ending.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.one.clone().acquire_owned().await.ok()
    }

    /// Looks at a job's scene; what was found, or that it failed, as a command.
    pub(crate) async fn inspect(
        &self,
        job: JobId,
        submission: Submission,
        _turn: OwnedSemaphorePermit,
    ) -> Command {
        let failed = |refusals, text| Command::InspectionFailed { job, refusals, text };
        let folder = match self.scenes.folder_of(submission.scene).await {
            Ok(folder) => folder,
            Err(error) => return failed(Vec::new(), format!("the scene's files: {error}")),
        };
        let mut options = self.options.clone();
        options.scratch_dir = self.scratch.join(format!("inspect-{job}"));
        let what = InspectOptions {
            scene: submission.overrides.scene.clone(),
            camera: submission.overrides.camera.clone(),
            force_cycles: submission.allow.force_cycles,
            frames: match &submission.frames {
                FramesWanted::OfScene => None,
                FramesWanted::These(frames) => frames.iter().next().zip(frames.iter().last()),
            },
        };
        let main_file = PathBuf::from(&submission.main_file);
        let scratch = options.scratch_dir.clone();
        let inspected = inspect(options, &folder, &main_file, &what).await;
        // Left-overs of an inspection are of no use, and go with the manager's folder at the latest.
        tokio::fs::remove_dir_all(&scratch).await.ok();
        match inspected {
            Ok(inspection) => {
                let undevelopable = match inspection.development {
                    Development::Differs(why) => why,
                    Development::Unknown | Development::Repeats => Vec::new(),
                };
                let preview =
                    inspection.preview.map(|preview| PreviewFacts { undevelopable, ..preview });
                let facts = Box::new(inspection.facts);
                Command::Inspected { job, facts, preview: preview.map(Box::new) }
            }
            Err(error) => {
                tracing::info!(job_id = %job, "inspection: {error}");
                let text = shortened(&error);
                failed(refusal(&error).into_iter().collect(), text)
            }
        }
    }
}

/// The refusal for an error that any machine would meet; none for a crash.
fn refusal(error: &EngineError) -> Option<Refusal> {
    let refuse =
        |code, hint: &str| Some(Refusal::new(code, error.to_string()).with_hint(hint.to_owned()));
    match error {
        EngineError::Header(header) => match header {
            candela_engine::header::HeaderError::Newer { .. } => refuse(
                RefusalCode::SceneTooNew,
                "save it with the Blender that the job names, or name a newer engine",
            ),
            candela_engine::header::HeaderError::NotBlend { .. } => {
                refuse(RefusalCode::NotAScene, "submit a .blend file")
            }
            _ => refuse(RefusalCode::SceneDamaged, "open the file in Blender and save it again"),
        },
        EngineError::Declined { code, .. } => match code.as_str() {
            "no-camera" => refuse(RefusalCode::NoCamera, "add a camera and make it the active one"),
            "no-such-camera" | "no-such-scene" => {
                refuse(RefusalCode::NoSuchPart, "names are case-sensitive")
            }
            "not-cycles" => refuse(
                RefusalCode::RenderEngineNotCycles,
                "set the render engine to Cycles and check the picture, or submit with --force-cycles",
            ),
            "nothing-rendered" => refuse(
                RefusalCode::OutputNotCheckable,
                "connect a Render Layers node to the compositor's output",
            ),
            _ => refuse(RefusalCode::SceneDamaged, "open the file in Blender and save it again"),
        },
        _ => None,
    }
}

fn shortened(error: &EngineError) -> String {
    let text = error.to_string();
    let cut = text.len().saturating_sub(ENGINE_TEXT_BYTES_MAX);
    let start = (cut..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[start..].to_owned()
}
