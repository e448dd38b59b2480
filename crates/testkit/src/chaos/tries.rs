//! What the tool itself asks in a fault: whether writes are carried out, and by whom they must not be.

use super::checker::Violation;
use super::faults::Made;
use super::managers::{CALL_MAX, Managers, ticket_request};
use anyhow::{Result, ensure};
use candela_client::{Client, ClientError};
use candela_wire::api::JobsQuery;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a write may take to be carried out again.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// How often a write is begun while it is waited for one.
const WRITE_EVERY: Duration = Duration::from_millis(50);

/// How often one is begun where the longest time between two is measured.
const BEAT: Duration = Duration::from_millis(200);

/// How long a manager that is left alone may take to notice.
const ALONE_NOTICED_MAX: Duration = Duration::from_secs(15);

/// How long it is asked after that.
const ALONE_ASKED: Duration = Duration::from_secs(3);

/// How long one is asked that needn't notice.
const DEAF_ASKED: Duration = Duration::from_secs(8);

/// Time until one of these managers has a write carried out.
///
/// Writes are begun all the time and not one after the other: one that was passed on to a dead leader
/// waits for long.
pub(super) async fn until_written(managers: &Managers, places: &[usize]) -> Result<Duration> {
    let begun = Instant::now();
    let mut tries = JoinSet::new();
    let mut next = tokio::time::interval(WRITE_EVERY);
    loop {
        tokio::select! {
            _ = next.tick() => for place in places {
                let client = managers.clients[*place].clone();
                tries.spawn(async move { written(&client).await });
            },
            Some(done) = tries.join_next() => if done.unwrap_or(false) {
                return Ok(begun.elapsed());
            },
        }
        ensure!(begun.elapsed() < WRITE_MAX, "nothing is carried out any more");
    }
}

/// The longest time in which these managers had no write carried out, while that time passes; it goes
/// on until one is carried out after that.
pub(super) async fn longest_gap(
    managers: &Managers,
    places: &[usize],
    time: Duration,
) -> Result<Duration> {
    let begun = Instant::now();
    let (mut last, mut longest) = (begun, Duration::ZERO);
    let mut tries = JoinSet::new();
    let mut next = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            _ = next.tick() => for place in places {
                let client = managers.clients[*place].clone();
                tries.spawn(async move { written(&client).await });
            },
            Some(done) = tries.join_next() => if done.unwrap_or(false) {
                longest = longest.max(last.elapsed());
                last = Instant::now();
                if begun.elapsed() > time {
                    return Ok(longest);
                }
            },
        }
        ensure!(last.elapsed() < WRITE_MAX, "nothing is carried out any more");
    }
}

async fn written(client: &Client) -> bool {
    let request = ticket_request(false);
    matches!(tokio::time::timeout(CALL_MAX, client.ticket(&request)).await, Ok(Ok(_)))
}

/// A manager that can't reach a majority.
pub(super) struct CutOff {
    /// Its place.
    pub place: usize,
    /// Nothing reaches it or it reaches nobody, but not both: it may think to know a leader, and is only
    /// asked for writes.
    pub one_way: bool,
}

impl CutOff {
    /// Holds it to what it must do: carry out nothing, refuse it before long, and then answer questions.
    pub(super) async fn check(&self, client: &Client, made: &mut Made) {
        let begun = Instant::now();
        let (mut noticed, mut answers, mut refused) = (None, None, 0);
        let mut say = |what: String| {
            let what = format!("manager {} alone: {what}", self.place + 1);
            made.violations.push(Violation::new(what));
        };
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match write(client, noticed.is_some()).await {
                Ok(true) => {
                    refused += 1;
                    noticed.get_or_insert_with(Instant::now);
                }
                Ok(false) => {}
                Err(what) => say(what),
            }
            if self.one_way {
                if begun.elapsed() > DEAF_ASKED {
                    break;
                }
                continue;
            }
            match (read(client).await, answers) {
                (Ok(()), None) if noticed.is_some() => answers = Some(Instant::now()),
                (Ok(()), _) => {}
                (Err(why), Some(_)) => say(format!("answered, and then not: {why}")),
                (Err(_), None) => {}
            }
            if answers.is_none() && begun.elapsed() > ALONE_NOTICED_MAX {
                return say("doesn't notice, or answers no question then".to_owned());
            }
            if answers.is_some_and(|since: Instant| since.elapsed() > ALONE_ASKED) {
                break;
            }
        }
        let answers = answers.map(|since| (since - begun).as_secs_f64());
        let answers = answers.map_or(String::new(), |time| format!("noticed after {time:.1} s, "));
        made.notes.push(format!("{answers}{refused} writes refused"));
    }
}

/// Asks for a write: whether it was refused as it should; what must not be. Before the manager notices
/// that no majority hears it, it may say that it doesn't know.
async fn write(client: &Client, noticed: bool) -> Result<bool, String> {
    let request = ticket_request(false);
    match tokio::time::timeout(CALL_MAX, client.ticket(&request)).await {
        Ok(Ok(_)) => Err("acknowledged a write".to_owned()),
        Ok(Err(error)) if error.code() == Some("no_leader") => Ok(true),
        Ok(Err(ClientError::Refused { status, .. })) if !noticed && status >= 500 => Ok(false),
        Ok(Err(error)) => Err(format!("refused a write with {:?}: {error}", error.code())),
        Err(_) => Ok(false),
    }
}

async fn read(client: &Client) -> Result<(), String> {
    let query = JobsQuery { limit: Some(1), ..JobsQuery::default() };
    match tokio::time::timeout(CALL_MAX, client.jobs(&query)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("too late".to_owned()),
    }
}
