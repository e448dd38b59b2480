//! Measurements: which there are, and how each is run.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// A measurement: an example of a crate, which prints what it found.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    arguments: &'static str,
    /// Whether everything is built for speed; where not, only the crates that work on pixels are.
    release: bool,
    /// Whether it is built without what the crate's default features bring, which it doesn't need.
    bare: bool,
    about: &'static str,
}

const BENCHES: [Bench; 7] = [
    Bench {
        name: "judge-time",
        package: "candela-proof",
        example: "judge_time",
        arguments: "",
        release: true,
        bare: false,
        about: "time to compare one probe and to judge a task",
    },
    Bench {
        name: "commit-rate",
        package: "candela-taskdb",
        example: "commit_rate",
        arguments: "[FOLDER]",
        release: true,
        bare: false,
        about: "commits per second by rows per commit",
    },
    Bench {
        name: "network",
        package: "candela-testkit",
        example: "network_sim",
        arguments: "[--seed N] [--nodes N] [--tasks N] [--json FILE]",
        release: true,
        bare: true,
        about: "a whole network with cheats, simulated from a seed over the real rules",
    },
    Bench {
        name: "farm",
        package: "candela-testkit",
        example: "farm_sim",
        arguments: "[--seed N] [--nodes N] [--hours H] [--load SHARE] [--alone] [--json FILE]",
        release: true,
        bare: true,
        about: "a day of 100,000 honest nodes over the real rules: waiting, waste, cold starts, fairness, cost",
    },
    Bench {
        name: "dispatch",
        package: "candela-testkit",
        example: "dispatch",
        arguments: "[--managers N] [--nodes N,…] [--queued N] [--seconds N] [--offered N] [--json FILE]",
        release: true,
        bare: false,
        about: "how quickly real managers give out work over real sessions, to nodes that only wait",
    },
    Bench {
        name: "scene",
        package: "candela-engine",
        example: "measure",
        arguments: "ENGINES_DIR SCENE.blend PERCENT SAMPLES FRAME",
        release: true,
        bare: false,
        about: "time to open a scene, to render a frame and a probe, and whether they repeat",
    },
    Bench {
        name: "proof",
        package: "candela-testkit",
        example: "proof_bench",
        arguments: "[--quick] [--only ATTACK,…] [--scenes NAME,…] [--attack-driver FILE.py] [--json FILE] \
                    [--table FILE] [--seed N] [--frame-px N] [--cache FOLDER] [--margins]",
        release: false,
        bare: false,
        about: "the attack suite: how often cheats are caught and honest frames rejected, over real renders",
    },
];

/// Prints the measurements.
pub(crate) fn list() -> bool {
    for bench in &BENCHES {
        println!("{} {}\n    {}", bench.name, bench.arguments, bench.about);
    }
    true
}

/// Runs one; whether it ended well.
///
/// # Errors
/// If there is none of that name, or cargo can't be started.
pub(crate) fn run(root: &Path, name: &str, arguments: &[&str]) -> Result<bool> {
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.with_context(|| {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        format!("there is no measurement {name}; there are {}", names.join(", "))
    })?;
    let mut command = Command::new(crate::ci::cargo());
    command.current_dir(root).args(["run", "--package", bench.package]);
    command.args(bench.release.then_some("--release"));
    command.args(bench.bare.then_some("--no-default-features"));
    command.args(["--example", bench.example]);
    command.arg("--").args(arguments);
    Ok(command.status().context("can't start cargo")?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_is_there() {
        for bench in &BENCHES {
            let folder = bench.package.trim_start_matches("candela-");
            let file = format!("crates/{folder}/examples/{}", bench.example);
            let there = |ending| crate::root().join(format!("{file}{ending}")).is_file();
            assert!(there(".rs") || there("/main.rs"), "{file}");
        }
    }

    #[test]
    fn an_unknown_one_names_those_that_are_there() {
        let error = run(&crate::root(), "speed", &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no measurement speed; there are judge-time, commit-rate, network, farm, dispatch, scene, proof"
        );
    }
}
