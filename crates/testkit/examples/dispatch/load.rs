//! One measurement: starts managers and nodes, has them work, and takes the figures.

use crate::Config;
use crate::nodes::Nodes;
use crate::processes::{Process, cpu_of};
use crate::report::{Phase, Report};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long nodes may take to join.
const JOIN_MAX: Duration = Duration::from_secs(180);

/// How long the network works before it is measured, at least.
const WARM_UP: Duration = Duration::from_secs(4);

/// Tasks per second that are offered first.
const FIRST_RATE: f64 = 600.0;

/// From one rate to the next.
const STEP: f64 = 1.25;

/// So many times as long is measured at half load, so that what comes now and then is in it.
const HALF: u64 = 5;

/// Share of what is offered that has to be done for the next step.
const KEPT_UP: f64 = 0.9;

/// A network of managers and nodes.
struct Network {
    managers: Vec<Process>,
    leader: usize,
    nodes: Nodes,
    /// Nodes.
    count: usize,
}

/// Figures at one moment.
struct Moment {
    at: Instant,
    leader: Value,
    leader_cpu_s: f64,
    others_cpu_s: f64,
    nodes_cpu_s: f64,
}

/// Measures a network of that size.
pub(crate) async fn run(config: &Config, count: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut managers = start(config.managers, folder.path()).await?;
    let leader = leader(&mut managers).await?;
    let ticket = managers[leader].ask("ticket node").await?;
    let ticket = ticket["ticket"].as_str().context("no ticket")?.to_owned();
    let memory_before = managers[leader].memory()?;
    let begun = Instant::now();
    let nodes = Nodes::start(count, &ticket);
    let mut network = Network { managers, leader, nodes, count };
    network.joined(count).await?;
    let join_s = begun.elapsed().as_secs_f64();
    // Heartbeats have come and gone.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let memory_after = network.managers[leader].memory()?;
    let idle = network.phase("idle", 5).await?;

    network.submit(config.queued).await?;
    let (full, per_s) = match config.offered {
        Some(per_s) => (None, per_s as f64),
        None => {
            let full = network.most(config).await?;
            let per_s = full.tasks_per_s / 2.0;
            (Some(full), per_s)
        }
    };
    let half = network.offered(per_s, config, HALF * config.seconds).await?;
    let (refused, lost) = network.troubles();
    let memory_end = network.managers[leader].memory()?;
    network.nodes.end().await;
    for manager in network.managers {
        manager.quit().await?;
    }
    Ok(Report {
        managers: config.managers,
        nodes: count,
        queued: config.queued,
        join_s,
        bytes_per_node: memory_after.saturating_sub(memory_before) / count.max(1) as u64,
        leader_bytes: memory_end,
        idle,
        full,
        half,
        refused,
        lost,
    })
}

/// Starts managers; each joins the first.
async fn start(count: usize, folder: &Path) -> Result<Vec<Process>> {
    let mut managers = vec![Process::start(&folder.join("1"), None).await?];
    for number in 2..=count {
        let at = leader(&mut managers).await?;
        let ticket = managers[at].ask("ticket manager").await?;
        let ticket = ticket["ticket"].as_str();
        managers.push(Process::start(&folder.join(number.to_string()), ticket).await?);
    }
    Ok(managers)
}

/// Place of the manager that leads.
async fn leader(managers: &mut [Process]) -> Result<usize> {
    for _ in 0..200 {
        for (at, manager) in managers.iter_mut().enumerate() {
            if manager.ask("figures").await?["leads"] == true {
                return Ok(at);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no manager leads")
}

impl Network {
    async fn joined(&mut self, count: usize) -> Result<()> {
        let begun = Instant::now();
        while self.nodes.seen.joined.load(Ordering::Relaxed) < count {
            if begun.elapsed() > JOIN_MAX {
                let joined = self.nodes.seen.joined.load(Ordering::Relaxed);
                bail!("{joined} of {count} nodes joined in time");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn submit(&mut self, frames: usize) -> Result<()> {
        self.managers[self.leader].ask(&format!("submit {frames}")).await.map(drop)
    }

    /// From now on engines take so long for a frame.
    fn work(&self, mean_ms: u64) {
        self.nodes.seen.render_ms.store(mean_ms, Ordering::Relaxed);
    }

    /// Has nodes work so quickly that they would do that many tasks a second, if leases came at once.
    async fn offered(&mut self, per_s: f64, config: &Config, seconds: u64) -> Result<Phase> {
        let mean_ms = (self.count as f64 / per_s * 1_000.0).max(1.0);
        let before = self.nodes.seen.render_ms.load(Ordering::Relaxed);
        self.work(mean_ms as u64);
        // What nodes began at the pace before has to end, and then some.
        let warm_up = WARM_UP + Duration::from_secs_f64(before.max(mean_ms as u64) as f64 * 1.5e-3);
        let all = warm_up.as_secs_f64() + seconds as f64;
        self.fill(config.queued + (per_s * 1.2 * all) as usize).await?;
        tokio::time::sleep(warm_up).await;
        let mut phase = self.phase(&format!("{per_s:.0} offered"), seconds).await?;
        phase.offered_per_s = per_s;
        Ok(phase)
    }

    /// The most that is kept up with.
    async fn most(&mut self, config: &Config) -> Result<Phase> {
        let mut best: Option<Phase> = None;
        let mut per_s = FIRST_RATE;
        loop {
            let phase = self.offered(per_s, config, config.seconds).await?;
            let kept_up = phase.tasks_per_s > KEPT_UP * per_s;
            if best.as_ref().is_none_or(|best| phase.tasks_per_s > best.tasks_per_s) {
                best = Some(phase);
            }
            match best {
                Some(best) if !kept_up => return Ok(best),
                _ => per_s *= STEP,
            }
        }
    }

    /// Submits what lacks to so many frames that wait.
    async fn fill(&mut self, frames: usize) -> Result<()> {
        let waiting = self.managers[self.leader].ask("figures").await?["waiting"].as_u64();
        let lacks = frames.saturating_sub(waiting.unwrap_or(0) as usize);
        if lacks > 0 { self.submit(lacks).await } else { Ok(()) }
    }

    /// Refusals, and sessions that ended.
    fn troubles(&self) -> (u64, u64) {
        let seen = &self.nodes.seen;
        (seen.refused.load(Ordering::Relaxed), seen.lost.load(Ordering::Relaxed))
    }

    async fn moment(&mut self) -> Result<Moment> {
        let figures = self.managers[self.leader].ask("figures").await?;
        let mut others = 0.0;
        for (at, manager) in self.managers.iter().enumerate() {
            others += if at == self.leader { 0.0 } else { manager.cpu_s()? };
        }
        Ok(Moment {
            at: Instant::now(),
            leader: figures,
            leader_cpu_s: self.managers[self.leader].cpu_s()?,
            others_cpu_s: others,
            nodes_cpu_s: cpu_of(Path::new("/proc/self"))?,
        })
    }

    /// What happens in such a time.
    async fn phase(&mut self, name: &str, seconds: u64) -> Result<Phase> {
        self.nodes.seen.take_idle();
        let begun = self.moment().await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let ended = self.moment().await?;
        if begun.leader["leads"] != true || ended.leader["leads"] != true {
            bail!("the leader changed while it was measured");
        }
        let waiting = ended.leader["waiting"].as_u64().unwrap_or(0);
        let phase = Phase::of(&between(&begun, &ended), waiting, self.nodes.seen.take_idle());
        eprint!("{}", phase.text(name));
        Ok(phase)
    }
}

/// What came between two moments.
pub(crate) struct Between {
    pub(crate) seconds: f64,
    pub(crate) leader_cpu_s: f64,
    pub(crate) others_cpu_s: f64,
    pub(crate) nodes_cpu_s: f64,
    pub(crate) accepted: f64,
    pub(crate) transitions: f64,
    pub(crate) rows: f64,
    pub(crate) commits: f64,
    pub(crate) commit_us: f64,
}

fn between(begun: &Moment, ended: &Moment) -> Between {
    let more = |name: &str| {
        let of = |moment: &Moment| moment.leader[name].as_u64().unwrap_or(0);
        of(ended).saturating_sub(of(begun)) as f64
    };
    Between {
        seconds: (ended.at - begun.at).as_secs_f64(),
        leader_cpu_s: ended.leader_cpu_s - begun.leader_cpu_s,
        others_cpu_s: ended.others_cpu_s - begun.others_cpu_s,
        nodes_cpu_s: ended.nodes_cpu_s - begun.nodes_cpu_s,
        accepted: more("accepted"),
        transitions: more("transitions"),
        rows: more("rows"),
        commits: more("commits"),
        commit_us: more("commit_us"),
    }
}
