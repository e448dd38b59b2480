//! The figures, as text and as JSON.

use crate::load::Between;
use serde_json::{Value, json};
use std::fmt::Write;

/// What happened in one phase.
pub(crate) struct Phase {
    /// What the nodes would do if each lease came at once; 0 where nothing was offered.
    pub(crate) offered_per_s: f64,
    pub(crate) tasks_per_s: f64,
    transitions_per_s: f64,
    rows_per_s: f64,
    commits_per_s: f64,
    commit_ms: f64,
    /// Frames that were still waiting at its end.
    waiting: u64,
    /// Median, 99 of 100, and the longest.
    idle_ms: Option<[f64; 3]>,
    /// Shares of one core.
    leader_cores: f64,
    others_cores: f64,
    nodes_cores: f64,
}

impl Phase {
    pub(crate) fn of(between: &Between, waiting: u64, mut idle_us: Vec<u32>) -> Phase {
        idle_us.sort_unstable();
        let at = |share: f64| {
            let place = ((idle_us.len().max(1) - 1) as f64 * share) as usize;
            idle_us.get(place).map(|us| f64::from(*us) / 1_000.0)
        };
        let each_s = |count: f64| count / between.seconds;
        Phase {
            offered_per_s: 0.0,
            tasks_per_s: each_s(between.accepted),
            transitions_per_s: each_s(between.transitions),
            rows_per_s: each_s(between.rows),
            commits_per_s: each_s(between.commits),
            commit_ms: between.commit_us / between.commits.max(1.0) / 1_000.0,
            waiting,
            idle_ms: at(0.5).zip(at(0.99)).zip(at(1.0)).map(|((p50, p99), max)| [p50, p99, max]),
            leader_cores: each_s(between.leader_cpu_s),
            others_cores: each_s(between.others_cpu_s),
            nodes_cores: each_s(between.nodes_cpu_s),
        }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let mut text = format!(
            "  {name}: {:.0} tasks/s complete, {:.0} transitions/s, {:.0} rows/s, {:.0} commits/s of {:.1} ms",
            self.tasks_per_s,
            self.transitions_per_s,
            self.rows_per_s,
            self.commits_per_s,
            self.commit_ms
        );
        if let Some([p50, p99, max]) = self.idle_ms {
            let _ =
                write!(text, "; idle to lease p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
        }
        let _ = writeln!(
            text,
            "\n      cores: leader {:.2}, other managers {:.2}, nodes {:.2}; {} frames waiting at the end",
            self.leader_cores, self.others_cores, self.nodes_cores, self.waiting
        );
        text
    }

    fn idle_json(&self) -> Option<Value> {
        self.idle_ms.map(|[p50, p99, max]| json!({ "p50": p50, "p99": p99, "max": max }))
    }

    fn json(&self) -> Value {
        json!({
            "offered_per_s": self.offered_per_s,
            "tasks_per_s": self.tasks_per_s,
            "transitions_per_s": self.transitions_per_s,
            "rows_per_s": self.rows_per_s,
            "commits_per_s": self.commits_per_s,
            "commit_ms": self.commit_ms,
            "idle_to_lease_ms": self.idle_json(),
            "cores": { "leader": self.leader_cores, "managers": self.others_cores, "nodes": self.nodes_cores },
            "waiting": self.waiting,
        })
    }
}

/// What was measured with one size of the network.
pub(crate) struct Report {
    pub(crate) managers: usize,
    pub(crate) nodes: usize,
    pub(crate) queued: usize,
    pub(crate) join_s: f64,
    pub(crate) bytes_per_node: u64,
    pub(crate) leader_bytes: u64,
    /// Nothing to do.
    pub(crate) idle: Phase,
    /// As much as is kept up with, if that was asked.
    pub(crate) full: Option<Phase>,
    /// Half of that, or what was asked.
    pub(crate) half: Phase,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
}

impl Report {
    pub(crate) fn text(&self, first: Option<&Report>) -> String {
        let mut text = format!(
            "{} managers, {} nodes, {} frames queued: joined in {:.1} s, {} KiB of the leader's memory per node, {} MiB in all\n",
            self.managers,
            self.nodes,
            self.queued,
            self.join_s,
            self.bytes_per_node >> 10,
            self.leader_bytes >> 20
        );
        text += &self.idle.text("idle");
        if let Some(full) = &self.full {
            text += &full.text("full");
        }
        text += &self.half.text("half");
        let _ = write!(text, "  {} answers refused, {} sessions lost", self.refused, self.lost);
        if let Some(first) = first {
            let ratio = self.most().tasks_per_s / first.most().tasks_per_s.max(1e-9);
            let _ = write!(text, "; {ratio:.2} times the tasks/s of {} nodes", first.nodes);
        }
        text
    }

    fn most(&self) -> &Phase {
        self.full.as_ref().unwrap_or(&self.half)
    }

    fn json(&self) -> Value {
        json!({
            "managers": self.managers,
            "nodes": self.nodes,
            "queued": self.queued,
            "tasks_per_s": self.most().tasks_per_s,
            "transitions_per_s": self.most().transitions_per_s,
            "idle_to_lease_ms": self.half.idle_json(),
            "bytes_per_node": self.bytes_per_node,
            "leader_bytes": self.leader_bytes,
            "join_s": self.join_s,
            "idle": self.idle.json(),
            "full": self.full.as_ref().map(Phase::json),
            "half": self.half.json(),
            "refused": self.refused,
            "sessions_lost": self.lost,
        })
    }
}

/// The figures of the first size at the top, those of all under `sizes`.
pub(crate) fn json(reports: &[Report]) -> Value {
    let sizes: Vec<Value> = reports.iter().map(Report::json).collect();
    let mut all = sizes.first().cloned().unwrap_or_default();
    if sizes.len() > 1 {
        all["sizes"] = sizes.into();
    }
    all
}
