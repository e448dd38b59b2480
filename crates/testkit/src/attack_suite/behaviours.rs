//! Behaviours: cheats that choose when to cheat. They play against the real rules of the network, and
//! what a verifier finds comes from rendered pixels: of the honest frames and of an attack on whole frames.

use super::judging::End;
use super::material::{CLASSES, Material};
use super::trials::verdict;
use crate::network_sim::attack::{Asked, Cheat, Found, attack};
use candela_core::verification::Outcome;
use candela_proof::key::VerificationKey;
use serde_json::{Value, json};

/// The attack with which frames are forged.
const FORGED_BY: &str = "half_samples";

/// Cheats of each behaviour.
const TRIES: u64 = 100;

/// Frames that each sends at most, after it begins to cheat.
const FRAMES_MAX: u64 = 400;

/// What came of a behaviour.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Its name.
    pub name: &'static str,
    /// What came of it.
    pub found: Found,
}

impl Behaviour {
    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let found = &self.found;
        json!({
            "name": self.name,
            "kind": "behaviour",
            "tried": found.tried,
            "caught": found.caught,
            "accepted_before_mean": found.accepted_before_mean,
            "accepted_before_max": found.accepted_before_max,
            "reopened_all": found.reopened_all(),
        })
    }
}

/// Tries each behaviour on the first scene that has the attack; none without one.
#[must_use]
pub fn behaviours(materials: &[Material], seed: u64) -> Vec<Behaviour> {
    let with = materials.iter().find(|material| material.attacks.contains_key(FORGED_BY));
    let Some(material) = with else { return Vec::new() };
    let size = material.scene.settings.size;
    let cheats = [
        ("selective at 5 % of frames", Cheat::Selective { share: 0.05 }),
        ("turncoat after 100 honest frames", Cheat::Turncoat { after: 100, share: 1.0 }),
        ("turncoat, then 30 %", Cheat::Turncoat { after: 100, share: 0.3 }),
        ("colluding worker and verifier", Cheat::Colluding { share: 1.0, owners: 1 }),
    ];
    let mut oracle = |asked: &Asked<'_>| {
        let forged = asked.forged.then_some(FORGED_BY);
        let at = asked.receipt.statement.frame.unsigned_abs() as usize;
        let class = asked.verification.id.0 as usize % CLASSES.len();
        match verdict(material, forged, at, class, &VerificationKey(asked.key.0)) {
            End::Accepted => Outcome::Accepted,
            End::Rejected => Outcome::Rejected,
            End::Undecided => Outcome::Undecided,
        }
    };
    let mut run = |(name, cheat)| {
        let found = attack(cheat, TRIES, FRAMES_MAX, size, seed, &mut oracle);
        Behaviour { name, found }
    };
    cheats.into_iter().map(&mut run).collect()
}
