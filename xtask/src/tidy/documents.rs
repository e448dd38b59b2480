//! Documents: decisions numbered without gaps, links that lead somewhere, one sentence a line, every
//! crate on the map.

use super::source::line_at;
use super::{Repo, Violation};
use std::collections::BTreeSet;

const DECISIONS: &str = "docs/decisions/";
const MAP: &str = "ARCHITECTURE.md";

/// Words that end with a full stop in the middle of a sentence.
const ABBREVIATIONS: [&str; 6] = ["e.g.", "i.e.", "etc.", "cf.", "vs.", "approx."];

/// Checks all documents.
pub(crate) fn check(repo: &Repo) -> Vec<Violation> {
    let mut violations = decisions(repo);
    for (path, text) in repo.ending(".md") {
        for (line, target) in links(text) {
            if let Some(why) = dead(repo, path, &target) {
                let text = format!("{target}: {why}");
                violations.push(Violation { path: path.to_owned(), line, rule: "links", text });
            }
        }
        for line in lines_of_many_sentences(text) {
            let text = "one sentence a line".to_owned();
            violations.push(Violation { path: path.to_owned(), line, rule: "sentences", text });
        }
    }
    violations.extend(map(repo));
    violations
}

fn decisions(repo: &Repo) -> Vec<Violation> {
    let mut violations = Vec::new();
    let files = repo
        .ending(".md")
        .filter_map(|(path, text)| Some((path, path.strip_prefix(DECISIONS)?, text)));
    for (want, (path, name, text)) in (1..).zip(files) {
        let mut say = |text| {
            violations.push(Violation { path: path.to_owned(), line: 0, rule: "decisions", text });
        };
        if !name.starts_with(&format!("{want:03}-")) {
            say(format!("the next decision is number {want:03}"));
        }
        if !text.starts_with(&format!("# {want:03} ")) {
            say(format!("its title begins with `# {want:03} `"));
        }
    }
    violations
}

/// The links of a document, with their lines, without those in code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = without_code(line);
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else { break };
            links.push((number, target.trim().to_owned()));
            rest = after.to_owned();
        }
    }
    links
}

/// Why a link leads nowhere; none if it leads somewhere, or out of the repository.
fn dead(repo: &Repo, from: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = match target.split_once('#') {
        Some((file, heading)) => (file, Some(heading)),
        None => (target, None),
    };
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolved(from, file) };
    let Some(path) = path else { return Some("it leaves the repository") };
    let in_folder = format!("{}/", path.trim_end_matches('/'));
    let is_folder = repo.texts.keys().any(|known| known.starts_with(&in_folder));
    let Some(text) = repo.texts.get(&path) else {
        return (!is_folder).then_some("there is no such file");
    };
    let heading = heading.filter(|heading| !headings(text).contains(*heading));
    heading.map(|_| "there is no such heading")
}

/// A path relative to a file's folder; none if it leaves the repository.
fn resolved(from: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = prose(text).filter(|(_, line)| line.starts_with('#'));
    let anchor = |(_, line): (usize, &str)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(anchor).collect()
}

/// Lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("x")
}

fn lines_of_many_sentences(text: &str) -> Vec<usize> {
    let many = |line: &str| {
        // Code can end a sentence, and its own full stops don't.
        let line = without_code(line);
        let line = ABBREVIATIONS.iter().fold(line, |line, short| line.replace(short, "x"));
        let ends = [". ", "! ", "? ", ".) "].into_iter().flat_map(|end| {
            line.match_indices(end).map(|(at, _)| at + end.len()).collect::<Vec<_>>()
        });
        // `1. Text` opens a list.
        let opened = |at: usize| {
            let before = line[..at].trim_end_matches(['.', ' ']).trim();
            !before.is_empty() && !before.chars().all(|c| c.is_ascii_digit())
        };
        let ends: Vec<usize> = ends.collect();
        ends.into_iter().any(|at| opened(at) && line[at..].starts_with(char::is_uppercase))
    };
    let lines = prose(text).filter(|(_, line)| !line.trim_start().starts_with('|'));
    lines.filter(|(_, line)| many(line)).map(|(number, _)| number).collect()
}

/// Every crate stands on the map of the architecture.
fn map(repo: &Repo) -> Vec<Violation> {
    let text = repo.texts.get(MAP).map_or("", String::as_str);
    let crates = repo
        .ending("/Cargo.toml")
        .filter_map(|(path, _)| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
    let missing = crates.filter(|krate| !text.contains(&format!("`{krate}`")));
    let violation = |krate: &str| Violation {
        path: MAP.to_owned(),
        line: text.find("## Map").map_or(0, |at| line_at(text, at)),
        rule: "map",
        text: format!("the crate `{krate}` is not on the map"),
    };
    missing.map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(texts: &[(&str, &str)], want: &[(&str, &str)]) {
        let found = check(&Repo::of(texts));
        let found: Vec<(&str, &str)> =
            found.iter().map(|violation| (violation.path.as_str(), violation.rule)).collect();
        assert_eq!(found, want, "{texts:?}");
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        let (one, two, four) =
            ("docs/decisions/001-a.md", "docs/decisions/002-b.md", "docs/decisions/004-d.md");
        check_all(&[(one, "# 001 A"), (two, "# 002 B")], &[]);
        check_all(&[(one, "# 001 A"), (four, "# 004 D")], &[(four, "decisions"); 2]);
        check_all(&[(one, "# A")], &[(one, "decisions")]);
    }

    #[test]
    fn links_lead_somewhere() {
        let docs = "docs/a.md";
        let check = |text: &str, want: &[(&str, &str)]| {
            check_all(&[("README.md", "# What it is\n"), ("docs/b/c.md", "x"), (docs, text)], want);
        };
        check("[a](../README.md) [b](b/c.md) [d](b/) [e](https://example.org/x)", &[]);
        check("[a](../README.md#what-it-is) [b](#here)\n## Here", &[]);
        check("[a](../README.md#nowhere)", &[(docs, "links")]);
        check("[a](c.md)", &[(docs, "links")]);
        check("[a](../../c.md)", &[(docs, "links")]);
        check("`[a](c.md)`\n```\n[a](c.md)\n```", &[]);
    }

    #[test]
    fn a_line_has_one_sentence() {
        let a = "a.md";
        check_all(&[(a, "One sentence.\nAnother, e.g. This.\n1. A list.\n| A. B |")], &[]);
        check_all(&[(a, "One sentence. Another.")], &[(a, "sentences")]);
        check_all(&[(a, "Is it so? Yes.")], &[(a, "sentences")]);
    }

    #[test]
    fn every_crate_is_on_the_map() {
        let manifest = ("crates/net/Cargo.toml", "");
        check_all(&[manifest, (MAP, "## Map\n`net`: the network.")], &[]);
        check_all(&[manifest, (MAP, "## Map\n")], &[(MAP, "map")]);
    }
}
