//! Injects faults into three managers and checks what they acknowledged.
//!
//! `chaos [--rounds N] [--seed N] [--json FILE] [--quick] [--fault NAME]... [--no-frames] [--program FILE]`;
//! `--quick`: six rounds; `--fault`: only that one, or those; `--no-frames`: without nodes.
//! Ends with 1 if something is not as it must be, and with 2 if it could not be done.

use anyhow::{Context, Result, bail};
use candela_testkit::chaos::{Config, Fault, run};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

/// Rounds unless told otherwise.
const ROUNDS: usize = 16;

/// Rounds of a quick run.
const ROUNDS_QUICK: usize = 6;

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let done = runtime.context("no runtime").and_then(|runtime| {
        runtime.block_on(async {
            // What was started ends, and what was made is taken away, when this is dropped.
            tokio::select! {
                done = chaos() => done,
                _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            }
        })
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The program beside this one.
fn program() -> Result<PathBuf> {
    let this = std::env::current_exe().context("find this program")?;
    let folder = this.ancestors().nth(2).context("this program is in no folder")?;
    Ok(folder.join(format!("candela{}", std::env::consts::EXE_SUFFIX)))
}

async fn chaos() -> Result<bool> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = clock.map_or(0, |since| since.as_nanos() as u64);
    let (program, faults) = (program()?, Vec::new());
    let mut config = Config { program, seed, rounds: ROUNDS, faults, film: true };
    let mut json = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--quick" {
            config.rounds = ROUNDS_QUICK;
            continue;
        }
        if name == "--no-frames" {
            config.film = false;
            continue;
        }
        let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--rounds" => config.rounds = value.parse().context("--rounds wants a number")?,
            "--seed" => config.seed = value.parse().context("--seed wants a number")?,
            "--fault" => {
                let fault = Fault::named(&value);
                config.faults.push(fault.with_context(|| format!("there is no fault {value}"))?);
            }
            "--program" => config.program = value.into(),
            "--json" => json = Some(value),
            _ => bail!("there is no {name}"),
        }
    }
    if config.faults.is_empty() {
        config.faults.extend(Fault::ALL);
    }
    println!("seed {}, {} rounds", config.seed, config.rounds);
    let report = run(&config).await?;
    print!("{}", report.text());
    if let Some(path) = json {
        std::fs::write(&path, report.json().to_string())
            .with_context(|| format!("write {path}"))?;
    }
    Ok(report.violations == 0)
}
