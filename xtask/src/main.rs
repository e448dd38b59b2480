//! The project's own chores: `cargo xtask ci|tidy|bench|chaos`.

mod bench;
mod chaos;
mod ci;
mod process;
mod tally;
mod tidy;

use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
The project's own chores.

Usage: cargo xtask <COMMAND>

Commands:
  ci                          Everything that must hold before a change goes in: the test command
  tidy                        The project's own rules: edges, reserved names, documents, licences
  bench list                  The measurements that can be run
  bench NAME [ARGUMENTS]...   Runs one of them, optimised
  chaos [--rounds N] [--seed N] [--json FILE] [--quick]
                              Kills and stops managers, and checks what they acknowledged
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether the chore found everything in order.
fn dispatch(words: &[&str]) -> Result<bool> {
    match words {
        ["ci"] => ci::run(&root()),
        ["tidy"] => tidy::run(&root()),
        ["bench"] | ["bench", "list"] => Ok(bench::list()),
        ["bench", name, arguments @ ..] => bench::run(&root(), name, arguments),
        ["chaos", arguments @ ..] => chaos::run(&root(), arguments),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(true)
        }
        _ => anyhow::bail!("there is no chore {:?}\n\n{USAGE}", words.join(" ")),
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
