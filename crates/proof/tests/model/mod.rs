//! A model of what one probe of a scene shows: which pixels are informative, wrong, unstable.

use candela_core::layers::{PROBE_PX, Region, Size};
use candela_proof::agreement::{AgreementMap, PixelState, TileCounts};

const EDGE: usize = PROBE_PX as usize;
/// Blocks that are tried in a cell. Enough for their number to be nearly Poisson.
const TRIALS: usize = 64;

/// Splitmix64 (Steele, Lea and Flood 2014): small, and good enough to draw clumps.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }
}

/// A worker's pixels of one cell; cells at the frame's edge are cut.
pub(crate) struct Cell {
    size: Size,
    informative: Vec<bool>,
    wrong: Vec<bool>,
    unstable: Vec<bool>,
}

impl Cell {
    /// Sky down to a row of the frame; below it a third of the cells is flat in one half, all else
    /// is full of noise.
    pub(crate) fn new(region: Region, sky_rows: u32, dice: &mut Dice) -> Self {
        let size = region.size();
        let flat = dice.below(3) == 0;
        let informative = |y: u32, x: u32| region.y0 + y >= sky_rows && (x >= 16 || !flat);
        let pixels = size.pixels() as usize;
        Cell {
            size,
            informative: (0..size.height)
                .flat_map(|y| (0..size.width).map(move |x| (y, x)))
                .map(|(y, x)| informative(y, x))
                .collect(),
            wrong: vec![false; pixels],
            unstable: vec![false; pixels],
        }
    }

    /// The pixels of a square somewhere in the cell, as far as the cell isn't cut there.
    fn block(&self, edge_px: usize, dice: &mut Dice) -> impl Iterator<Item = usize> + use<> {
        let (width, pixels) = (self.size.width as usize, self.wrong.len());
        let (x0, y0) = (dice.below(EDGE - edge_px + 1), dice.below(EDGE - edge_px + 1));
        (0..edge_px * edge_px)
            .map(move |i| (x0 + i % edge_px, y0 + i / edge_px))
            .filter(move |(x, _)| *x < width)
            .map(move |(x, y)| y * width + x)
            .filter(move |pixel| *pixel < pixels)
    }

    /// Wrong pixels of an honest machine: blocks of 1 to 16, six times as many in a third of the
    /// cells (glass).
    pub(crate) fn honest(mut self, share: f64, dice: &mut Dice) -> Self {
        let here = share * if dice.below(3) == 0 { 2.25 } else { 0.375 };
        // Blocks have (1 + 4 + 9 + 16) / 4 pixels on average.
        let chance = here * (EDGE * EDGE) as f64 / 7.5 / TRIALS as f64;
        for _ in 0..TRIALS {
            if dice.share() < chance {
                let edge_px = 1 + dice.below(4);
                self.block(edge_px, dice).for_each(|pixel| self.wrong[pixel] = true);
            }
        }
        self
    }

    /// Each informative pixel is wrong with that chance.
    pub(crate) fn sampling(mut self, share: f64, dice: &mut Dice) -> Self {
        for pixel in 0..self.wrong.len() {
            self.wrong[pixel] |= self.informative[pixel] && dice.share() < share;
        }
        self
    }

    /// A cheat on settings: uneven over cells (many untouched, few heavily, as 4 bounces of 12
    /// were) and in blocks.
    pub(crate) fn settings(mut self, share: f64, edge_px: usize, dice: &mut Dice) -> Self {
        // The mean of u^5 is 1/6; the standard deviation over cells is 1.5 times the mean.
        let here = (6.0 * share * dice.share().powi(5)).min(1.0);
        for _ in 0..(EDGE / edge_px).pow(2) {
            if dice.share() < here {
                let block = self.block(edge_px, dice);
                block.for_each(|pixel| self.wrong[pixel] = self.informative[pixel]);
            }
        }
        self
    }

    /// All pixels of a rectangle of the frame are another picture's.
    pub(crate) fn forged(mut self, cell: Region, rectangle: Option<Region>) -> Self {
        let Some(r) = rectangle else { return self };
        for (pixel, wrong) in (0u32..).zip(&mut self.wrong) {
            let (x, y) = (cell.x0 + pixel % self.size.width, cell.y0 + pixel / self.size.width);
            *wrong |= r.x0 <= x && x < r.x1 && r.y0 <= y && y < r.y1;
        }
        self
    }

    /// An unrepeatable panel over one half of a share of the cells: each pixel of it is one of two
    /// values by a throw of dice.
    pub(crate) fn panel(mut self, cells: f64, odd: f64, dice: &mut Dice) -> Self {
        if dice.share() < cells {
            for pixel in 0..self.wrong.len() / 2 {
                let rendering = [dice.share() < odd, dice.share() < odd, dice.share() < odd];
                self.wrong[pixel] = rendering[0] != rendering[1];
                self.unstable[pixel] = rendering[1] != rendering[2];
            }
        }
        self
    }

    /// As a comparison would count them; with a second replica unstable pixels are left out, and
    /// all within 3 px of them.
    pub(crate) fn counts(self, repeated: bool) -> TileCounts {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut near = vec![false; self.wrong.len()];
        for pixel in (0..near.len()).filter(|&pixel| self.unstable[pixel] && repeated) {
            let (x, y) = (pixel % width, pixel / width);
            for row in y.saturating_sub(3)..(y + 4).min(height) {
                near[row * width + x.saturating_sub(3)..row * width + (x + 4).min(width)]
                    .fill(true);
            }
        }
        let state = |pixel: usize| match (self.unstable[pixel] && repeated, near[pixel]) {
            (true, _) => PixelState::Unstable,
            (_, true) => PixelState::NearUnstable,
            _ if self.informative[pixel] => PixelState::Informative { agrees: !self.wrong[pixel] },
            _ => PixelState::Direct { agrees: !self.wrong[pixel] },
        };
        let states = (0..self.wrong.len()).map(state).collect();
        AgreementMap { size: self.size, states, repeated, wrong_groups: vec![] }.counts()
    }
}
