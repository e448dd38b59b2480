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
    // No proxy between the tool and the addresses that it gives the managers.
    let mut chaos = cargo(&["run", "--package", "candela-testkit", "--example", "chaos", "--"]);
    chaos.args(arguments).env("NO_PROXY", "127.0.0.1,localhost,198.18.0.0/15");
    Ok(chaos.status().context("can't start cargo")?.success())
}
