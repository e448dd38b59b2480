//! `cargo xtask tidy`: the project's own rules, which no compiler holds.
//!
//! Each rule is a function from the repository's texts to violations, so that its tests can break it.

mod documents;
mod edges;
mod licences;
mod reserved;
mod shape;
mod source;
mod words;

use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// The texts of the repository by path, as git lists them.
#[derive(Debug, Default)]
pub(crate) struct Repo {
    texts: BTreeMap<String, String>,
}

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    /// From 1; 0 is the file as a whole.
    line: usize,
    rule: &'static str,
    text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { path, line, rule, text } = self;
        if *line == 0 {
            return write!(f, "{path}: {text} [{rule}]");
        }
        write!(f, "{path}:{line}: {text} [{rule}]")
    }
}

impl Repo {
    /// Reads the files that git knows, and new ones that it doesn't ignore.
    fn read(root: &Path) -> Result<Repo> {
        let mut git = Command::new("git");
        git.current_dir(root).args(["ls-files", "-z", "-c", "-o", "--exclude-standard"]);
        let listed = crate::process::output(&mut git)?;
        let mut texts = BTreeMap::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // Deleted and not yet committed, or no text.
            let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
            let text = String::from_utf8(bytes).unwrap_or_default();
            texts.insert(path.to_owned(), text);
        }
        Ok(Repo { texts })
    }

    #[cfg(test)]
    fn of(texts: &[(&str, &str)]) -> Repo {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Repo { texts: texts.iter().map(owned).collect() }
    }

    /// Files whose name ends so.
    fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        texts.filter(move |(path, _)| path.ends_with(end))
    }
}

/// The folder of the crate that a file belongs to, like `core` or `xtask`.
fn crate_of(path: &str) -> Option<&str> {
    match path.strip_prefix("crates/") {
        Some(rest) => rest.split_once('/').map(|(name, _)| name),
        None => path.starts_with("xtask/").then_some("xtask"),
    }
}

/// Checks everything and prints what is wrong; whether nothing is.
///
/// # Errors
/// If files can't be read, or cargo or git fails.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let repo = Repo::read(root)?;
    let sources = source::all(&repo);
    let mut violations = Vec::new();
    violations.extend(edges::check(&repo));
    violations.extend(reserved::check(&sources));
    violations.extend(shape::check(&repo));
    violations.extend(words::check(&repo, &sources));
    violations.extend(documents::check(&repo));
    violations.extend(licences::check(&licences::of_dependencies(root)?));
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    for long in shape::long_files(&repo) {
        println!("note: {long}");
    }
    println!("tidy: {} files, {} violations", repo.texts.len(), violations.len());
    Ok(violations.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_of_a_file() {
        assert_eq!(crate_of("crates/core/src/lib.rs"), Some("core"));
        assert_eq!(crate_of("xtask/src/main.rs"), Some("xtask"));
        assert_eq!(crate_of("README.md"), None);
    }

    #[test]
    fn a_violation_says_where() {
        let violation =
            Violation { path: "a.rs".into(), line: 3, rule: "prints", text: "println!".into() };
        assert_eq!(violation.to_string(), "a.rs:3: println! [prints]");
    }
}
