//! A log whose last write was torn: a record of which only the beginning reached the disk.
//!
//! The store promises to ignore what lies behind the last whole record, since nobody was told that it
//! is there. It doesn't promise that whole records may be damaged, so none is.
//! The format is that of hiqlite-wal 0.15, as its README has it; numbers are big-endian.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What a log begins with.
const MAGIC: &[u8] = b"HQL_WAL";

/// Bytes before the first record.
const HEADER_BYTES: u64 = 32;

/// Bytes of a record before its data: number, checksum, length.
const RECORD_HEAD_BYTES: u64 = 16;

/// Bytes that the torn record says it has, and of which half are there.
const TORN_BYTES: u32 = 600;

/// Tears the last write of the newest log in a manager's folder; the number of the torn record.
///
/// The manager must not run.
pub(crate) fn tear(folder: &Path) -> Result<u64> {
    let logs = folder.join("db/raft/logs");
    let entries = std::fs::read_dir(&logs).with_context(|| format!("read {}", logs.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let newest = paths.filter(|path| path.extension().is_some_and(|e| e == "wal")).max();
    let newest = newest.context("there is no log")?;
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(newest)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (offset, last) = end_of(&bytes)?;
    let torn = torn_record(last + 1);
    ensure!(offset + RECORD_HEAD_BYTES + u64::from(TORN_BYTES) < bytes.len() as u64, "no room");
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(&torn)?;
    file.sync_all()?;
    Ok(last + 1)
}

/// Where the last whole record ends, and its number.
fn end_of(bytes: &[u8]) -> Result<(u64, u64)> {
    ensure!(bytes.starts_with(MAGIC), "this is no log");
    let mut last = number(bytes, 16)?;
    if length(bytes, 24)? == 0 {
        // A log without records says the number of the first to come, twice.
        return Ok((HEADER_BYTES, last.saturating_sub(1)));
    }
    let mut offset = length(bytes, 28)? + 1;
    // The header may be older than the records.
    while number(bytes, offset).is_ok_and(|number| number == last + 1) {
        last += 1;
        offset += RECORD_HEAD_BYTES + length(bytes, offset + 12)? + 1;
    }
    Ok((offset, last))
}

fn number(bytes: &[u8], at: u64) -> Result<u64> {
    let at = usize::try_from(at)?;
    let bytes = bytes.get(at..at + 8).context("the log is too short")?;
    Ok(u64::from_be_bytes(bytes.try_into()?))
}

fn length(bytes: &[u8], at: u64) -> Result<u64> {
    let at = usize::try_from(at)?;
    let bytes = bytes.get(at..at + 4).context("the log is too short")?;
    Ok(u64::from(u32::from_be_bytes(bytes.try_into()?)))
}

/// A record whose head is there, and half of its data.
fn torn_record(number: u64) -> Vec<u8> {
    let mut record = number.to_be_bytes().to_vec();
    record.extend([0x5a; 4]);
    record.extend(TORN_BYTES.to_be_bytes());
    record.extend(std::iter::repeat_n(0xa5, TORN_BYTES as usize / 2));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with these records of one byte each, whose header knows so many of them.
    fn log(numbers: &[u64], known: usize) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(1);
        bytes.extend(numbers[0].to_be_bytes());
        bytes.extend(numbers[known - 1].to_be_bytes());
        bytes.extend(32_u32.to_be_bytes());
        bytes.extend((32 + known as u32 * 18 - 1).to_be_bytes());
        for number in numbers {
            bytes.extend(number.to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(1_u32.to_be_bytes());
            bytes.extend([7, 0]);
        }
        bytes.resize(4_096, 0);
        bytes
    }

    #[test]
    fn the_end_lies_behind_the_last_whole_record() -> Result<()> {
        assert_eq!(end_of(&log(&[0, 1, 2], 3))?, (32 + 3 * 18, 2));
        assert_eq!(end_of(&log(&[0, 1, 2], 1))?, (32 + 3 * 18, 2));
        assert_eq!(end_of(&log(&[5, 6], 2))?, (32 + 2 * 18, 6));
        assert!(end_of(b"something else").is_err());
        Ok(())
    }
}
