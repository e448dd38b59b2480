//! Faults of a manager's machine: its clock and its disk.

use super::faults::{Made, Part, linger};
use super::knobs::Knobs;
use super::managers::{Managers, ON_SMALL_DISK};
use super::tries::{longest_gap, until_written};
use crate::network_sim::dice::Dice;
use anyhow::{Context, Result};
use std::time::Duration;

/// Bytes left on a full disk.
const FULL_LEFT_BYTES: u64 = 1 << 20;

/// How far a clock jumps, in milliseconds.
const JUMP_MS: i64 = 3_600_000;

/// How long a clock is wrong, in milliseconds, from and to.
const WRONG_MS: (u64, u64) = (3_000, 6_000);

/// How long a disk is slow, in milliseconds, from and to.
const SLOW_MS: (u64, u64) = (6_000, 12_000);

/// How much longer each write takes there, in milliseconds, from and to.
const LONGER_MS: (u64, u64) = (100, 1_000);

fn knobs(managers: &Managers) -> Result<&Knobs> {
    managers.knobs().context("there are no knobs")
}

fn time(dice: &mut Dice, (from, to): (u64, u64)) -> Duration {
    Duration::from_millis(dice.between(from, to))
}

/// The leader's clock jumps by an hour and later back. In one of two cases the leader is killed in
/// between, so that another goes on from what it wrote.
pub(super) async fn clock(
    managers: &mut Managers,
    part: Part,
    ahead: bool,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
    let off_ms = if ahead { JUMP_MS } else { -JUMP_MS };
    knobs(managers)?.set_clock(part.leader, off_ms)?;
    made.gap = Some(longest_gap(managers, &[0, 1, 2], time(dice, WRONG_MS)).await?);
    if dice.chance(0.5) {
        made.notes.push(format!("manager {} killed meanwhile", part.leader + 1));
        managers.kill(part.leader)?;
        let others = [part.follower, part.third];
        made.failover = Some(until_written(managers, &others).await?);
    }
    knobs(managers)?.set_clock(part.leader, 0)
}

/// Each write to the disk of one manager takes long for some seconds.
pub(super) async fn slow_disk(
    managers: &mut Managers,
    part: Part,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
    let (at, what) = match dice.chance(0.5) {
        true => (part.leader, "the leader"),
        false => (part.follower, "a follower"),
    };
    let longer_ms = dice.between(LONGER_MS.0, LONGER_MS.1);
    made.notes.push(format!("{what}, {longer_ms} ms longer"));
    knobs(managers)?.set_disk(at, i64::try_from(longer_ms)?)?;
    made.gap = Some(longest_gap(managers, &[0, 1, 2], time(dice, SLOW_MS)).await?);
    knobs(managers)?.set_disk(at, 0)
}

/// Fills the disk of the manager that is on a small one, when that follows.
pub(super) async fn full_disk(
    managers: &mut Managers,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
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
