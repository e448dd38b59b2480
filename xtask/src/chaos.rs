//! Faults injected into real managers: builds the program and what injects them, and runs that.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Runs it; whether everything was as it must be.
///
/// # Errors
/// If cargo can't be started.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<bool> {
    let cargo = |first: &[&str]| {
        let mut command = Command::new(crate::ci::cargo());
        command.current_dir(root).args(first);
        command
    };
    let mut build = cargo(&["build", "--package", "candela"]);
    if !build.status().context("can't start cargo")?.success() {
        return Ok(false);
    }
    // The program lies beside it, in the folder of the same profile.
    let mut chaos = cargo(&["run", "--package", "candela-testkit", "--example", "chaos", "--"]);
    Ok(chaos.args(arguments).status().context("can't start cargo")?.success())
}
