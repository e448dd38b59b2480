//! The attack suite: how often cheating workers' frames are caught, and honest ones rejected.
//!
//! `cargo xtask bench proof [--quick] [--only ATTACK] [--scenes NAME,…] [--attack-driver FILE.py]
//! [--json FILE] [--table FILE] [--seed N] [--cache FOLDER] [--frame-px N] [--margins]`
//! What is rendered is kept, in `target/proof-bench` unless said otherwise.

use anyhow::{Context, Result, bail};
use candela_core::id::EngineBuild;
use candela_core::settings::RenderSettings;
use candela_testkit::attack_suite::catalogue::{self, Attack};
use candela_testkit::attack_suite::judge_once::judge_once;
use candela_testkit::attack_suite::scenery::{self, Wanted};
use candela_testkit::attack_suite::studio::Studio;
use candela_testkit::attack_suite::suite::{self, Options};
use candela_testkit::attack_suite::{regions, report};
use candela_testkit::{engines_dir, workspace};
use std::path::PathBuf;
use std::sync::Arc;

/// Samples per pixel at which margins are measured: scenes begin to stop early at 64.
const MARGIN_SAMPLES: u32 = 128;

/// Cells that are rendered alone for it, in each scene.
const MARGIN_CELLS: usize = 8;

/// Attacks of the quick run: one of each kind that cheats in another way.
const QUICK: [&str; 4] = ["seven_of_eight", "half_size_enlarged", "area_tenth", "painted_output"];

/// What the command line says.
#[derive(Default)]
struct Arguments {
    quick: bool,
    only: Vec<String>,
    scenes: Vec<String>,
    drivers: Vec<PathBuf>,
    json: Option<PathBuf>,
    table: Option<PathBuf>,
    seed: u64,
    cache: Option<PathBuf>,
    /// Pixels of a frame at most.
    frame_px: Option<u64>,
    /// Whether to measure only how wide a margin adaptive sampling wants.
    margins: bool,
}

fn arguments(given: Vec<String>) -> Result<Arguments> {
    let mut read = Arguments { seed: 1, ..Arguments::default() };
    let mut rest = given.into_iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{name} wants a value"));
        let list = |value: String| value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match name.as_str() {
            "--quick" => read.quick = true,
            "--only" => read.only.extend(list(value()?)),
            "--scenes" => read.scenes.extend(list(value()?)),
            "--attack-driver" => read.drivers.push(value()?.into()),
            "--json" => read.json = Some(value()?.into()),
            "--table" => read.table = Some(value()?.into()),
            "--seed" => read.seed = value()?.parse().context("the seed is a whole number")?,
            "--frame-px" => read.frame_px = Some(value()?.parse().context("a number of pixels")?),
            "--margins" => read.margins = true,
            "--cache" => read.cache = Some(value()?.into()),
            other => bail!("there is no option {other}"),
        }
    }
    let known = scenery::names();
    if let Some(name) = read.scenes.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no scene {name}; there are {}", known.join(", "));
    }
    Ok(read)
}

fn attacks(arguments: &Arguments) -> Result<Vec<Attack>> {
    let given: Result<Vec<Attack>> =
        arguments.drivers.iter().map(|driver| catalogue::attack(driver)).collect();
    let mut attacks = given?;
    if attacks.is_empty() || !arguments.only.is_empty() {
        attacks.extend(catalogue::attacks()?.into_iter().filter(|attack| {
            if arguments.only.is_empty() {
                !arguments.quick || QUICK.contains(&attack.name.as_str())
            } else {
                arguments.only.contains(&attack.name)
            }
        }));
    }
    if attacks.is_empty() {
        bail!("there is no such attack");
    }
    Ok(attacks)
}

#[tokio::main]
async fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, worker, replica, control] = &given[..]
        && flag == "--judge-once"
    {
        println!("{}", judge_once(worker.as_ref(), replica.as_ref(), control.as_ref())?);
        return Ok(());
    }
    let arguments = arguments(given)?;
    let cache = arguments.cache.clone().unwrap_or_else(|| workspace().join("target/proof-bench"));
    let build = EngineBuild("blender-4.5.15".into());
    let installed =
        candela_engine::install(&build, &engines_dir(), &mut |line| eprintln!("{line}"))?;
    let studio = Arc::new(Studio::new(installed, &cache, 2)?);
    let trials = if arguments.quick { 300 } else { 3000 };
    let names = if arguments.quick && arguments.scenes.is_empty() {
        vec!["kitchen".to_owned()]
    } else {
        arguments.scenes.clone()
    };
    let frame_px = if arguments.quick { 60_000 } else { 400_000 };
    let options = Options {
        attacks: attacks(&arguments)?,
        wanted: Wanted {
            names,
            frame_px_max: arguments.frame_px.unwrap_or(frame_px),
            frames: if arguments.quick { 2 } else { 5 },
        },
        seed: arguments.seed,
        trials,
        honest: trials,
        regions: !arguments.quick,
        judging: true,
    };
    if arguments.margins {
        return margins(&studio, &options).await;
    }
    let report = suite::run(&studio, &options).await?;
    println!("Seed {}.\n\n{}", report.seed, report.table());
    for line in report.odd() {
        println!("{line}");
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report.json())?)?;
    }
    if let Some(path) = &arguments.table {
        std::fs::write(path, report.table())?;
    }
    let failures = report.failures();
    if arguments.quick && !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// How wide a margin adaptive sampling wants, with so many samples that it stops early.
async fn margins(studio: &Studio, options: &Options) -> Result<()> {
    for name in scenery::names() {
        let Some(scene) = scenery::prepare(studio, &options.wanted, name).await? else { continue };
        if scene.adaptive {
            let samples = Some(MARGIN_SAMPLES);
            let settings = RenderSettings { samples, ..scene.settings.clone() };
            let found = regions::check(studio, &scene, &settings, MARGIN_CELLS).await?;
            println!("{}", report::region_line(&found));
        }
    }
    Ok(())
}
