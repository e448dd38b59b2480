//! What is logged to standard error.

use crate::args::{App, Global, LogFormat};
use crate::report::WithHint;
use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

/// What a role logs unless told otherwise; libraries below only if something is wrong.
const ROLE: &str =
    "warn,candela=info,candela_node=info,candela_api=info,candela_engine=info,candela_net=info";

/// What other commands log: nothing that a person need not see.
const COMMAND: &str = "error";

/// Starts logging: the flag, `RUST_LOG`, the file's `output.log`, or what fits the command.
///
/// # Errors
/// If the filter can't be understood.
pub(crate) fn start(app: &App, global: &Global, is_role: bool) -> Result<()> {
    let found = app.config.find("output.log", global.log.clone());
    let text = found.map_or((if is_role { ROLE } else { COMMAND }).to_owned(), |(text, _)| text);
    let filter = EnvFilter::try_new(&text)
        .with_context(|| format!("can't understand the log filter {text:?}"));
    let filter = filter.hint("write it like `debug` or `candela_node=debug,info`")?;
    let format = global.settings().into_iter().find(|(name, _)| *name == "output.log-format");
    let format: String = app.config.need("output.log-format", format.map(|(_, value)| value))?;
    let format = clap::ValueEnum::from_str(&format, false).unwrap_or(LogFormat::Text);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(app.err.is_colored()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("can't start logging: {error}"))
}
