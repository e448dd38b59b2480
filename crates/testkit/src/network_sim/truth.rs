//! The model of truth: what pictures show, and what follows from comparing them.
//!
//! Instead of pixels there are picture ids. A frame has one true picture. A worker's frame shows it
//! in every tile that isn't forged; a verifier's answer shows one picture, or what a worker of its
//! cartel delivered. A probed tile is wrong if worker and verifier show different pictures there.
//! Which tiles are probed is drawn as in the real network, from key and commitment.

use candela_core::farm::Farm;
use candela_core::id::{ReceiptId, VerificationId};
use candela_core::layers::ProbeGrid;
use candela_core::verification::{Outcome, Purpose, VerificationTask};
use candela_proof::key::{VerificationKey, probe_order};
use std::collections::BTreeMap;

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// What the scene defines.
    True,
    /// What half of the samples give: the same for everybody who does it.
    HalfSamples,
    /// What a cartel agreed on.
    Agreed,
    /// What nobody else shows.
    Own(u64),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forgery {
    /// What the forged tiles show.
    pub(super) picture: Picture,
    /// Share of the tiles that are forged, from 0 to 1.
    pub(super) share: f64,
    /// Whether a single wrong tile leaves the judgement in doubt.
    pub(super) slight: bool,
    /// Whether the verifiers of the cartel show it too.
    pub(super) shared: bool,
}

/// What an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// One picture in every tile.
    One(Picture),
    /// What a worker delivered.
    As(ReceiptId),
}

/// What is true, which the rules never see.
#[derive(Debug, Default)]
pub(super) struct Truth {
    forged: BTreeMap<ReceiptId, Forgery>,
    shown: BTreeMap<VerificationId, Shown>,
}

impl Truth {
    pub(super) fn forge(&mut self, receipt: ReceiptId, forgery: Forgery) {
        self.forged.insert(receipt, forgery);
    }

    pub(super) fn forgery(&self, receipt: ReceiptId) -> Option<&Forgery> {
        self.forged.get(&receipt)
    }

    pub(super) fn show(&mut self, answer: VerificationId, shown: Shown) {
        self.shown.insert(answer, shown);
    }

    pub(super) fn shown(&self, answer: VerificationId) -> Option<Shown> {
        self.shown.get(&answer).copied()
    }

    /// What a worker's frame shows in a tile.
    fn delivered(&self, receipt: ReceiptId, tile: usize) -> Picture {
        match self.forged.get(&receipt) {
            Some(forgery) if forgery.share >= 1.0 => forgery.picture,
            Some(forgery) if even(receipt.0, tile) < forgery.share => forgery.picture,
            _ => Picture::True,
        }
    }

    fn in_tile(&self, shown: Shown, tile: usize) -> Picture {
        match shown {
            Shown::One(picture) => picture,
            Shown::As(receipt) => self.delivered(receipt, tile),
        }
    }

    /// The tiles of a verification task.
    fn tiles(farm: &Farm, verification: &VerificationTask) -> Vec<usize> {
        let (first, count) = (verification.first_probe as usize, verification.probes as usize);
        let drawn = || {
            let receipt = farm.receipt_of(verification.receipt)?;
            let key = farm.task(receipt.statement.task)?.key;
            let size = farm.job(receipt.job)?.inspected.as_ref()?.settings.size;
            let grid = ProbeGrid { size };
            let (frame, layers) = (receipt.statement.frame, receipt.statement.layers);
            let order = probe_order(&VerificationKey(key.0), frame, &layers, grid, None);
            let number = |tile: candela_core::layers::ProbeIndex| {
                tile.row as usize * grid.columns() as usize + tile.column as usize
            };
            Some(order.skip(first).take(count).map(number).collect())
        };
        match verification.purpose {
            Purpose::Claim | Purpose::ClaimConfirm => (first..first + count).collect(),
            _ => drawn().unwrap_or_default(),
        }
    }

    /// Whether any tile of a receipt, or what is shown for it, isn't the same all over.
    fn is_mixed(&self, receipt: ReceiptId, shown: &[Shown]) -> bool {
        let partial = |id: &ReceiptId| self.forged.get(id).is_some_and(|f| f.share < 1.0);
        let mirrors = shown.iter().filter_map(|shown| match shown {
            Shown::As(receipt) => Some(receipt),
            Shown::One(_) => None,
        });
        mirrors.chain([&receipt]).any(partial)
    }

    fn tiles_if_mixed(&self, farm: &Farm, v: &VerificationTask, shown: &[Shown]) -> Vec<usize> {
        if self.is_mixed(v.receipt, shown) { Truth::tiles(farm, v) } else { vec![0] }
    }

    /// What the judgement of an answer says.
    pub(super) fn judge(&self, farm: &Farm, v: &VerificationTask, shown: Shown) -> Outcome {
        let known = farm.known_answer(v.receipt).filter(|_| v.purpose == Purpose::Canary);
        if v.purpose == Purpose::Canary {
            let known = known.and_then(|answer| self.shown(answer));
            return match known {
                Some(known) if self.same(farm, v, shown, known) => Outcome::Accepted,
                Some(_) => Outcome::Rejected,
                None => Outcome::Undecided,
            };
        }
        let tiles = self.tiles_if_mixed(farm, v, &[shown]);
        let differs =
            |tile: &&usize| self.in_tile(shown, **tile) != self.delivered(v.receipt, **tile);
        let wrong = tiles.iter().filter(differs).count();
        let slight = self.forged.get(&v.receipt).is_some_and(|f| f.slight);
        match wrong {
            0 => Outcome::Accepted,
            1 if slight && shown == Shown::One(Picture::True) => Outcome::Undecided,
            _ => Outcome::Rejected,
        }
    }

    /// Whether two answers show the same in the tiles of a verification task.
    pub(super) fn same(&self, farm: &Farm, v: &VerificationTask, a: Shown, b: Shown) -> bool {
        if a == b {
            return true;
        }
        let tiles = self.tiles_if_mixed(farm, v, &[a, b]);
        tiles.iter().all(|tile| self.in_tile(a, *tile) == self.in_tile(b, *tile))
    }
}

/// An even number from 0 to 1 of a tile of a receipt.
fn even(receipt: u64, tile: usize) -> f64 {
    super::dice::Dice::new(receipt.wrapping_mul(0x1_0001) ^ ((tile as u64) << 40)).unit()
}
