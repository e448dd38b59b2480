//! Knobs on a running process: its wall clock goes wrong, its disk is slow.
//!
//! A small library is built from `native/faults.c` with the machine's C compiler and loaded into the
//! process before the C library; what it does stands in a file that may change at any time.

use anyhow::{Context, Result, ensure};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the numbers stand in a file, in bytes.
const CLOCK_AT: u64 = 0;
const DISK_AT: u64 = 8;
const LOADED_AT: u64 = 16;

/// Knobs of several processes.
pub(crate) struct Knobs {
    library: PathBuf,
    folder: PathBuf,
}

impl Knobs {
    /// Builds the library, and knobs for so many processes; none where it can't be built.
    ///
    /// # Errors
    /// If files can't be written.
    pub(crate) fn make(folder: &Path, processes: usize) -> Result<Option<Knobs>> {
        let knobs = Knobs { library: folder.join("faults.so"), folder: folder.to_owned() };
        if let Err(error) = knobs.build() {
            eprintln!("skipped: no faults of clocks and disks: {error:#}");
            return Ok(None);
        }
        for at in 0..processes {
            std::fs::write(knobs.file(at), [0; 24])?;
        }
        Ok(Some(knobs))
    }

    fn build(&self) -> Result<()> {
        ensure!(cfg!(target_os = "linux"), "only Linux loads a library like that");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-O2", "-shared", "-fPIC", "-o"]).arg(&self.library);
        let output = compiler.arg(source).arg("-ldl").output().context("start cc")?;
        ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn file(&self, at: usize) -> PathBuf {
        self.folder.join(format!("knobs-{at}"))
    }

    /// The command through which a process is started that is to have knobs.
    pub(crate) fn through(&self, at: usize) -> Vec<String> {
        let library = format!("LD_PRELOAD={}", self.library.display());
        vec!["env".to_owned(), library, format!("CANDELA_FAULTS={}", self.file(at).display())]
    }

    /// Whether a process has them: one that is linked statically hasn't.
    pub(crate) fn are_loaded(&self, at: usize) -> bool {
        let read = std::fs::read(self.file(at)).unwrap_or_default();
        read.iter().skip(LOADED_AT as usize).any(|byte| *byte != 0)
    }

    fn set(&self, at: usize, place: u64, value: i64) -> Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).open(self.file(at))?;
        file.seek(SeekFrom::Start(place))?;
        Ok(file.write_all(&value.to_ne_bytes())?)
    }

    /// From now on, its wall clock is off by so many milliseconds.
    pub(crate) fn set_clock(&self, at: usize, off_ms: i64) -> Result<()> {
        self.set(at, CLOCK_AT, off_ms)
    }

    /// From now on, each of its writes to the disk takes so many milliseconds longer.
    pub(crate) fn set_disk(&self, at: usize, longer_ms: i64) -> Result<()> {
        self.set(at, DISK_AT, longer_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_process_has_another_clock_and_a_slow_disk() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let Some(knobs) = Knobs::make(folder.path(), 1)? else { return Ok(()) };
        let run = |program: &str, arguments: &[&str]| {
            let through = knobs.through(0);
            let mut command = Command::new(&through[0]);
            let output = command.args(&through[1..]).arg(program).args(arguments).output();
            anyhow::Ok(String::from_utf8(output?.stdout)?)
        };
        assert!(!knobs.are_loaded(0));
        let before: u64 = run("date", &["+%s"])?.trim().parse()?;
        assert!(knobs.are_loaded(0));
        knobs.set_clock(0, -3_600_000)?;
        let after: u64 = run("date", &["+%s"])?.trim().parse()?;
        assert!((3_000..=3_600).contains(&(before - after)), "{before} {after}");
        knobs.set_disk(0, 300)?;
        let begun = Instant::now();
        run("sync", &[&folder.path().join("knobs-0").to_string_lossy()])?;
        assert!(begun.elapsed().as_millis() >= 300);
        Ok(())
    }
}
