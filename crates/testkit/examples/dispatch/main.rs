//! How quickly three managers give out work: real manager processes, real sessions, nodes that wait.
//!
//! `dispatch [--managers N] [--nodes N,…] [--queued N] [--seconds N] [--offered N] [--json FILE]`.
//! Work is offered at a growing rate until no more of it is kept up with, then half as much as was done
//! at most; or at once as much as is asked for.
//! Only the control plane: no scene is opened, no blob moved and no picture compared; sessions,
//! signatures, rules, the draw of probes and the replicated database are the real ones. All of it,
//! the nodes too, runs on this machine.

mod load;
mod manager;
mod nodes;
mod processes;
mod report;
mod stand_in;

use anyhow::{Context, Result, bail};
use report::Report;
use std::process::ExitCode;

/// What is measured.
#[derive(Debug, Clone)]
struct Config {
    managers: usize,
    /// Sizes of the network, one after the other.
    nodes: Vec<usize>,
    /// Frames that wait all the time.
    queued: usize,
    /// How long each measurement lasts.
    seconds: u64,
    /// Offered tasks per second, instead of half of the most.
    offered: Option<usize>,
    json: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("manager") => manager::run(&arguments[1..]),
        _ => parse(&arguments).and_then(|config| measure(&config)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Config> {
    let mut config = Config {
        managers: 3,
        nodes: vec![2_000],
        queued: 5_000,
        seconds: 8,
        offered: None,
        json: None,
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
        let number = || value.parse::<usize>().with_context(|| format!("{name} {value}"));
        match name.as_str() {
            "--managers" => config.managers = number()?,
            "--nodes" => {
                let sizes = value.split(',').map(|size| size.parse::<usize>());
                config.nodes = sizes.collect::<Result<_, _>>().context("--nodes wants numbers")?;
            }
            "--queued" => config.queued = number()?,
            "--seconds" => config.seconds = number()? as u64,
            "--offered" => config.offered = Some(number()?),
            "--json" => config.json = Some(value.clone()),
            _ => bail!("there is no option {name}"),
        }
    }
    if !matches!(config.managers, 1 | 3 | 5) {
        bail!("--managers is 1, 3 or 5");
    }
    Ok(config)
}

fn measure(config: &Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut reports: Vec<Report> = Vec::new();
    for nodes in &config.nodes {
        let report = runtime.block_on(load::run(config, *nodes))?;
        println!("{}", report.text(reports.first()));
        reports.push(report);
    }
    if let Some(file) = &config.json {
        let text = serde_json::to_string_pretty(&report::json(&reports))?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {file}"))?;
    }
    Ok(())
}
