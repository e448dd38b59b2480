//! The files that a user has, against the outputs that a proof says were accepted.

use super::{Audit, Finding, FindingKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Holds the files of a folder against the accepted outputs; returns how many were found.
///
/// Files are known by what is in them. A file whose name ends with the number of an accepted frame
/// and that is not its output is a finding, and so is an output that no file has.
///
/// # Errors
/// The folder or a file of it can't be read.
pub fn check_outputs(audit: &mut Audit, folder: &Path) -> io::Result<usize> {
    let mut wanted: BTreeMap<i32, String> = BTreeMap::new();
    for receipt in audit.receipts.iter().filter(|receipt| receipt.stored == "accepted") {
        wanted.insert(receipt.frame, receipt.output.clone());
    }
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut named: BTreeMap<i32, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut fs::File::open(&path)?, &mut hasher)?;
        let hash = hasher.finalize().to_hex().to_string();
        if let Some(number) = number_of(&path) {
            named.entry(number).or_default().push(path.clone());
        }
        found.entry(hash).or_default().push(path);
    }
    let mut there = 0;
    for (frame, hash) in &wanted {
        let same = found.get(hash).map_or(&[][..], |paths| paths);
        there += usize::from(!same.is_empty());
        let of_that_number = named.get(frame).map_or(&[][..], |paths| paths);
        let ending = same.first().map(|path| path.extension());
        let alike = |path: &&PathBuf| ending.is_none_or(|ending| ending == path.extension());
        let wrong: Vec<&PathBuf> =
            of_that_number.iter().filter(|path| !same.contains(path)).filter(alike).collect();
        let text = match wrong.first() {
            Some(path) => format!("{} is not the output that was accepted", path.display()),
            None if same.is_empty() => format!("no file of {} is its output", folder.display()),
            None => continue,
        };
        audit.findings.push(Finding::new(FindingKind::Output, Some(*frame), text));
    }
    let endings: BTreeSet<Option<&OsStr>> = wanted
        .values()
        .filter_map(|hash| found.get(hash))
        .flatten()
        .map(|p| p.extension())
        .collect();
    for frame in audit.frames_missing.clone() {
        let paths = named.get(&frame).into_iter().flatten();
        for path in paths.filter(|path| endings.contains(&path.extension())) {
            let text = format!("{} is of a frame that the proof says nothing of", path.display());
            audit.findings.push(Finding::new(FindingKind::Output, Some(frame), text));
        }
    }
    Ok(there)
}

/// The frame that a file's name ends with, as outputs are named: `NAME-0012.png`, `NAME--003.png`.
fn number_of(path: &Path) -> Option<i32> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.len() - stem.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (before, number) = stem.split_at(digits);
    let number: i32 = number.parse().ok()?;
    // Of two dashes the second is a minus.
    Some(if before.ends_with("--") || before == "-" { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_names() {
        let check = |name: &str, want| assert_eq!(number_of(Path::new(name)), want, "{name}");
        check("out/cornell-0012.png", Some(12));
        check("cornell--003.png", Some(-3));
        check("shot-3-12345.exr", Some(12_345));
        check("notes.txt", None);
        check("99999999999.png", None);
    }
}
