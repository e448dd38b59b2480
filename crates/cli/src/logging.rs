//! What is logged to standard error.

use crate::args::App;
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
pub(crate) fn start(app: &App, flag: Option<&str>, is_role: bool) -> Result<()> {
    let found = app.config.find("output.log", flag.map(str::to_owned));
    let text = found.map_or((if is_role { ROLE } else { COMMAND }).to_owned(), |(text, _)| text);
    let filter = EnvFilter::try_new(&text)
        .with_context(|| format!("can't understand the log filter {text:?}"));
    let filter = filter.hint("write it like `debug` or `candela_node=debug,info`")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(app.err.is_colored())
        .try_init()
        .map_err(|error| anyhow::anyhow!("can't start logging: {error}"))
}
