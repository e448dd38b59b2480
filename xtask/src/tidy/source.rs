//! Rust files taken apart: code, comments and strings, with tests left out.
//!
//! A small lexer, not a parser: it knows comments, strings and characters, and finds the items under
//! `#[cfg(test)]` by their braces. Each part is a text of the file's length in which everything else
//! is blank, so that places in it are places in the file.

use super::{Repo, crate_of};
use std::collections::BTreeSet;

/// A Rust file, taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// Code alone, without tests.
    pub(crate) code: String,
    /// Comments alone.
    pub(crate) comments: String,
    /// Contents of strings alone, without those of tests.
    pub(crate) strings: String,
    /// Whether it is for tests only: a test program, an example, a module of tests, the test kit.
    pub(crate) for_tests: bool,
}

impl Source {
    /// The crate's folder.
    pub(crate) fn krate(&self) -> &str {
        crate_of(&self.path).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn of(path: &str, text: &str) -> Source {
        let mut sources = all(&Repo::of(&[(path, text)]));
        sources.remove(0)
    }
}

/// All Rust files.
pub(crate) fn all(repo: &Repo) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut test_modules = BTreeSet::new();
    for (path, text) in repo.ending(".rs") {
        let parts = split(text);
        let mut code = parts.code;
        let mut strings = parts.strings;
        for (start, end) in test_items(&code) {
            let item = &code[start..end];
            if let Some(name) = module_file(item) {
                let named = text[start..end].split("#[path = \"").nth(1);
                let named = named.and_then(|rest| rest.split('"').next());
                test_modules.extend(module_paths(path, name, named));
            }
            code = blanked(&code, start, end);
            strings = blanked(&strings, start, end);
        }
        let for_tests = is_for_tests(path);
        let (path, text) = (path.to_owned(), text.to_owned());
        let comments = parts.comments;
        sources.push(Source { path, text, code, comments, strings, for_tests });
    }
    for source in &mut sources {
        let inside = |module: &String| {
            source.path == *module
                || source.path.starts_with(&format!("{}/", module.trim_end_matches(".rs")))
        };
        source.for_tests |= test_modules.iter().any(inside);
    }
    sources
}

fn is_for_tests(path: &str) -> bool {
    let folders = ["/tests/", "/examples/", "/benches/"];
    path.starts_with("crates/testkit/")
        || folders.iter().any(|folder| path.contains(folder))
        || path.ends_with("_tests.rs")
        || path.ends_with("/tests.rs")
        || path.ends_with("/build.rs")
}

struct Parts {
    code: String,
    comments: String,
    strings: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

fn split(text: &str) -> Parts {
    let kinds = kinds(text.as_bytes());
    let only = |kind: Kind| -> String {
        let blank =
            |(byte, k): (&u8, &Kind)| if *k == kind || *byte == b'\n' { *byte } else { b' ' };
        let bytes = text.as_bytes().iter().zip(&kinds).map(blank).collect();
        // Kinds change at ASCII characters only, so whole characters are kept or blanked.
        String::from_utf8(bytes).unwrap_or_default()
    };
    Parts { code: only(Kind::Code), comments: only(Kind::Comment), strings: only(Kind::Text) }
}

/// What each byte belongs to.
fn kinds(bytes: &[u8]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && is_word(bytes[at - 1]);
        let (length, kind, quotes) = if rest.starts_with(b"//") {
            (rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), Kind::Comment, 0)
        } else if rest.starts_with(b"/*") {
            (block_comment(rest), Kind::Comment, 0)
        } else if let Some((open, hashes)) = raw_string(rest).filter(|_| !after_word) {
            let close: Vec<u8> = [b"\"".to_vec(), vec![b'#'; hashes]].concat();
            let end =
                find(&rest[open..], &close).map_or(rest.len(), |end| open + end + close.len());
            (end, Kind::Text, open.max(1))
        } else if rest[0] == b'"' {
            (quoted(rest, b'"'), Kind::Text, 1)
        } else if rest[0] == b'\'' && is_character(rest) {
            (quoted(rest, b'\''), Kind::Text, 1)
        } else {
            at += 1;
            continue;
        };
        // Quotation marks stay code.
        let end = (at + length).min(bytes.len());
        let inner_end = if quotes > 0 { end.saturating_sub(1) } else { end };
        for kind_of in &mut kinds[(at + quotes).min(inner_end)..inner_end] {
            *kind_of = kind;
        }
        at = end;
    }
    kinds
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// Length of the opening of a raw string, and its number of hashes.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let prefix = [&b"br"[..], b"cr", b"r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].iter().take_while(|byte| **byte == b'#').count();
    let quote = prefix.len() + hashes;
    (rest.get(quote) == Some(&b'"')).then_some((quote + 1, hashes))
}

/// Length of a quoted text with its quotation marks.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Whether an apostrophe opens a character, and not a lifetime.
fn is_character(rest: &[u8]) -> bool {
    let Some(first) = rest.get(1) else { return false };
    let width = match first {
        b'\\' => return true,
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    };
    rest.get(1 + width) == Some(&b'\'')
}

/// Where the items under `#[cfg(test)]` are, in code.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        if items.last().is_some_and(|(_, end)| start < *end) {
            continue;
        }
        let attribute_end = closing(code, start + 1);
        let condition = &code[start..attribute_end];
        let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.any(|word| word == "test") && !condition.contains("not(test") {
            items.push((start, item_end(code, attribute_end)));
        }
    }
    items
}

/// One past the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// One past the item that begins at `start`, attributes first.
fn item_end(code: &str, start: usize) -> usize {
    let mut at = start;
    while at < code.len() {
        match code.as_bytes()[at] {
            b';' | b',' => return at + 1,
            b'{' => return closing(code, at),
            // An attribute, arguments, or the end of what surrounds a field.
            b'(' | b'[' => at = closing(code, at),
            b'}' => return at,
            _ => at += 1,
        }
    }
    code.len()
}

/// The name of a module that is in a file of its own.
fn module_file(item: &str) -> Option<&str> {
    let declared = item.trim_end().strip_suffix(';')?;
    let (_, name) = declared.rsplit_once("mod ")?;
    Some(name.trim())
}

/// Where the file of a module may be.
fn module_paths(path: &str, name: &str, named: Option<&str>) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(named) = named.filter(|named| !named.trim().is_empty()) {
        return vec![format!("{folder}/{named}")];
    }
    let stem = file.trim_end_matches(".rs");
    let folder = match stem {
        "lib" | "main" | "mod" => folder.to_owned(),
        stem => format!("{folder}/{stem}"),
    };
    vec![
        format!("{folder}/{name}.rs"),
        format!("{folder}/{name}/mod.rs"),
        format!("{folder}/{name}"),
    ]
}

fn blanked(text: &str, start: usize, end: usize) -> String {
    let blank = |c: char| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) };
    let middle: String = text[start..end].chars().map(blank).collect();
    [&text[..start], &middle, &text[end..]].concat()
}

/// The number of the line at a place in a text, from 1.
pub(crate) fn line_at(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Places of a word or path in code, not as a part of a longer word.
pub(crate) fn places_of<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let starts_word = word.bytes().next().is_some_and(is_word);
    let ends_word = word.bytes().last().is_some_and(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let after = bytes.get(at + word.len()).copied();
        let longer_before = starts_word && before.is_some_and(is_word);
        let longer_after = ends_word && after.is_some_and(is_word);
        !longer_before && !longer_after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn check(text: &str, code: &str, comments: &str, strings: &str) {
        let parts = split(text);
        assert_eq!(squeezed(&parts.code), code, "code of {text}");
        assert_eq!(squeezed(&parts.comments), comments, "comments of {text}");
        assert_eq!(squeezed(&parts.strings), strings, "strings of {text}");
        assert_eq!(parts.code.len(), text.len());
    }

    #[test]
    fn code_comments_and_strings_are_told_apart() {
        check("a(\"b // c\"); // d \"e\"", "a(\" \");", "// d \"e\"", "b // c");
        check("let x = 'a'; fn f<'a>(y: &'a str)", "let x = ' '; fn f<'a>(y: &'a str)", "", "a");
        check("'\\'' + '\"' + \"\\\"\"", "' ' + ' ' + \" \"", "", "\\' \" \\\"");
        check("/* a /* b */ c */ d", "d", "/* a /* b */ c */", "");
        check("r#\"a \"b\" c\"# e", "r#\" # e", "", "a \"b\" c\"");
        check("é = \"ü\"; '→'", "é = \" \"; ' '", "", "ü →");
    }

    #[test]
    fn tests_are_left_out() {
        let text =
            "fn a() { b }\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn c() { d[0] } }\nfn e() {}";
        let source = Source::of("crates/core/src/a.rs", text);
        assert_eq!(squeezed(&source.code), "fn a() { b } fn e() {}");
        let all = Source::of("crates/core/src/a.rs", "#[cfg(all(test, unix))] fn x() {} fn y() {}");
        assert_eq!(squeezed(&all.code), "fn y() {}");
        let not = Source::of("crates/core/src/a.rs", "#[cfg(not(test))] fn x() {}");
        assert_eq!(squeezed(&not.code), "#[cfg(not(test))] fn x() {}");
    }

    #[test]
    fn modules_of_tests_are_known_by_their_declaration() {
        let repo = Repo::of(&[
            ("crates/cli/src/main.rs", "#[cfg(test)]\nmod samples;\nmod table;"),
            ("crates/cli/src/samples.rs", ""),
            ("crates/cli/src/samples/deep.rs", ""),
            ("crates/cli/src/table.rs", "#[cfg(test)]\n#[path = \"odd.rs\"]\nmod tests;"),
            ("crates/cli/src/odd.rs", ""),
            ("crates/cli/tests/it.rs", ""),
        ]);
        let for_tests: Vec<(String, bool)> =
            all(&repo).into_iter().map(|source| (source.path, source.for_tests)).collect();
        let want = [
            ("crates/cli/src/main.rs", false),
            ("crates/cli/src/odd.rs", true),
            ("crates/cli/src/samples.rs", true),
            ("crates/cli/src/samples/deep.rs", true),
            ("crates/cli/src/table.rs", false),
            ("crates/cli/tests/it.rs", true),
        ];
        assert_eq!(for_tests, want.map(|(path, tests)| (path.to_owned(), tests)));
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(places_of("rand brand rand_x x.rand()", "rand").collect::<Vec<_>>(), [0, 20]);
        assert_eq!(line_at("a\nb\nc", 4), 3);
    }
}
