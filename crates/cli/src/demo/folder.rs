//! The folder of a demonstration: fresh each time, and never somebody's own files.

use crate::report::WithHint;
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Lies in a folder that a demonstration may clear.
const MARK: &str = "candela-demo-folder.txt";

const MARK_TEXT: &str =
    "A demonstration of Candela keeps its data here and clears the folder when it starts.\n";

/// A folder for data and logs; a temporary one is removed at the end.
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// The named folder, cleared if an earlier demonstration used it, or a temporary one.
    ///
    /// # Errors
    /// If the folder holds something else, or can't be used.
    pub(crate) fn make(named: Option<&Path>, keep: bool) -> Result<Folder> {
        let Some(named) = named else {
            let temporary = tempfile::Builder::new().prefix("candela-demo-").tempdir();
            let temporary = temporary.context("can't make a temporary folder")?;
            let path = temporary.path().to_owned();
            if keep {
                return Ok(Folder { path: temporary.keep(), temporary: None });
            }
            return Ok(Folder { path, temporary: Some(temporary) });
        };
        let path = std::path::absolute(named).context("can't tell where the data folder is")?;
        clear(&path)?;
        let mark = path.join(MARK);
        std::fs::write(&mark, MARK_TEXT)
            .with_context(|| format!("can't write {}", mark.display()))?;
        Ok(Folder { path, temporary: None })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there when the demonstration has ended.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

fn clear(path: &Path) -> Result<()> {
    let failed = || format!("can't use the folder {}", path.display());
    if !path.exists() {
        return std::fs::create_dir_all(path).with_context(failed);
    }
    let entries: Vec<_> = std::fs::read_dir(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(failed)?;
    if entries.is_empty() {
        return Ok(());
    }
    if !path.join(MARK).is_file() {
        return Err(anyhow!("the folder {} holds something else", path.display()))
            .hint("name an empty folder with --data, or one of an earlier demonstration");
    }
    std::fs::remove_dir_all(path).with_context(failed)?;
    std::fs::create_dir_all(path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebodys_own_folder_is_left_alone() {
        let own = tempfile::tempdir().unwrap();
        std::fs::write(own.path().join("thesis.txt"), "years of work").unwrap();
        assert!(Folder::make(Some(own.path()), false).is_err());
        assert!(own.path().join("thesis.txt").is_file());
    }

    #[test]
    fn a_folder_of_an_earlier_demonstration_is_cleared() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("demo");
        let first = Folder::make(Some(&path), false).unwrap();
        std::fs::write(first.path().join("old.log"), "old").unwrap();
        let second = Folder::make(Some(&path), false).unwrap();
        assert!(!second.path().join("old.log").exists());
        assert!(second.is_kept());
    }

    #[test]
    fn a_temporary_folder_goes() {
        let folder = Folder::make(None, false).unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir() && !folder.is_kept());
        drop(folder);
        assert!(!path.exists());
    }
}
