//! What a comparison found: a state per pixel, for pictures, and the counts that judgements pool.

use candela_core::layers::{Region, Size};

/// Edge of the patches in which counts are also summed, to see how clumped they are; in pixels.
pub const PATCH_PX: u32 = 16;

/// What was found about one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelState {
    /// Other random numbers would show here.
    Informative {
        /// Whether the worker's pixel agrees with the replica.
        agrees: bool,
    },
    /// Other random numbers make no difference here.
    Direct {
        /// Whether the worker's pixel agrees with the replica.
        agrees: bool,
    },
    /// The two replicas differ here; left out.
    Unstable,
    /// Close to an unstable pixel; left out.
    NearUnstable,
    /// The replica isn't finite here and the worker's bits differ; left out.
    NotJudged,
}

/// The states of a tile's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementMap {
    /// Columns and rows.
    pub size: Size,
    /// One per pixel, row by row from the top left.
    pub states: Vec<PixelState>,
    /// Whether there was a second replica.
    pub repeated: bool,
    /// Groups of channels with pixels that disagree and how many, left out pixels included: what to
    /// look at first when a tile is rejected. In the order of the channels.
    pub wrong_groups: Vec<(String, u64)>,
}

impl AgreementMap {
    pub(super) fn leave_out_near_unstable(&mut self, margin_px: u32) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let margin = margin_px as usize;
        let unstable: Vec<usize> = (0..self.states.len())
            .filter(|&pixel| self.states[pixel] == PixelState::Unstable)
            .collect();
        for pixel in unstable {
            let (x, y) = (pixel % width, pixel / width);
            let (x0, x1) = (x.saturating_sub(margin), (x + margin + 1).min(width));
            for row in y.saturating_sub(margin)..(y + margin + 1).min(height) {
                for state in &mut self.states[row * width + x0..row * width + x1] {
                    if *state != PixelState::Unstable {
                        *state = PixelState::NearUnstable;
                    }
                }
            }
        }
    }

    /// The counts of this tile.
    #[must_use]
    pub fn counts(&self) -> TileCounts {
        let width = self.size.width.max(1) as usize;
        let patch = PATCH_PX as usize;
        let patches_wide = width.div_ceil(patch);
        let patches_high = (self.size.height as usize).div_ceil(patch);
        let mut patches = vec![[0u64; 3]; patches_wide * patches_high];
        let mut counts = TileCounts { pixels: self.states.len() as u64, ..TileCounts::default() };
        if self.repeated {
            counts.repeated = counts.pixels;
        }
        for (pixel, state) in self.states.iter().enumerate() {
            let place = pixel / width / patch * patches_wide + pixel % width / patch;
            let here = &mut patches[place];
            match *state {
                PixelState::Informative { agrees } => {
                    counts.informative_judged += 1;
                    counts.informative_agree += u64::from(agrees);
                    here[0] += 1;
                }
                PixelState::Direct { agrees } => {
                    counts.direct_judged += 1;
                    counts.direct_agree += u64::from(agrees);
                    here[1] += 1;
                }
                PixelState::Unstable => {
                    counts.unstable += 1;
                    here[2] += 1;
                }
                PixelState::NearUnstable => counts.near_unstable += 1,
                PixelState::NotJudged => counts.not_judged += 1,
            }
        }
        for [informative, direct, unstable] in patches {
            counts.informative_patch_squares += informative * informative;
            counts.direct_patch_squares += direct * direct;
            counts.unstable_patch_squares += unstable * unstable;
        }
        counts
    }

    /// Whether a pixel was judged and disagrees, one per pixel: the mask to draw over a picture.
    #[must_use]
    pub fn disagreement_mask(&self) -> Vec<bool> {
        self.states.iter().map(|state| disagrees(*state)).collect()
    }

    /// The smallest region that holds all pixels that disagree, within the tile; none if all agree.
    #[must_use]
    pub fn disagreement_bounds(&self) -> Option<Region> {
        let width = self.size.width;
        let wrong = self.states.iter().zip(0u32..).filter(|(state, _)| disagrees(**state));
        wrong.map(|(_, pixel)| (pixel % width, pixel / width)).fold(None, |bounds, (x, y)| {
            let one = Region { x0: x, y0: y, x1: x + 1, y1: y + 1 };
            Some(bounds.map_or(one, |bounds: Region| Region {
                x0: bounds.x0.min(one.x0),
                y0: bounds.y0.min(one.y0),
                x1: bounds.x1.max(one.x1),
                y1: bounds.y1.max(one.y1),
            }))
        })
    }
}

fn disagrees(state: PixelState) -> bool {
    matches!(
        state,
        PixelState::Informative { agrees: false } | PixelState::Direct { agrees: false }
    )
}

/// The counts of one tile, or of several added up; all in pixels unless said otherwise.
///
/// `pixels = informative_judged + direct_judged + unstable + near_unstable + not_judged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TileCounts {
    /// Pixels of the tile.
    pub pixels: u64,
    /// Informative pixels that were judged.
    pub informative_judged: u64,
    /// Of these, those that agree.
    pub informative_agree: u64,
    /// Pixels to which the seed makes no difference and that were judged.
    pub direct_judged: u64,
    /// Of these, those that agree.
    pub direct_agree: u64,
    /// Pixels in which two replicas differ.
    pub unstable: u64,
    /// Pixels left out because they are close to unstable ones.
    pub near_unstable: u64,
    /// Pixels left out because the replica isn't finite.
    pub not_judged: u64,
    /// Pixels for which there was a second replica: all or, of one tile, none.
    pub repeated: u64,
    /// Sum of the squared numbers of informative judged pixels of each 16 × 16 patch
    /// ([`PATCH_PX`]).
    pub informative_patch_squares: u64,
    /// The same for the direct judged pixels.
    pub direct_patch_squares: u64,
    /// The same for the unstable pixels.
    pub unstable_patch_squares: u64,
}

impl TileCounts {
    /// Pixels that were judged.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.informative_judged + self.direct_judged
    }

    /// Judged pixels that disagree.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.informative_wrong() + self.direct_wrong()
    }

    /// Informative judged pixels that disagree.
    #[must_use]
    pub fn informative_wrong(&self) -> u64 {
        self.informative_judged.saturating_sub(self.informative_agree)
    }

    /// Direct judged pixels that disagree.
    #[must_use]
    pub fn direct_wrong(&self) -> u64 {
        self.direct_judged.saturating_sub(self.direct_agree)
    }

    /// Whether the numbers fit together, as those of a comparison always do; check counts from
    /// elsewhere.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let parts = [
            self.informative_judged,
            self.direct_judged,
            self.unstable,
            self.near_unstable,
            self.not_judged,
        ];
        let sum = parts.iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
        let squares = |n: u64, squares: u64| {
            squares >= n && u128::from(squares) <= u128::from(n) * u128::from(PATCH_PX * PATCH_PX)
        };
        sum == Some(self.pixels)
            && self.informative_agree <= self.informative_judged
            && self.direct_agree <= self.direct_judged
            && self.repeated <= self.pixels
            && squares(self.informative_judged, self.informative_patch_squares)
            && squares(self.direct_judged, self.direct_patch_squares)
            && squares(self.unstable, self.unstable_patch_squares)
    }
}

impl std::ops::AddAssign for TileCounts {
    fn add_assign(&mut self, other: Self) {
        self.pixels += other.pixels;
        self.informative_judged += other.informative_judged;
        self.informative_agree += other.informative_agree;
        self.direct_judged += other.direct_judged;
        self.direct_agree += other.direct_agree;
        self.unstable += other.unstable;
        self.near_unstable += other.near_unstable;
        self.not_judged += other.not_judged;
        self.repeated += other.repeated;
        self.informative_patch_squares += other.informative_patch_squares;
        self.direct_patch_squares += other.direct_patch_squares;
        self.unstable_patch_squares += other.unstable_patch_squares;
    }
}

impl std::iter::Sum for TileCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(TileCounts::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}
