//! The verification key and the order in which it draws a frame's probes.
//!
//! The order is a function of (key, frame, layers hash, grid, noise preview) and of nothing else.
//! The worker fixes it by committing to the layers and cannot know it before, since it lacks the
//! key; whoever is given the key later gets the same order, on any machine, and can audit the
//! verdict.
//!
//! Nothing here rounds differently between machines: the random stream is BLAKE3's extendable
//! output in keyed mode, indices are drawn by rejection, and noise becomes whole numbers by
//! one multiplication and one division of 64-bit floats, which IEEE 754 defines exactly.

use std::fmt;

use candela_core::id::BlobHash;
use candela_core::layers::{ProbeGrid, ProbeIndex, Size};

/// Separates this use of the key from any other; changing the drawing means changing this text.
const CONTEXT: &[u8] = b"candela probe order 3";

/// The median of a preview's noise values above 0 becomes this weight per pixel; smaller ones weigh in
/// proportion, larger ones no more. A few lamps and fireflies would else draw all probes.
const WEIGHT_ONE: f64 = (1u64 << 32) as f64;

/// 32 secret random bytes of a task, from which its probes follow.
///
/// `Debug` prints no part of it, so that a log can't leak it.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationKey(pub [u8; 32]);

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey(secret)")
    }
}

/// The number of values of a noise map was not that of its pixels, or it had none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a noise map of {width}×{height} pixels can't have {values} values")]
pub struct NoiseMapError {
    width: u32,
    height: u32,
    values: usize,
}

/// How noisy a frame is and where: a small preview of it, rendered by inspection, one value per
/// pixel.
///
/// Values are in any unit, only their proportions count. NaN, infinite and negative ones count as
/// 0.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseMap {
    size: Size,
    values: Vec<f32>,
}

impl NoiseMap {
    /// A map from its values, row by row from the top left, stretched over the whole picture when
    /// used.
    ///
    /// # Errors
    ///
    /// When there are no pixels, or the number of values isn't that of the pixels.
    pub fn new(size: Size, values: Vec<f32>) -> Result<Self, NoiseMapError> {
        if values.is_empty() || values.len() as u64 != size.pixels() {
            let Size { width, height } = size;
            return Err(NoiseMapError { width, height, values: values.len() });
        }
        Ok(NoiseMap { size, values })
    }

    /// The noise in each cell of a grid, row by row: the integral of the map over the cell's
    /// pixels.
    ///
    /// The median of the map's values above 0, and all larger ones, are 2³² per pixel of the picture;
    /// a cell is at most 2⁴².
    #[must_use]
    pub fn cell_weights(&self, grid: ProbeGrid) -> Vec<u64> {
        let usable = |value: f32| if value.is_finite() && value > 0.0 { value } else { 0.0 };
        let noisy = self.values.iter().copied().map(usable).filter(|value| *value > 0.0);
        let mut noisy: Vec<f32> = noisy.collect();
        if noisy.is_empty() {
            return vec![0; grid.len()];
        }
        let middle = noisy.len() / 2;
        let (_, median, _) = noisy.select_nth_unstable_by(middle, f32::total_cmp);
        let full = *median;
        let weight =
            |value: f32| (f64::from(usable(value).min(full)) * WEIGHT_ONE / f64::from(full)) as u64;
        (0..grid.len())
            .filter_map(|number| grid.cell(number))
            .map(|cell| {
                let region = grid.region(cell);
                let columns = overlaps(region.x0, region.x1, self.size.width, grid.size.width);
                let rows = overlaps(region.y0, region.y1, self.size.height, grid.size.height);
                let mut sum = 0u128;
                for &(row, high) in &rows {
                    for &(column, wide) in &columns {
                        let value = self.values[row * self.size.width as usize + column];
                        sum += u128::from(weight(value)) * u128::from(wide) * u128::from(high);
                    }
                }
                u64::try_from(sum / u128::from(self.size.pixels())).unwrap_or(u64::MAX)
            })
            .collect()
    }
}

/// The preview's pixels that pixels `from..to` of the picture touch along one axis, each with its
/// overlap in units of a picture's pixel divided by `preview_px`.
fn overlaps(from: u32, to: u32, preview_px: u32, picture_px: u32) -> Vec<(usize, u64)> {
    let (preview_px, picture_px) = (u64::from(preview_px), u64::from(picture_px));
    let (from, to) = (u64::from(from) * preview_px, u64::from(to) * preview_px);
    (from / picture_px..to.div_ceil(picture_px))
        .map(|i| {
            let overlap = to.min((i + 1) * picture_px) - from.max(i * picture_px);
            (i as usize, overlap)
        })
        .collect()
}

/// The order in which a frame's cells of 32 × 32 pixels are drawn as probes: each once.
///
/// Draws 0, 2, 4 … are even over the cells that are left. Draws 1, 3, 5 … are in proportion to the
/// noise of the cells that are left; without a map, or when no noise is left, they are even too.
/// The first draws are the probes; further ones follow when the verdict is undecided.
#[must_use]
pub fn probe_order(
    key: &VerificationKey,
    frame: i32,
    layers: &BlobHash,
    grid: ProbeGrid,
    noise: Option<&NoiseMap>,
) -> ProbeOrder {
    let weights = noise.map_or_else(|| vec![0; grid.len()], |noise| noise.cell_weights(grid));
    weighted_probe_order(key, frame, layers, grid, &weights)
}

/// The same with the weights of the grid's cells, as [`NoiseMap::cell_weights`] gives them: for whoever
/// draws many times from one map. Cells without a weight have none.
#[must_use]
pub fn weighted_probe_order(
    key: &VerificationKey,
    frame: i32,
    layers: &BlobHash,
    grid: ProbeGrid,
    weights: &[u64],
) -> ProbeOrder {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(CONTEXT);
    hasher.update(&frame.to_le_bytes());
    hasher.update(&layers.0);
    hasher.update(&grid.size.width.to_le_bytes());
    hasher.update(&grid.size.height.to_le_bytes());
    let weights = weights.iter().copied().chain(std::iter::repeat(0));
    ProbeOrder {
        grid,
        stream: hasher.finalize_xof(),
        left: (0..grid.len()).zip(weights).collect(),
        drawn: 0,
    }
}

/// Iterator over a frame's cells in the order in which they are probed; see [`probe_order`].
///
/// A draw costs time in proportion to the cells left, and only the draws that are taken cost it.
pub struct ProbeOrder {
    grid: ProbeGrid,
    stream: blake3::OutputReader,
    /// Number and noise weight of each cell not yet drawn, in the order of their numbers.
    left: Vec<(usize, u64)>,
    drawn: usize,
}

impl fmt::Debug for ProbeOrder {
    /// Without the stream: what it holds follows from the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeOrder").field("grid", &self.grid).field("drawn", &self.drawn).finish()
    }
}

impl ProbeOrder {
    /// A whole number below `bound`, each with the same chance; `bound` is at least 1.
    ///
    /// 64-bit words from the stream that would favour the small numbers are thrown away.
    fn below(&mut self, bound: u64) -> u64 {
        let uneven = (u64::MAX % bound + 1) % bound;
        loop {
            let mut word = [0; 8];
            self.stream.fill(&mut word);
            let word = u64::from_le_bytes(word);
            if word <= u64::MAX - uneven {
                return word % bound;
            }
        }
    }

    /// Where in `left` the next draw falls; `left` isn't empty.
    fn place(&mut self) -> usize {
        let total = self.left.iter().fold(0u64, |sum, (_, weight)| sum.saturating_add(*weight));
        if self.drawn.is_multiple_of(2) || total == 0 {
            return self.below(self.left.len() as u64) as usize;
        }
        let mut at = self.below(total);
        for (place, (_, weight)) in self.left.iter().enumerate() {
            if at < *weight {
                return place;
            }
            at -= weight;
        }
        self.left.len() - 1
    }
}

impl Iterator for ProbeOrder {
    type Item = ProbeIndex;

    fn next(&mut self) -> Option<ProbeIndex> {
        if self.left.is_empty() {
            return None;
        }
        let place = self.place();
        self.drawn += 1;
        let (number, _) = self.left.remove(place);
        self.grid.cell(number)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.len(), Some(self.left.len()))
    }
}

impl ExactSizeIterator for ProbeOrder {}
