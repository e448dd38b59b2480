//! What only some crates may do: start processes, name iroh and hiqlite, print, read the
//! configuration, know the time; and what nobody may, which is to unwrap.
//!
//! Tests, examples and build scripts are free.

use super::Violation;
use super::source::{Source, line_at, places_of};

/// Something that only some may do.
struct Reserved {
    rule: &'static str,
    /// How it shows in code.
    signs: &'static [&'static str],
    /// Crates that may.
    crates: &'static [&'static str],
    /// Files of other crates that may, with the reason.
    files: &'static [(&'static str, &'static str)],
    says: &'static str,
}

const RESERVED: [Reserved; 7] = [
    Reserved {
        rule: "processes",
        signs: &["process::Command", "process::Child", "tokio::process", "hakoniwa"],
        crates: &["engine", "xtask"],
        files: &[
            (
                "crates/cli/src/demo/processes.rs",
                "the demonstration starts its roles, which are this same program",
            ),
            ("crates/cli/src/desktop.rs", "the desktop's own program shows notifications"),
        ],
        says: "only engine starts processes",
    },
    Reserved {
        rule: "iroh",
        signs: &["iroh::", "iroh_blobs", "iroh_base", "iroh_relay"],
        crates: &["net", "blobs"],
        files: &[],
        says: "only net and blobs name iroh",
    },
    Reserved {
        rule: "hiqlite",
        signs: &["hiqlite"],
        crates: &["taskdb"],
        files: &[],
        says: "only taskdb names hiqlite",
    },
    Reserved {
        rule: "prints",
        signs: &["println!", "eprintln!", "print!", "eprint!", "dbg!", "io::stdout", "io::stderr"],
        crates: &["cli", "xtask"],
        files: &[],
        says: "only cli prints; others log",
    },
    Reserved {
        rule: "configuration",
        signs: &[
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
            "env::args",
            "env::args_os",
        ],
        crates: &["cli", "node", "xtask"],
        files: &[(
            "crates/engine/src/provision.rs",
            "CANDELA_PYTHON and CANDELA_BLENDER, which say what engines run with on this machine",
        )],
        says: "only cli and node read configuration",
    },
    Reserved {
        rule: "formats",
        signs: &["Serialize", "Deserialize"],
        // Outside of wire these are a crate's own files, never the types of core.
        crates: &["wire", "api", "client", "cli", "node", "engine"],
        files: &[],
        says: "only wire serializes what is sent or stored",
    },
    Reserved {
        rule: "unwraps",
        signs: &[".unwrap()", ".unwrap_err()", ".expect(", ".expect_err("],
        crates: &["xtask"],
        files: &[],
        says: "an error is handled, and a bug is an assertion that says what it asserts",
    },
];

/// What a pure crate has none of.
const IMPURE: [&str; 24] = [
    "SystemTime",
    "Instant",
    "rand",
    "getrandom",
    "RandomState",
    "HashMap",
    "HashSet",
    "std::fs",
    "fs::",
    "File",
    "std::io",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "env::",
    "std::thread",
    "thread::",
    "std::process",
    "process::",
    "tokio",
    "async",
    "await",
    "static mut",
];

const PURE: [&str; 2] = ["core", "proof"];

/// Checks all sources.
pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.for_tests) {
        for reserved in &RESERVED {
            let free = reserved.crates.contains(&source.krate())
                || reserved.files.iter().any(|(path, _)| *path == source.path);
            if !free {
                find(source, reserved, &mut violations);
            }
        }
        if PURE.contains(&source.krate()) {
            for sign in IMPURE {
                let text = format!("{sign}: {} is pure", source.krate());
                say_each(source, sign, "pure", &text, &mut violations);
            }
        }
    }
    violations
}

fn find(source: &Source, reserved: &Reserved, violations: &mut Vec<Violation>) {
    for sign in reserved.signs {
        let text = format!("{sign}: {}", reserved.says);
        say_each(source, sign, reserved.rule, &text, violations);
        // `use a::{b, c}` names c of a too.
        if let Some((module, item)) = sign.split_once("::").filter(|(_, item)| !item.is_empty()) {
            let group = format!("{module}::{{");
            for at in places_of(&source.code, &group) {
                let names = &source.code[at + group.len()..];
                let names = names.split('}').next().unwrap_or_default();
                if names.split(',').any(|name| name.trim().split(" as ").next() == Some(item)) {
                    let line = line_at(&source.code, at);
                    violations.push(violation(source, line, reserved.rule, &text));
                }
            }
        }
    }
}

fn say_each(
    source: &Source,
    sign: &str,
    rule: &'static str,
    text: &str,
    violations: &mut Vec<Violation>,
) {
    let places = places_of(&source.code, sign);
    violations.extend(places.map(|at| violation(source, line_at(&source.code, at), rule, text)));
}

fn violation(source: &Source, line: usize, rule: &'static str, text: &str) -> Violation {
    Violation { path: source.path.clone(), line, rule, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(path: &str, text: &str, want: &[&str]) {
        let found = check(&[Source::of(path, text)]);
        let found: Vec<&str> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(found, want, "{path}: {text}");
    }

    #[test]
    fn each_thing_is_reserved() {
        let node = "crates/node/src/manager.rs";
        check_one(node, "std::process::Command::new(x)", &["processes"]);
        check_one(node, "use std::process::{ExitCode, Command};", &["processes"]);
        check_one(node, "use std::process::ExitCode; farm::Command::Tick", &[]);
        check_one(node, "use tokio::process;", &["processes"]);
        check_one(node, "use iroh::Endpoint;", &["iroh"]);
        check_one(node, "self.endpoint.iroh()", &[]);
        check_one(node, "use hiqlite::Client;", &["hiqlite"]);
        check_one(node, "println!(\"a\")", &["prints"]);
        check_one("crates/net/src/a.rs", "std::env::var(\"A\")", &["configuration"]);
        check_one("crates/proof/src/a.rs", "#[derive(Serialize)]", &["formats"]);
        check_one("crates/cli/src/a.rs", "a.unwrap(); b.expect(\"c\")", &["unwraps"; 2]);
        check_one("crates/cli/src/a.rs", "a.unwrap_or(0); b.unwrap_or_default()", &[]);
    }

    #[test]
    fn those_who_may_may() {
        check_one("crates/engine/src/a.rs", "use std::process::{Command, Stdio};", &[]);
        check_one("crates/cli/src/demo/processes.rs", "use tokio::process::{Child, Command};", &[]);
        check_one("crates/cli/src/demo/mod.rs", "use tokio::process::Command;", &["processes"; 2]);
        check_one("crates/blobs/src/a.rs", "iroh_blobs::x()", &[]);
        check_one("crates/taskdb/src/a.rs", "use hiqlite::Client;", &[]);
        check_one("crates/cli/src/a.rs", "println!(); std::env::var(x)", &[]);
        check_one("crates/engine/src/provision.rs", "std::env::var_os(\"CANDELA_PYTHON\")", &[]);
        check_one("crates/engine/src/launch.rs", "std::env::var_os(\"X\")", &["configuration"]);
    }

    #[test]
    fn tests_comments_and_strings_are_free() {
        check_one("crates/net/tests/a.rs", "println!()", &[]);
        check_one("crates/net/src/a.rs", "#[cfg(test)] mod tests { fn a() { println!() } }", &[]);
        check_one("crates/net/src/a.rs", "// println!()\nlet a = \"println!\";", &[]);
    }

    #[test]
    fn the_pure_crates_have_no_world() {
        for text in [
            "use std::time::SystemTime;",
            "Instant::now()",
            "rand::random()",
            "std::fs::read(x)",
            "HashMap::new()",
            "async fn a() {}",
            "std::net::TcpStream::connect(x)",
        ] {
            for krate in PURE {
                let source = Source::of(&format!("crates/{krate}/src/a.rs"), text);
                assert!(check(&[source]).iter().any(|v| v.rule == "pure"), "{krate}: {text}");
            }
        }
        check_one("crates/core/src/a.rs", "use std::net::SocketAddr; let brand = 1;", &[]);
    }
}
