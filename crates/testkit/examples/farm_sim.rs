//! Simulates a large farm for a day from one seed and prints how it did.
//!
//! `farm_sim [--seed N] [--nodes N] [--hours H] [--load SHARE] [--alone] [--json FILE]`. Beside it the same
//! runs with nodes that don't say which scenes they hold, unless `--alone` says not to. Fails if a check
//! doesn't hold.

use candela_testkit::farm_sim::{Config, Report, run};
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

/// The most memory that the process ever used, in MiB, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024)
}

fn one(config: Config) -> Result<(Report, f64), String> {
    let begun = Instant::now();
    let report = run(config)?;
    Ok((report, begun.elapsed().as_secs_f64()))
}

/// Prints a report; the same for programs.
fn show((report, took_s): &(Report, f64)) -> serde_json::Value {
    print!("{}", report.text());
    println!("took {took_s:.1} s");
    let mut json = report.json();
    json["took_s"] = (*took_s).into();
    json
}

/// One farm, and at the same time the one that it is compared with.
fn all(config: &Config, alone: bool) -> Result<Vec<(Report, f64)>, String> {
    let mut configs = vec![config.clone()];
    configs.extend((!alone).then(|| Config { tell_scenes: false, ..config.clone() }));
    let running: Vec<_> =
        configs.into_iter().map(|config| std::thread::spawn(|| one(config))).collect();
    let ended = running.into_iter().map(|thread| thread.join());
    ended.map(|result| result.map_err(|_| "a simulation fell over".to_owned())?).collect()
}

fn simulate() -> Result<bool, String> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = clock.map_or(0, |since| since.as_nanos() as u64);
    let mut config = Config::new(seed, 100_000, 24.0);
    let (mut alone, mut json) = (false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--alone" {
            alone = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        let number = || value.parse::<f64>().map_err(|_| format!("{value} is not a number"));
        match name.as_str() {
            // Not every seed is a number that a float can hold.
            "--seed" => config.seed = value.parse().map_err(|_| format!("{value} is no seed"))?,
            "--nodes" => config.nodes = number()? as usize,
            "--hours" => config.hours = number()?,
            "--load" => config.load = number()?,
            "--json" => json = Some(value),
            _ => return Err(format!("there is no {name}")),
        }
    }
    println!("seed {}, {} nodes, {} h", config.seed, config.nodes, config.hours);
    let reports = all(&config, alone)?;
    let mut figures = vec![show(&reports[0])];
    if let Some(compared) = reports.get(1) {
        println!("\nthe same if nobody says which scenes it holds:");
        figures.push(show(compared));
    }
    let peak = peak_memory_mib();
    println!("\n{} MiB of memory at most, for all of it", peak.unwrap_or(0));
    figures[0]["peak_memory_mib"] = peak.into();
    if let Some(path) = json {
        let text = serde_json::Value::from(figures).to_string();
        std::fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(reports.iter().all(|report| report.0.broken.is_empty()))
}
