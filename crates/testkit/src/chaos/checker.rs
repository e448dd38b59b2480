//! Whether what the managers show can have come of what was asked of them: a pure function.

use super::history::{Act, Operation, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// Calls shown around a violation, at most.
const AROUND_MAX: usize = 12;

/// A job, as a manager shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownJob {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) cancelled: bool,
    pub(crate) submitted_at_ms: u64,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub what: String,
    /// The calls, or what was seen, around it.
    pub around: Vec<String>,
}

impl Violation {
    pub(crate) fn new(what: impl Into<String>) -> Violation {
        Violation { what: what.into(), around: Vec::new() }
    }
}

/// What the history says of one name.
#[derive(Default)]
struct Named {
    /// Numbers with which it was acknowledged.
    acknowledged: BTreeSet<u64>,
    /// Whether any call may have been carried out.
    possible: bool,
}

/// Checks the jobs that the manager at that place shows. The history was taken while nothing was asked.
pub(crate) fn check(history: &[Operation], place: usize, shown: &[ShownJob]) -> Vec<Violation> {
    let mut names: BTreeMap<&str, Named> = BTreeMap::new();
    let mut cancelled = BTreeSet::new();
    for operation in history {
        match (&operation.act, &operation.outcome) {
            (Act::Submit(name), outcome) => {
                let named = names.entry(name).or_default();
                match outcome {
                    Outcome::Acknowledged(job) => drop(named.acknowledged.insert(*job)),
                    Outcome::Open | Outcome::Unknown(_) => named.possible = true,
                    Outcome::Refused(_) => {}
                }
            }
            (Act::Cancel(job), Outcome::Acknowledged(_)) => drop(cancelled.insert(*job)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut say = |what: String, name: &str, jobs: &BTreeSet<u64>| {
        let what = format!("manager {}: {what}", place + 1);
        found.push(Violation { what, around: around(history, name, jobs) });
    };
    let mut by_name: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let mut by_number: BTreeMap<u64, &ShownJob> = BTreeMap::new();
    for job in shown {
        if by_number.insert(job.number, job).is_some() {
            say(format!("job {} is listed twice", job.number), &job.name, &[job.number].into());
        }
        by_name.entry(&job.name).or_default().insert(job.number);
    }
    for (name, named) in &names {
        let there = by_name.get(name).cloned().unwrap_or_default();
        if named.acknowledged.len() > 1 {
            say(format!("{name} was acknowledged as several jobs"), name, &named.acknowledged);
        }
        if there.len() > 1 {
            say(format!("{name} is there {} times", there.len()), name, &there);
        }
        for job in named.acknowledged.difference(&there) {
            say(format!("job {job}, {name}, was acknowledged and is not there"), name, &there);
        }
        if !there.is_empty() && named.acknowledged.is_empty() && !named.possible {
            say(format!("{name} was refused and is there"), name, &there);
        }
    }
    for (name, there) in by_name.iter().filter(|(name, _)| !names.contains_key(*name)) {
        say(format!("{name} is there and was never submitted"), name, there);
    }
    for (before, job) in by_number.values().zip(by_number.values().skip(1)) {
        if before.submitted_at_ms > job.submitted_at_ms {
            let what = format!("job {} is older than {} before it", job.number, before.number);
            say(what, &job.name, &[before.number].into());
        }
    }
    for number in cancelled {
        if let Some(job) = by_number.get(&number).filter(|job| !job.cancelled) {
            say(format!("job {number} was cancelled and is not"), &job.name, &[number].into());
        }
    }
    found
}

/// The calls about a name and about jobs.
fn around(history: &[Operation], name: &str, jobs: &BTreeSet<u64>) -> Vec<String> {
    let about = |operation: &&Operation| match &operation.act {
        Act::Submit(other) => other == name,
        Act::Cancel(job) | Act::Read(job) => jobs.contains(job),
        Act::Ticket => false,
    };
    history.iter().filter(about).take(AROUND_MAX).map(ToString::to_string).collect()
}

/// Who led, as a manager once said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Milliseconds since the beginning.
    pub(crate) at_ms: u64,
    /// Place of the manager that was asked.
    pub(crate) place: usize,
    /// The term that it is in.
    pub(crate) term: u64,
    /// Number of the leader, if it knows one.
    pub(crate) leader: Option<u64>,
}

/// Checks that no manager's terms go back, and that a term has one leader at most.
pub(crate) fn check_terms(sights: &[Sight]) -> Vec<Violation> {
    let mut latest: BTreeMap<usize, &Sight> = BTreeMap::new();
    let mut leaders: BTreeMap<u64, &Sight> = BTreeMap::new();
    let mut found = Vec::new();
    for sight in sights {
        let before = latest.insert(sight.place, sight);
        if let Some(before) = before.filter(|before| before.term > sight.term) {
            let what = format!("manager {} went back to an earlier term", sight.place + 1);
            let around = [before, sight].map(|sight| format!("{sight:?}")).into();
            found.push(Violation { what, around });
        }
        if sight.leader.is_none() {
            continue;
        }
        let first = leaders.entry(sight.term).or_insert(sight);
        if first.leader != sight.leader {
            let what = format!("term {} has two leaders", sight.term);
            let around = [*first, sight].map(|sight| format!("{sight:?}")).into();
            found.push(Violation { what, around });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn operation(act: Act, outcome: Outcome) -> Operation {
        let at = Duration::ZERO;
        Operation { act, manager: 0, invoked: at, ended: Some(at), outcome }
    }

    fn submit(outcome: Outcome) -> Operation {
        operation(Act::Submit("a".to_owned()), outcome)
    }

    fn job(number: u64, name: &str, cancelled: bool) -> ShownJob {
        ShownJob { number, name: name.to_owned(), cancelled, submitted_at_ms: 100 + number }
    }

    #[test]
    fn what_is_shown_must_have_come_of_what_was_asked() {
        let check = |history: &[Operation], shown: &[ShownJob], want: &[&str]| {
            let found = super::check(history, 1, shown);
            let found: Vec<&str> = found.iter().map(|violation| &*violation.what).collect();
            assert_eq!(found, want);
        };
        let acknowledged = || submit(Outcome::Acknowledged(7));
        let refused = || submit(Outcome::Refused("engine_unknown".to_owned()));
        let unknown = || submit(Outcome::Unknown("late".to_owned()));
        let cancelled = || operation(Act::Cancel(7), Outcome::Acknowledged(0));
        check(&[acknowledged()], &[job(7, "a", false)], &[]);
        check(&[unknown(), acknowledged()], &[job(7, "a", false)], &[]);
        check(&[acknowledged(), cancelled()], &[job(7, "a", true)], &[]);
        check(&[refused()], &[], &[]);
        check(&[unknown()], &[], &[]);
        check(&[unknown(), refused()], &[job(7, "a", false)], &[]);
        let lost = "manager 2: job 7, a, was acknowledged and is not there";
        check(&[acknowledged()], &[], &[lost]);
        check(&[acknowledged()], &[job(8, "a", false)], &[lost]);
        check(&[refused()], &[job(7, "a", false)], &["manager 2: a was refused and is there"]);
        check(&[], &[job(7, "b", false)], &["manager 2: b is there and was never submitted"]);
        let twice = [job(7, "a", false), job(8, "a", false)];
        check(&[acknowledged()], &twice, &["manager 2: a is there 2 times"]);
        check(&[unknown()], &twice, &["manager 2: a is there 2 times"]);
        let not = "manager 2: job 7 was cancelled and is not";
        check(&[acknowledged(), cancelled()], &[job(7, "a", false)], &[not]);
        let early = ShownJob { submitted_at_ms: 106, ..job(8, "b", false) };
        let history = [acknowledged(), operation(Act::Submit("b".to_owned()), Outcome::Open)];
        let want = ["manager 2: job 8 is older than 7 before it"];
        check(&history, &[job(7, "a", false), early], &want);
        let listed = [job(7, "a", false), job(7, "a", false)];
        check(&[acknowledged()], &listed, &["manager 2: job 7 is listed twice"]);
        check(
            &[acknowledged(), submit(Outcome::Acknowledged(8))],
            &[job(7, "a", false)],
            &["manager 2: a was acknowledged as several jobs", &lost.replace('7', "8")],
        );
    }

    #[test]
    fn terms_go_on_and_have_one_leader() {
        let check = |sights: &[(usize, u64, Option<u64>)], want: &[&str]| {
            let sight = |(place, term, leader): &(usize, u64, Option<u64>)| Sight {
                at_ms: 0,
                place: *place,
                term: *term,
                leader: *leader,
            };
            let found = check_terms(&sights.iter().map(sight).collect::<Vec<_>>());
            let found: Vec<&str> = found.iter().map(|violation| &*violation.what).collect();
            assert_eq!(found, want);
        };
        check(&[(0, 1, Some(1)), (1, 1, Some(1)), (1, 2, None), (0, 1, Some(1))], &[]);
        check(&[(0, 2, None), (0, 1, None)], &["manager 1 went back to an earlier term"]);
        check(&[(0, 3, Some(1)), (1, 3, Some(2))], &["term 3 has two leaders"]);
    }
}
