//! Which files a scene consists of, and under which names they go into a collection so that the scene still finds them.
//!
//! This runs on the user's own machine with the user's own scene: the engine sees the disk, to read
//! only, without network and without the scene's scripts. The user's files are never changed: what
//! names files by absolute paths goes into the collection as a copy with relative ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use candela_core::scene::MissingFile;
use serde_json::json;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::header;
use crate::launch::{SceneMount, is_inside};
use crate::options::EngineOptions;
use crate::protocol::{DependenciesAnswer, FileAnswer, RemapAnswer};

/// One file of a scene.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// Name in the collection: relative, with `/`, without a step up.
    pub path_in_collection: String,
    /// Where its bytes are: the user's file, or a copy with other paths in it.
    pub path_on_disk: PathBuf,
}

/// All files of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependencies {
    /// Name of the scene's main file in the collection.
    pub main: String,
    /// All files, the main one among them, sorted by name.
    pub files: Vec<Dependency>,
    /// Files that are named and not there.
    pub missing: Vec<MissingFile>,
    /// .blend files that go as a copy, because they name files by absolute paths.
    pub copied: Vec<PathBuf>,
}

/// Folder of the collection for files that lie apart from the rest.
const OUTSIDE: &str = "_outside";

/// Lists the files of a scene; copies that it makes lie in the engine's results folder.
///
/// # Errors
/// If the file is no scene for this engine, or the engine fails.
pub async fn dependencies(
    options: EngineOptions,
    main: &Path,
) -> Result<Dependencies, EngineError> {
    let main = real(main).map_err(|e| EngineError::io("can't find", main, e))?;
    let header = header::check_whole(&main)?;
    header::check_version(&header, [options.installed.version[0], options.installed.version[1]])?;
    let limit_s = options.limits.open_s_max;
    let mut engine = Engine::start(options).await?;
    engine.launch(&SceneMount::Disk)?;
    let request = json!({ "path": main });
    let answer: DependenciesAnswer =
        engine.ask("dependencies", request, limit_s, &mut |_| {}).await?;
    let plan = Plan::new(&main, &answer.files);
    let mut files = plan.files()?;
    let mut copied = Vec::new();
    for (blend, paths) in &plan.remaps {
        let copy = remap(&mut engine, blend, paths, copied.len(), limit_s).await?;
        if let Some(file) = files.iter_mut().find(|file| file.path_on_disk == *blend) {
            file.path_on_disk = copy;
            copied.push(blend.clone());
        }
    }
    engine.quit().await;
    let main = plan.name(&main)?;
    Ok(Dependencies { main, files, missing: missing(&answer.files), copied })
}

/// The file in its real folder; a file that is itself a link keeps its own name.
fn real(file: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => Err(std::io::ErrorKind::IsADirectory.into()),
    }
}

async fn remap(
    engine: &mut Engine,
    blend: &Path,
    paths: &BTreeMap<String, String>,
    number: usize,
    limit_s: u64,
) -> Result<PathBuf, EngineError> {
    let (inside, outside) = engine.work_file("copy.blend");
    let request = json!({ "path": blend, "paths": paths, "save_path": inside });
    let answer: RemapAnswer = engine.ask("remap", request, limit_s, &mut |_| {}).await?;
    tracing::debug!(changed = answer.changed, blend = %blend.display(), "paths made relative");
    let to = engine.options().scratch_dir.join("results").join(format!("copy-{number}.blend"));
    std::fs::rename(&outside, &to).map_err(|e| EngineError::io("can't move", &outside, e))?;
    Ok(to)
}

fn missing(files: &[FileAnswer]) -> Vec<MissingFile> {
    let gone = files.iter().filter(|file| !file.exists);
    gone.map(|file| MissingFile {
        path: file.path.clone(),
        kind: file.kind.clone(),
        used_by: file.used_by.clone(),
    })
    .collect()
}

/// Which file gets which name, and which .blend has to name files otherwise.
struct Plan {
    /// The folder that becomes the collection's top.
    root: PathBuf,
    main: PathBuf,
    /// Absolute paths of files, each with the folder from which its name counts.
    found: BTreeMap<PathBuf, PathBuf>,
    /// By .blend: absolute path → relative path.
    remaps: BTreeMap<PathBuf, BTreeMap<String, String>>,
}

impl Plan {
    fn new(main: &Path, answers: &[FileAnswer]) -> Self {
        let folder = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let mut root = folder(main);
        let named_relatively =
            |answer: &&FileAnswer| answer.exists && answer.path.starts_with("//");
        for file in answers.iter().filter(named_relatively).flat_map(|answer| &answer.files) {
            root = common(&root, &folder(Path::new(file)));
        }
        let mut plan = Plan {
            root,
            main: main.to_path_buf(),
            found: BTreeMap::new(),
            remaps: BTreeMap::new(),
        };
        for answer in answers.iter().filter(|answer| answer.exists) {
            let base = folder(Path::new(&answer.absolute));
            for file in &answer.files {
                plan.found.insert(PathBuf::from(file), base.clone());
            }
        }
        for answer in answers.iter().filter(|a| a.exists && !a.path.starts_with("//")) {
            let blend = answer.library.as_ref().map_or_else(|| main.to_path_buf(), PathBuf::from);
            let absolute = Path::new(&answer.absolute);
            let name = plan.place(absolute, &folder(absolute));
            let from = plan.place(&folder(&blend), &folder(&blend));
            let relative = format!("//{}", relative(&from, &name));
            plan.remaps.entry(blend).or_default().insert(answer.absolute.clone(), relative);
        }
        plan
    }

    /// Where a path goes: below the root as it is, otherwise into a folder named by where it was.
    fn place(&self, path: &Path, base: &Path) -> PathBuf {
        if let Ok(inside) = path.strip_prefix(&self.root) {
            return inside.to_path_buf();
        }
        let hash = blake3::hash(base.to_string_lossy().as_bytes()).to_hex();
        let rest = path.strip_prefix(base).unwrap_or(path);
        Path::new(OUTSIDE).join(&hash.as_str()[..8]).join(rest)
    }

    fn name(&self, path: &Path) -> Result<String, EngineError> {
        let base = self.found.get(path).map_or(Path::new("/"), PathBuf::as_path);
        let place = self.place(path, base);
        let name = place.to_str().filter(|_| is_inside(&place));
        name.map(str::to_owned).ok_or_else(|| EngineError::Declined {
            code: "bad-path".into(),
            text: format!("{} has a name that can't go into a scene", path.display()),
        })
    }

    fn files(&self) -> Result<Vec<Dependency>, EngineError> {
        let all: BTreeSet<&PathBuf> = self.found.keys().chain([&self.main]).collect();
        let named = all.into_iter().map(|path| {
            let path_in_collection = self.name(path)?;
            Ok(Dependency { path_in_collection, path_on_disk: path.clone() })
        });
        let mut files = named.collect::<Result<Vec<_>, EngineError>>()?;
        files.sort();
        Ok(files)
    }
}

/// The deepest folder that holds both.
fn common(a: &Path, b: &Path) -> PathBuf {
    let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
    same.map(|(part, _)| part).collect()
}

/// How to get from a folder to a file, with `/` and steps up.
fn relative(from: &Path, to: &Path) -> String {
    let shared = common(from, to);
    let depth = shared.components().count();
    let mut parts: Vec<String> = from.components().skip(depth).map(|_| "..".to_owned()).collect();
    let down = to.components().skip(depth).filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    });
    parts.extend(down);
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(path: &str, absolute: &str, files: &[&str], library: Option<&str>) -> FileAnswer {
        FileAnswer {
            path: path.into(),
            absolute: absolute.into(),
            kind: "image".into(),
            used_by: "x".into(),
            library: library.map(Into::into),
            exists: !files.is_empty(),
            files: files.iter().map(|f| (*f).to_owned()).collect(),
        }
    }

    #[test]
    fn names_keep_relative_paths_and_replace_absolute_ones() {
        let main = Path::new("/home/me/shot/scene.blend");
        let answers = [
            answer(
                "//../lib/tree.blend",
                "/home/me/lib/tree.blend",
                &["/home/me/lib/tree.blend"],
                None,
            ),
            answer(
                "//bark.png",
                "/home/me/lib/bark.png",
                &["/home/me/lib/bark.png"],
                Some("/home/me/lib/tree.blend"),
            ),
            answer("/usr/fonts/a.ttf", "/usr/fonts/a.ttf", &["/usr/fonts/a.ttf"], None),
            answer(
                "/home/me/shot/t.<UDIM>.png",
                "/home/me/shot/t.<UDIM>.png",
                &["/home/me/shot/t.1001.png"],
                None,
            ),
            answer(
                "/usr/fonts/b.png",
                "/usr/fonts/b.png",
                &["/usr/fonts/b.png"],
                Some("/home/me/lib/tree.blend"),
            ),
            answer("//gone.png", "/gone.png", &[], None),
        ];
        let plan = Plan::new(main, &answers);
        let names: Vec<String> =
            plan.files().unwrap().into_iter().map(|f| f.path_in_collection).collect();
        let hash = &blake3::hash(b"/usr/fonts").to_hex().as_str()[..8].to_owned();
        let outside = |name: &str| format!("_outside/{hash}/{name}");
        let expected = [
            outside("a.ttf"),
            outside("b.png"),
            "lib/bark.png".into(),
            "lib/tree.blend".into(),
            "shot/scene.blend".into(),
            "shot/t.1001.png".into(),
        ];
        assert_eq!(names, expected);
        let remaps = &plan.remaps[main];
        assert_eq!(remaps["/usr/fonts/a.ttf"], format!("//../{}", outside("a.ttf")));
        assert_eq!(remaps["/home/me/shot/t.<UDIM>.png"], "//t.<UDIM>.png");
        let library = &plan.remaps[Path::new("/home/me/lib/tree.blend")];
        assert_eq!(library["/usr/fonts/b.png"], format!("//../{}", outside("b.png")));
        assert_eq!(missing(&answers).len(), 1);
    }
}
