//! `candela demo`: the whole network on this machine, with one worker that cheats.

use crate::args::App;
use crate::report::Exit;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

/// See the whole of it on this machine: a network with one worker that cheats, and how it is found out.
///
/// Installs the engine, makes an example scene, starts a manager, two workers and a verifier,
/// and renders an animation. One of the workers renders half of the samples; its frames are
/// rejected and rendered again by the other. At the end there are verified frames and a film.
/// On a terminal the network's page stays up until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when the frames are there, also on a terminal.
    #[arg(long)]
    pub exit: bool,
    /// Write what happened to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Where the frames and the film are put.
    #[arg(long, short = 'o', value_name = "DIR", default_value = "candela-demo")]
    pub output: PathBuf,
    /// How many frames.
    #[arg(long, short = 'f', value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(3..=24))]
    pub frames: u32,
    /// Folder of the network's own data and logs [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep the network's own data and logs.
    #[arg(long)]
    pub keep: bool,
    /// Where engines are kept [env: CANDELA_ENGINE_FOLDER].
    #[arg(long, value_name = "DIR")]
    pub engine_folder: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(_app: &App, _args: DemoArgs) -> Result<Exit> {
    bail!("soon")
}
