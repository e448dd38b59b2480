//! Simulates a large farm for a day from one seed and prints how it did.
//!
//! `farm_sim [--seed N] [--nodes N] [--hours H] [--load SHARE] [--compare] [--json FILE]`; `--compare`:
//! once more with nodes that don't say which scenes they hold. Fails if a check doesn't hold.

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

fn one(config: Config) -> Result<(Report, serde_json::Value), String> {
    let begun = Instant::now();
    let report = run(config)?;
    print!("{}", report.text());
    let (took_s, peak) = (begun.elapsed().as_secs_f64(), peak_memory_mib());
    println!("took {took_s:.1} s, {} MiB of memory at most", peak.unwrap_or(0));
    let mut json = report.json();
    json["took_s"] = took_s.into();
    json["peak_memory_mib"] = peak.into();
    Ok((report, json))
}

fn simulate() -> Result<bool, String> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = clock.map_or(0, |since| since.as_nanos() as u64);
    let mut config = Config::new(seed, 100_000, 24.0);
    let (mut compare, mut json) = (false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--compare" {
            compare = true;
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
    let (report, figures) = one(config.clone())?;
    let mut all = vec![figures];
    let mut well = report.broken.is_empty();
    if compare {
        println!("\nthe same if nobody says which scenes it holds:");
        let (report, figures) = one(Config { tell_scenes: false, ..config })?;
        all.push(figures);
        well &= report.broken.is_empty();
    }
    if let Some(path) = json {
        let text = serde_json::Value::from(all).to_string();
        std::fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(well)
}
