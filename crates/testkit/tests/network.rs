//! A small network, simulated over the real rules: once from a fixed seed, once from a new one.
//!
//! `SEED=N` replays a seed that failed.

use candela_testkit::network_sim::{Config, run};

fn simulate(seed: u64) {
    println!("SEED={seed}");
    let report = run(Config::new(seed, 150, 4_000)).unwrap();
    println!("{}", report.text());
    let failed: Vec<_> = report.failed();
    assert!(failed.is_empty(), "SEED={seed}: {failed:#?}");
}

#[test]
fn a_fixed_network_holds() {
    simulate(1);
}

#[test]
fn another_network_holds() {
    let clock = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let drawn = clock.unwrap().as_nanos() as u64;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(drawn);
    simulate(seed);
}
