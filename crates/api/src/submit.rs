//! From a request for a job to a checked submission.

use crate::refuse::Refused;
use candela_blobs::{Collection, CollectionError};
use candela_core::farm::submit::check_name;
use candela_core::frames::FrameSet;
use candela_core::id::{BlobHash, EngineBuild, SubmissionId};
use candela_core::job::{Allowances, FramesWanted, Overrides, Submission};
use candela_core::limits::{SAMPLES_MAX, SCENE_FILES_MAX};
use candela_core::message::Notify;
use candela_core::refusal::RefusalCode;
use candela_wire::api::{JobRequest, OverridesRequest, SceneFile, SceneRequest};
use std::collections::BTreeMap;

/// Percentage of the scene's resolution at most; what comes of it has limits of its own.
const PERCENTAGE_MAX: u32 = 10_000;

/// Priorities that a submitter may give.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;

/// The scene of a request, checked.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Names and blobs.
    pub(crate) collection: Collection,
    /// Length of each blob as the submitter has it.
    pub(crate) bytes: BTreeMap<BlobHash, u64>,
}

/// Checks a request. `default`: the engine if none is named.
///
/// The submission's `scene` is not known yet: the collection has to be stored first. Where its user
/// wants to hear of it is checked by `messages::check`.
pub(crate) fn check(
    request: JobRequest,
    default: Option<&EngineBuild>,
) -> Result<(Submission, Scene), Refused> {
    let submission_id: SubmissionId = request.submission_id.parse().map_err(not_an_id)?;
    let user = request.user.unwrap_or_else(|| "anonymous".to_owned());
    check_name(&request.name)?;
    check_name(&user)?;
    let scene = check_scene(&request.scene)?;
    let frames = match request.frames.as_deref() {
        Some(text) => FramesWanted::These(FrameSet::parse(text)?),
        None => FramesWanted::OfScene,
    };
    let engine = match (request.engine, default) {
        (Some(engine), _) => EngineBuild(engine.chars().take(100).collect()),
        (None, Some(default)) => default.clone(),
        (None, None) => {
            return Err(Refused::new(RefusalCode::EngineUnknown, "this manager offers no engine"));
        }
    };
    let priority = check_priority(request.priority)?;
    let submission = Submission {
        submission_id,
        user,
        name: request.name,
        scene: BlobHash([0; 32]),
        main_file: request.scene.main_file,
        frames,
        engine,
        overrides: check_overrides(request.overrides)?,
        allow: Allowances {
            missing_files: request.allow.missing_files,
            force_cycles: request.allow.force_cycles,
            wait_for_workers: request.allow.wait,
        },
        priority,
        notify: Notify::default(),
    };
    Ok((submission, scene))
}

/// A priority, if it is one that a user may give.
pub(crate) fn check_priority(priority: i32) -> Result<i32, Refused> {
    if PRIORITIES.contains(&priority) {
        return Ok(priority);
    }
    Err(Refused::new(
        RefusalCode::RequestNotUnderstood,
        format!("a priority is from {} to {}", PRIORITIES.start(), PRIORITIES.end()),
    ))
}

fn check_scene(request: &SceneRequest) -> Result<Scene, Refused> {
    if request.files.is_empty() {
        return Err(Refused::new(RefusalCode::RequestNotUnderstood, "the scene has no files"));
    }
    if request.files.len() > SCENE_FILES_MAX {
        return Err(Refused::new(
            RefusalCode::TooLarge,
            format!("a scene has at most {SCENE_FILES_MAX} files, not {}", request.files.len()),
        ));
    }
    let mut bytes = BTreeMap::new();
    let mut entries = Vec::with_capacity(request.files.len());
    for SceneFile { path, hash, bytes: length } in &request.files {
        let hash: BlobHash = hash.parse().map_err(not_an_id)?;
        if *bytes.entry(hash).or_insert(*length) != *length {
            return Err(Refused::new(
                RefusalCode::RequestNotUnderstood,
                format!("the blob {hash} is said to have two different lengths"),
            ));
        }
        entries.push((path.clone(), hash));
    }
    let collection = Collection::new(entries).map_err(path_refused)?;
    if collection.get(&request.main_file).is_none() {
        return Err(Refused::new(
            RefusalCode::PathNotAllowed,
            format!(
                "the main file {:?} is not one of the scene's files",
                short(&request.main_file)
            ),
        ));
    }
    Ok(Scene { collection, bytes })
}

fn path_refused(error: CollectionError) -> Refused {
    match error {
        CollectionError::TooMany => Refused::new(RefusalCode::TooLarge, error.to_string()),
        _ => Refused::new(RefusalCode::PathNotAllowed, format!("a file of the scene: {error}"))
            .with_hint(
                "paths are relative, with / between the parts, and stay within their folder",
            ),
    }
}

fn check_overrides(wanted: OverridesRequest) -> Result<Overrides, Refused> {
    if let Some(percentage) = wanted.percentage
        && !(1..=PERCENTAGE_MAX).contains(&percentage)
    {
        return Err(Refused::new(
            RefusalCode::SizeOutOfRange,
            format!("a percentage is from 1 to {PERCENTAGE_MAX}, not {percentage}"),
        ));
    }
    if let Some(samples) = wanted.samples
        && !(1..=SAMPLES_MAX).contains(&samples)
    {
        return Err(Refused::new(
            RefusalCode::SamplesOutOfRange,
            format!("{samples} samples per pixel are outside of 1 to {SAMPLES_MAX}"),
        ));
    }
    for name in wanted.scene.iter().chain(&wanted.camera) {
        check_name(name)?;
    }
    Ok(Overrides {
        percentage: wanted.percentage,
        samples: wanted.samples,
        scene: wanted.scene,
        camera: wanted.camera,
        format: wanted.format.map(Into::into),
    })
}

/// The refusal for a text that is not an id or hash.
pub(crate) fn not_an_id(error: candela_core::id::IdError) -> Refused {
    Refused::new(RefusalCode::RequestNotUnderstood, error.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
