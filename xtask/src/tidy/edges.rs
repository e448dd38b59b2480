//! Which crate may use which: the table of the architecture, against every manifest.

use super::{Repo, Violation};

/// A crate's folder and the crates that it may use.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("core", &[]),
    ("proof", &["core"]),
    ("wire", &["core"]),
    ("engine", &["core"]),
    ("taskdb", &["wire", "core"]),
    ("blobs", &["wire", "core"]),
    ("net", &["wire", "core"]),
    ("client", &["wire"]),
    ("messages", &[]),
    ("node", &["taskdb", "blobs", "net", "engine", "proof", "wire", "core"]),
    ("api", &["node", "messages", "blobs", "wire", "core"]),
    ("cli", &["node", "api", "client", "engine", "blobs", "net", "wire", "core"]),
    // For tests only: it may use everything, and nothing but tests may use it.
    (
        "testkit",
        &[
            "core", "proof", "wire", "engine", "taskdb", "blobs", "net", "client", "node", "api",
            "cli",
        ],
    ),
    ("xtask", &[]),
];

/// What the pure crates may use of others; neither has a clock, randomness or I/O.
const PURE: [(&str, &[&str]); 2] =
    [("core", &["blake3", "thiserror"]), ("proof", &["blake3", "thiserror"])];

/// Other people's crates that only some of ours may use.
const RESERVED: [(&str, &[&str]); 5] = [
    ("iroh", &["net", "blobs"]),
    ("hiqlite", &["taskdb"]),
    ("hakoniwa", &["engine"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli", "xtask", "testkit"]),
];

/// Checks all manifests.
pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in repo.ending("/Cargo.toml") {
        let krate = path.trim_end_matches("/Cargo.toml").trim_start_matches("crates/");
        let mut say = |name: &str, text: String| {
            let line = text_line(repo, path, name);
            violations.push(Violation { path: path.to_owned(), line, rule: "edges", text });
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == krate) else {
            say("[package]", format!("the crate {krate} is not in the table of edges"));
            continue;
        };
        let manifest: toml::Table = match text.parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                say("", format!("this is not TOML: {error}"));
                continue;
            }
        };
        for (name, kind) in dependencies(&manifest) {
            let ours = ours(&name);
            if kind == Kind::Tests {
                continue;
            }
            match ours {
                Some("testkit") => say(&name, "testkit is for tests only".into()),
                Some(used) if !allowed.contains(&used) => {
                    say(&name, format!("{krate} may not use {used}"));
                }
                Some(_) => {}
                None => check_others(krate, &name, &mut say),
            }
        }
    }
    violations
}

fn check_others(krate: &str, name: &str, say: &mut dyn FnMut(&str, String)) {
    if let Some((_, allowed)) = PURE.iter().find(|(pure, _)| *pure == krate)
        && !allowed.contains(&name)
    {
        say(name, format!("{krate} is pure: it may use {} only", allowed.join(" and ")));
    }
    for (reserved, users) in RESERVED {
        let is = name == reserved || name.starts_with(&format!("{reserved}-"));
        if is && !users.contains(&krate) {
            say(name, format!("only {} may use {name}", users.join(" and ")));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Tests,
}

/// Names of all dependencies, by their package, for every platform.
fn dependencies(manifest: &toml::Table) -> Vec<(String, Kind)> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|targets| targets.values());
    let tables = std::iter::once(manifest).chain(targets.filter_map(toml::Value::as_table));
    let kinds = [
        ("dependencies", Kind::Normal),
        ("build-dependencies", Kind::Normal),
        ("dev-dependencies", Kind::Tests),
    ];
    let mut found = Vec::new();
    for table in tables {
        for (section, kind) in kinds {
            let section = table.get(section).and_then(toml::Value::as_table);
            for (name, value) in section.into_iter().flatten() {
                let package = value.get("package").and_then(toml::Value::as_str);
                found.push((package.unwrap_or(name).to_owned(), kind));
            }
        }
    }
    found
}

/// The folder of one of our crates.
fn ours(package: &str) -> Option<&str> {
    match package {
        "candela" => Some("cli"),
        "xtask" => Some("xtask"),
        package => package.strip_prefix("candela-"),
    }
}

fn text_line(repo: &Repo, path: &str, name: &str) -> usize {
    let text = repo.texts.get(path).map_or("", String::as_str);
    text.lines().position(|line| !name.is_empty() && line.starts_with(name)).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(krate: &str, manifest: &str, want: &[&str]) {
        let path = match krate {
            "xtask" => "xtask/Cargo.toml".to_owned(),
            krate => format!("crates/{krate}/Cargo.toml"),
        };
        let found = check(&Repo::of(&[(&path, manifest)]));
        let found: Vec<String> = found.into_iter().map(|violation| violation.text).collect();
        assert_eq!(found, want, "{krate}: {manifest}");
    }

    #[test]
    fn edges_are_held() {
        let uses = |name: &str| format!("[dependencies]\n{name}.workspace = true");
        check_one("proof", &uses("candela-core"), &[]);
        check_one("core", &uses("candela-wire"), &["core may not use wire"]);
        check_one("client", &uses("candela-node"), &["client may not use node"]);
        check_one("cli", &uses("candela-taskdb"), &["cli may not use taskdb"]);
        check_one("api", &uses("candela-testkit"), &["testkit is for tests only"]);
        check_one("api", "[dev-dependencies]\ncandela-testkit.workspace = true", &[]);
        check_one("node", &uses("candela"), &["node may not use cli"]);
        check_one("extra", "", &["the crate extra is not in the table of edges"]);
    }

    #[test]
    fn an_edge_has_no_other_name() {
        let renamed = "[dependencies]\nrules = { package = \"candela-node\", path = \"../node\" }";
        check_one("wire", renamed, &["wire may not use node"]);
        let unix = "[target.'cfg(unix)'.dependencies]\ncandela-net = \"1\"";
        check_one("blobs", unix, &["blobs may not use net"]);
        let build = "[build-dependencies]\ncandela-core = \"1\"";
        check_one("xtask", build, &["xtask may not use core"]);
    }

    #[test]
    fn other_peoples_crates_are_reserved() {
        let uses = |name: &str| format!("[dependencies]\n{name} = \"1\"");
        check_one("node", &uses("iroh-blobs"), &["only net and blobs may use iroh-blobs"]);
        check_one("net", &uses("iroh"), &[]);
        check_one("wire", &uses("hiqlite"), &["only taskdb may use hiqlite"]);
        check_one("net", &uses("anyhow"), &["only cli and xtask and testkit may use anyhow"]);
        check_one("core", &uses("tokio"), &["core is pure: it may use blake3 and thiserror only"]);
    }
}
