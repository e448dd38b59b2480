//! From facts to a decision: which scenes are refused and why, and what is rendered otherwise.

use crate::frames::FrameSet;
use crate::job::{Allowances, FramesWanted, Inspected, Overrides, Submission};
use crate::layers::Size;
use crate::limits::{EDGE_PX_MAX, FRAME_PX_MAX, SAMPLES_MAX};
use crate::refusal::{Refusal, RefusalCode};
use crate::scene::{PreviewFacts, SceneFacts};
use crate::settings::{OutputFormat, RenderSettings};

/// Missing files named in one refusal; the rest is counted.
const MISSING_NAMED_MAX: usize = 20;

/// What follows from an inspection: what to render, or everything that is in the way.
///
/// # Errors
/// All refusals at once, so that a user can mend everything in one go.
pub fn decide(
    submission: &Submission,
    facts: SceneFacts,
    preview: Option<PreviewFacts>,
) -> Result<(Inspected, FrameSet), Vec<Refusal>> {
    let mut refusals = scene_refusals(submission.allow, &submission.overrides, &facts);
    let Some(preview) = preview else {
        if refusals.is_empty() {
            refusals.push(nothing_to_render());
        }
        return Err(refusals);
    };
    if submission.allow.force_cycles && facts.render_engine != "CYCLES" && preview.black {
        refusals.push(
            Refusal::new(
                RefusalCode::PreviewBlack,
                format!(
                    "the scene was made for {}; rendered with Cycles it is black",
                    facts.render_engine
                ),
            )
            .with_hint("set the render engine to Cycles in Blender and look at a test render"),
        );
    }
    if !preview.undevelopable.is_empty() {
        refusals.push(
            Refusal::new(
                RefusalCode::OutputNotCheckable,
                format!(
                    "the output can't be made again from the rendered layers, so nobody could check it: {}",
                    preview.undevelopable.join("; ")
                ),
            )
            .with_hint("turn that off, or composite the frames after they are rendered"),
        );
    }
    let settings = settings(submission, &facts).map_err(|r| refusals.push(r)).ok();
    let frames = frames(submission, &facts).map_err(|r| refusals.push(r)).ok();
    match (settings, frames) {
        (Some(settings), Some(frames)) if refusals.is_empty() => {
            let notes = notes(submission, &facts, &preview);
            Ok((Inspected { facts, preview, settings, notes }, frames))
        }
        _ => Err(refusals),
    }
}

/// Refusals that follow from the facts alone, before anything is rendered.
#[must_use]
pub fn scene_refusals(
    allow: Allowances,
    overrides: &Overrides,
    facts: &SceneFacts,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |code, message: String, hint: &str| {
        refusals.push(Refusal::new(code, message).with_hint(hint));
    };
    let version = |v: [u32; 3]| format!("{}.{}", v[0], v[1]);
    if facts.saved_by[..2] > facts.engine_version[..2] {
        refuse(
            RefusalCode::SceneTooNew,
            format!(
                "the file was saved by Blender {}, and would render wrong with {}",
                version(facts.saved_by),
                version(facts.engine_version)
            ),
            "save it with the Blender that the job names, or name a newer engine",
        );
    }
    if facts.render_engine != "CYCLES" && !allow.force_cycles {
        refuse(
            RefusalCode::RenderEngineNotCycles,
            format!("the scene is set to {}, which can't be verified", facts.render_engine),
            "set the render engine to Cycles and check the picture, or submit with --force-cycles",
        );
    }
    if facts.camera.is_none() && overrides.camera.is_none() {
        refuse(
            RefusalCode::NoCamera,
            format!("the scene {:?} has no camera", facts.scene_name),
            "add a camera and make it the active one",
        );
    }
    if !facts.missing.is_empty() && !allow.missing_files {
        let mut names: Vec<String> = facts
            .missing
            .iter()
            .take(MISSING_NAMED_MAX)
            .map(|file| format!("{} ({})", file.path, file.kind))
            .collect();
        if facts.missing.len() > MISSING_NAMED_MAX {
            names.push(format!("and {} more", facts.missing.len() - MISSING_NAMED_MAX));
        }
        refuse(
            RefusalCode::FilesMissing,
            format!("files are missing: {}", names.join(", ")),
            "put them back, or submit with --allow-missing to render without them",
        );
    }
    if facts.time_limit_s > 0.0 {
        refuse(
            RefusalCode::TimeLimitSet,
            format!("the scene limits a frame to {} s of rendering", facts.time_limit_s),
            "set the time limit to 0: its result depends on the machine's speed, so nobody can check it",
        );
    }
    if !facts.unbaked.is_empty() {
        refuse(
            RefusalCode::SimulationNotBaked,
            format!("simulations are not baked: {}", facts.unbaked.join(", ")),
            "bake them to disk next to the .blend, so that each frame can be rendered alone",
        );
    }
    refusals
}

/// For facts that are no reason to refuse by themselves, and of which the engine could yet make no picture.
fn nothing_to_render() -> Refusal {
    Refusal::new(RefusalCode::SceneDamaged, "the engine found nothing in the scene to render")
        .with_hint("open the file in Blender and render a small frame")
}

fn settings(submission: &Submission, facts: &SceneFacts) -> Result<RenderSettings, Refusal> {
    let wanted = &submission.overrides;
    let percentage = wanted.percentage.unwrap_or(facts.percentage);
    let size = facts.size_at(percentage);
    check_size(size, percentage)?;
    if let Some(samples) = wanted.samples
        && !(1..=SAMPLES_MAX).contains(&samples)
    {
        return Err(Refusal::new(
            RefusalCode::SamplesOutOfRange,
            format!("{samples} samples per pixel are outside of 1 to {SAMPLES_MAX}"),
        ));
    }
    Ok(RenderSettings {
        size,
        samples: wanted.samples,
        scene: wanted.scene.clone(),
        camera: wanted.camera.clone(),
        force_cycles: submission.allow.force_cycles,
        format: wanted.format.unwrap_or(match facts.file_format.as_str() {
            "JPEG" => OutputFormat::Jpeg,
            "OPEN_EXR" | "OPEN_EXR_MULTILAYER" => OutputFormat::Exr,
            _ => OutputFormat::Png,
        }),
    })
}

fn check_size(size: Size, percentage: u32) -> Result<(), Refusal> {
    let too_large =
        size.width > EDGE_PX_MAX || size.height > EDGE_PX_MAX || size.pixels() > FRAME_PX_MAX;
    if percentage == 0 || too_large {
        return Err(Refusal::new(
            RefusalCode::SizeOutOfRange,
            format!("frames of {} × {} pixels can't be rendered here", size.width, size.height),
        )
        .with_hint(format!(
            "at most {EDGE_PX_MAX} pixels along an edge and {FRAME_PX_MAX} in all; see --size"
        )));
    }
    Ok(())
}

fn frames(submission: &Submission, facts: &SceneFacts) -> Result<FrameSet, Refusal> {
    match &submission.frames {
        FramesWanted::These(frames) => Ok(frames.clone()),
        FramesWanted::OfScene => FrameSet::parse(&format!(
            "{}-{}/{}",
            facts.frame_start,
            facts.frame_end,
            facts.frame_step.max(1)
        )),
    }
}

/// What is done otherwise than the file says, and what it means.
fn notes(submission: &Submission, facts: &SceneFacts, preview: &PreviewFacts) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |when: bool, text: String| {
        if when {
            notes.push(text);
        }
    };
    note(facts.border, "the file's render border is ignored: whole frames are rendered".into());
    let video = facts.file_format == "FFMPEG" && submission.overrides.format.is_none();
    note(video, "the file writes a video: frames are rendered as PNG instead".into());
    note(
        facts.output_file_nodes > 0,
        format!("{} output file nodes of the compositor write nothing", facts.output_file_nodes),
    );
    note(
        !facts.scripts.is_empty(),
        format!("scripts never run, so these have no effect: {}", facts.scripts.join(", ")),
    );
    note(
        !facts.missing.is_empty(),
        format!("rendered without {} missing files, as allowed", facts.missing.len()),
    );
    note(
        preview.unrepeatable_share > 0.0,
        format!(
            "{:.2} % of the picture differs between two honest renders: those pixels are left out of the check",
            preview.unrepeatable_share * 100.0
        ),
    );
    note(preview.black, "the preview is black all over".into());
    notes
}

#[cfg(test)]
#[path = "inspection_tests.rs"]
mod tests;
