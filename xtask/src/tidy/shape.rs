//! The shape of files: what opens them, how long they are; and files that should not be there.

use super::{Repo, Violation};

/// A file longer than this is pointed out.
const SOFT_LINES: usize = 500;

/// A file longer than this needs a reason.
const HARD_LINES: usize = 700;

/// Files that are longer, and why.
const LONG: [(&str, &str); 0] = [];

/// Ends of the names of files that people write and read.
const WRITTEN: [&str; 7] = [".rs", ".py", ".js", ".css", ".html", ".sql", ".sh"];

/// Ends of the names of files that tools leave behind.
const LEFT: [&str; 6] = [".pending-snap", ".snap.new", ".orig", ".rej", ".blend1", ".pyc"];

/// Checks all files.
pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in repo.ending(".rs") {
        if !text.starts_with("//!") && !is_module_of_tests(path) {
            let text = "a file opens with `//!`: what it is and why it exists".to_owned();
            violations.push(Violation { path: path.to_owned(), line: 1, rule: "opening", text });
        }
    }
    let left = repo.texts.keys().filter(|path| LEFT.iter().any(|end| path.ends_with(end)));
    for path in left {
        let text = "a tool left it behind: it belongs to nobody".to_owned();
        violations.push(Violation { path: path.clone(), line: 0, rule: "left-over", text });
    }
    for (path, lines) in lengths(repo) {
        let has_reason = LONG.iter().any(|(long, _)| *long == path);
        if lines > HARD_LINES && !has_reason {
            let text = format!("{lines} lines: more than {HARD_LINES} need a reason in shape.rs");
            violations.push(Violation { path: path.to_owned(), line: 0, rule: "length", text });
        }
        if lines <= HARD_LINES && has_reason {
            let text = "its reason in shape.rs is not needed any more".to_owned();
            violations.push(Violation { path: path.to_owned(), line: 0, rule: "length", text });
        }
    }
    violations
}

/// Files above the soft limit, in words.
pub(crate) fn long_files(repo: &Repo) -> Vec<String> {
    let long = lengths(repo).filter(|(_, lines)| (SOFT_LINES + 1..=HARD_LINES).contains(lines));
    long.map(|(path, lines)| format!("{path} has {lines} lines, more than {SOFT_LINES}")).collect()
}

fn lengths(repo: &Repo) -> impl Iterator<Item = (&str, usize)> {
    let written = |path: &str| WRITTEN.iter().any(|end| path.ends_with(end));
    let texts = repo.texts.iter().map(|(path, text)| (path.as_str(), text));
    texts.filter(move |(path, _)| written(path)).map(|(path, text)| (path, text.lines().count()))
}

/// A module of tests inside of a crate speaks through the names of its tests.
fn is_module_of_tests(path: &str) -> bool {
    path.contains("/src/")
        && (path.contains("/tests/") || path.ends_with("_tests.rs") || path.ends_with("/tests.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Repo::of(&[(path, text)])).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(rules("crates/net/src/a.rs", "//! What it is.\n"), [""; 0]);
        assert_eq!(rules("crates/net/src/a.rs", "use a::b;\n"), ["opening"]);
        assert_eq!(rules("crates/net/src/a_tests.rs", "use a::b;\n"), [""; 0]);
        assert_eq!(rules("crates/net/tests/a.rs", "use a::b;\n"), ["opening"]);
    }

    #[test]
    fn nothing_is_left_over() {
        assert_eq!(rules("crates/cli/src/.a.rs.pending-snap", ""), ["left-over"]);
        assert_eq!(rules("crates/cli/src/snapshots/a.snap", ""), [""; 0]);
    }

    #[test]
    fn a_file_is_not_too_long() {
        let lines = |number: usize| format!("//! What it is.\n{}", "\n".repeat(number - 1));
        assert_eq!(rules("crates/net/src/a.rs", &lines(HARD_LINES)), [""; 0]);
        assert_eq!(rules("crates/net/src/a.rs", &lines(HARD_LINES + 1)), ["length"]);
        assert_eq!(rules("addon/a.py", &lines(HARD_LINES + 1)), ["length"]);
        assert_eq!(rules("Cargo.lock", &lines(HARD_LINES + 1)), [""; 0]);
        let long = Repo::of(&[("a.rs", &lines(SOFT_LINES + 1)), ("b.rs", &lines(SOFT_LINES))]);
        assert_eq!(long_files(&long), ["a.rs has 501 lines, more than 500"]);
    }
}
