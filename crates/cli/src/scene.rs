//! A scene on the user's disk: looked at before anything is sent, packed, hashed, uploaded.

use crate::api::asked;
use crate::print;
use crate::report::{Problem, Refused, WithHint};
use crate::terminal::has_bars;
use crate::units::Bytes;
use anyhow::{Context, Result, anyhow};
use candela_client::{Client, hash_file};
use candela_engine::header::{self, HeaderError};
use candela_wire::api::{SceneFile, SceneRequest};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A file of a scene: its path among the others, and where it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Relative, with `/` between the parts.
    pub path: String,
    /// On the disk.
    pub source: PathBuf,
}

/// A scene with everything it needs, on the disk.
#[derive(Debug)]
pub(crate) struct LocalScene {
    /// Path of the .blend among the files.
    pub main_file: String,
    /// All files.
    pub files: Vec<LocalFile>,
    /// Folder of copies that were made for it; gone with the scene.
    pub _scratch: Option<TempDir>,
}

/// A scene whose files are known by their hashes.
#[derive(Debug)]
pub(crate) struct HashedScene {
    /// As it is submitted.
    pub request: SceneRequest,
    /// Where the bytes of each hash lie.
    sources: BTreeMap<String, (PathBuf, u64)>,
}

/// Looks at a .blend without the engine.
///
/// # Errors
/// A refusal if it is no .blend, cut off, or saved by a newer version than `engine`.
pub(crate) fn check(path: &Path, engine: Option<[u32; 2]>) -> Result<()> {
    let checked = header::check_whole(path).and_then(|found| match engine {
        Some(engine) => header::check_version(&found, engine),
        None => Ok(()),
    });
    let name = path.display();
    let (code, hint) = match &checked {
        Ok(()) => return Ok(()),
        Err(HeaderError::NotBlend { .. }) => {
            ("not_a_scene", "name a file that was saved by Blender".to_owned())
        }
        Err(HeaderError::Truncated { .. }) => (
            "scene_damaged",
            "copy or download the file again, or save it again in Blender".to_owned(),
        ),
        Err(HeaderError::Newer { engine, .. }) => (
            "scene_too_new",
            format!(
                "save it with Blender {}.{}, or name a newer engine with --engine",
                engine[0], engine[1]
            ),
        ),
        Err(HeaderError::Io(_)) => {
            return checked.with_context(|| format!("can't look at {name}")).hint("check the path");
        }
    };
    let Err(error) = checked else { return Ok(()) };
    // Its own advice comes as the hint.
    let text = error.to_string();
    let text = text.split(": such files").next().unwrap_or_default();
    Err(Refused(vec![Problem::new(code, format!("{name}: {text}"), hint)]).into())
}

/// Reads every file once, for its hash.
///
/// # Errors
/// If one can't be read.
pub(crate) async fn hash(scene: &LocalScene) -> Result<HashedScene> {
    let mut files = Vec::new();
    let mut sources = BTreeMap::new();
    for file in &scene.files {
        let hashed = hash_file(&file.source).await.context("can't hash the scene's files")?;
        sources.insert(hashed.hash.clone(), (file.source.clone(), hashed.bytes));
        files.push(SceneFile { path: file.path.clone(), hash: hashed.hash, bytes: hashed.bytes });
    }
    let request = SceneRequest { main_file: scene.main_file.clone(), files };
    Ok(HashedScene { request, sources })
}

/// What an upload came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Uploaded {
    /// Files that were sent.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that went over the network: parts that the manager had were not sent.
    pub sent_bytes: u64,
}

/// Sends those files that the network lacks.
///
/// # Errors
/// If the manager refuses or goes away, or a file changes meanwhile.
pub(crate) async fn upload(client: &Client, scene: &HashedScene) -> Result<Uploaded> {
    let hashes: Vec<String> = scene.sources.keys().cloned().collect();
    let missing = asked(client.blobs_missing(&hashes).await)?;
    let mut uploaded = Uploaded { files: missing.len(), bytes: 0, sent_bytes: 0 };
    for hash in &missing {
        let (_, bytes) = source(scene, hash)?;
        uploaded.bytes += bytes;
    }
    let all: u64 = scene.sources.values().map(|(_, bytes)| bytes).sum();
    print::note(&format!(
        "scene: {} files, {}; {} to upload ({})",
        scene.request.files.len(),
        Bytes(all),
        uploaded.files,
        Bytes(uploaded.bytes)
    ));
    let bar = has_bars().then(|| upload_bar(uploaded.bytes));
    for hash in &missing {
        let (path, _) = source(scene, hash)?;
        let moved = bar.clone();
        let sent = client.upload_file(path, hash, move |bytes| {
            if let Some(bar) = &moved {
                bar.inc(bytes);
            }
        });
        let sent = asked(sent.await);
        if let Ok(sent) = &sent {
            uploaded.sent_bytes += sent.sent_bytes;
        }
        if sent.is_err()
            && let Some(bar) = &bar
        {
            bar.finish_and_clear();
        }
        sent.with_context(|| format!("can't upload {}", path.display()))?;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if uploaded.sent_bytes < uploaded.bytes {
        print::note(&format!(
            "sent {} of them: the manager had the rest from earlier files",
            Bytes(uploaded.sent_bytes)
        ));
    }
    Ok(uploaded)
}

fn source<'a>(scene: &'a HashedScene, hash: &str) -> Result<(&'a Path, u64)> {
    let source = scene.sources.get(hash);
    let (path, bytes) =
        source.ok_or_else(|| anyhow!("the manager asks for a blob that isn't in the scene"))?;
    Ok((path, *bytes))
}

fn upload_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let template =
        "{bar:28.cyan/dim} {bytes}/{total_bytes} uploaded · {bytes_per_sec} · {eta} left";
    if let Ok(look) = ProgressStyle::with_template(template) {
        bar.set_style(look.progress_chars("━╸─"));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Exit, exit_of, render};
    use crate::terminal::Style;

    fn text_of(bytes: &[u8], engine: Option<[u32; 2]>) -> (String, Exit) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scene.blend");
        std::fs::write(&path, bytes).unwrap();
        let error = check(&path, engine).unwrap_err();
        let folder = folder.path().display().to_string();
        (render(&error, Style::plain()).replace(&folder, "DIR"), exit_of(&error))
    }

    #[test]
    fn files_that_are_no_scenes_are_refused_before_anything_is_sent() {
        let (text, exit) = text_of(b"glTF\x02\0\0\0", None);
        insta::assert_snapshot!(text, @r"
        error: DIR/scene.blend: not a .blend file: it looks like a binary glTF model (.glb)
        hint: name a file that was saved by Blender
        ");
        assert_eq!(exit, Exit::NotDone);
        let (text, exit) = text_of(b"BLENDER-v405REND\0\0\0\0", None);
        insta::assert_snapshot!(text, @r"
        error: DIR/scene.blend: the .blend file is cut off: it ends before its last block
        hint: copy or download the file again, or save it again in Blender
        ");
        assert_eq!(exit, Exit::NotDone);
    }

    #[test]
    fn a_newer_file_names_the_version_that_it_needs() {
        let mut bytes = b"BLENDER-v502ENDB".to_vec();
        bytes.extend([0; 20]);
        let (text, exit) = text_of(&bytes, Some([4, 5]));
        insta::assert_snapshot!(text, @r"
        error: DIR/scene.blend: saved by Blender 5.2, which is newer than the engine (4.5)
        hint: save it with Blender 4.5, or name a newer engine with --engine
        ");
        assert_eq!(exit, Exit::NotDone);
    }

    #[test]
    fn a_file_that_isnt_there_is_no_refusal() {
        let error = check(Path::new("/nowhere/scene.blend"), None).unwrap_err();
        insta::assert_snapshot!(render(&error, Style::plain()), @r"
        error: can't look at /nowhere/scene.blend
          because: can't read the .blend file
          because: No such file or directory (os error 2)
        hint: check the path
        ");
        assert_eq!(exit_of(&error), Exit::Failed);
    }
}
