//! Removes the temporary files of imports that failed.
//!
//! The store leaves them behind (seen with iroh-blobs 0.104.0 for a full disk and for uploads that
//! break off), so a stranger's broken uploads would fill the disk. A file belongs to no import
//! under way if it was last written before the oldest of them began.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// File times may be coarser and a little behind the clock.
const MARGIN: Duration = Duration::from_secs(2);

/// An import that was given up goes on in the store until it notices; then its file is there to be removed.
const SETTLE: Duration = Duration::from_secs(5);

/// The imports under way into one store.
#[derive(Debug, Clone)]
pub(crate) struct Imports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    under_way: BTreeMap<u64, SystemTime>,
    /// Some import failed, and not all of its files may be gone.
    failed: bool,
    /// A sweep after [`SETTLE`] is waiting.
    planned: bool,
}

/// One import under way; unless it is [`Import::done`], it has failed when this is dropped.
#[derive(Debug)]
pub(crate) struct Import {
    imports: Imports,
    number: u64,
    done: bool,
}

impl Imports {
    /// For a store whose temporary files lie in this folder; what a killed process left there goes.
    pub(crate) fn new(folder: &Path) -> Self {
        sweep(folder, None);
        Imports(Arc::new(Shared { folder: folder.to_owned(), state: Mutex::default() }))
    }

    /// Call before the store begins.
    pub(crate) fn begin(&self) -> Import {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number, SystemTime::now());
        Import { imports: self.clone(), number, done: false }
    }
}

impl Import {
    /// The store has what was imported.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        let imports = self.imports.clone();
        let mut state = imports.state();
        state.under_way.remove(&self.number);
        state.failed |= !self.done;
        if !state.failed {
            return;
        }
        imports.clean(&mut state);
        let plan = !state.planned && !self.done;
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && plan
        {
            state.planned = true;
            let imports = imports.clone();
            runtime.spawn(async move {
                tokio::time::sleep(SETTLE).await;
                let mut state = imports.state();
                state.planned = false;
                imports.clean(&mut state);
            });
        }
    }
}

impl Imports {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clean(&self, state: &mut State) {
        let oldest = state.under_way.values().min().copied();
        sweep(&self.0.folder, oldest.map(|oldest| oldest - MARGIN));
        // While others are under way some may be left; the last of them sweeps again.
        state.failed = oldest.is_some();
    }
}

/// Removes the files last written before that time; all if there is none.
fn sweep(folder: &Path, before: Option<SystemTime>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        if before.is_none_or(|before| written.is_ok_and(|written| written < before)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_import_can_own_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str| std::fs::write(path(name), "x").unwrap();
        write("killed");
        let imports = Imports::new(folder.path());
        assert!(!path("killed").exists());
        let first = imports.begin();
        write("first");
        let second = imports.begin();
        write("second");
        drop(second);
        assert!(path("first").exists(), "may belong to the import under way");
        std::fs::remove_file(path("first")).unwrap();
        first.done();
        assert!(!path("second").exists(), "the last one under way cleans up");
        write("whole");
        imports.begin().done();
        assert!(path("whole").exists(), "nothing failed, so nothing is looked for");
    }
}
