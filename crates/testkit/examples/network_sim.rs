//! Simulates a whole network from one seed and prints what came of it.
//!
//! `network_sim [--seed N] [--nodes N] [--tasks N] [--json FILE]`; fails if a check doesn't hold.

use candela_testkit::network_sim::{Config, run};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

fn main() -> ExitCode {
    match simulate() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn simulate() -> Result<bool, String> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut seed = clock.map_or(0, |since| since.as_nanos() as u64);
    let (mut nodes, mut tasks, mut json) = (1_000, 100_000, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{value} is not a number"));
        match name.as_str() {
            "--seed" => seed = number()?,
            "--nodes" => nodes = number()?,
            "--tasks" => tasks = number()?,
            "--json" => json = Some(value),
            _ => return Err(format!("there is no {name}")),
        }
    }
    println!("seed {seed}, {nodes} nodes, {tasks} tasks");
    let begun = Instant::now();
    let nodes = usize::try_from(nodes).map_err(|error| error.to_string())?;
    let report = run(Config::new(seed, nodes, tasks))?;
    print!("{}", report.text());
    println!("took {:.1} s", begun.elapsed().as_secs_f64());
    if let Some(path) = json {
        std::fs::write(&path, report.json().to_string()).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(report.failed().is_empty())
}
