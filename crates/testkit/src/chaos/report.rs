//! What came of it, for people and for programs.

use super::checker::Violation;
use super::faults::Fault;
use super::history::Counts;
use super::ledger::FilmCounts;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// One fault and what followed.
#[derive(Debug)]
pub struct Round {
    /// Its number, from 1.
    pub number: usize,
    /// The fault.
    pub fault: Fault,
    /// From a fault of the leader, the others running, to a write that was carried out.
    pub failover: Option<Duration>,
    /// Where too few managers ran: from when enough do, to a write that was carried out.
    pub back: Option<Duration>,
    /// The longest time between two writes, where the leader could go on.
    pub gap: Option<Duration>,
    /// From when the fault was undone until all three carried out writes.
    pub settled: Duration,
    /// All of it.
    pub took: Duration,
    /// Jobs that the managers show.
    pub jobs: usize,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// What else is to be said of it.
    pub notes: Vec<String>,
}

impl Round {
    /// One line, and more for each violation.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("round {:3}  {:<16}", self.number, self.fault.name());
        // Writing to a string can't fail.
        let _ = write!(text, "  {:5.1} s  {:5} jobs", self.took.as_secs_f64(), self.jobs);
        let mut time = |what, time: Option<Duration>| {
            if let Some(time) = time {
                let _ = write!(text, "  {what} {} ms", time.as_millis());
            }
        };
        time("failover", self.failover);
        time("back", self.back);
        time("gap", self.gap);
        time("settled", Some(self.settled));
        for note in &self.notes {
            let _ = write!(text, "  ({note})");
        }
        for violation in &self.violations {
            let _ = write!(text, "\n  VIOLATION: {}", violation.what);
            for line in &violation.around {
                let _ = write!(text, "\n    {}", line.replace('\n', "\n    "));
            }
        }
        text
    }
}

/// All rounds.
#[derive(Debug)]
pub struct Report {
    /// What everything followed from.
    pub seed: u64,
    /// Rounds.
    pub rounds: usize,
    /// What must not be, over all rounds; one that lasts counts in each.
    pub violations: usize,
    /// How often which fault was made.
    pub faults: BTreeMap<&'static str, usize>,
    /// Faults that can't be made here, and why.
    pub left_out: BTreeMap<&'static str, &'static str>,
    /// How many calls ended how.
    pub counts: Counts,
    /// What was shown of the film.
    pub film: FilmCounts,
    /// The last term.
    pub terms: u64,
    failovers_ms: BTreeMap<&'static str, Vec<u64>>,
    backs_ms: Vec<u64>,
    gaps_ms: Vec<u64>,
    settled_ms: Vec<u64>,
    pub(super) violations_of_terms: usize,
}

/// Median and greatest of times; none of none.
fn p50_and_max(times: &[u64]) -> (Option<u64>, Option<u64>) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    (sorted.get(sorted.len() / 2).copied(), sorted.last().copied())
}

impl Report {
    pub(super) fn new(seed: u64) -> Report {
        Report {
            seed,
            rounds: 0,
            violations: 0,
            faults: BTreeMap::new(),
            left_out: BTreeMap::new(),
            counts: Counts::default(),
            film: FilmCounts::default(),
            terms: 0,
            failovers_ms: BTreeMap::new(),
            backs_ms: Vec::new(),
            gaps_ms: Vec::new(),
            settled_ms: Vec::new(),
            violations_of_terms: 0,
        }
    }

    pub(super) fn add(&mut self, round: Round) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.rounds += 1;
        self.violations += round.violations.len();
        *self.faults.entry(round.fault.name()).or_default() += 1;
        if let Some(failover) = round.failover {
            self.failovers_ms.entry(round.fault.name()).or_default().push(ms(failover));
        }
        self.backs_ms.extend(round.back.map(ms));
        self.gaps_ms.extend(round.gap.map(ms));
        self.settled_ms.push(ms(round.settled));
    }

    /// Adds the frames, and what was found when all of them were looked at in the end.
    pub(super) fn finish(&mut self, counts: FilmCounts, violations: Vec<Violation>) {
        self.film = counts;
        self.violations += violations.len();
        for violation in violations {
            println!(
                "in the end  VIOLATION: {}\n    {}",
                violation.what,
                violation.around.join("\n    ")
            );
        }
    }

    fn all_failovers_ms(&self) -> Vec<u64> {
        self.failovers_ms.values().flatten().copied().collect()
    }

    /// A summary.
    #[must_use]
    pub fn text(&self) -> String {
        let Counts { submissions, cancellations, tickets, refused, unknown, stale_reads } =
            self.counts;
        let mut text =
            format!("{} rounds, seed {}: {} violations\n", self.rounds, self.seed, self.violations);
        let mut line = |what: &str, value: String| {
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {what:<42}{value}");
        };
        let faults = self.faults.iter().map(|(name, count)| format!("{name} {count}"));
        line("faults", faults.collect::<Vec<_>>().join(", "));
        for (fault, why) in &self.left_out {
            line(&format!("left out: {fault}"), (*why).to_owned());
        }
        line("jobs acknowledged", submissions.to_string());
        line("cancellations acknowledged", cancellations.to_string());
        line("tickets acknowledged", tickets.to_string());
        line("frames accepted", self.film.frames.to_string());
        line("receipts shown", self.film.receipts.to_string());
        line("verdicts shown", self.film.verdicts.to_string());
        line("calls definitely refused", refused.to_string());
        line("calls of which nobody knows", unknown.to_string());
        line("reads that missed an acknowledged job", stale_reads.to_string());
        line("last term", self.terms.to_string());
        let mut times = |what: &str, times: &[u64]| {
            if let (Some(p50), Some(max)) = p50_and_max(times) {
                line(what, format!("p50 {p50} ms, max {max} ms, of {}", times.len()));
            }
        };
        times("a write after the leader's fault", &self.all_failovers_ms());
        for (fault, failovers) in &self.failovers_ms {
            times(&format!("  {fault}"), failovers);
        }
        times("a write after enough managers run again", &self.backs_ms);
        times("between two writes, the leader going on", &self.gaps_ms);
        times("all carry out writes after the fault", &self.settled_ms);
        text
    }

    /// The figures; times in milliseconds.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let times = |times: &[u64]| {
            let (p50, max) = p50_and_max(times);
            serde_json::json!({ "p50": p50, "max": max, "count": times.len() })
        };
        let by_fault = self.failovers_ms.iter().map(|(fault, all)| (*fault, times(all)));
        let by_fault: BTreeMap<&str, serde_json::Value> = by_fault.collect();
        serde_json::json!({
            "seed": self.seed,
            "rounds": self.rounds,
            "violations": self.violations,
            "failover_ms": times(&self.all_failovers_ms()),
            "failover_ms_by_fault": by_fault,
            "back_ms": times(&self.backs_ms),
            "gap_ms": times(&self.gaps_ms),
            "settled_ms": times(&self.settled_ms),
            "faults": self.faults,
            "left_out": self.left_out,
            "acknowledged": {
                "submissions": self.counts.submissions,
                "cancellations": self.counts.cancellations,
                "tickets": self.counts.tickets,
                "frames": self.film.frames,
                "receipts": self.film.receipts,
                "verdicts": self.film.verdicts,
            },
            "refused": self.counts.refused,
            "unknown": self.counts.unknown,
            "stale_reads": self.counts.stale_reads,
            "last_term": self.terms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_greatest() {
        let check = |times: &[u64], want| assert_eq!(p50_and_max(times), want);
        check(&[], (None, None));
        check(&[5], (Some(5), Some(5)));
        check(&[9, 1, 4], (Some(4), Some(9)));
    }
}
