//! A few faults of managers, in an order that follows from the seed: nothing acknowledged is lost.

use anyhow::{Result, ensure};
use candela_testkit::chaos::{Config, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

/// Faults; `cargo xtask chaos` makes more of them.
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_faults_of_managers() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let report = run(&Config { program: PROGRAM.into(), seed, rounds: ROUNDS }).await?;
    ensure!(report.violations == 0, "{}", report.text());
    ensure!(report.counts.submissions > 0, "nothing was acknowledged: {}", report.text());
    Ok(())
}
