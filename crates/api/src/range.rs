//! The `Range` header: one range of bytes, as RFC 9110 section 14 has it.

use std::ops::Range;

/// What is asked for of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it. Also what several ranges, or a header that is not understood, come to.
    Whole,
    /// These bytes, half-open and within the blob.
    Part(Range<u64>),
    /// Bytes that the blob doesn't have.
    Unsatisfiable,
}

/// What a `Range` header wants of a blob of that length.
pub(crate) fn wanted(header: Option<&str>, bytes: u64) -> Wanted {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    if spec.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = spec.split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(Some(first)), Some(last)) => {
            if last.is_some_and(|last| last < first) {
                return Wanted::Whole;
            }
            if first >= bytes {
                return Wanted::Unsatisfiable;
            }
            let end = last.map_or(bytes, |last| last.saturating_add(1).min(bytes));
            Wanted::Part(first..end)
        }
        (Some(None), Some(Some(suffix))) => {
            if suffix == 0 || bytes == 0 {
                return Wanted::Unsatisfiable;
            }
            Wanted::Part(bytes.saturating_sub(suffix)..bytes)
        }
        _ => Wanted::Whole,
    }
}

/// Outer none: not a number; inner none: nothing was written. Numbers too large for us are just large.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_what_they_mean() {
        use Wanted::{Part, Unsatisfiable, Whole};
        let check = |header: &str, bytes, want| {
            assert_eq!(wanted(Some(header), bytes), want, "{header:?} of {bytes}");
        };
        assert_eq!(wanted(None, 10), Whole);
        check("bytes=0-9", 10, Part(0..10));
        check("bytes=0-0", 10, Part(0..1));
        check("bytes=2-5", 10, Part(2..6));
        check("bytes=2-", 10, Part(2..10));
        check("bytes=-3", 10, Part(7..10));
        check("bytes=-30", 10, Part(0..10));
        check("bytes=5-500", 10, Part(5..10));
        check("bytes=5-99999999999999999999999", 10, Part(5..10));
        check(" bytes= 1 - 2 ", 10, Part(1..3));
        check("bytes=10-", 10, Unsatisfiable);
        check("bytes=99999999999999999999999-", 10, Unsatisfiable);
        check("bytes=-0", 10, Unsatisfiable);
        check("bytes=0-", 0, Unsatisfiable);
        check("bytes=-1", 0, Unsatisfiable);
        check("bytes=5-2", 10, Whole);
        check("bytes=-", 10, Whole);
        check("bytes=a-b", 10, Whole);
        check("bytes=1", 10, Whole);
        check("bytes=--1", 10, Whole);
        check("bytes=+1-2", 10, Whole);
        check("bytes=0-1,3-4", 10, Whole);
        check("lines=0-1", 10, Whole);
        check("", 10, Whole);
    }
}
