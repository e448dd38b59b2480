//! What an engine's process can't do, and that nothing of it is left when it should be gone.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use candela_engine::{
    DriverSource, Engine, EngineError, EngineOptions, OpenOptions, RenderRequest, SandboxMode,
};
use common::{Bench, scene_dir, settings};

fn driver(bench: &Bench, name: &str, replace: &[(&str, &str)]) -> DriverSource {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common").join(name);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in replace {
        text = text.replace(from, to);
    }
    DriverSource::from_path(&bench.file(name, &text))
}

#[tokio::test]
async fn nothing_gets_out_of_the_sandbox() {
    let bench = Bench::new();
    let secret = bench.file("secret", "secret");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let driver = driver(
        &bench,
        "spy_driver.py",
        &[("@PORT@", &port), ("@SECRET@", secret.to_str().unwrap())],
    );
    let options = EngineOptions { driver, ..bench.options("a") };
    // Kept until the end: what lies in its folder goes with it.
    let mut engine = Engine::start(options).await.unwrap();
    let hello = engine.hello().await.unwrap();
    let said: BTreeMap<_, _> =
        hello.devices.iter().map(|d| (d.kind.as_str(), d.name.as_str())).collect();
    for (what, expected) in [
        ("connect to this machine", "no"),
        ("connect to the world", "no"),
        ("read a secret", "no"),
        ("list /home", "no"),
        ("list /root/.ssh", "no"),
        ("write to the engine", "no"),
        ("write to the driver", "no"),
        ("write to /", "no"),
        ("write to /usr", "no"),
        ("write to /dev", "no"),
        ("write to its folder", "yes"),
        ("write to /tmp", "yes"),
        ("capabilities", "0000000000000000"),
        ("processes", "1"),
        ("mount", "True"),
    ] {
        let found = said[what].split(':').next().unwrap();
        assert!(found.starts_with(expected), "{what}: {}", said[what]);
    }
    // Nothing of this process's environment: Blender adds two of its own.
    for name in ["CANDELA_ENGINES", "USER", "CARGO_MANIFEST_DIR"] {
        assert!(!said["environment"].split(' ').any(|n| n == name), "{}", said["environment"]);
    }
    assert!(bench.folder.path().join("a/work/x").exists());
}

async fn bad(way: &str, change: impl FnOnce(&mut EngineOptions)) -> (EngineError, Bench) {
    let bench = Bench::new();
    let driver = driver(&bench, "bad_driver.py", &[]);
    let mut options = EngineOptions { driver, ..bench.options("a") };
    change(&mut options);
    let scene = scene_dir().join("scene.blend");
    std::fs::copy(scene, bench.folder.path().join(format!("{way}.blend"))).unwrap();
    let mut engine = Engine::start(options).await.unwrap();
    let file = format!("{way}.blend");
    let error = engine.open(bench.folder.path(), file.as_ref(), &OpenOptions::default()).await;
    (error.unwrap_err(), bench)
}

#[tokio::test]
async fn limits_are_kept() {
    let (error, _bench) = bad("hang", |o| o.limits.open_s_max = 3).await;
    assert_eq!(error.to_string(), "the engine was killed: open took longer than 3 s");
    let (error, _bench) = bad("memory", |o| o.limits.memory_bytes_max = 700 << 20).await;
    assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
    let (error, _bench) = bad("disk", |o| o.limits.scratch_bytes_max = 100 << 20).await;
    assert!(matches!(error, EngineError::ScratchFull { .. }), "{error}");
    let (error, _bench) = bad("exit", |_| {}).await;
    assert_eq!(error.to_string(), "the engine crashed (exit code 7); it said: my last words");
    let (error, _bench) = bad("nonsense", |_| {}).await;
    assert!(matches!(error, EngineError::Protocol { .. }), "{error}");
}

/// Processes and their parents.
fn parents() -> BTreeMap<u32, u32> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        if fields[0] != "Z" {
            found.insert(pid, fields[1].parse().unwrap());
        }
    }
    found
}

fn descendants(of: u32) -> Vec<u32> {
    let parents = parents();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| **parent == pid).map(|(child, _)| *child));
        next += 1;
    }
    found.remove(0);
    found
}

/// The part that is killed: it renders for long, in a process of its own.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn part_that_renders_for_long() {
    let Some(folder) = std::env::var_os("CANDELA_TEST_FOLDER") else { return };
    let mode = if std::env::var_os("CANDELA_TEST_OFF").is_some() {
        SandboxMode::Off
    } else {
        SandboxMode::On
    };
    let mut options = EngineOptions::new(common::installed(), folder);
    options.sandbox = mode;
    let mut engine = Engine::start(options).await.unwrap();
    engine.open(scene_dir(), "scene.blend".as_ref(), &OpenOptions::default()).await.unwrap();
    let mut settings = settings(800, 600);
    settings.samples = Some(100_000);
    let request = RenderRequest { frame: 1, region: None, seed_offset: 0, settings, output: false };
    let _ = engine.render(&request, |_| {}).await;
}

fn killed_parent_leaves_nothing(off: bool) {
    let bench = Bench::new();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "part_that_renders_for_long", "--ignored", "--nocapture"]);
    command.env("CANDELA_TEST_FOLDER", bench.folder.path());
    if off {
        command.env("CANDELA_TEST_OFF", "1");
    }
    let mut child = command.spawn().unwrap();
    let busy = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ticks = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(11)?.parse::<u64>().ok());
        let work = bench.folder.path().join("work/tmp").exists();
        work && ticks.is_some_and(|ticks| ticks > 300)
    };
    let until = Instant::now() + Duration::from_secs(60);
    let engines = loop {
        let found = descendants(child.id());
        if found.iter().any(busy) {
            break found;
        }
        assert!(Instant::now() < until, "the engine did not start to render");
        std::thread::sleep(Duration::from_millis(100));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while engines.iter().any(|pid| parents().contains_key(pid)) {
        assert!(Instant::now() < until, "an engine outlived its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_engine_dies_with_its_parent_in_the_middle_of_a_render() {
    killed_parent_leaves_nothing(false);
}

#[test]
fn so_it_does_without_a_sandbox() {
    killed_parent_leaves_nothing(true);
}

#[tokio::test]
async fn a_dropped_engine_leaves_nothing() {
    let before = descendants(std::process::id());
    let (error, _bench) = bad("hang", |o| o.limits.open_s_max = 2).await;
    assert!(matches!(error, EngineError::TimedOut { .. }), "{error}");
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let mine = descendants(std::process::id());
        let hung = mine.iter().filter(|pid| !before.contains(pid)).any(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("sleep")
        });
        if !hung {
            return;
        }
        assert!(Instant::now() < until, "something is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
