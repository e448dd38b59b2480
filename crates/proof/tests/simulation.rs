//! Error rates, measured on simulated tasks with fixed seeds: honest workers and cheats, in clumps.
//!
//! A task is drawn tile by tile from a model of a scene; rounds of 25, 50 and 100 tiles are judged
//! as the network would, until the verdict is not *undecided*. `cargo test -p candela-proof --test
//! simulation -- --nocapture` prints the table.

use candela_core::layers::Size;
use candela_proof::agreement::{AgreementMap, PixelState, TileCounts};
use candela_proof::judge::{NoiseFloor, Policy, Progress, Verdict, judge};

const TILE: usize = 64;
const TASKS: u64 = 600;
const ROUNDS: [usize; 3] = [25, 50, 100];

/// Splitmix64 (Steele, Lea and Flood 2014): small, and good enough to draw clumps.
struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }
}

/// A worker's tile: which pixels are informative, which wrong, which unstable.
struct Tile {
    informative: Vec<bool>,
    wrong: Vec<bool>,
    unstable: Vec<bool>,
}

impl Tile {
    /// A third of the tiles of a picture is half sky, the rest is full of noise.
    fn new(dice: &mut Dice) -> Self {
        let sky_rows = if dice.below(3) == 0 { TILE / 2 } else { 0 };
        let informative = (0..TILE * TILE).map(|pixel| pixel / TILE >= sky_rows).collect();
        Tile { informative, wrong: vec![false; TILE * TILE], unstable: vec![false; TILE * TILE] }
    }

    fn block(edge_px: usize, dice: &mut Dice) -> impl Iterator<Item = usize> + use<> {
        let (x0, y0) = (dice.below(TILE - edge_px + 1), dice.below(TILE - edge_px + 1));
        (0..edge_px * edge_px).map(move |i| (y0 + i / edge_px) * TILE + x0 + i % edge_px)
    }

    /// Wrong pixels of an honest machine: blocks of 1 to 16, three times as many in a third of the
    /// tiles (glass).
    fn honest(mut self, share: f64, dice: &mut Dice) -> Self {
        let here = share * if dice.below(3) == 0 { 2.25 } else { 0.375 };
        // Blocks have (1 + 4 + 9 + 16) / 4 pixels on average; 64 trials make the number of them
        // nearly Poisson.
        let chance = here * (TILE * TILE) as f64 / 7.5 / 64.0;
        for _ in 0..64 {
            if dice.share() < chance {
                let edge_px = 1 + dice.below(4);
                Self::block(edge_px, dice).for_each(|pixel| self.wrong[pixel] = true);
            }
        }
        self
    }

    /// Each informative pixel is wrong with that chance.
    fn sampling(mut self, share: f64, dice: &mut Dice) -> Self {
        for pixel in 0..self.wrong.len() {
            self.wrong[pixel] |= self.informative[pixel] && dice.share() < share;
        }
        self
    }

    /// A cheat on settings: uneven over tiles (many untouched, few heavily, as 4 bounces of 12
    /// were) and in blocks of 16 × 16.
    fn settings(mut self, share: f64, dice: &mut Dice) -> Self {
        // The mean of u^5 is 1/6; the standard deviation over tiles is 1.5 times the mean.
        let here = (6.0 * share * dice.share().powi(5)).min(1.0);
        for _ in 0..16 {
            if dice.share() < here {
                Self::block(16, dice).for_each(|pixel| self.wrong[pixel] = self.informative[pixel]);
            }
        }
        self
    }

    fn forged(mut self) -> Self {
        self.wrong.fill(true);
        self
    }

    /// An unrepeatable panel over a share of the tiles: each pixel of it is one of two values by a
    /// throw of dice.
    fn panel(mut self, tiles: f64, odd: f64, dice: &mut Dice) -> Self {
        if dice.share() < tiles {
            for pixel in 0..TILE * TILE / 2 {
                let rendering = [dice.share() < odd, dice.share() < odd, dice.share() < odd];
                self.wrong[pixel] = rendering[0] != rendering[1];
                self.unstable[pixel] = rendering[1] != rendering[2];
            }
        }
        self
    }

    fn counts(self, repeated: bool) -> TileCounts {
        let mut near = vec![false; TILE * TILE];
        for pixel in (0..TILE * TILE).filter(|&pixel| self.unstable[pixel] && repeated) {
            let (x, y) = (pixel % TILE, pixel / TILE);
            for row in y.saturating_sub(3)..(y + 4).min(TILE) {
                near[row * TILE + x.saturating_sub(3)..row * TILE + (x + 4).min(TILE)].fill(true);
            }
        }
        let state = |pixel: usize| match (self.unstable[pixel] && repeated, near[pixel]) {
            (true, _) => PixelState::Unstable,
            (_, true) => PixelState::NearUnstable,
            _ if self.informative[pixel] => PixelState::Informative { agrees: !self.wrong[pixel] },
            _ => PixelState::Direct { agrees: !self.wrong[pixel] },
        };
        let size = Size { width: TILE as u32, height: TILE as u32 };
        let states = (0..TILE * TILE).map(state).collect();
        AgreementMap { size, states, repeated, wrong_groups: vec![] }.counts()
    }
}

#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    rejected: u64,
    undecided: u64,
    tiles: u64,
}

fn simulate(
    what: &str,
    floor: NoiseFloor,
    draw: impl Fn(Tile, &mut Dice) -> Tile,
    repeated: bool,
) -> Tally {
    let mut tally = Tally::default();
    for task in 0..TASKS {
        let mut dice = Dice(task * 1_000_003 + 17);
        let mut tiles = Vec::new();
        let mut verdict = Verdict::Undecided;
        for (round, wanted) in (1..).zip(ROUNDS) {
            while tiles.len() < wanted {
                let tile = Tile::new(&mut dice);
                tiles.push(draw(tile, &mut dice).counts(repeated));
            }
            let progress = Progress { round, probes_in_task: 5 * 510 };
            verdict = judge(&tiles, &floor, &Policy::default(), progress).verdict;
            if verdict != Verdict::Undecided {
                break;
            }
        }
        tally.tiles += tiles.len() as u64;
        match verdict {
            Verdict::Accepted => tally.accepted += 1,
            Verdict::Rejected => tally.rejected += 1,
            Verdict::Undecided => tally.undecided += 1,
        }
    }
    let mean = tally.tiles as f64 / TASKS as f64;
    println!(
        "{what:45} accepted {:5} rejected {:5} undecided {:5}  tiles {mean:6.1}",
        tally.accepted, tally.rejected, tally.undecided
    );
    tally
}

#[test]
fn honest_workers_are_accepted() {
    let (same, other) = (NoiseFloor::same_class(), NoiseFloor::other_class());
    let tight = NoiseFloor { disagree_share_upper: 1e-3, ..other };
    let tally = simulate("honest, same class", same, |tile, _| tile, false);
    assert_eq!((tally.accepted, tally.tiles), (TASKS, TASKS * 25));
    let tally = simulate("honest, same class, repeated", same, |tile, _| tile, true);
    assert_eq!(tally.accepted, TASKS);
    for (what, floor) in [("honest, 1e-3 wrong, floor 2e-3", other), ("same, floor 1e-3", tight)] {
        let tally = simulate(what, floor, |tile, dice| tile.honest(1e-3, dice), false);
        assert_eq!(tally.rejected, 0);
        assert!(tally.accepted >= TASKS * 99 / 100);
    }
}

#[test]
fn honest_workers_of_unrepeatable_scenes_are_not_rejected() {
    let floor = NoiseFloor::other_class();
    for odd in [0.001, 0.02, 0.5] {
        let what = format!("honest, 4 % of tiles unstable, odd {odd}");
        let draw = |tile: Tile, dice: &mut Dice| tile.honest(1e-3, dice).panel(0.04, odd, dice);
        let tally = simulate(&what, floor, draw, true);
        assert_eq!(tally.rejected, 0);
        assert!(tally.accepted >= TASKS * 95 / 100);
    }
}

#[test]
fn cheats_are_not_accepted() {
    let other = NoiseFloor::other_class();
    let cheat = |what, draw: &dyn Fn(Tile, &mut Dice) -> Tile| {
        simulate(what, other, |tile, dice| draw(tile.honest(1e-3, dice), dice), false)
    };
    let tally = cheat("another seed", &|tile, dice| tile.sampling(0.98, dice));
    assert_eq!((tally.rejected, tally.tiles), (TASKS, TASKS * 25));
    let tally = cheat("9 % wrong, dispersed", &|tile, dice| tile.sampling(0.09, dice));
    assert_eq!(tally.rejected, TASKS);
    let tally = cheat("9 % wrong, in clumps", &|tile, dice| tile.settings(0.09, dice));
    assert_eq!(tally.accepted, 0);
    assert!(tally.rejected >= TASKS * 99 / 100);
    let tally = cheat("3 % wrong, dispersed", &|tile, dice| tile.sampling(0.03, dice));
    assert_eq!(tally.rejected, TASKS);
    let tally = cheat("3 % wrong, in clumps", &|tile, dice| tile.settings(0.03, dice));
    assert!(tally.accepted <= TASKS / 100);
    let tally = cheat("10 % of the tiles forged", &|tile, dice| {
        if dice.share() < 0.1 { tile.forged() } else { tile }
    });
    assert!(tally.rejected >= TASKS * 90 / 100);
}
