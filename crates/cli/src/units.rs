//! Sizes and times as people write and read them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written like `8GiB`, `512 MiB` or `2000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub u64);

const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        let wrong = || format!("{text:?} is not a size; write it like 8GiB or 512MiB");
        let lower = text.trim().to_lowercase();
        let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
        let (number, unit) = lower.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = unit.trim();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
        let bytes = number * factor as f64;
        if bytes.is_finite() && bytes < u64::MAX as f64 {
            Ok(Bytes(bytes as u64))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match steps.iter().find(|(_, factor)| self.0 >= *factor) {
            Some((unit, factor)) if self.0.is_multiple_of(*factor) => {
                write!(f, "{} {unit}", self.0 / factor)
            }
            Some((unit, factor)) => write!(f, "{:.1} {unit}", self.0 as f64 / *factor as f64),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// A percentage of a scene's resolution, written `25%` or `25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Percentage(pub u32);

impl FromStr for Percentage {
    type Err = String;

    fn from_str(text: &str) -> Result<Percentage, String> {
        let number = text.trim().trim_end_matches('%').trim();
        match number.parse() {
            Ok(percentage @ 1..=1_000) => Ok(Percentage(percentage)),
            _ => Err(format!("{text:?} is not a size; write it like 25% or 100%")),
        }
    }
}

/// A time span for people: `42 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let check = |text: &str, bytes: Option<u64>| {
            assert_eq!(text.parse::<Bytes>().ok().map(|b| b.0), bytes, "{text:?}");
        };
        check("8GiB", Some(8 << 30));
        check("512 MiB", Some(512 << 20));
        check("1.5gb", Some(1_500_000_000));
        check("42", Some(42));
        check("", None);
        check("-1", None);
        check("8 apples", None);
        check("99999999999TiB", None);
        assert_eq!(Bytes(8 << 30).to_string(), "8 GiB");
        assert_eq!(Bytes(391_118_848).to_string(), "373 MiB");
        assert_eq!(Bytes(1_600).to_string(), "1.6 KiB");
        assert_eq!(Bytes(12).to_string(), "12 B");
    }

    #[test]
    fn percentages_are_read() {
        let check = |text: &str, want: Option<u32>| {
            assert_eq!(text.parse::<Percentage>().ok().map(|p| p.0), want, "{text:?}");
        };
        check("25%", Some(25));
        check("100", Some(100));
        check("0%", None);
        check("-5%", None);
        check("half", None);
        check("1001%", None);
    }

    #[test]
    fn spans_are_written() {
        assert_eq!(span(0.4), "0 s");
        assert_eq!(span(59.6), "1 min 00 s");
        assert_eq!(span(185.0), "3 min 05 s");
        assert_eq!(span(7_830.0), "2 h 10 min");
    }
}
