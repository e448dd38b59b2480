//! `cargo xtask ci`: everything that must hold before a change goes in, on a machine with Rust,
//! CPython 3.11 and a C compiler, and nothing else set up.
//!
//! One profile (dev) for all of it, so that nothing is built twice; the crates that do pixel work are
//! optimised in that profile too.
//! A step that fails doesn't keep the later ones from being run, so that one run shows all there is.

use crate::process::{self, End};
use crate::tally::Tally;
use crate::tidy;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The engine that the tests render with.
const ENGINE: &str = "blender-4.5.15";

/// Nothing but a hang takes this long: all of it should take less than 40 minutes on two cores.
const STEP_MAX: Duration = Duration::from_secs(35 * 60);

/// How often tests in Python are tried, as `retries` says in `.config/nextest.toml` for the others.
const ATTEMPTS: u32 = 2;

/// Tests that are written in Python: of what people and programs see, with the program as it was
/// built, a real engine, and where it is needed a browser or a Blender.
struct InPython {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// Programs without which it is left out, unless this is a machine for tests (`CI` is set). Of
    /// several names between bars one is enough.
    needs: &'static [&'static str],
}

const IN_PYTHON: [InPython; 4] = [
    InPython { name: "interface", program: "tests/api/run.py", arguments: &[], needs: &[] },
    InPython {
        name: "page",
        program: "tests/page/run.py",
        // Fewer than when it is measured, so that it takes minutes.
        arguments: &["--jobs", "1500", "--frames", "1500"],
        needs: &["chromium|chromium-browser|google-chrome"],
    },
    InPython {
        name: "add-on",
        program: "tests/addon/run.py",
        arguments: &["client", "bpy", "examples"],
        needs: &["curl", "jq"],
    },
    InPython {
        name: "blender",
        program: "tests/addon/run.py",
        arguments: &["blender", "pictures"],
        needs: &["blender", "Xvfb"],
    },
];

impl InPython {
    /// What it needs and is not there.
    fn missing(&self) -> Vec<&'static str> {
        let there = |name: &&str| name.split('|').any(process::is_on_path);
        self.needs.iter().filter(|name| !there(name)).copied().collect()
    }
}

struct Done {
    name: &'static str,
    result: End,
    took: Duration,
}

/// The cargo that runs this.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs all steps; whether all of them held.
///
/// # Errors
/// If cargo can't be started.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let mut run = Run { root: root.to_owned(), done: Vec::new(), remarks: Vec::new() };
    let mut tally = Tally::default();
    run.step("tools", || Ok(tools()))?;
    run.step("tidy", || tidy::run(root))?;
    run.cargo("format", &["fmt", "--all", "--check"], &[], None)?;
    let all = ["--workspace", "--all-targets", "--locked"];
    let strict = ["--keep-going", "--", "-D", "warnings"];
    run.cargo("lints", &[&["clippy"], &all[..], &strict].concat(), &[], None)?;
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    let doc = [&doc[..], &["--keep-going"]].concat();
    // A link to something private is of use to whoever reads the code.
    let strict = "-D warnings -A rustdoc::private-intra-doc-links".into();
    run.cargo("docs", &doc, &[("RUSTDOCFLAGS", strict)], None)?;
    // As the tests are built, so that nothing is built twice.
    run.cargo("build", &[&["build"], &all[..]].concat(), &[], None)?;
    run.step("engine", || install_engine(root))?;
    let engines = engines_folder(root).into_os_string();
    let test: &[&str] = if process::exists("cargo-nextest", "--version") {
        &["nextest", "run", "--workspace", "--locked", "--profile", "ci"]
    } else {
        &["test", "--workspace", "--locked", "--no-fail-fast", "--all-targets"]
    };
    run.cargo("tests", test, &[("CANDELA_ENGINES", engines)], Some(&mut tally))?;
    for tests in &IN_PYTHON {
        run.python(tests, &mut tally)?;
    }
    // Examples in documentation, which nextest doesn't run.
    run.cargo("doctests", &["test", "--workspace", "--locked", "--doc"], &[], Some(&mut tally))?;
    Ok(run.tell(tally))
}

struct Run {
    root: PathBuf,
    done: Vec<Done>,
    /// Told once more at the end, where somebody looks first.
    remarks: Vec<String>,
}

impl Run {
    fn begin(&self, name: &str) -> Instant {
        println!("\n==> {name}");
        Instant::now()
    }

    fn end(&mut self, name: &'static str, result: End, started: Instant) {
        let took = started.elapsed();
        println!("<== {name}: {} in {}", word(result), span(took));
        self.done.push(Done { name, result, took });
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<bool>) -> Result<()> {
        let started = self.begin(name);
        let good = work().unwrap_or_else(|error| {
            println!("error: {error:#}");
            false
        });
        self.end(name, if good { End::Good } else { End::Bad }, started);
        Ok(())
    }

    fn cargo(
        &mut self,
        name: &'static str,
        arguments: &[&str],
        environment: &[(&str, OsString)],
        tally: Option<&mut Tally>,
    ) -> Result<()> {
        let started = self.begin(name);
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).args(arguments).env("CARGO_TERM_COLOR", "never");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut counted = Tally::default();
        let result = process::tell(&mut command, STEP_MAX, &mut |line| counted.hear(line))?;
        if let Some(tally) = tally {
            // A test program that did not build, or died, counts too.
            counted.failed = counted.failed.max(u64::from(result != End::Good));
            tally.passed += counted.passed;
            tally.failed += counted.failed;
            tally.skipped += counted.skipped;
        }
        self.end(name, result, started);
        Ok(())
    }

    /// Runs tests that are written in Python; each says by its exit code whether all of them held.
    ///
    /// As with the others, what fails once on a busy machine is tried again, and told.
    fn python(&mut self, tests: &InPython, tally: &mut Tally) -> Result<()> {
        let started = self.begin(tests.name);
        let missing = tests.missing().join(", ");
        if !missing.is_empty() && std::env::var_os("CI").is_none() {
            println!("left out: this machine lacks {missing}");
            tally.skipped += 1;
            self.end(tests.name, End::Good, started);
            return Ok(());
        }
        let python = std::env::var("CANDELA_PYTHON").ok().filter(|python| has_python(python));
        let python = python.unwrap_or_else(|| {
            if has_python("python3.11") { "python3.11".into() } else { "python3".into() }
        });
        let mut result = End::Bad;
        for attempt in 1..=ATTEMPTS {
            let mut command = Command::new(&python);
            command.current_dir(&self.root).arg(self.root.join(tests.program));
            command.args(tests.arguments).env("CANDELA_BIN", built_program()?);
            command.env("CANDELA_ENGINES", engines_folder(&self.root));
            let mut failed = Vec::new();
            result = process::tell(&mut command, STEP_MAX, &mut |line| {
                failed.extend(line.contains("FAIL").then(|| line.to_owned()));
            })?;
            let remark = |line| format!("{}, attempt {attempt}: {line}", tests.name);
            self.remarks.extend(failed.into_iter().map(remark));
            if result != End::Bad {
                break;
            }
        }
        tally.passed += u64::from(result == End::Good);
        self.end(tests.name, result, started);
        Ok(())
    }

    /// The end: a table of the steps, and last a line that readers of test results know.
    fn tell(&self, mut tally: Tally) -> bool {
        println!("\n{:<10} {:>10}  result", "step", "time");
        for step in &self.done {
            println!("{:<10} {:>10}  {}", step.name, span(step.took), word(step.result));
        }
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        println!("{:<10} {:>10}", "all", span(total));
        let bad = self.done.iter().filter(|step| step.result != End::Good);
        let counted = ["tests", "doctests"];
        tally.failed += bad.filter(|step| !counted.contains(&step.name)).count() as u64;
        for remark in &self.remarks {
            println!("{remark}");
        }
        println!("\n{}", last_line(tally));
        tally.failed == 0
    }
}

fn last_line(tally: Tally) -> String {
    let result = if tally.failed == 0 { "ok" } else { "FAILED" };
    let Tally { passed, failed, skipped } = tally;
    format!("test result: {result}. {passed} passed; {failed} failed; {skipped} ignored")
}

fn word(result: End) -> &'static str {
    match result {
        End::Good => "ok",
        End::Bad => "FAILED",
        End::TooLong => "FAILED: took too long and was killed",
    }
}

fn span(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

/// What has to be on the machine; says what is missing and what to do.
fn tools() -> bool {
    let python = std::env::var("CANDELA_PYTHON").unwrap_or_else(|_| "python3.11".into());
    let blender = std::env::var_os("CANDELA_BLENDER").is_some();
    let needs = [
        (process::exists("cargo-fmt", "--version"), "rustfmt (`rustup component add rustfmt`)"),
        (process::exists("cargo-clippy", "--version"), "clippy (`rustup component add clippy`)"),
        (process::exists("cc", "--version"), "a C compiler named cc"),
        (process::exists("git", "--version"), "git"),
        (
            blender || has_python(&python) || has_python("python3"),
            "CPython 3.11 with pip, with which the engine runs (or CANDELA_PYTHON or CANDELA_BLENDER)",
        ),
    ];
    let missing: Vec<&str> = needs.iter().filter(|(is, _)| !is).map(|(_, what)| *what).collect();
    for what in &missing {
        println!("error: this machine lacks {what}");
    }
    if !process::exists("cargo-nextest", "--version") {
        println!("cargo-nextest is not there: the tests run with `cargo test`");
    }
    missing.is_empty()
}

/// Whether a program is the Python that the engine needs, and can install it.
fn has_python(program: &str) -> bool {
    let ask = "import pip, sys; sys.exit(sys.version_info[:2] != (3, 11))";
    let mut command = Command::new(program);
    command.args(["-c", ask]).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Where the tests look for engines.
fn engines_folder(root: &Path) -> PathBuf {
    let named = std::env::var_os("CANDELA_ENGINES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root.join("target/candela-engines"));
    if folder.is_absolute() { folder } else { root.join(folder) }
}

/// The program, beside this one: in the folder of the profile that everything is built with.
fn built_program() -> Result<PathBuf> {
    let this = std::env::current_exe().context("can't find this program")?;
    Ok(this.with_file_name(format!("candela{}", std::env::consts::EXE_SUFFIX)))
}

/// Installs the engine with the program itself, before tests need it.
fn install_engine(root: &Path) -> Result<bool> {
    let mut command = Command::new(built_program()?);
    command.args(["engine", "install", ENGINE, "--engine-folder"]).arg(engines_folder(root));
    Ok(process::tell(&mut command, STEP_MAX, &mut |_| {})? == End::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_reads_like_cargos() {
        let line = last_line(Tally { passed: 3, failed: 0, skipped: 1 });
        assert_eq!(line, "test result: ok. 3 passed; 0 failed; 1 ignored");
        let mut heard = Tally::default();
        heard.hear(&line);
        assert_eq!(heard, Tally { passed: 3, failed: 0, skipped: 1 });
    }

    #[test]
    fn a_failed_step_fails_the_whole() {
        let done = |result| Done { name: "format", result, took: Duration::ZERO };
        let run =
            |result| Run { root: PathBuf::new(), done: vec![done(result)], remarks: Vec::new() };
        assert!(run(End::Good).tell(Tally { passed: 1, ..Tally::default() }));
        assert!(!run(End::Bad).tell(Tally { passed: 1, ..Tally::default() }));
        assert!(!run(End::Good).tell(Tally { failed: 1, ..Tally::default() }));
    }
}
