//! A small run of the attack suite: no honest frame is rejected, no attack on whole frames gets through.
//!
//! One scene of the project's own, two frames, three classes of processors, an attack of each kind.
//! `cargo xtask bench proof` is the whole of it.

use anyhow::Result;
use candela_core::id::EngineBuild;
use candela_testkit::attack_suite::catalogue::{self, Kind};
use candela_testkit::attack_suite::scenery::Wanted;
use candela_testkit::attack_suite::studio::Studio;
use candela_testkit::attack_suite::suite::{self, Options};
use candela_testkit::engines_dir;
use std::sync::Arc;

const ATTACKS: [&str; 3] = ["seven_of_eight", "half_size_enlarged", "painted_output"];

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_whole_frames_are_caught_and_honest_frames_are_not_rejected() -> Result<()> {
    let cache = tempfile::tempdir()?;
    let build = EngineBuild("blender-4.5.15".into());
    let installed =
        candela_engine::install(&build, &engines_dir(), &mut |line| eprintln!("{line}"))?;
    let studio = Arc::new(Studio::new(installed, cache.path(), 2)?);
    let attacks = catalogue::attacks()?;
    let options = Options {
        attacks: attacks.into_iter().filter(|a| ATTACKS.contains(&a.name.as_str())).collect(),
        wanted: Wanted { names: vec!["kitchen".into()], frame_px_max: 40_000, frames: 2 },
        seed: 1,
        trials: 300,
        honest: 300,
        regions: false,
        judging: false,
    };
    assert_eq!(options.attacks.len(), ATTACKS.len());
    let report = suite::run(&studio, &options).await?;
    println!("{}", report.table());
    assert!(report.honest.tried >= 300);
    let tried = |kind| {
        let of_kind = report.attacks.iter().filter(|result| result.attack.kind == kind);
        of_kind.map(|result| result.tally.tried).sum::<u64>()
    };
    assert!(tried(Kind::Sampling) >= 600, "{}", report.table());
    assert!(tried(Kind::Output) >= 1, "{}", report.table());
    assert!(report.failures().is_empty(), "{:?}", report.failures());
    Ok(())
}
