//! One run of the suite: renders, compares, draws keys, checks developments and regions, and reports.

use super::behaviours::behaviours;
use super::catalogue::{Attack, Kind};
use super::development::{self, Developed};
use super::material::{Material, Work, gather};
use super::regions::{self, Regions};
use super::report::{AttackResult, Report};
use super::scenery::{self, Wanted};
use super::studio::Studio;
use super::trials::{Dealer, Tally, changes, changes_whole_frames};
use anyhow::{Context, Result, bail};
use candela_core::seed::Seed;
use candela_proof::frame::FramePolicy;
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;

/// Cells of a scene that are rendered alone.
const REGIONS_MAX: usize = 6;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Options {
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// The scenes.
    pub wanted: Wanted,
    /// The seed from which keys are drawn.
    pub seed: u64,
    /// Trials of each attack.
    pub trials: u64,
    /// Verifications of honest frames.
    pub honest: u64,
    /// Whether regions are rendered alone too, and costs measured.
    pub regions: bool,
    /// Whether a judgement is measured in a process of its own, which is this program with
    /// `--judge-once`: only programs that know it can ask for it.
    pub judging: bool,
}

/// Runs the suite.
///
/// # Errors
/// If no scene is there, an honest render fails, or a file can't be read or written.
pub async fn run(studio: &Arc<Studio>, options: &Options) -> Result<Report> {
    let mut materials: Vec<Material> = Vec::new();
    for name in scenery::names() {
        if let Some(scene) = scenery::prepare(studio, &options.wanted, name).await? {
            materials.push(gather(studio, scene, &options.attacks).await?);
        }
    }
    if materials.is_empty() {
        bail!("none of the scenes is there");
    }
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&options.seed.to_le_bytes());
    let dealer = Dealer { seed: Seed(seed), trials: options.trials, honest: options.honest };
    let mut attacks = Vec::new();
    for attack in &options.attacks {
        if attack.kind == Kind::Output {
            let tally = outputs(studio, attack, &materials).await?;
            attacks.push(AttackResult::new(attack, tally, &materials));
        } else {
            let mut results = judged(&dealer, attack, &materials);
            let tried = results.iter().any(|result| result.tally.tried > 0);
            // One line says that there was nothing to try.
            results.retain(|of| of.tally.tried > 0 || (!tried && !of.is_part()));
            attacks.extend(results);
        }
    }
    let mut developed = Developed::default();
    for material in &materials {
        let found = development::check_honest(studio, material).await?;
        developed.tried += found.tried;
        developed.apart += found.apart;
        developed.said.extend(found.said);
    }
    Ok(Report {
        seed: options.seed,
        attacks,
        honest: dealer.honest(&materials),
        developed,
        regions: if options.regions { all_regions(studio, &materials).await? } else { Vec::new() },
        judging: if options.judging { judging_cost(&materials)? } else { Value::Null },
        behaviours: behaviours(&materials, options.seed),
        notes: notes(&materials),
    })
}

/// An attack on layers. One on whole frames is judged frame by frame where it changes so much, and by
/// task, as an attack on a part of the area, on scenes where most of the picture stays what it was.
fn judged(dealer: &Dealer, attack: &Attack, materials: &[Material]) -> Vec<AttackResult> {
    let name = &attack.name;
    let result = |tally: Tally| AttackResult::new(attack, tally, materials);
    if attack.kind != Kind::Sampling {
        let small = |work: &Work| changes(work) && work.changed_share() < cheat_share();
        let large = |work: &Work| changes(work) && !small(work);
        let large = result(dealer.attack(name, true, large, materials));
        let small = result(dealer.attack(name, true, small, materials));
        return vec![large, AttackResult { small: true, ..small }];
    }
    let whole = dealer.attack(name, false, changes_whole_frames, materials);
    let in_part = |work: &Work| changes(work) && !changes_whole_frames(work);
    let part = dealer.attack(name, true, in_part, materials);
    let name = format!("{name}, where less changes");
    let of = Attack { kind: Kind::Area, name, ..attack.clone() };
    vec![result(whole), AttackResult { attack: of, ..result(part) }]
}

/// The cheat nearest to honest that the rule for a lease is made to find.
fn cheat_share() -> f64 {
    FramePolicy::default().lease.cheat_share
}

/// An attack on outputs: every rendered frame is one try.
async fn outputs(studio: &Studio, attack: &Attack, materials: &[Material]) -> Result<Tally> {
    let mut tally = Tally::default();
    for material in materials {
        let name = material.scene.name.clone();
        let work = material.attacks.get(&attack.name);
        let Some(work) = work.filter(|work| development::changes(material, work)) else {
            tally.scenes_without.push(name);
            continue;
        };
        let found = development::check(studio, material, &[work]).await?;
        tally.scenes.push(name);
        tally.tried += found.tried;
        tally.rejected += found.apart;
        tally.frames_rendered += work.rendered;
    }
    Ok(tally)
}

async fn all_regions(studio: &Studio, materials: &[Material]) -> Result<Vec<Regions>> {
    let mut all = Vec::new();
    for material in materials {
        let (scene, settings) = (&material.scene, &material.scene.settings);
        all.push(regions::check(studio, scene, settings, REGIONS_MAX).await?);
    }
    Ok(all)
}

/// Time and memory of one judgement, by a process of its own.
fn judging_cost(materials: &[Material]) -> Result<Value> {
    let material = materials.first().context("no scene")?;
    let worker =
        &material.honest.first().and_then(|work| work.frames.first()).context("no frame")?;
    let output = Command::new(std::env::current_exe()?)
        .arg("--judge-once")
        .args([&worker.picture.layers, &material.replica, &material.control])
        .output()?;
    serde_json::from_slice(&output.stdout).context("the judgement in a process of its own")
}

fn notes(materials: &[Material]) -> Vec<String> {
    let mut notes = Vec::new();
    for material in materials {
        for (attack, why) in &material.failed {
            let scene = &material.scene.name;
            notes.push(format!("{attack} could not be carried out on {scene}: {why}"));
        }
        if let Some(frame) = &material.not_still {
            let scene = &material.scene.name;
            notes.push(format!("{scene} is taken for still, but its frame {frame} differs"));
        }
    }
    notes
}
