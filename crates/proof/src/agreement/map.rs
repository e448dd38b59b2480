//! What a comparison found: a state per pixel, for pictures, and the counts that judgements pool.

pub use candela_core::counts::{PATCH_PX, TileCounts};
use candela_core::layers::{Region, Size};

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

/// The states of a probe's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementMap {
    /// Columns and rows.
    pub size: Size,
    /// One per pixel, row by row from the top left.
    pub states: Vec<PixelState>,
    /// Whether there was a second replica.
    pub repeated: bool,
    /// Groups of channels with pixels that disagree and how many, left out pixels included: what to
    /// look at first when a probe is rejected. In the order of the channels.
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

    /// The counts of this probe.
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

    /// The smallest region that holds all pixels that disagree, within the probe; none if all agree.
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
