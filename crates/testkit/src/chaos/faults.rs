//! The faults: which there are, and how each is made and undone.

use super::checker::Violation;
use super::managers::{CALL_MAX, MANAGERS, Managers, ON_SMALL_DISK, ticket_request};
use super::torn;
use crate::network_sim::dice::Dice;
use anyhow::{Context, Result};
use candela_client::Client;
use candela_wire::api::JobsQuery;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a write may take to be carried out again.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// How often a write is begun while it is waited for one.
const WRITE_EVERY: Duration = Duration::from_millis(50);

/// How long a manager that is left alone may take to notice.
const ALONE_NOTICED_MAX: Duration = Duration::from_secs(15);

/// How long it is asked after that.
const ALONE_ASKED: Duration = Duration::from_secs(3);

/// Bytes left on a full disk.
const FULL_LEFT_BYTES: u64 = 1 << 20;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// `kill -9` of the leader.
    KillLeader,
    /// `kill -9` of a follower.
    KillFollower,
    /// `kill -9` of all three.
    KillAll,
    /// The leader stands still for some seconds, then goes on.
    StopLeader,
    /// A follower does.
    StopFollower,
    /// The leader is killed while a follower stands still.
    NoQuorum,
    /// A follower is killed in the middle of a write to its log.
    TornLog,
    /// The disk of a follower is full for some seconds.
    FullDisk,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 8] = [
        Fault::KillLeader,
        Fault::StopLeader,
        Fault::NoQuorum,
        Fault::KillAll,
        Fault::TornLog,
        Fault::KillFollower,
        Fault::StopFollower,
        Fault::FullDisk,
    ];

    /// Its name in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::KillLeader => "kill_leader",
            Fault::KillFollower => "kill_follower",
            Fault::KillAll => "kill_all",
            Fault::StopLeader => "stop_leader",
            Fault::StopFollower => "stop_follower",
            Fault::NoQuorum => "no_quorum",
            Fault::TornLog => "torn_log",
            Fault::FullDisk => "full_disk",
        }
    }
}

/// What a fault did, once everything was started again.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// From the fault of the leader, the others running, to a write that was carried out.
    pub(crate) failover: Option<Duration>,
    /// Where too few ran: from when enough do, to a write that was carried out.
    pub(crate) back: Option<Duration>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) notes: Vec<String>,
}

/// Makes a fault and undoes it: when this returns, all three run.
pub(crate) async fn make(fault: Fault, managers: &mut Managers, dice: &mut Dice) -> Result<Made> {
    let leader = managers.leader().await?;
    let follower = (leader + dice.between(1, 2) as usize) % MANAGERS;
    let third = MANAGERS - leader - follower;
    let mut made = Made::default();
    match fault {
        Fault::KillLeader => {
            managers.kill(leader)?;
            made.failover = Some(until_written(managers, &[follower, third]).await?);
            linger(dice, 0, 2).await;
        }
        Fault::StopLeader => {
            let begun = Instant::now();
            managers.stop(leader)?;
            let until = Duration::from_millis(dice.between(300, 10_000));
            made.notes.push(format!("manager {} for {:.1} s", leader + 1, until.as_secs_f64()));
            // It may go on before it was missed.
            let others = [follower, third];
            let written = until_written(managers, &others);
            match tokio::time::timeout(until, written).await {
                Ok(written) => made.failover = Some(written?),
                Err(_) => made.notes.push("no write meanwhile".to_owned()),
            }
            tokio::time::sleep(until.saturating_sub(begun.elapsed())).await;
            managers.go_on(leader)?;
        }
        Fault::KillFollower => {
            managers.kill(follower)?;
            linger(dice, 1, 4).await;
        }
        Fault::StopFollower => {
            managers.stop(follower)?;
            linger(dice, 1, 10).await;
            managers.go_on(follower)?;
        }
        Fault::KillAll => {
            (0..MANAGERS).try_for_each(|at| managers.kill(at))?;
            let begun = Instant::now();
            made.violations.extend(managers.start_missing()?);
            until_written(managers, &[0, 1, 2]).await?;
            made.back = Some(begun.elapsed());
        }
        Fault::NoQuorum => {
            managers.stop(follower)?;
            managers.kill(leader)?;
            alone(&managers.clients[third], third, &mut made).await;
            managers.go_on(follower)?;
            made.back = Some(until_written(managers, &[follower, third]).await?);
        }
        Fault::TornLog => {
            managers.kill(follower)?;
            let torn = torn::tear(&managers.folder(follower));
            let number = torn.with_context(|| format!("tear the log of {}", follower + 1))?;
            made.notes.push(format!("manager {}, entry {number}", follower + 1));
            linger(dice, 0, 2).await;
        }
        Fault::FullDisk => full_disk(managers, dice, &mut made).await?,
    }
    for (at, said) in managers.ended()? {
        // On a full disk a manager may end; it has to come back.
        let text = format!("manager {} ended by itself", at + 1);
        if fault == Fault::FullDisk {
            made.notes.push(text);
        } else {
            made.violations.push(Violation { what: text, around: vec![said] });
        }
    }
    made.violations.extend(managers.start_missing()?);
    Ok(made)
}

async fn linger(dice: &mut Dice, from_s: u64, to_s: u64) {
    tokio::time::sleep(Duration::from_millis(dice.between(from_s * 1_000, to_s * 1_000))).await;
}

/// Time until one of these managers has a write carried out.
///
/// Writes are begun all the time and not one after the other: one that was passed on to a dead leader
/// waits for long.
async fn until_written(managers: &Managers, places: &[usize]) -> Result<Duration> {
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
        anyhow::ensure!(begun.elapsed() < WRITE_MAX, "nothing is carried out any more");
    }
}

async fn written(client: &Client) -> bool {
    let request = ticket_request(false);
    matches!(tokio::time::timeout(CALL_MAX, client.ticket(&request)).await, Ok(Ok(_)))
}

/// What a manager that is left alone must do: answer questions, and carry out nothing.
async fn alone(client: &Client, place: usize, made: &mut Made) {
    let begun = Instant::now();
    let (mut answers_since, mut refused) = (None, 0);
    let query = JobsQuery { limit: Some(1), ..JobsQuery::default() };
    let mut say = |what: String| {
        let what = format!("manager {} alone: {what}", place + 1);
        made.violations.push(Violation::new(what));
    };
    loop {
        let read = tokio::time::timeout(CALL_MAX, client.jobs(&query)).await;
        match (read, answers_since) {
            (Ok(Ok(_)), None) => answers_since = Some(Instant::now()),
            (Ok(Ok(_)), Some(_)) => {}
            (Ok(Err(error)), Some(_)) => say(format!("answered, and then not: {error}")),
            (Err(_), Some(_)) => say("answered, and then too late".to_owned()),
            (_, None) if begun.elapsed() > ALONE_NOTICED_MAX => {
                return say("answers no question".to_owned());
            }
            (_, None) => {}
        }
        let request = ticket_request(false);
        match tokio::time::timeout(CALL_MAX, client.ticket(&request)).await {
            Ok(Ok(_)) => say("acknowledged a write".to_owned()),
            Ok(Err(error)) if error.code() == Some("no_leader") => refused += 1,
            Ok(Err(error)) => say(format!("refused a write with {:?}: {error}", error.code())),
            Err(_) => {}
        }
        if answers_since.is_some_and(|since: Instant| since.elapsed() > ALONE_ASKED) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let noticed = answers_since.map_or(0.0, |since| (since - begun).as_secs_f64());
    made.notes.push(format!("reads again after {noticed:.1} s, {refused} writes refused"));
}

/// Fills the disk of the manager that is on a small one, when that follows.
async fn full_disk(managers: &mut Managers, dice: &mut Dice, made: &mut Made) -> Result<()> {
    while managers.leader().await? == ON_SMALL_DISK {
        managers.kill(ON_SMALL_DISK)?;
        until_written(managers, &[0, 1]).await?;
        made.violations.extend(managers.start_missing()?);
    }
    let disk = managers.disk().context("no manager is on a small disk")?;
    let filler = disk.fill_to(FULL_LEFT_BYTES)?;
    linger(dice, 3, 6).await;
    std::fs::remove_file(filler)?;
    Ok(())
}
