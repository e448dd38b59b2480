//! What the suite prints: a table for people, and the same as JSON.

use super::catalogue::{Attack, Kind};
use super::material::Material;
use super::trials::{Tally, changes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The results of an attack.
pub struct AttackResult {
    /// The attack.
    pub attack: Attack,
    /// What came of its trials.
    pub tally: Tally,
    /// Seconds of its frames over seconds of honest ones, where it was tried.
    pub cost: f64,
    /// Share of the informative pixels that it changes in the whole frame, by scene.
    pub changed: Vec<(String, f64)>,
}

impl AttackResult {
    /// Gathers what the table shows beside the counts.
    #[must_use]
    pub fn new(attack: &Attack, tally: Tally, materials: &[Material]) -> AttackResult {
        let (mut its_s, mut honest_s, mut changed) = (0.0, 0.0, Vec::new());
        for material in materials {
            let Some(work) = material.attacks.get(&attack.name) else { continue };
            let frames = work.frames.len().max(1) as f64;
            let share = work.frames.iter().map(|frame| frame.changed().1).sum::<f64>() / frames;
            changed.push((material.scene.name.clone(), share));
            if changes(work) {
                its_s += work.frame_s;
                honest_s += material.honest.first().map_or(0.0, |honest| honest.frame_s);
            }
        }
        let cost = if honest_s > 0.0 { its_s / honest_s } else { 0.0 };
        AttackResult { attack: attack.clone(), tally, cost, changed }
    }

    fn json(&self) -> Value {
        let tally = &self.tally;
        json!({
            "name": self.attack.name,
            "kind": self.attack.kind.name(),
            "about": self.attack.about,
            "tried": tally.tried,
            "caught": tally.rejected,
            "undecided": tally.undecided,
            "caught_share_lower_95": tally.rejected_share_lower(),
            "scenes": tally.scenes,
            "scenes_without": tally.scenes_without,
            "frames_rendered": tally.frames_rendered,
            "changed_share": self.changed.iter().cloned().collect::<BTreeMap<_, _>>(),
            "cost_share": self.cost,
        })
    }
}

/// Everything that was measured.
pub struct Report {
    /// The seed of the keys.
    pub seed: u64,
    /// The attacks.
    pub attacks: Vec<AttackResult>,
    /// Honest frames.
    pub honest: Tally,
    /// More lines, each a finding.
    pub notes: Vec<String>,
}

impl Report {
    /// The results for machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let honest = &self.honest;
        json!({
            "seed": self.seed,
            "attacks": self.attacks.iter().map(AttackResult::json).collect::<Vec<_>>(),
            "honest": {
                "verified": honest.tried,
                "rejected": honest.rejected,
                "undecided": honest.undecided,
                "rejected_share_upper_95": honest.rejected_share_upper(),
                "probes_per_frame": probes_per_frame(honest),
                "frames_rendered": honest.frames_rendered,
                "scenes": honest.scenes,
            },
            "cost": { "new": cost(honest) },
        })
    }

    /// The table for people, in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{line}");
        };
        line("| Attack | Kind | Scenes | Frames rendered | Tried | Caught | At least (95 %) | Pixels changed | Its cost |".into());
        line("|---|---|---|---|---|---|---|---|---|".into());
        for result in &self.attacks {
            line(row(result));
        }
        let honest = &self.honest;
        line(String::new());
        line(format!(
            "Honest frames: {} verified, {} rejected (at most {:.3} % at 95 %), {} undecided; {:.1} probes a frame; {} frames rendered on {} scenes by three classes, each checked by three.",
            honest.tried,
            honest.rejected,
            100.0 * honest.rejected_share_upper(),
            honest.undecided,
            probes_per_frame(honest),
            honest.frames_rendered,
            honest.scenes.len(),
        ));
        line(format!(
            "Rendered for verification: {:.2} % of the pixels of the frames that were verified.",
            100.0 * cost(honest)
        ));
        for note in &self.notes {
            line(note.clone());
        }
        text
    }

    /// What must not be: an honest frame that was rejected, a whole-frame attack that got through.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.honest.rejected > 0 {
            failures.push(format!("{} honest frames were rejected", self.honest.rejected));
        }
        for result in &self.attacks {
            let through = result.tally.tried - result.tally.rejected;
            if result.attack.kind == Kind::Sampling && through > 0 {
                failures.push(format!("{} of {} got through", through, result.attack.name));
            }
        }
        failures
    }
}

fn row(result: &AttackResult) -> String {
    let tally = &result.tally;
    let changed: Vec<String> = result
        .changed
        .iter()
        .map(|(scene, share)| format!("{scene} {:.1} %", 100.0 * share))
        .collect();
    let changed = if matches!(result.attack.kind, Kind::Settings | Kind::Area) {
        changed.join(", ")
    } else {
        String::new()
    };
    if tally.tried == 0 {
        let (name, kind) = (&result.attack.name, result.attack.kind.name());
        return format!("| {name} | {kind} | 0 | | changes nothing here | | | {changed} | |");
    }
    format!(
        "| {} | {} | {} | {} | {} | {} | {:.2} % | {changed} | {:.0} % |",
        result.attack.name,
        result.attack.kind.name(),
        tally.scenes.len(),
        tally.frames_rendered,
        tally.tried,
        tally.rejected,
        100.0 * tally.rejected_share_lower(),
        100.0 * result.cost,
    )
}

fn probes_per_frame(tally: &Tally) -> f64 {
    tally.probes as f64 / tally.frames.max(1) as f64
}

/// Pixels rendered for verification, as a share of those of the frames.
fn cost(tally: &Tally) -> f64 {
    tally.rendered_px as f64 / tally.frame_px.max(1) as f64
}
