//! What the suite prints: a table for people, and the same as JSON.

use super::behaviours::Behaviour;
use super::catalogue::{Attack, Kind};
use super::development::Developed;
use super::material::Material;
use super::regions::Regions;
use super::trials::Tally;
use candela_core::node::Record;
use candela_core::policy::Policy;
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
    /// Whether it is about scenes where the attack changes less than the rule is made to find.
    pub small: bool,
}

impl AttackResult {
    /// Gathers what the table shows beside the counts.
    #[must_use]
    pub fn new(attack: &Attack, tally: Tally, materials: &[Material]) -> AttackResult {
        let (mut its_s, mut honest_s, mut changed) = (0.0, 0.0, Vec::new());
        for material in materials {
            let Some(work) = material.attacks.get(&attack.name) else { continue };
            let tried = tally.scenes.contains(&material.scene.name);
            if tried {
                changed.push((material.scene.name.clone(), work.changed_share()));
            }
            if tried {
                its_s += work.frame_s;
                honest_s += material.honest.first().map_or(0.0, |honest| honest.frame_s);
            }
        }
        let cost = if honest_s > 0.0 { its_s / honest_s } else { 0.0 };
        AttackResult { attack: attack.clone(), tally, cost, changed, small: false }
    }

    /// Whether it is only about some of the scenes, beside another of the same attack.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.small || self.attack.name.contains(',')
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
            "by_scene": tally.by_scene,
            "frames_rendered": tally.frames_rendered,
            "changed_share": self.changed.iter().cloned().collect::<BTreeMap<_, _>>(),
            "cost_share": self.cost,
        })
    }
}

const HEAD: &str = "| Attack | Kind | Scenes | Frames rendered | Tried | Caught | At least (95 %) | Pixels changed | Its cost |";
const RULE: &str = "|---|---|---|---|---|---|---|---|---|";

fn json_of(results: &[AttackResult], small: bool) -> Vec<Value> {
    results.iter().filter(|result| result.small == small).map(AttackResult::json).collect()
}

/// Everything that was measured.
pub struct Report {
    /// The seed of the keys.
    pub seed: u64,
    /// The attacks.
    pub attacks: Vec<AttackResult>,
    /// Honest frames.
    pub honest: Tally,
    /// Honest outputs against developments of their layers.
    pub developed: Developed,
    /// Regions that were rendered alone.
    pub regions: Vec<Regions>,
    /// What one judgement costs, by a process of its own.
    pub judging: Value,
    /// Cheats that choose when to cheat.
    pub behaviours: Vec<Behaviour>,
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
            "attacks": self.attacks_json(),
            "attacks_small": json_of(&self.attacks, true),
            "honest": {
                "verified": honest.tried,
                "rejected": honest.rejected,
                "undecided": honest.undecided,
                "rejected_share_upper_95": honest.rejected_share_upper(),
                "probes_per_frame": probes_per_frame(honest),
                "frames_rendered": honest.frames_rendered,
                "scenes": honest.scenes,
                "by_scene": honest.by_scene,
            },
            "development": { "verified": self.developed.tried, "rejected": self.developed.apart },
            "cost": { "new": cost_new(honest), "established": cost_established(honest) },
            "judge_ms": self.judging["judge_ms"],
            "judge_peak_memory_bytes": self.judging["peak_memory_bytes"],
            "regions": self.regions.iter().map(region_json).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    fn attacks_json(&self) -> Vec<Value> {
        let mut all = json_of(&self.attacks, false);
        all.extend(self.behaviours.iter().map(Behaviour::json));
        all
    }

    /// The table for people, in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{line}");
        };
        line(HEAD.into());
        line(RULE.into());
        for result in self.attacks.iter().filter(|result| !result.small) {
            line(row(result));
        }
        let small: Vec<&AttackResult> = self.attacks.iter().filter(|r| r.small).collect();
        if !small.is_empty() {
            line("\nOn these scenes they change less of the judged pixels than the rule is made to find:\n".into());
            line(HEAD.into());
            line(RULE.into());
            small.into_iter().for_each(|result| line(row(result)));
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
        for (pair, (tried, rejected)) in &honest.by_scene {
            if *rejected > 0 {
                line(format!("- {pair}: {rejected} of {tried} honest frames rejected."));
            }
        }
        let developed = &self.developed;
        line(format!(
            "Honest outputs: {} developed from their layers, {} rejected.",
            developed.tried, developed.apart
        ));
        line(format!(
            "Rendered for verification: {:.2} % of the pixels of the frames, {:.2} % with second opinions and canaries; of an established worker's frames {:.2} %.",
            100.0 * cost(honest),
            100.0 * cost_new(honest),
            100.0 * cost_established(honest)
        ));
        if let (Some(ms), Some(bytes)) =
            (self.judging["judge_ms"].as_f64(), self.judging["peak_memory_bytes"].as_f64())
        {
            line(format!(
                "Judging: {ms:.2} ms a probe, {:.0} MiB at most for a frame, in a process of its own.",
                bytes / f64::from(1 << 20),
            ));
        }
        for behaviour in &self.behaviours {
            let (name, found) = (behaviour.name, &behaviour.found);
            line(format!(
                "{name}: {} of {} caught; {:.2} forged frames accepted before, {} at most; {} stay.",
                found.caught,
                found.tried,
                found.accepted_before_mean,
                found.accepted_before_max,
                found.stayed
            ));
        }
        for regions in &self.regions {
            line(region_line(regions));
        }
        for note in &self.notes {
            line(note.clone());
        }
        text
    }

    /// A few of the trials that didn't end as they should.
    #[must_use]
    pub fn odd(&self) -> Vec<String> {
        let attacks = self.attacks.iter().flat_map(|result| {
            result.tally.odd.iter().map(|odd| format!("{}: {odd}", result.attack.name))
        });
        let honest = self.honest.odd.iter().map(|odd| format!("honest: {odd}"));
        let developed = self.developed.said.iter().map(|said| format!("honest output: {said}"));
        attacks.chain(honest).chain(developed).collect()
    }

    /// What must not be: an honest frame that was rejected, a whole-frame attack that got through.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.honest.rejected > 0 {
            failures.push(format!("{} honest frames were rejected", self.honest.rejected));
        }
        if self.developed.apart > 0 {
            failures.push(format!("{} honest outputs were rejected", self.developed.apart));
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
    let changed =
        if result.attack.kind != Kind::Output { changed.join(", ") } else { String::new() };
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

/// With what the rules add: second opinions on a share of the verdicts, and canaries.
fn cost_new(tally: &Tally) -> f64 {
    let verifiers = Policy::default().verifiers;
    cost(tally) * (1.0 + verifiers.second_rate + verifiers.canary_rate)
}

/// Of the frames of a worker whose record is as good as the rules ask for, only a share is checked.
fn cost_established(tally: &Tally) -> f64 {
    let checking = Policy::default().checking;
    let credit = 1_000_000;
    let record = Record {
        verified_in_row: checking.verified_first,
        credit_withheld: checking.withheld_frames * credit,
        ..Record::default()
    };
    cost_new(tally) * checking.rate(&record, credit)
}

fn region_json(regions: &Regions) -> Value {
    let margins = regions.margins.iter().map(|margin| {
        json!({
            "margin_px": margin.margin_px,
            "pixels": margin.pixels,
            "differ": margin.differ,
            "whole_differ": margin.whole_differ,
        })
    });
    json!({
        "scene": regions.scene,
        "samples": regions.samples,
        "margins": margins.collect::<Vec<_>>(),
        "open_s": regions.open_s,
        "first_s": regions.first_s,
        "next_s": regions.next_s,
        "frame_s": regions.frame_s,
    })
}

/// A sentence on regions that were rendered alone.
#[must_use]
pub fn region_line(regions: &Regions) -> String {
    let margins = regions.margins.iter().map(|margin| {
        format!(
            "with a margin of {} px {} of {} pixels differ (a second whole frame: {})",
            margin.margin_px, margin.differ, margin.pixels, margin.whole_differ
        )
    });
    format!(
        "{}, {} samples: {}; {:.1} s to open, then {:.2} s of processor time for the first region and {:.2} s for each further one, {:.2} s for the whole frame.",
        regions.scene,
        regions.samples,
        margins.collect::<Vec<_>>().join(", "),
        regions.open_s,
        regions.first_s,
        regions.next_s,
        regions.frame_s,
    )
}

/// Pixels rendered for verification, as a share of those of the frames.
fn cost(tally: &Tally) -> f64 {
    tally.rendered_px as f64 / tally.frame_px.max(1) as f64
}
