//! A small disk, so that it can be full.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory with a fixed size; unmounted when dropped.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one at a folder, which is made; none where this user can't mount.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn mount(folder: &Path, bytes: u64) -> Result<Option<SmallDisk>> {
        std::fs::create_dir_all(folder)?;
        let size = format!("size={bytes}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder)
            .stderr(std::process::Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: this user can't mount a small disk");
            return Ok(None);
        }
        Ok(Some(SmallDisk { folder: folder.to_owned() }))
    }

    /// Fills the disk until that much is left; the file that does it, to be removed.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn fill_to(&self, left: u64) -> Result<PathBuf> {
        let output = Command::new("df")
            .args(["--block-size=1", "--output=avail"])
            .arg(&self.folder)
            .output()
            .context("ask for the free space")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let free: u64 = text.lines().nth(1).unwrap_or_default().trim().parse()?;
        ensure!(free > left, "only {free} bytes are free");
        let filler = self.folder.join("filler");
        let mut file = std::fs::File::create(&filler)?;
        let block = vec![1_u8; 1 << 20];
        for _ in 0..(free - left) / block.len() as u64 {
            std::io::Write::write_all(&mut file, &block)?;
        }
        Ok(filler)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what still runs there ends with the test.
        Command::new("umount").arg("-l").arg(&self.folder).status().ok();
    }
}
