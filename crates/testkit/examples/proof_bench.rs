//! The attack suite: how often cheating workers' frames are caught, and honest ones rejected.
//!
//! `cargo xtask bench proof [--quick] [--only ATTACK] [--scenes NAME,…] [--attack-driver FILE.py]
//! [--json FILE] [--table FILE] [--seed N] [--cache FOLDER]`
//! What is rendered is kept, in `target/proof-bench` unless said otherwise.

use anyhow::{Context, Result, bail};
use candela_core::id::EngineBuild;
use candela_core::seed::Seed;
use candela_testkit::attack_suite::catalogue::{self, Attack, Kind};
use candela_testkit::attack_suite::material::{Material, gather};
use candela_testkit::attack_suite::report::{AttackResult, Report};
use candela_testkit::attack_suite::scenery::{self, Wanted};
use candela_testkit::attack_suite::studio::Studio;
use candela_testkit::attack_suite::trials::Dealer;
use candela_testkit::{engines_dir, workspace};
use std::path::PathBuf;
use std::sync::Arc;

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
}

fn arguments() -> Result<Arguments> {
    let mut read = Arguments { seed: 1, ..Arguments::default() };
    let mut rest = std::env::args().skip(1);
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
    let arguments = arguments()?;
    let attacks = attacks(&arguments)?;
    let cache = arguments.cache.clone().unwrap_or_else(|| workspace().join("target/proof-bench"));
    let build = EngineBuild("blender-4.5.15".into());
    let installed =
        candela_engine::install(&build, &engines_dir(), &mut |line| eprintln!("{line}"))?;
    let studio = Arc::new(Studio::new(installed, &cache, 2)?);
    let wanted = Wanted {
        own_only: arguments.quick,
        names: arguments.scenes.clone(),
        frame_px_max: if arguments.quick { 60_000 } else { 230_400 },
        frames: if arguments.quick { 2 } else { 5 },
    };
    let mut materials: Vec<Material> = Vec::new();
    for name in scenery::names() {
        if let Some(scene) = scenery::prepare(&studio, &wanted, name).await? {
            materials.push(gather(&studio, scene, &attacks).await?);
        }
    }
    if materials.is_empty() {
        bail!("none of the scenes is there");
    }
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&arguments.seed.to_le_bytes());
    let dealer = Dealer {
        seed: Seed(seed),
        trials: if arguments.quick { 300 } else { 3000 },
        honest: if arguments.quick { 300 } else { 3000 },
    };
    let results = attacks.iter().filter(|attack| attack.kind != Kind::Output).map(|attack| {
        let tally = dealer.attack(&attack.name, attack.kind, &materials);
        AttackResult::new(attack, tally, &materials)
    });
    let report = Report {
        seed: arguments.seed,
        attacks: results.collect(),
        honest: dealer.honest(&materials),
        notes: notes(&materials),
    };
    println!("Seed {}.\n\n{}", report.seed, report.table());
    for result in &report.attacks {
        for odd in &result.tally.odd {
            println!("{}: {odd}", result.attack.name);
        }
    }
    for odd in &report.honest.odd {
        println!("honest: {odd}");
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

fn notes(materials: &[Material]) -> Vec<String> {
    let mut notes = Vec::new();
    for material in materials {
        for (attack, why) in &material.failed {
            notes.push(format!(
                "{attack} could not be carried out on {}: {why}",
                material.scene.name
            ));
        }
    }
    notes
}
