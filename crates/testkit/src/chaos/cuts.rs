//! Faults of the network: what is cut, and what must go on or must not meanwhile.

use super::faults::{Made, Part};
use super::managers::{Managers, VERIFIERS_END, WORKERS_END};
use super::tries::{CutOff, longest_gap, until_written};
use super::wires::Wires;
use crate::network_sim::dice::Dice;
use anyhow::{Context, Result};
use std::time::Duration;

/// How long some wires stay cut, in milliseconds, from and to.
const CUT_MS: (u64, u64) = (5_000, 12_000);

fn wires(managers: &mut Managers) -> Result<&mut Wires> {
    managers.wires().context("there are no wires")
}

fn time(dice: &mut Dice) -> Duration {
    Duration::from_millis(dice.between(CUT_MS.0, CUT_MS.1))
}

/// The leader and one follower don't hear each other; both hear the third, and writes go on.
pub(super) async fn leader_from_one(
    managers: &mut Managers,
    part: Part,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
    wires(managers)?.cut(part.leader, part.follower)?;
    let gap = longest_gap(managers, &[part.leader, part.third], time(dice)).await?;
    made.gap = Some(gap);
    wires(managers)?.mend()
}

/// The leader hears neither follower, and they don't hear it: they elect another, and it acknowledges
/// nothing any more.
pub(super) async fn leader_from_both(
    managers: &mut Managers,
    part: Part,
    made: &mut Made,
) -> Result<()> {
    let wires_now = wires(managers)?;
    wires_now.cut(part.leader, part.follower)?;
    wires_now.cut(part.leader, part.third)?;
    let alone = CutOff { place: part.leader, one_way: false };
    others_go_on(managers, part, &alone, made).await?;
    wires(managers)?.mend()
}

/// The leader hears the followers, and they don't hear it; or the other way round.
pub(super) async fn one_way(
    managers: &mut Managers,
    part: Part,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
    let mute = dice.chance(0.5);
    for follower in [part.follower, part.third] {
        let (from, to) = if mute { (part.leader, follower) } else { (follower, part.leader) };
        wires(managers)?.cut_one_way(from, to)?;
    }
    let how = if mute { "not heard" } else { "doesn't hear" };
    made.notes.push(format!("manager {} {how}", part.leader + 1));
    let alone = CutOff { place: part.leader, one_way: true };
    others_go_on(managers, part, &alone, made).await?;
    wires(managers)?.mend()
}

async fn others_go_on(
    managers: &Managers,
    part: Part,
    alone: &CutOff,
    made: &mut Made,
) -> Result<()> {
    let others = [part.follower, part.third];
    let checked = alone.check(&managers.clients[part.leader], made);
    let (written, ()) = tokio::join!(until_written(managers, &others), checked);
    made.failover = Some(written?);
    Ok(())
}

/// The leader and half of the nodes don't hear each other; writes go on.
pub(super) async fn leader_from_nodes(
    managers: &mut Managers,
    part: Part,
    dice: &mut Dice,
    made: &mut Made,
) -> Result<()> {
    let (end, what) = match dice.chance(0.5) {
        true => (WORKERS_END, "workers"),
        false => (VERIFIERS_END, "verifiers"),
    };
    made.notes.push(format!("manager {} and the {what}", part.leader + 1));
    wires(managers)?.cut(part.leader, end)?;
    made.gap = Some(longest_gap(managers, &[0, 1, 2], time(dice)).await?);
    wires(managers)?.mend()
}
