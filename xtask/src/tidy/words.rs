//! Words: none that the glossary replaced, no note of work undone, no path of a machine.

use super::source::{Source, line_at, places_of};
use super::{Repo, Violation};

/// Words that mean something else here, or nothing; each with the word of the glossary.
const REPLACED: [(&str, &str); 7] = [
    ("work unit", "task"),
    ("work units", "tasks"),
    ("honeypot", "canary"),
    ("karma", "standing"),
    ("reputation points", "standing"),
    ("spot check", "probe"),
    ("render job", "job"),
];

/// The same, only where no other meaning is at hand.
const REPLACED_IN_DOCUMENTS: [(&str, &str); 2] = [("chunk", "task"), ("chunks", "tasks")];

/// Crates whose strings people read.
const SPEAKING: [&str; 5] = ["cli", "api", "node", "core", "engine"];

/// Notes of work undone, which belong elsewhere.
const UNDONE: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// How paths show that are those of one machine.
const MACHINE: [&str; 6] = ["/work/", "/root/", "/home/", "/Users/", "C:\\Users", "/workspace/"];

/// A folder beside the repository, which a clone doesn't have.
const BESIDE: &str = "../shared";

/// Files that hold such words because they are about them.
const ABOUT: [&str; 3] = ["xtask/src/tidy/", "GLOSSARY.md", "Cargo.lock"];

/// Checks all texts.
pub(crate) fn check(repo: &Repo, sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in &repo.texts {
        if ABOUT.iter().any(|about| path.starts_with(about)) {
            continue;
        }
        let mut say = |at: usize, rule, said: String| {
            let line = line_at(text, at);
            violations.push(Violation { path: path.clone(), line, rule, text: said });
        };
        if !path.ends_with(".rs") {
            for word in UNDONE {
                places_of(text, word).for_each(|at| say(at, "undone", undone(word)));
            }
            if !path.contains("/tests/") {
                machine(text, &mut say);
            }
            places_of(text, BESIDE).for_each(|at| say(at, "machine", beside()));
        }
        if path.ends_with(".md") || path.ends_with(".html") {
            let words = REPLACED.iter().chain(&REPLACED_IN_DOCUMENTS);
            replaced(text, words, &mut say);
        }
    }
    for source in sources {
        if ABOUT.iter().any(|about| source.path.starts_with(about)) {
            continue;
        }
        let mut say = |at: usize, rule, said: String| {
            let (path, line) = (source.path.clone(), line_at(&source.text, at));
            violations.push(Violation { path, line, rule, text: said });
        };
        check_source(source, &mut say);
    }
    violations
}

type Say<'a> = dyn FnMut(usize, &'static str, String) + 'a;

fn check_source(source: &Source, say: &mut Say) {
    for word in UNDONE {
        places_of(&source.comments, word).for_each(|at| say(at, "undone", undone(word)));
    }
    for sign in ["todo!", "unimplemented!"] {
        places_of(&source.code, sign).for_each(|at| say(at, "undone", undone(sign)));
    }
    for (at, _) in source.text.match_indices("#[ignore") {
        let rest = &source.text[at..];
        let reason = rest.split(']').next().and_then(|attribute| attribute.split('"').nth(1));
        if reason.is_none_or(|reason| reason.trim().is_empty()) && is_code(source, at) {
            say(at, "ignored", "a test that is ignored says why: #[ignore = \"…\"]".into());
        }
    }
    machine(&source.comments, say);
    // The strings of tests make up machines.
    if !source.for_tests {
        machine(&source.strings, say);
    }
    places_of(&source.text, BESIDE).for_each(|at| say(at, "machine", beside()));
    if SPEAKING.contains(&source.krate()) && !source.for_tests {
        replaced(&source.strings, REPLACED.iter(), say);
    }
}

fn is_code(source: &Source, at: usize) -> bool {
    source.comments.as_bytes().get(at).is_none_or(|byte| *byte == b' ')
        && !source.text[..at].ends_with('"')
}

fn undone(word: &str) -> String {
    format!("{word}: what isn't done stands in no file")
}

fn beside() -> String {
    format!("{BESIDE}: outside of the repository")
}

fn machine(text: &str, say: &mut Say) {
    for path in MACHINE {
        for (at, _) in text.match_indices(path) {
            // A longer path, like `/candela/work/`, is not the machine's.
            let before = text[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && !"._-".contains(c)) {
                say(at, "machine", format!("{path}: the path of a machine"));
            }
        }
    }
}

fn replaced<'a>(text: &str, words: impl Iterator<Item = &'a (&'a str, &'a str)>, say: &mut Say) {
    let lower = text.to_ascii_lowercase();
    for (word, instead) in words {
        for at in places_of(&lower, word) {
            say(at, "glossary", format!("{word}: say {instead}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source;

    fn check_one(path: &str, text: &str, want: &[&str]) {
        let repo = Repo::of(&[(path, text)]);
        let found = check(&repo, &source::all(&repo));
        let found: Vec<&str> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(found, want, "{path}: {text}");
    }

    #[test]
    fn work_undone_is_found() {
        check_one("crates/net/src/a.rs", "// TODO: more", &["undone"]);
        check_one("crates/net/src/a.rs", "fn a() { todo!() }", &["undone"]);
        check_one("crates/net/src/a.rs", "let a = \"TODO\"; // a todo list", &[]);
        check_one("addon/a.py", "# FIXME", &["undone"]);
    }

    #[test]
    fn an_ignored_test_says_why() {
        check_one("crates/net/tests/a.rs", "#[ignore]\nfn a() {}", &["ignored"]);
        check_one("crates/net/tests/a.rs", "#[ignore = \" \"]\nfn a() {}", &["ignored"]);
        check_one("crates/net/tests/a.rs", "#[ignore = \"takes an hour\"]\nfn a() {}", &[]);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        check_one("README.md", "Look into /work/x.", &["machine"]);
        check_one("README.md", "Look into /candela/work/x.", &[]);
        check_one("crates/net/src/a.rs", "let a = \"/home/me/x\";", &["machine"]);
        check_one(
            "crates/net/src/a.rs",
            "#[cfg(test)] mod t { const A: &str = \"/home/me\"; }",
            &[],
        );
        check_one("crates/net/tests/a.rs", "join(\"../shared/x\")", &["machine"]);
    }

    #[test]
    fn words_of_the_glossary_are_used() {
        check_one("README.md", "A Chunk of frames.", &["glossary"]);
        check_one("crates/cli/src/a.rs", "let a = \"a work unit\"; // a work unit", &["glossary"]);
        check_one("crates/cli/src/a.rs", "let a = \"PNG's chunk\";", &[]);
        check_one("GLOSSARY.md", "task, not chunk", &[]);
    }
}
