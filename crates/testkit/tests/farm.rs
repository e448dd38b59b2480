//! A small farm, simulated over the real rules for two hours: once from a fixed seed, once from a new one.
//!
//! `SEED=N` replays a seed that failed.

use candela_testkit::farm_sim::{Config, Report, run};

fn simulate(seed: u64, tell_scenes: bool) -> Report {
    println!("SEED={seed}");
    let report = run(Config { tell_scenes, ..Config::new(seed, 1_000, 2.0) }).unwrap();
    println!("{}", report.text());
    assert!(report.broken.is_empty(), "SEED={seed}: {:#?}", report.broken);
    report
}

#[test]
fn a_fixed_farm_holds_and_prefers_those_that_hold_the_scene() {
    let (told, silent) = (simulate(1, true), simulate(1, false));
    assert!(told.jobs > 30, "{} jobs", told.jobs);
    assert!(
        told.cold_share < silent.cold_share,
        "{} cold starts, {} without",
        told.cold_share,
        silent.cold_share
    );
}

#[test]
fn the_same_seed_gives_the_same_farm() {
    let figures = || {
        let mut figures = run(Config::new(2, 300, 2.0)).unwrap().json();
        figures["core_s"] = 0.0.into();
        figures["costs_us"] = 0.0.into();
        figures
    };
    assert_eq!(figures(), figures());
}

#[test]
fn another_farm_holds() {
    let clock = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let drawn = clock.unwrap().as_nanos() as u64;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(drawn);
    simulate(seed, true);
}
