//! Counts tests from what the test runners print: cargo's own and nextest.

/// How many tests came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// They held.
    pub(crate) passed: u64,
    /// They did not, or took too long.
    pub(crate) failed: u64,
    /// They were not run.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Takes in a line, if it is a summary.
    pub(crate) fn hear(&mut self, line: &str) {
        // What nextest shows of a test that failed holds cargo's own line, pushed in: the test may have
        // held when it was tried again.
        let shown = line.starts_with(char::is_whitespace);
        let line = line.trim();
        let counts = if let Some((_, counts)) = line.split_once("test result: ") {
            if shown {
                return;
            }
            // Of cargo: `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`.
            counts.split_once(". ").map(|(_, counts)| counts)
        } else if line.starts_with("Summary [") {
            // Of nextest: `Summary [ 1.2s] 4 tests run: 3 passed (1 slow), 1 failed, 2 skipped`.
            line.split_once(" run: ").map(|(_, counts)| counts)
        } else {
            None
        };
        for count in counts.into_iter().flat_map(|counts| counts.split([',', ';'])) {
            let mut words = count.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" | "timed" => self.failed += number,
                "ignored" | "skipped" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, passed: u64, failed: u64, skipped: u64) {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.hear(line));
        assert_eq!(tally, Tally { passed, failed, skipped }, "{lines}");
    }

    #[test]
    fn summaries_of_both_runners_are_counted() {
        check("running 3 tests\ntest a ... ok\n", 0, 0, 0);
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
             test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out",
            5,
            4,
            1,
        );
        check("    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured", 0, 0, 0);
        check("     Summary [   4.567s] 9 tests run: 9 passed (1 slow), 3 skipped", 9, 0, 3);
        check(
            "Summary [ 61.0s] 9/12 tests run: 6 passed, 2 failed, 1 timed out, 0 skipped",
            6,
            3,
            0,
        );
    }
}
