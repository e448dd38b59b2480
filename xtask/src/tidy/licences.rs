//! Licences of everything that the program is built from: each must be one that its users can live with.

use super::Violation;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Licences that ask for nothing but their text and a name, or stay within their own files (MPL-2.0).
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages under other licences, each with the reason why it may be used all the same.
const ADMITTED: [(&str, &str, &str); 1] = [(
    "hakoniwa",
    "LGPL-3.0-only WITH LGPL-3.0-linking-exception",
    "the exception lets a program under any licence contain it unchanged; see docs/decisions/003",
)];

/// Names and licences of all packages, ours included, for every platform.
///
/// # Errors
/// If cargo fails.
pub(crate) fn of_dependencies(root: &Path) -> Result<Vec<(String, String)>> {
    let mut cargo = Command::new(crate::ci::cargo());
    cargo.current_dir(root).args(["tree", "--workspace", "--locked", "--prefix", "none"]);
    cargo.args(["--no-dedupe", "--edges", "normal,build,dev", "--target", "all"]);
    cargo.args(["--format", "{p}\t{l}"]);
    let listed = crate::process::output(&mut cargo)?;
    let mut packages: Vec<(String, String)> = listed.lines().filter_map(package).collect();
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// `name v1.2.3 (…)`, a tab, the licence.
fn package(line: &str) -> Option<(String, String)> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    Some((format!("{name} {version}"), licence.trim().to_owned()))
}

/// Checks the licences.
pub(crate) fn check(packages: &[(String, String)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (package, licence) in packages {
        let name = package.split(' ').next().unwrap_or_default();
        if ADMITTED.iter().any(|(known, stated, _)| *known == name && *stated == licence) {
            continue;
        }
        let text = match allows(licence) {
            Some(true) => continue,
            Some(false) => format!("{package} is under {licence}, which is not allowed"),
            None => format!("{package} states no licence that can be understood: {licence:?}"),
        };
        violations.push(Violation {
            path: "Cargo.lock".to_owned(),
            line: 0,
            rule: "licences",
            text,
        });
    }
    violations
}

/// Whether an SPDX expression can be met with allowed licences; none if it can't be understood.
fn allows(expression: &str) -> Option<bool> {
    // `MIT/Apache-2.0` is how OR was written before SPDX.
    let spaced = expression
        .replace('/', " OR ")
        .replace(" or ", " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (value, rest) = either(&words)?;
    rest.is_empty().then_some(value)
}

type Parsed<'a> = Option<(bool, &'a [&'a str])>;

fn either<'a>(words: &'a [&'a str]) -> Parsed<'a> {
    let (mut value, mut rest) = both(words)?;
    while let ["OR", after @ ..] = rest {
        let (other, after) = both(after)?;
        (value, rest) = (value | other, after);
    }
    Some((value, rest))
}

fn both<'a>(words: &'a [&'a str]) -> Parsed<'a> {
    let (mut value, mut rest) = one(words)?;
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after)?;
        (value, rest) = (value & other, after);
    }
    Some((value, rest))
}

fn one<'a>(words: &'a [&'a str]) -> Parsed<'a> {
    match words {
        ["(", rest @ ..] => match either(rest)? {
            (value, [")", rest @ ..]) => Some((value, rest)),
            _ => None,
        },
        [")" | "OR" | "AND" | "WITH", ..] | [] => None,
        [name, "WITH", exception, rest @ ..] => {
            Some((ALLOWED.contains(&format!("{name} WITH {exception}").as_str()), rest))
        }
        [name, rest @ ..] => Some((ALLOWED.contains(name), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        for (expression, want) in [
            ("MIT", Some(true)),
            ("GPL-3.0-or-later", Some(false)),
            ("GPL-2.0 OR MIT", Some(true)),
            ("GPL-2.0/MIT", Some(true)),
            ("MIT or GPL-2.0", Some(true)),
            ("GPL-2.0 AND MIT", Some(false)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
            ("(MIT OR Apache-2.0) AND GPL-2.0", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("GPL-2.0 WITH LLVM-exception", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT Apache-2.0", None),
        ] {
            assert_eq!(allows(expression), want, "{expression}");
        }
    }

    #[test]
    fn a_package_is_read_from_a_line() {
        let want = Some(("candela-core v0.1.0".to_owned(), "Apache-2.0 OR MIT".to_owned()));
        assert_eq!(package("candela-core v0.1.0 (crates/core)\tApache-2.0 OR MIT"), want);
        assert_eq!(package(""), None);
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_a_violation() {
        let row = |name: &str, licence: &str| (name.to_owned(), licence.to_owned());
        assert_eq!(check(&[row("a v1", "MIT")]), []);
        assert_eq!(check(&[row("a v1", "SSPL-1.0"), row("b v1", "")]).len(), 2);
        let (name, licence, _) = ADMITTED[0];
        assert_eq!(check(&[row(&format!("{name} v1"), licence)]), []);
        assert_eq!(check(&[row(&format!("{name} v1"), "LGPL-3.0-only")]).len(), 1);
        assert_eq!(check(&[row("another v1", licence)]).len(), 1);
    }
}
