//! Trials: a delivered frame or task against random verification keys, counted.

use super::judging::{self, Delivered, End, Verified};
use super::material::{CLASSES, Compared, Frame, Material, Work};
use candela_core::counts::TileCounts;
use candela_core::seed::Seed;
use candela_core::verification::ADAPTIVE_MARGIN_PX;
use candela_proof::frame::FRAME_CHEAT_SHARE;
use candela_proof::key::VerificationKey;
use candela_proof::stats;
use std::collections::BTreeMap;

/// An attack that changes fewer of the judged pixels than this leaves the picture as it is: no try.
pub const CHANGED_SHARE_MIN: f64 = 1e-3;

/// The error of the bounds that are stated.
const BOUND_ERROR: f64 = 0.05;

/// What came of trials.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Trials: frames or, where tasks are judged, tasks.
    pub tried: u64,
    /// Trials that ended in a rejection.
    pub rejected: u64,
    /// Trials that ended without a verdict.
    pub undecided: u64,
    /// Frames that were verified.
    pub frames: u64,
    /// Probes that were drawn for them.
    pub probes: u64,
    /// Pixels that verifiers rendered.
    pub rendered_px: u64,
    /// Pixels of the frames that were verified.
    pub frame_px: u64,
    /// Trials and rejections by scene and, of honest work, by the classes of worker and verifier.
    pub by_scene: BTreeMap<String, (u64, u64)>,
    /// Scenes on which it was tried.
    pub scenes: Vec<String>,
    /// Scenes on which it changes nothing, or can't be carried out.
    pub scenes_without: Vec<String>,
    /// Different frames that were rendered for it.
    pub frames_rendered: usize,
    /// Reasons of the trials that were not rejected, and of honest ones that were: a few.
    pub odd: Vec<String>,
}

impl Tally {
    /// Lower end of the one-sided 95 % interval of the share of rejected trials.
    #[must_use]
    pub fn rejected_share_lower(&self) -> f64 {
        let missed = (self.tried - self.rejected) as f64;
        if self.tried == 0 {
            0.0
        } else {
            1.0 - stats::share_upper(missed, self.tried as f64, BOUND_ERROR)
        }
    }

    /// Upper end of the same for honest work.
    #[must_use]
    pub fn rejected_share_upper(&self) -> f64 {
        stats::share_upper(self.rejected as f64, self.tried as f64, BOUND_ERROR)
    }

    fn add(&mut self, trial: &Trial<'_>, end: End, verified: &[Verified], odd: bool) {
        self.tried += 1;
        self.rejected += u64::from(end == End::Rejected);
        self.undecided += u64::from(end == End::Undecided);
        let of_scene = self.by_scene.entry(trial.group()).or_default();
        of_scene.0 += 1;
        of_scene.1 += u64::from(end == End::Rejected);
        for frame in verified {
            let delivered = trial.delivered(0, &[]);
            self.frames += 1;
            self.probes += frame.probes.len() as u64;
            self.rendered_px += judging::rendered_px(&delivered, frame, trial.margin_px());
            self.frame_px += delivered.size.pixels();
        }
        if odd && self.odd.len() < 8 {
            let why = verified.last().map_or("", |frame| &frame.reason);
            let (name, class) = (&trial.material.scene.name, CLASSES[trial.class].name());
            self.odd.push(format!("{name}, verifier {class}, key {}: {why}", trial.number));
        }
    }
}

/// One delivered piece of work against one class of verifier and one key.
struct Trial<'a> {
    material: &'a Material,
    work: &'a Work,
    worker_class: usize,
    class: usize,
    number: u64,
}

impl Trial<'_> {
    /// What it is counted with.
    fn group(&self) -> String {
        let scene = &self.material.scene.name;
        let of_honest = self.material.honest.iter().any(|work| std::ptr::eq(work, self.work));
        if of_honest {
            let (worker, verifier) = (CLASSES[self.worker_class], CLASSES[self.class]);
            format!("{scene}, worker {}, verifier {}", worker.name(), verifier.name())
        } else {
            scene.clone()
        }
    }

    fn margin_px(&self) -> u32 {
        if self.material.scene.adaptive { ADAPTIVE_MARGIN_PX } else { 0 }
    }

    fn delivered<'b>(&'b self, at: usize, counts: &'b [TileCounts]) -> Delivered<'b> {
        let (scene, frame) = (&self.material.scene, &self.work.frames[at]);
        Delivered {
            frame: frame.number,
            size: scene.settings.size,
            layers: frame.layers(),
            counts,
            preview: &scene.preview,
            adaptive: scene.adaptive,
            same_class: self.worker_class == self.class,
        }
    }

    /// Verifies one frame. What can't be compared is rejected without a probe.
    fn frame(&self, at: usize, key: &VerificationKey, of_lease: &[TileCounts]) -> Verified {
        match &self.work.frames[at].by_class[self.class] {
            Ok(counts) => judging::verify(&self.delivered(at, counts), key, of_lease),
            Err(mismatch) => Verified {
                end: End::Rejected,
                rounds: 1,
                probes: Vec::new(),
                regions: Vec::new(),
                reason: mismatch.to_string(),
            },
        }
    }
}

/// What a verifier of that class says of a frame that was rendered by an attack, or honestly, under this
/// key. Frames are counted around.
pub(super) fn verdict(
    material: &Material,
    attack: Option<&str>,
    at: usize,
    class: usize,
    key: &VerificationKey,
) -> End {
    let forged = attack.and_then(|name| material.attacks.get(name));
    let Some(work) = forged.or_else(|| material.honest.first()) else { return End::Undecided };
    let trial = Trial { material, work, worker_class: 0, class, number: 0 };
    trial.frame(at % work.frames.len().max(1), key, &[]).end
}

/// Draws keys and counts.
pub struct Dealer {
    /// From which the keys are drawn.
    pub seed: Seed,
    /// Trials of each attack, over all scenes.
    pub trials: u64,
    /// Verifications of honest frames, over all scenes and pairs of classes.
    pub honest: u64,
}

impl Dealer {
    fn key(&self, purpose: &str, number: u64) -> VerificationKey {
        VerificationKey(self.seed.draw(purpose, number))
    }

    /// Honest frames, every class of worker against every class of verifier.
    #[must_use]
    pub fn honest(&self, materials: &[Material]) -> Tally {
        let mut tally = Tally::default();
        for material in materials {
            tally.scenes.push(material.scene.name.clone());
            let pairs = CLASSES.len() * CLASSES.len() * material.scene.frames.len();
            let keys = self.honest.div_ceil((materials.len() * pairs) as u64);
            for (worker_class, work) in material.honest.iter().enumerate() {
                tally.frames_rendered += work.rendered;
                for class in 0..CLASSES.len() {
                    for _ in 0..keys {
                        let number = tally.tried;
                        let trial = Trial { material, work, worker_class, class, number };
                        self.honest_task(&trial, &mut tally);
                    }
                }
            }
        }
        tally
    }

    /// A task of honest frames: each is a trial of its own, with what was seen of its lease.
    fn honest_task(&self, trial: &Trial<'_>, tally: &mut Tally) {
        let key = self.key("honest", trial.number);
        let mut of_lease = Vec::new();
        for at in 0..trial.work.frames.len() {
            let verified = trial.frame(at, &key, &of_lease);
            of_lease.extend(verified.probes.iter().copied());
            let end = verified.end;
            tally.add(trial, end, &[verified], end != End::Accepted);
        }
    }

    /// One attack on all scenes where it changes as much of the picture as is asked.
    #[must_use]
    pub fn attack(
        &self,
        name: &str,
        by_task: bool,
        takes: impl Fn(&Work) -> bool,
        materials: &[Material],
    ) -> Tally {
        let mut tally = Tally::default();
        let tried: Vec<(&Material, &Work)> = materials
            .iter()
            .filter_map(|material| Some((material, material.attacks.get(name)?)))
            .filter(|(_, work)| takes(work))
            .collect();
        for material in materials {
            let scene = &material.scene.name;
            let on = tried.iter().any(|(other, _)| other.scene.name == *scene);
            if on { &mut tally.scenes } else { &mut tally.scenes_without }.push(scene.clone());
        }
        for (material, work) in &tried {
            tally.frames_rendered += work.rendered;
            let units = if by_task { 1 } else { work.frames.len() };
            let each = self.trials.div_ceil((tried.len() * CLASSES.len() * units) as u64);
            for class in 0..CLASSES.len() {
                for _ in 0..each {
                    let number = tally.tried;
                    let trial = Trial { material, work, worker_class: 0, class, number };
                    if by_task {
                        self.cheating_task(name, &trial, &mut tally);
                    } else {
                        self.cheating_frames(name, &trial, &mut tally);
                    }
                }
            }
        }
        tally
    }

    /// Frame by frame, each alone.
    fn cheating_frames(&self, name: &str, trial: &Trial<'_>, tally: &mut Tally) {
        let key = self.key(name, trial.number);
        for at in 0..trial.work.frames.len() {
            let verified = trial.frame(at, &key, &[]);
            let end = verified.end;
            tally.add(trial, end, &[verified], end != End::Rejected);
        }
    }

    /// A whole task: caught with the first frame that is rejected, since that rejects the lease.
    fn cheating_task(&self, name: &str, trial: &Trial<'_>, tally: &mut Tally) {
        let key = self.key(name, trial.number);
        let (mut of_lease, mut verified, mut end) = (Vec::new(), Vec::new(), End::Accepted);
        for at in 0..trial.work.frames.len() {
            let frame = trial.frame(at, &key, &of_lease);
            of_lease.extend(frame.probes.iter().copied());
            end = if frame.end == End::Accepted { end } else { frame.end };
            verified.push(frame);
            if end == End::Rejected {
                break;
            }
        }
        tally.add(trial, end, &verified, end != End::Rejected);
    }
}

/// Whether an attack changes a picture so far that it is one on whole frames, as the rule has it.
#[must_use]
pub fn changes_whole_frames(work: &Work) -> bool {
    let unfit = work.frames.iter().any(|frame| frame.by_class.iter().any(Compared::is_err));
    unfit || work.changed_share() >= FRAME_CHEAT_SHARE
}

/// Whether an attack changes the picture at all.
#[must_use]
pub fn changes(work: &Work) -> bool {
    work.frames.iter().any(|frame: &Frame| {
        let unfit = frame.by_class.iter().any(Compared::is_err);
        unfit || frame.changed().0 >= CHANGED_SHARE_MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_clopper_and_pearson() {
        let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-4, "{got}");
        let tally = |tried, rejected| Tally { tried, rejected, ..Tally::default() };
        // None of 3000 missed: the rule of three.
        near(tally(3000, 3000).rejected_share_lower(), 1.0 - 3.0 / 3000.0);
        near(tally(3000, 0).rejected_share_upper(), 3.0 / 3000.0);
        // One of 20: 0.2161 is the upper end in tables.
        near(tally(20, 19).rejected_share_lower(), 1.0 - 0.2161);
        assert_eq!(tally(0, 0).rejected_share_lower(), 0.0);
    }
}
