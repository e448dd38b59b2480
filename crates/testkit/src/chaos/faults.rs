//! The faults: which there are, and how each is made and undone.

use super::checker::Violation;
use super::managers::{MANAGERS, Managers};
use super::tries::{CutOff, until_written};
use super::{cuts, machines, torn};
use crate::network_sim::dice::Dice;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Longer than all times after which somebody gives up on a manager.
const LONG: Duration = Duration::from_secs(30);

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
    /// It stands still for longer than anybody waits for it.
    StopLeaderLong,
    /// A follower stands still for some seconds.
    StopFollower,
    /// The leader is killed while a follower stands still.
    NoQuorum,
    /// A follower is killed in the middle of a write to its log.
    TornLog,
    /// The disk of a follower is full for some seconds.
    FullDisk,
    /// The leader and one follower don't hear each other.
    CutLeaderOne,
    /// The leader and both followers don't.
    CutLeaderBoth,
    /// The leader isn't heard by the followers, or doesn't hear them.
    CutOneWay,
    /// The leader and half of the nodes don't hear each other.
    CutNodes,
    /// The leader's clock is an hour ahead for some seconds.
    ClockAhead,
    /// It is an hour behind.
    ClockBehind,
    /// Writes to the disk of one manager take long for some seconds.
    SlowDisk,
}

/// What a fault needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// A disk that can be filled.
    SmallDisk,
    /// Wires that can be cut.
    Wires,
    /// The same, and nodes.
    Nodes,
    /// A library in the managers' processes.
    Knobs,
}

impl Need {
    /// Why a fault is left out that needs it.
    pub(crate) fn missing(self) -> &'static str {
        match self {
            Need::Nothing => "it needs nothing",
            Need::SmallDisk => "this user can't mount a small disk",
            Need::Wires => "this user can't make network namespaces",
            Need::Knobs => "no library for it can be built or loaded",
            Need::Nodes => "there are no nodes, or their wires can't be cut",
        }
    }
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 16] = [
        Fault::KillLeader,
        Fault::StopLeader,
        Fault::NoQuorum,
        Fault::KillAll,
        Fault::TornLog,
        Fault::KillFollower,
        Fault::StopFollower,
        Fault::FullDisk,
        Fault::StopLeaderLong,
        Fault::CutLeaderOne,
        Fault::CutLeaderBoth,
        Fault::CutOneWay,
        Fault::CutNodes,
        Fault::ClockAhead,
        Fault::ClockBehind,
        Fault::SlowDisk,
    ];

    /// What it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Fault::FullDisk => Need::SmallDisk,
            Fault::CutLeaderOne | Fault::CutLeaderBoth | Fault::CutOneWay => Need::Wires,
            Fault::CutNodes => Need::Nodes,
            Fault::ClockAhead | Fault::ClockBehind | Fault::SlowDisk => Need::Knobs,
            _ => Need::Nothing,
        }
    }

    /// The fault with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Its name in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::KillLeader => "kill_leader",
            Fault::KillFollower => "kill_follower",
            Fault::KillAll => "kill_all",
            Fault::StopLeader => "stop_leader",
            Fault::StopLeaderLong => "stop_leader_long",
            Fault::StopFollower => "stop_follower",
            Fault::NoQuorum => "no_quorum",
            Fault::TornLog => "torn_log",
            Fault::FullDisk => "full_disk",
            Fault::CutLeaderOne => "cut_leader_one",
            Fault::CutLeaderBoth => "cut_leader_both",
            Fault::CutOneWay => "cut_one_way",
            Fault::CutNodes => "cut_nodes",
            Fault::ClockAhead => "clock_ahead",
            Fault::ClockBehind => "clock_behind",
            Fault::SlowDisk => "slow_disk",
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
    /// The longest time between two writes, where the leader can go on.
    pub(crate) gap: Option<Duration>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) notes: Vec<String>,
}

/// The managers' parts when a fault begins, by their places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) leader: usize,
    pub(crate) follower: usize,
    pub(crate) third: usize,
}

/// Makes a fault and undoes it: when this returns, all three run.
pub(crate) async fn make(fault: Fault, managers: &mut Managers, dice: &mut Dice) -> Result<Made> {
    let leader = managers.leader().await?;
    let follower = (leader + dice.between(1, 2) as usize) % MANAGERS;
    let third = MANAGERS - leader - follower;
    let part = Part { leader, follower, third };
    let mut made = Made::default();
    match fault {
        Fault::KillLeader => {
            managers.kill(leader)?;
            made.failover = Some(until_written(managers, &[follower, third]).await?);
            linger(dice, 0, 2).await;
        }
        Fault::StopLeader => {
            let time = Duration::from_millis(dice.between(300, 10_000));
            stop_leader(managers, part, time, &mut made).await?;
        }
        Fault::StopLeaderLong => stop_leader(managers, part, LONG, &mut made).await?,
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
            let alone = CutOff { place: third, one_way: false };
            alone.check(&managers.clients[third], &mut made).await;
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
        Fault::FullDisk => machines::full_disk(managers, dice, &mut made).await?,
        Fault::CutLeaderOne => cuts::leader_from_one(managers, part, dice, &mut made).await?,
        Fault::CutLeaderBoth => cuts::leader_from_both(managers, part, &mut made).await?,
        Fault::CutOneWay => cuts::one_way(managers, part, dice, &mut made).await?,
        Fault::CutNodes => cuts::leader_from_nodes(managers, part, dice, &mut made).await?,
        Fault::ClockAhead => machines::clock(managers, part, true, dice, &mut made).await?,
        Fault::ClockBehind => machines::clock(managers, part, false, dice, &mut made).await?,
        Fault::SlowDisk => machines::slow_disk(managers, part, dice, &mut made).await?,
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

/// Stops the leader for that time.
async fn stop_leader(
    managers: &mut Managers,
    part: Part,
    time: Duration,
    made: &mut Made,
) -> Result<()> {
    let begun = Instant::now();
    managers.stop(part.leader)?;
    made.notes.push(format!("manager {} for {:.1} s", part.leader + 1, time.as_secs_f64()));
    // It may go on before it was missed.
    let others = [part.follower, part.third];
    match tokio::time::timeout(time, until_written(managers, &others)).await {
        Ok(written) => made.failover = Some(written?),
        Err(_) => made.notes.push("no write meanwhile".to_owned()),
    }
    tokio::time::sleep(time.saturating_sub(begun.elapsed())).await;
    managers.go_on(part.leader)
}

pub(super) async fn linger(dice: &mut Dice, from_s: u64, to_s: u64) {
    tokio::time::sleep(Duration::from_millis(dice.between(from_s * 1_000, to_s * 1_000))).await;
}
