//! Everything that the program prints: data to standard output, all else to standard error.

use anyhow::{Context, Result};
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// Data for whoever reads standard output. A reader that has gone away is no error: `candela job list | head`.
///
/// # Errors
/// If it can't be written.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("can't write to standard output"),
    }
}

/// Data as JSON, over several lines, for people's eyes too.
///
/// # Errors
/// If it can't be written.
pub(crate) fn json(data_to_print: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(data_to_print).context("can't write as JSON")?;
    data(&(text + "\n"))
}

/// Data as JSON in one line, for scripts that read lines.
///
/// # Errors
/// If it can't be written.
pub(crate) fn json_line(data_to_print: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(data_to_print).context("can't write as JSON")?;
    data(&(text + "\n"))
}

/// A line for the person at the terminal.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error is gone.
    writeln!(std::io::stderr(), "{text}").ok();
}
