//! The candela program.

mod api;
mod args;
mod commands;
mod config;
mod demo;
mod desktop;
mod engines;
mod film;
mod follow;
#[cfg(test)]
mod help_tests;
mod logging;
mod messages;
mod pack;
mod policy;
mod print;
mod report;
mod roles;
#[cfg(test)]
mod samples;
mod scene;
mod shutdown;
mod summary;
mod table;
mod terminal;
mod units;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Wrong usage ends here, with clap's own words and exit code 2; so do --help and --version, with 0.
    let cli = args::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::note(&format!("error: can't start: {error}"));
            return report::Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(commands::run(cli));
    // Blocking reads that nobody waits for any more must not hold the program back.
    runtime.shutdown_background();
    exit.into()
}
