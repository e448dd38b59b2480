//! A few faults of managers, in an order that follows from the seed: nothing acknowledged is lost.

use anyhow::{Result, ensure};
use candela_testkit::chaos::{Config, Fault, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// Faults; `cargo xtask chaos` makes more of them.
const ROUNDS: usize = FAULTS.len();

/// Those that are over soon.
const FAULTS: [Fault; 4] = [Fault::KillLeader, Fault::CutLeaderOne, Fault::TornLog, Fault::KillAll];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_faults_of_managers() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let (program, faults) = (PROGRAM.into(), FAULTS.to_vec());
    let report = run(&Config { program, seed, rounds: ROUNDS, faults, film: false }).await?;
    ensure!(report.violations == 0, "{}", report.text());
    ensure!(report.counts.submissions > 0, "nothing was acknowledged: {}", report.text());
    Ok(())
}
