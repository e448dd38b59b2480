//! What came of a simulated farm, for people and for programs.

use super::tally::{Cost, percentile};
use super::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed that it follows from.
    pub seed: u64,
    /// Nodes, and most of them that were connected at once.
    pub nodes: usize,
    /// See above.
    pub connected_max: usize,
    /// Simulated hours until the last job was over.
    pub hours: f64,
    /// Jobs, all completed.
    pub jobs: u64,
    /// Frames of them.
    pub frames: u64,
    /// Leases given.
    pub tasks: u64,
    /// Verification tasks given.
    pub verifications: u64,
    /// Seconds from a job's inspection to its first lease, by priority: half of the jobs waited less, 99 of 100.
    pub first_wait_s: BTreeMap<i32, [f64; 2]>,
    /// The same from a frame's being there to its lease, by tasks.
    pub task_wait_s: [f64; 2],
    /// Seconds rendered whose result was used.
    pub used_s: f64,
    /// Share of the rendered seconds whose result was lost with its lease, or by a crash, from 0 to 1.
    pub lost_share: f64,
    /// Share of the rendered seconds whose result was rejected or given up, from 0 to 1.
    pub rejected_share: f64,
    /// Share of the leases to a worker that didn't hold the scene, from 0 to 1.
    pub cold_share: f64,
    /// Jain's index over what users of one priority were given in two hours in which all of them
    /// always had frames waiting for the same engine: the mean by users, and the least. 1: all the same.
    pub fairness: [f64; 2],
    /// Such two hours, each priority and engine by itself.
    pub fairness_looks: usize,
    /// Nodes that left; of these without a word; links that failed for a while.
    pub churn: [u64; 3],
    /// Commands that the rules were given, and rows that they changed.
    pub commands: u64,
    /// See above.
    pub rows: u64,
    /// Wall seconds within the rules.
    pub core_s: f64,
    /// The commands by kind.
    pub costs: BTreeMap<&'static str, Cost>,
    /// What must not happen and did; empty if all is well.
    pub broken: Vec<String>,
}

impl World {
    pub(super) fn report(&self) -> Report {
        let tally = &self.tally;
        let waits =
            |values: &[u64]| [0.5, 0.99].map(|share| percentile(values, share) as f64 / 1_000.0);
        let rendered = (tally.used_ms + tally.lost_ms + tally.rejected_ms).max(1) as f64;
        let users: usize = tally.fairness.iter().map(|look| look.users).sum();
        let even: f64 = tally.fairness.iter().map(|look| look.index * look.users as f64).sum();
        let least = tally.fairness.iter().map(|look| look.index).fold(1.0, f64::min);
        Report {
            seed: self.config.seed,
            nodes: self.config.nodes,
            connected_max: tally.most_here,
            hours: self.now as f64 / 3.6e6,
            jobs: tally.jobs,
            frames: tally.frames,
            tasks: tally.tasks,
            verifications: tally.verifications,
            first_wait_s: tally.first_wait_ms.iter().map(|of| (*of.0, waits(of.1))).collect(),
            task_wait_s: waits(&tally.task_wait_ms),
            used_s: tally.used_ms as f64 / 1_000.0,
            lost_share: tally.lost_ms as f64 / rendered,
            rejected_share: tally.rejected_ms as f64 / rendered,
            cold_share: tally.cold as f64 / tally.tasks.max(1) as f64,
            fairness: [if users > 0 { even / users as f64 } else { 1.0 }, least],
            fairness_looks: tally.fairness.len(),
            churn: [tally.left, tally.silent, tally.cut],
            commands: tally.commands.values().map(|cost| cost.count).sum(),
            rows: tally.rows,
            core_s: tally.commands.values().map(|cost| cost.took_ns).sum::<u64>() as f64 / 1e9,
            costs: tally.commands.clone(),
            broken: tally.broken.clone(),
        }
    }
}

impl Report {
    /// Commands per second of wall time within the rules.
    #[must_use]
    pub fn commands_per_s(&self) -> f64 {
        self.commands as f64 / self.core_s.max(1e-9)
    }

    /// A few lines for people.
    #[must_use]
    pub fn text(&self) -> String {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        let [left, silent, cut] = self.churn;
        let mut lines = vec![
            format!(
                "seed {}, {} nodes, {} connected at most",
                self.seed, self.nodes, self.connected_max
            ),
            format!(
                "{:.1} simulated hours: {} jobs, {} frames, {} tasks, {} verification tasks",
                self.hours, self.jobs, self.frames, self.tasks, self.verifications
            ),
            format!("nodes left {left} times, {silent} without a word; links failed {cut} times"),
            format!(
                "tasks waited {:.1} s (median), {:.0} s (99 of 100)",
                self.task_wait_s[0], self.task_wait_s[1]
            ),
            format!(
                "rendered {:.0} h that count; thrown away {} with leases, {} by verification",
                self.used_s / 3_600.0,
                percent(self.lost_share),
                percent(self.rejected_share)
            ),
            format!("cold starts: {} of the leases", percent(self.cold_share)),
            format!(
                "fairness between users of a priority: {:.4} (mean), {:.4} (least) in {} times two hours",
                self.fairness[0], self.fairness[1], self.fairness_looks
            ),
            format!(
                "the rules took {} commands ({} rows) in {:.1} s: {:.0} a second",
                self.commands,
                self.rows,
                self.core_s,
                self.commands_per_s()
            ),
        ];
        for (kind, cost) in &self.costs {
            lines.push(format!("  {kind}: {} times {:.1} µs", cost.count, cost.mean_us()));
        }
        for (priority, [median, most]) in &self.first_wait_s {
            lines.push(format!(
                "priority {priority}: a job's first frame waited {median:.1} s (median), {most:.0} s (99 of 100)"
            ));
        }
        lines.extend(self.broken.iter().map(|what| format!("BROKEN: {what}")));
        lines.push(String::new());
        lines.join("\n")
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "seed": self.seed,
            "nodes": self.nodes,
            "connected_max": self.connected_max,
            "hours": self.hours,
            "jobs": self.jobs,
            "frames": self.frames,
            "tasks": self.tasks,
            "verifications": self.verifications,
            "first_wait_s": self.first_wait_s,
            "task_wait_s": self.task_wait_s,
            "used_s": self.used_s,
            "lost_share": self.lost_share,
            "rejected_share": self.rejected_share,
            "cold_share": self.cold_share,
            "fairness": self.fairness,
            "fairness_looks": self.fairness_looks,
            "churn": self.churn,
            "commands": self.commands,
            "rows": self.rows,
            "core_s": self.core_s,
            "costs_us": self.costs.iter().map(|of| (*of.0, of.1.mean_us())).collect::<BTreeMap<_, _>>(),
            "broken": self.broken,
        })
    }
}
