//! Cheats against the real rules in a small network, with verdicts from wherever the caller has them.
//!
//! One cheating worker, an honest one, and six owners of verifiers share a job after another until
//! the cheat is caught or has sent its frames. What an honest verifier finds in a frame comes from an
//! [`Oracle`], which may render real pixels. Everything else is [`Farm`].

use super::dice::Dice;
use super::scene;
use candela_core::farm::{Command, Effect, Farm, Reply, Rows};
use candela_core::frames::FrameSet;
use candela_core::id::{NodeId, ReceiptId, TaskId, VerificationId};
use candela_core::layers::Size;
use candela_core::node::Role;
use candela_core::policy::Policy;
use candela_core::task::{Receipt, ReceiptStatus, TaskStatus};
use candela_core::time::Time;
use candela_core::verification::{Outcome, Purpose, VerificationTask};
use std::collections::{BTreeMap, BTreeSet};

/// What an honest verifier is asked.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The receipt: its frame and its layers, from which with the key the probes follow.
    pub receipt: &'a Receipt,
    /// The key of its task.
    pub key: candela_core::task::VerificationKey,
    /// Whether the worker forged it.
    pub forged: bool,
    /// The verification task: first probe and number of probes.
    pub verification: &'a VerificationTask,
}

/// Says what an honest verifier finds.
pub trait Oracle {
    /// The outcome of one verification task.
    fn judge(&mut self, asked: &Asked<'_>) -> Outcome;
}

impl<F: FnMut(&Asked<'_>) -> Outcome> Oracle for F {
    fn judge(&mut self, asked: &Asked<'_>) -> Outcome {
        self(asked)
    }
}

/// How the worker cheats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cheat {
    /// Forges this share of its frames from the first on.
    Selective {
        /// From 0 to 1.
        share: f64,
    },
    /// Is honest for so many frames, then forges this share.
    Turncoat {
        /// Honest frames.
        after: u64,
        /// From 0 to 1.
        share: f64,
    },
    /// Forges this share; so many of the six verifying owners show what it sends. Two owners are as
    /// many as accept a frame, so that with two or more a forgery may stay: about the square of their share.
    Colluding {
        /// From 0 to 1.
        share: f64,
        /// Owners in its cartel.
        owners: usize,
    },
}

/// What came of the tries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Found {
    /// Cheats that forged at least one frame.
    pub tried: u64,
    /// Cheats that were convicted.
    pub caught: u64,
    /// Forged frames accepted before the conviction, on average.
    pub accepted_before_mean: f64,
    /// The same, at most.
    pub accepted_before_max: u64,
    /// Forged frames that are accepted at the end, of those that were caught.
    pub stayed: u64,
}

impl Found {
    /// Whether everything that a caught cheat had accepted was opened again and rejected.
    #[must_use]
    pub fn reopened_all(&self) -> bool {
        self.stayed == 0
    }
}

/// Runs `tries` cheats, each of at most `frames` frames after it begins.
pub fn attack(
    cheat: Cheat,
    tries: u64,
    frames: u64,
    size: Size,
    seed: u64,
    oracle: &mut impl Oracle,
) -> Found {
    let mut found = Found::default();
    for number in 0..tries {
        let mut duel = Duel::new(cheat, size, seed.wrapping_add(number << 20));
        duel.run(frames, oracle);
        if duel.forged.is_empty() {
            continue;
        }
        found.tried += 1;
        found.accepted_before_mean += duel.passed.len() as f64;
        found.accepted_before_max = found.accepted_before_max.max(duel.passed.len() as u64);
        if duel.caught {
            found.caught += 1;
            found.stayed += duel.accepted_forgeries().count() as u64;
        }
    }
    found.accepted_before_mean /= found.tried.max(1) as f64;
    found
}

const CHEAT: usize = 0;
const HONEST: usize = 1;
const VERIFIERS: std::ops::Range<usize> = 2..8;

struct Duel {
    cheat: Cheat,
    size: Size,
    dice: Dice,
    farm: Farm,
    now: u64,
    nodes: Vec<NodeId>,
    sent: u64,
    forged: BTreeSet<ReceiptId>,
    passed: BTreeSet<ReceiptId>,
    /// Whether an answer shows what the cartel agreed on.
    shown: BTreeMap<VerificationId, bool>,
    caught: bool,
}

impl Duel {
    fn new(cheat: Cheat, size: Size, seed: u64) -> Duel {
        let mut dice = Dice::new(seed);
        let nodes: Vec<NodeId> = (0..VERIFIERS.end).map(|_| NodeId(dice.bytes())).collect();
        let engines = [scene::engine()].into();
        let farm = Farm::load(Policy::default(), engines, Rows::default(), Time(1));
        let mut duel = Duel {
            cheat,
            size,
            dice,
            farm,
            now: 1,
            nodes,
            sent: 0,
            forged: BTreeSet::new(),
            passed: BTreeSet::new(),
            shown: BTreeMap::new(),
            caught: false,
        };
        for at in 0..duel.nodes.len() {
            let role = if VERIFIERS.contains(&at) { Role::Verifier } else { Role::Worker };
            let owner = format!("owner {at}");
            let hello = scene::hello(duel.nodes[at], &owner, &[role].into(), 1);
            duel.apply(Command::Joined(Box::new(hello)));
        }
        duel
    }

    fn run(&mut self, frames: u64, oracle: &mut impl Oracle) {
        let after = if let Cheat::Turncoat { after, .. } = self.cheat { after } else { 0 };
        while self.sent < after + frames && !self.caught {
            if self.step(oracle) == 0 && !self.submit() {
                return;
            }
        }
        while self.step(oracle) > 0 {}
    }

    /// Whether another job could be given out.
    fn submit(&mut self) -> bool {
        let Ok(frames) = FrameSet::new(1..=40) else { return false };
        let submission = scene::submission(self.dice.bytes(), frames);
        let Some(Reply::Job(job)) = self.apply(Command::Submit(Box::new(submission))) else {
            return false;
        };
        let facts = Box::new(scene::facts(self.size, 32));
        let preview = Some(Box::new(scene::preview()));
        self.apply(Command::Inspected { job, facts, preview });
        true
    }

    fn step(&mut self, oracle: &mut impl Oracle) -> usize {
        let rendered = self.render(CHEAT) + self.render(HONEST);
        rendered + VERIFIERS.filter(|at| self.verify(*at, oracle)).count()
    }

    fn apply(&mut self, command: Command) -> Option<Reply> {
        self.now += 1;
        let (mut effects, seed) = (Vec::new(), self.dice.seed());
        let reply = self.farm.apply(command, Time(self.now), &seed, &mut effects).ok();
        self.farm.take_changed();
        for effect in effects {
            if let Effect::StoreOutput(receipt) = effect {
                self.apply(Command::OutputStored(receipt));
            }
        }
        if !self.caught {
            let accepted: Vec<ReceiptId> = self.accepted_forgeries().collect();
            self.passed.extend(accepted);
            let record = self.farm.node(self.nodes[CHEAT]).map(|node| node.record);
            self.caught = record.is_some_and(|record| record.frames_rejected > 0);
        }
        reply
    }

    fn accepted_forgeries(&self) -> impl Iterator<Item = ReceiptId> {
        self.forged.iter().copied().filter(|id| {
            let receipt = self.farm.receipt_of(*id);
            receipt.is_some_and(|receipt| receipt.status == ReceiptStatus::Accepted)
        })
    }

    fn forges(&mut self) -> bool {
        let draw = self.dice.unit();
        match self.cheat {
            Cheat::Selective { share } | Cheat::Colluding { share, .. } => draw < share,
            Cheat::Turncoat { after, share } => self.sent >= after && draw < share,
        }
    }

    /// Renders what a worker has.
    fn render(&mut self, at: usize) -> usize {
        let node = self.nodes[at];
        let tasks: Vec<TaskId> = self.farm.tasks_of(node);
        let mut rendered = 0;
        for task in
            tasks.into_iter().filter_map(|task| self.farm.task(task)).cloned().collect::<Vec<_>>()
        {
            let TaskStatus::Leased(lease) = &task.status else { continue };
            let Some(scene) = self.farm.job(task.job).map(|job| job.submission.scene) else {
                continue;
            };
            for frame in &task.frames {
                let layers = self.dice.bytes();
                let statement = scene::statement(&task, lease.id, scene, *frame, layers, 2_000);
                let (statement, signature) = (Box::new(statement), [0; 64]);
                let id = ReceiptId(self.farm.next_id());
                if at == CHEAT && self.forges() {
                    self.forged.insert(id);
                }
                self.sent += u64::from(at == CHEAT);
                let sent = self.apply(Command::Receipt { node, statement, signature });
                if sent != Some(Reply::Receipt(id)) {
                    self.forged.remove(&id);
                    break;
                }
                rendered += 1;
            }
        }
        rendered
    }

    /// Lets a verifier answer what it has; whether it had something.
    fn verify(&mut self, at: usize, oracle: &mut impl Oracle) -> bool {
        let node = self.nodes[at];
        let Some(id) = self.farm.verifications_held(node).first().copied() else { return false };
        let Some(verification) = self.farm.verification(id).cloned() else { return false };
        let Some(receipt) = self.farm.receipt_of(verification.receipt).cloned() else {
            return false;
        };
        let Some(task) = self.farm.task(receipt.statement.task) else { return false };
        let forged = self.forged.contains(&receipt.id);
        let colludes =
            matches!(self.cheat, Cheat::Colluding { owners, .. } if at - VERIFIERS.start < owners);
        let shows_forgery = colludes && forged;
        let outcome = if verification.purpose == Purpose::Canary {
            let known = self.farm.known_answer(receipt.id).and_then(|id| self.shown.get(&id));
            if known == Some(&shows_forgery) { Outcome::Accepted } else { Outcome::Rejected }
        } else if shows_forgery {
            Outcome::Accepted
        } else {
            oracle.judge(&Asked {
                receipt: &receipt,
                key: task.key,
                forged,
                verification: &verification,
            })
        };
        let earlier = self.farm.verifications(receipt.id).filter(|v| v.verdict().is_some());
        let peers = earlier.filter_map(|v| Some((v.id, *self.shown.get(&v.id)? == shows_forgery)));
        let verdict = Box::new(scene::verdict(outcome, node, peers.collect(), Time(self.now)));
        let rendered_px = scene::rendered_px(&verification);
        self.shown.insert(id, shows_forgery);
        self.apply(Command::Judged { verification: id, verdict, rendered_px }).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 1920, height: 1080 };

    fn certain(asked: &Asked<'_>) -> Outcome {
        if asked.forged { Outcome::Rejected } else { Outcome::Accepted }
    }

    #[test]
    fn cheats_are_caught_and_nothing_of_them_stays() {
        let cheats = [
            Cheat::Selective { share: 0.05 },
            Cheat::Turncoat { after: 100, share: 0.3 },
            Cheat::Colluding { share: 0.3, owners: 1 },
        ];
        for cheat in cheats {
            let found = attack(cheat, 5, 400, SIZE, 7, &mut certain);
            assert_eq!((found.tried, found.caught), (5, 5), "{cheat:?}: {found:?}");
            assert!(found.reopened_all(), "{cheat:?}: {found:?}");
            assert!(found.accepted_before_mean <= 10.0, "{cheat:?}: {found:?}");
        }
    }
}
