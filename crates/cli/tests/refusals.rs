//! What people do wrong, and what they are told: exit codes, refusals, hints.

use anyhow::{Result, ensure};
use candela_testkit::{Network, Role, demo_scene, fixture};
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_candela");

struct Told {
    code: Option<i32>,
    said: String,
}

fn render(network: &Network, scene: &Path, args: &[&str]) -> Result<Told> {
    let scene = scene.to_string_lossy();
    let output = network.run(&[&["render", &*scene], args].concat())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{scene} {args:?}\n{said}");
    Ok(Told { code: output.status.code(), said })
}

fn check(told: &Told, code: i32, wants: &[&str]) -> Result<()> {
    ensure!(told.code == Some(code), "exit {:?}, wanted {code}:\n{}", told.code, told.said);
    for want in wants {
        ensure!(told.said.contains(want), "{want:?} is not in:\n{}", told.said);
    }
    Ok(())
}

#[test]
fn files_and_frames_that_make_no_sense_are_refused_at_once() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let folder = tempfile::tempdir()?;
    let scene = demo_scene(folder.path())?;
    let network = Network::start(PROGRAM)?;
    let out = network.path("out");
    let cut = folder.path().join("cut.blend");
    let bytes = std::fs::read(&scene)?;
    std::fs::write(&cut, &bytes[..bytes.len() / 2])?;
    let text = folder.path().join("notes.blend");
    std::fs::write(&text, "these are notes")?;
    let output = ["--output", out.as_str()];
    check(&render(&network, &text, &output)?, 1, &["error:", "not a .blend", "hint:"])?;
    check(&render(&network, &cut, &output)?, 1, &["error:", "cut off", "hint:"])?;
    let nowhere = render(&network, Path::new("nowhere.blend"), &output)?;
    ensure!(nowhere.code != Some(0) && nowhere.said.contains("nowhere.blend"), "{}", nowhere.said);
    for (frames, want) in [
        ("", "no frames"),
        ("9-3", "ends before it begins"),
        ("1-10000000", "more than a job may have"),
        ("99999999", "is outside of"),
        ("a-b", "can't read"),
    ] {
        let frames = format!("--frames={frames}");
        let told = render(&network, &scene, &["--output", &out, &frames])?;
        ensure!(matches!(told.code, Some(1 | 2)), "{frames:?}: {}", told.said);
        ensure!(told.said.contains(want), "{frames:?}: {}", told.said);
    }
    let told = render(&network, &scene, &["--output", &out, "--frames", "1"])?;
    check(&told, 1, &["no worker that has blender-4.5.15 is connected", "--wait"])?;
    Ok(())
}

#[test]
fn a_second_manager_on_the_same_folder_is_refused() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let network = Network::start(PROGRAM)?;
    let Err(error) = network.try_manager("127.0.0.1:0") else {
        anyhow::bail!("two managers run on one folder");
    };
    let said = format!("{error:#}");
    ensure!(said.contains("another manager runs on this data folder"), "{said}");
    // The first one goes on.
    ensure!(network.run(&["job", "list"])?.status.success());
    Ok(())
}

/// What the network has to do with real files that can't be rendered as they are.
#[test]
fn real_scenes_that_cannot_be_rendered_are_refused_with_the_reason() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("engineer-bedroom/bedroom.blend", &[], &["BLENDER_EEVEE", "--force-cycles"]),
        ("engineer-bedroom/bedroom.blend", &["--force-cycles"], &["black"]),
        ("packt-smoke/ch16_smoke.blend", &[], &["files are missing", "(cache)"]),
        // What crashes the engine is tried a bounded number of times, and ends with its own words.
        (
            "packt-smoke/ch16_smoke.blend",
            &["--force-cycles", "--allow-missing"],
            &["fell over 3 times", "last words", "no worker was blamed"],
        ),
        (
            "missing-texture/01_missing_textures.blend",
            &[],
            &["files are missing", "--allow-missing"],
        ),
        ("document-gn/blender/scene.blend", &[], &["files are missing"]),
        ("saved-by-5.2/37_lamp_Cycles.blend", &[], &["5.2", "4.5"]),
        ("ancient-2.48/Suzanne_248.blend", &[], &["error:", "hint:"]),
        ("no-camera/LowpolyGeometrynodeTree.blend", &[], &["no camera", "files are missing"]),
        ("bunny/bunny-draco.glb", &[], &["not a .blend", "glTF"]),
        ("appleseed-linking/01 - basic linking.blend", &[], &["--force-cycles"]),
    ];
    if fixture(cases[0].0).is_none() {
        return Ok(());
    }
    let network = Network::start(PROGRAM)?;
    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let out = network.path("out");
    let mut wrong = Vec::new();
    for (path, more, wants) in cases {
        let Some(scene) = fixture(path) else { continue };
        let args = ["--frames", "1", "--size", "10%", "--samples", "4", "--wait", "--output", &out];
        let told = render(&network, &scene, &[&args[..], more].concat())?;
        if let Err(error) = check(&told, 1, wants) {
            wrong.push(format!("{path}: {error}"));
        }
    }
    ensure!(wrong.is_empty(), "{}\n{}", wrong.join("\n\n"), network.logs());
    Ok(())
}

/// Real files with traps that have to render all the same.
#[test]
fn real_scenes_with_traps_are_rendered_and_write_nothing_outside() -> Result<()> {
    candela_testkit::engine(PROGRAM)?;
    let cases: &[(&str, &[&str])] = &[
        ("python-driver/cube_compositor.blend", &[]),
        ("missing-texture/01_missing_textures.blend", &["--allow-missing"]),
        ("rules-blender-glow/example.blend", &[]),
        ("f9r/f9r-v2.blend", &[]),
        ("engineer-bedroom/bedroom_cycles.blend", &[]),
    ];
    if fixture(cases[0].0).is_none() {
        return Ok(());
    }
    let root_before = names("/")?;
    let network = Network::start(PROGRAM)?;
    let _worker = network.node("ada", Role::Worker, &[])?;
    let _verifier = network.node("vera", Role::Verifier, &[])?;
    let mut wrong = Vec::new();
    for (number, (path, more)) in cases.iter().enumerate() {
        let Some(scene) = fixture(path) else { continue };
        let out = network.path(&format!("out-{number}"));
        let mut args = vec!["--frames", "1", "--size", "10%", "--samples", "4", "--output", &out];
        args.extend(["--wait", "--force-cycles"]);
        args.extend(*more);
        let told = render(&network, &scene, &args)?;
        if let Err(error) = check(&told, 0, &[]) {
            wrong.push(format!("{path}: {error}"));
        }
    }
    ensure!(wrong.is_empty(), "{}\n{}", wrong.join("\n\n"), network.logs());
    ensure!(names("/")? == root_before, "something was written at the root of the disk");
    Ok(())
}

fn names(folder: &str) -> Result<Vec<std::ffi::OsString>> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    Ok(names)
}
