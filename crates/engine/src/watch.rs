//! Measures what a process and its descendants take: memory from /proc, and the size of their folder.
//!
//! A limit of the address space fits Blender badly, because it maps far more than it uses, and
//! control groups need rights that an ordinary user lacks; so the pages in use are added up.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Bytes of memory of a process and all its descendants: anonymous, shared and swapped pages.
pub(crate) fn memory_bytes(root: u32) -> u64 {
    tree(root).into_iter().map(process_bytes).sum()
}

/// A process and its descendants.
fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also parentheses: what follows the last one is fields.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn process_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let wanted =
        |line: &&str| ["RssAnon:", "RssShmem:", "VmSwap:"].iter().any(|f| line.starts_with(f));
    status.lines().filter(wanted).filter_map(kilobytes).sum::<u64>() * 1024
}

/// Bytes of all files in a folder and below; links are not followed.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut todo = vec![folder.to_path_buf()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => todo.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory_and_a_parent() {
        let own = std::process::id();
        assert!(super::memory_bytes(own) > 100_000);
        assert!(super::parent(own).is_some());
    }
}
