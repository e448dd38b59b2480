//! The scenes on which attacks are tried: the project's own, made by scripts, and real ones where they are there.

use super::studio::Studio;
use crate::scenes::{fixture, make_scene};
use crate::workspace;
use anyhow::{Context, Result};
use candela_core::layers::Size;
use candela_core::scene::{PreviewFacts, SceneFacts};
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_engine::inspect::{InspectOptions, inspect};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where a scene comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// Made by a script of the project.
    Script(&'static str),
    /// A file of the real scenes that are no part of the project.
    Real(&'static str),
}

/// What is to be rendered of a scene.
#[derive(Debug, Clone, Copy)]
struct Plan {
    name: &'static str,
    source: Source,
    samples: u32,
    /// The first of the frames of a task.
    frame_first: i32,
    /// Whether all frames of the task show the same, so that one is rendered for all.
    still: bool,
}

const PLANS: [Plan; 7] = [
    Plan {
        name: "kitchen",
        source: Source::Script("crates/testkit/scenes/kitchen.py"),
        samples: 8,
        frame_first: 3,
        still: false,
    },
    Plan {
        name: "cornell-glass",
        source: Source::Real("cornell-glass/cornell.blend"),
        samples: 8,
        frame_first: 1,
        still: true,
    },
    Plan {
        name: "engineer-bedroom",
        source: Source::Real("engineer-bedroom/bedroom_cycles.blend"),
        samples: 8,
        frame_first: 1,
        still: true,
    },
    Plan {
        name: "f9r",
        source: Source::Real("f9r/f9r-v2.blend"),
        samples: 8,
        frame_first: 300,
        still: true,
    },
    Plan {
        name: "rules-blender-glow",
        source: Source::Real("rules-blender-glow/example.blend"),
        samples: 8,
        frame_first: 1,
        still: true,
    },
    Plan {
        name: "demo",
        source: Source::Script("crates/cli/assets/demo_scene.py"),
        samples: 8,
        frame_first: 5,
        still: false,
    },
    Plan {
        name: "gn-satyrn",
        source: Source::Real("gn-satyrn/n3c_satyrn_roate_camera_change_color.blend"),
        samples: 8,
        frame_first: 40,
        still: false,
    },
];

/// A scene that is ready to be rendered.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Its name here.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its file in the folder.
    pub file: PathBuf,
    /// Stands for its contents in the names of what is kept.
    pub contents: blake3::Hash,
    /// Frames of the task.
    pub frames: Vec<i32>,
    /// Whether all frames show the same: only the first is rendered.
    pub still: bool,
    /// Whether it belongs to the project.
    pub own: bool,
    /// Whether adaptive sampling is on, which disturbs the edge of a rendered region.
    pub adaptive: bool,
    /// What inspection's preview told.
    pub preview: PreviewFacts,
    /// How it is rendered.
    pub settings: RenderSettings,
}

impl Scene {
    /// The frame whose picture stands for that frame.
    #[must_use]
    pub fn rendered(&self, frame: i32) -> i32 {
        if self.still { self.frames.first().copied().unwrap_or(frame) } else { frame }
    }

    /// The frames that have to be rendered.
    #[must_use]
    pub fn to_render(&self) -> Vec<i32> {
        if self.still { self.frames.iter().copied().take(1).collect() } else { self.frames.clone() }
    }

    /// Whether renders of it repeat, as far as inspection saw.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.preview.unrepeatable_share == 0.0
    }
}

/// Which scenes, and how large.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only those with these names; all if there are none.
    pub names: Vec<String>,
    /// Pixels of a frame at most.
    pub frame_px_max: u64,
    /// Frames of a task.
    pub frames: usize,
}

/// Names of the scenes that are known.
#[must_use]
pub fn names() -> Vec<&'static str> {
    PLANS.iter().map(|plan| plan.name).collect()
}

/// Prepares the scene of that name; none if it isn't wanted, or isn't there (which is told on standard error).
///
/// # Errors
/// If a script or the engine fails.
pub async fn prepare(studio: &Studio, wanted: &Wanted, name: &str) -> Result<Option<Scene>> {
    let Some(plan) = PLANS.iter().find(|plan| plan.name == name) else { return Ok(None) };
    let named = wanted.names.is_empty() || wanted.names.iter().any(|name| name == plan.name);
    if !named {
        return Ok(None);
    }
    let Some((path, contents)) = file_of(plan, studio)? else { return Ok(None) };
    let scene = ready(plan, path, contents, studio, wanted).await;
    Ok(Some(scene.with_context(|| format!("the scene {name}"))?))
}

fn file_of(plan: &Plan, studio: &Studio) -> Result<Option<(PathBuf, blake3::Hash)>> {
    match plan.source {
        Source::Real(path) => {
            let Some(path) = fixture(path) else { return Ok(None) };
            let contents = blake3::hash(&std::fs::read(&path)?);
            Ok(Some((path, contents)))
        }
        Source::Script(script) => {
            let script = workspace().join(script);
            // A file that a script saves differs from run to run, its pictures don't.
            let contents = blake3::hash(&std::fs::read(&script)?);
            let folder = studio.cache().join(plan.name).join(&contents.to_hex()[..12]);
            let path = folder.join(format!("{}.blend", plan.name));
            if !path.is_file() {
                std::fs::create_dir_all(&folder)?;
                make_scene(&script, &path)?;
            }
            Ok(Some((path, contents)))
        }
    }
}

async fn ready(
    plan: &Plan,
    path: PathBuf,
    contents: blake3::Hash,
    studio: &Studio,
    wanted: &Wanted,
) -> Result<Scene> {
    let folder = path.parent().context("a scene without a folder")?.to_owned();
    let file = PathBuf::from(path.file_name().context("a scene without a name")?);
    let frames: Vec<i32> = (plan.frame_first..).take(wanted.frames).collect();
    let range = (plan.frame_first, frames.last().copied().unwrap_or(plan.frame_first));
    let hash = &contents.to_hex()[..12];
    let (first, last) = range;
    let frame_px_max = wanted.frame_px_max;
    let note = format!("inspection-{first}-{last}-{frame_px_max}-{hash}.json");
    let note = studio.cache().join(plan.name).join(note);
    let inspected = match inspected_before(&note) {
        Some(inspected) => inspected,
        None => {
            let what = InspectOptions { frames: Some(range), ..InspectOptions::default() };
            let options = studio.options("inspect");
            let inspection = inspect(options, &folder, &file, &what).await?;
            let preview = inspection.preview.context("it can't be rendered as it is")?;
            let size = size(&inspection.facts, frame_px_max);
            let noted = json!({
                "size": [size.width, size.height],
                "adaptive": inspection.facts.adaptive_sampling,
                "preview": [preview.size.width, preview.size.height],
                "noise": preview.noise,
                "unrepeatable_share": preview.unrepeatable_share,
                "class_share": preview.class_share,
                "unsteady": preview.unsteady,
            });
            std::fs::create_dir_all(note.parent().context("no folder")?)?;
            std::fs::write(&note, serde_json::to_vec(&noted)?)?;
            inspected_before(&note).context("the inspection can't be read back")?
        }
    };
    Ok(Scene {
        name: plan.name.to_owned(),
        folder,
        file,
        contents,
        frames,
        still: plan.still,
        own: matches!(plan.source, Source::Script(_)),
        adaptive: inspected.adaptive,
        preview: inspected.preview,
        settings: RenderSettings {
            size: inspected.size,
            samples: Some(plan.samples),
            scene: None,
            camera: None,
            force_cycles: false,
            format: OutputFormat::Png,
        },
    })
}

/// What is kept of an inspection.
struct Inspected {
    size: Size,
    adaptive: bool,
    preview: PreviewFacts,
}

fn inspected_before(note: &Path) -> Option<Inspected> {
    let note: Value = serde_json::from_slice(&std::fs::read(note).ok()?).ok()?;
    let size = |value: &Value| {
        let edge = |at: usize| u32::try_from(value[at].as_u64()?).ok();
        Some(Size { width: edge(0)?, height: edge(1)? })
    };
    let noise = note["noise"].as_array()?.iter().map(|value| value.as_f64().unwrap_or(0.0) as f32);
    Some(Inspected {
        size: size(&note["size"])?,
        adaptive: note["adaptive"].as_bool()?,
        preview: PreviewFacts {
            size: size(&note["preview"])?,
            noise: noise.collect(),
            unrepeatable_share: note["unrepeatable_share"].as_f64()?,
            black: false,
            class_share: note["class_share"].as_f64()?,
            unsteady: serde_json::from_value(note["unsteady"].clone()).ok()?,
            undevelopable: Vec::new(),
        },
    })
}

/// The largest size by whole percents within the limit.
fn size(facts: &SceneFacts, frame_px_max: u64) -> Size {
    let fits = |percentage: &u32| facts.size_at(*percentage).pixels() <= frame_px_max;
    let percentage = (1..=400).rev().find(fits).unwrap_or(1);
    facts.size_at(percentage)
}
