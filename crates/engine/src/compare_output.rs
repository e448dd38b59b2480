//! Whether an output file shows what the layers give: the delivered file against an own development.
//!
//! Both were made from the same layers by the same build of the engine, so on one class of
//! processor they are the same bytes. Other instruction sets round differently, and the last
//! rounding turns that into one step of the format where a value lies next to a boundary. What is
//! allowed, by [`Tolerance`], is a multiple of what was measured between a processor with AVX-512
//! and an emulated one with SSE4.2 (QEMU's Nehalem), which developed the same layers of scenes with
//! every view transform, the denoiser and compositor effects; see the constants.
//!
//! So a forgery passes if it stays below those steps, or is eight pixels in all, and in JPEG also if
//! it is a mark that differs from its surroundings by less than 4 % of white.
//!
//! Delivered files come from strangers. Format, size, channels and everything else that decides
//! how a viewer shows the pixels must be the development's before a pixel is decoded. Allowed to
//! differ are comments only: they are not shown, and engines write times into them. Rows are
//! decoded one by one, so that a file can't take more memory than the picture is large.

mod files;
mod rows;

use candela_core::settings::OutputFormat;

use crate::limits::{EDGE_PX_MAX, PIXELS_MAX};
use files::Shape;

/// Edge of the squares in which deviating pixels are counted.
const SQUARE_PX: usize = 32;

/// Pixels of a square that may be odd, for edges that a processor rounds over; also of a small picture.
const ODD_PX_MAX: u64 = 8;

/// Share of a picture's pixels that may be odd.
const ODD_SHARE_MAX: f64 = 1e-5;

/// How far a delivered file may be longer than twice the development, for comments.
const EXTRA_BYTES_MAX: u64 = 64 << 10;

/// How far two pictures may be apart; in shares of white, for OpenEXR of the pixel's own brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// From which difference a pixel is odd.
    pub odd: f32,
    /// Mean difference of a square of 32 × 32 pixels.
    pub square_mean: f64,
    /// Mean difference of the picture.
    pub mean: f64,
}

/// 8-bit PNG. Rounding makes one step, of a whole flat area if its colour lies next to a boundary.
/// Measured: one step, on 3 of 6,144 pixels at most.
const PNG: Tolerance =
    Tolerance { odd: 1.5 / 255.0, square_mean: 1.25 / 255.0, mean: 0.25 / 255.0 };

/// 16-bit PNG. An eighth of a step of 8 bits is not seen, and is 32 steps of 16 bits.
/// Measured: 4 steps at most, 0.04 on average.
const PNG16: Tolerance =
    Tolerance { odd: 32.5 / 65_535.0, square_mean: 4.0 / 65_535.0, mean: 1.25 / 65_535.0 };

/// JPEG. Where one value is rounded otherwise, one coefficient of its block may be, and at quality
/// 90 that moves the block's 8 × 8 pixels by up to 5 steps of brightness, or 16 × 16 pixels by up
/// to 9 of blue. So 10 are allowed, which lets through pale marks that a PNG would show.
/// Measured: no difference at all.
const JPEG: Tolerance =
    Tolerance { odd: 10.5 / 255.0, square_mean: 1.25 / 255.0, mean: 0.5 / 255.0 };

/// OpenEXR, by the brightest channel of the pixel: a thousandth is not seen at any exposure.
/// Measured: 4 · 10⁻⁵ at most with an effect that mixes the whole picture, 10⁻⁶ on average.
const EXR: Tolerance = Tolerance { odd: 1e-3, square_mean: 1e-4, mean: 3e-5 };

impl Tolerance {
    /// What is allowed in a format.
    #[must_use]
    pub fn of(format: OutputFormat) -> Tolerance {
        match format {
            OutputFormat::Png => PNG,
            OutputFormat::Png16 => PNG16,
            OutputFormat::Jpeg => JPEG,
            OutputFormat::Exr => EXR,
        }
    }
}

/// How near two outputs are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Closeness {
    /// Whether the files are the same to the byte.
    pub same_bytes: bool,
    /// Pixels of the picture.
    pub pixels: u64,
    /// Pixels of which any bit differs.
    pub unequal_px: u64,
    /// Pixels that differ by more than [`Tolerance::odd`].
    pub odd_px: u64,
    /// The most odd pixels in a square.
    pub odd_px_in_square: u64,
    /// The largest difference of a pixel.
    pub largest: f32,
    /// Mean difference of the square in which it is largest; an odd pixel counts as just odd.
    pub square_mean: f64,
    /// Mean difference of the picture, likewise.
    pub mean: f64,
}

impl Closeness {
    /// Whether rounding can have made all of it.
    #[must_use]
    pub fn is_within(&self, tolerance: &Tolerance) -> bool {
        let odd_px_max = (ODD_SHARE_MAX * self.pixels as f64).max(ODD_PX_MAX as f64);
        self.odd_px_in_square <= ODD_PX_MAX
            && self.odd_px as f64 <= odd_px_max
            && self.square_mean <= tolerance.square_mean
            && self.mean <= tolerance.mean
    }
}

/// Why a delivered output is not what the layers give.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OutputDifference {
    /// The delivered file is far longer than the development.
    #[error("the output has {bytes} bytes, the layers give one of {expected}")]
    TooLong {
        /// Its length.
        bytes: u64,
        /// The development's.
        expected: u64,
    },
    /// The delivered file can't be read as a file of the format.
    #[error("the output can't be read: {0}")]
    Unreadable(String),
    /// Size, channels, or something else that decides how it is shown.
    #[error("the output has {found}, the layers give {expected}")]
    Other {
        /// What it has.
        found: String,
        /// What it should have.
        expected: String,
    },
    /// The pictures differ.
    #[error(
        "the output does not follow from the layers: {} of {} pixels differ, by {:.4} on average and {:.4} at most",
        .0.unequal_px, .0.pixels, .0.mean, .0.largest
    )]
    Pixels(Closeness),
    /// The development itself can't be read: nobody's fault who delivered something.
    #[error("the development can't be read: {0}")]
    Development(String),
}

/// Whether a delivered file is too long to be looked at, before it is.
///
/// # Errors
/// [`OutputDifference::TooLong`].
pub fn check_length(bytes: u64, developed_bytes: u64) -> Result<(), OutputDifference> {
    if bytes > developed_bytes.saturating_mul(2).saturating_add(EXTRA_BYTES_MAX) {
        return Err(OutputDifference::TooLong { bytes, expected: developed_bytes });
    }
    Ok(())
}

/// Compares a delivered output file with an own development of the layers.
///
/// # Errors
/// Why it is another picture. [`OutputDifference::Development`] says nothing about the delivered file.
pub fn same_output(
    delivered: &[u8],
    developed: &[u8],
    format: OutputFormat,
) -> Result<Closeness, OutputDifference> {
    let ours = Shape::read(developed, format).map_err(OutputDifference::Development)?;
    if ours.width > EDGE_PX_MAX as usize
        || ours.height > EDGE_PX_MAX as usize
        || ours.pixels() > PIXELS_MAX
    {
        return Err(OutputDifference::Development("it is too large".into()));
    }
    if delivered == developed {
        return Ok(Closeness { same_bytes: true, pixels: ours.pixels(), ..Closeness::default() });
    }
    check_length(delivered.len() as u64, developed.len() as u64)?;
    let theirs = Shape::read(delivered, format).map_err(OutputDifference::Unreadable)?;
    if let Some((found, expected)) = theirs.differs_from(&ours) {
        return Err(OutputDifference::Other { found, expected });
    }
    let closeness = compare_rows(delivered, developed, format, &ours)?;
    if closeness.is_within(&Tolerance::of(format)) {
        Ok(closeness)
    } else {
        Err(OutputDifference::Pixels(closeness))
    }
}

fn compare_rows(
    delivered: &[u8],
    developed: &[u8],
    format: OutputFormat,
    shape: &Shape,
) -> Result<Closeness, OutputDifference> {
    let unreadable = OutputDifference::Unreadable;
    let failed = OutputDifference::Development;
    // Effects that mix the whole picture carry its errors into the darkest pixels.
    let floor = match format {
        OutputFormat::Exr => Some(brightness(developed, shape).map_err(failed)? / 100.0),
        _ => None,
    };
    let mut theirs = rows::open(delivered, format, shape).map_err(unreadable)?;
    let mut ours = rows::open(developed, format, shape).map_err(failed)?;
    let mut tally = Tally::new(shape, Tolerance::of(format).odd, floor);
    let (mut their_row, mut our_row) = (Vec::new(), Vec::new());
    for y in 0..shape.height {
        ours.next(&mut our_row).map_err(failed)?;
        theirs.next(&mut their_row).map_err(unreadable)?;
        if our_row.len() != shape.width * shape.channels {
            return Err(failed("a row has another length".into()));
        }
        if their_row.len() != our_row.len() {
            return Err(unreadable("a row has another length".into()));
        }
        tally.row(y, &their_row, &our_row);
    }
    Ok(tally.finish())
}

/// Mean brightness of an OpenEXR picture, which is at least a thousandth.
fn brightness(bytes: &[u8], shape: &Shape) -> Result<f32, String> {
    let mut rows = rows::open(bytes, OutputFormat::Exr, shape)?;
    let (mut row, mut sum) = (Vec::new(), 0.0);
    for _ in 0..shape.height {
        rows.next(&mut row)?;
        let brightest = row.chunks_exact(shape.channels).map(|pixel| shape.brightest(pixel));
        sum += brightest.filter(|value| value.is_finite()).map(f64::from).sum::<f64>();
    }
    Ok(((sum / shape.pixels().max(1) as f64) as f32).max(1e-3))
}

/// Counts differences row by row.
struct Tally<'a> {
    shape: &'a Shape,
    odd: f32,
    /// Where differences are shares of the pixel's brightness: the least that this is taken as.
    floor: Option<f32>,
    closeness: Closeness,
    sum: f64,
    /// Sum of differences and number of odd pixels of the squares in this row of squares.
    squares: Vec<(f64, u64)>,
    rows_in_square: usize,
}

impl<'a> Tally<'a> {
    fn new(shape: &'a Shape, odd: f32, floor: Option<f32>) -> Self {
        let closeness = Closeness { pixels: shape.pixels(), ..Closeness::default() };
        let squares = vec![(0.0, 0); shape.width.div_ceil(SQUARE_PX)];
        Tally { shape, odd, floor, closeness, sum: 0.0, squares, rows_in_square: 0 }
    }

    fn row(&mut self, y: usize, theirs: &[f32], ours: &[f32]) {
        let channels = self.shape.channels;
        let pixels = theirs.chunks_exact(channels).zip(ours.chunks_exact(channels));
        for (x, (theirs, ours)) in pixels.enumerate() {
            let apart = self.apart(theirs, ours);
            if apart > 0.0 {
                let odd = u64::from(apart > self.odd);
                self.closeness.unequal_px += 1;
                self.closeness.odd_px += odd;
                self.closeness.largest = self.closeness.largest.max(apart);
                // One pixel alone, however far off, is for the count of odd ones.
                let apart = f64::from(apart.min(self.odd));
                self.sum += apart;
                self.squares[x / SQUARE_PX].0 += apart;
                self.squares[x / SQUARE_PX].1 += odd;
            }
        }
        self.rows_in_square += 1;
        if self.rows_in_square == SQUARE_PX || y + 1 == self.shape.height {
            self.end_squares();
        }
    }

    fn end_squares(&mut self) {
        // Squares at the edge count as whole ones: a few pixels there are no area.
        let area = (SQUARE_PX * SQUARE_PX) as f64;
        for (sum, odd) in &mut self.squares {
            self.closeness.square_mean = self.closeness.square_mean.max(*sum / area);
            self.closeness.odd_px_in_square = self.closeness.odd_px_in_square.max(*odd);
            (*sum, *odd) = (0.0, 0);
        }
        self.rows_in_square = 0;
    }

    /// The largest difference of a pixel's channels; what is no number on one side differs wholly.
    fn apart(&self, theirs: &[f32], ours: &[f32]) -> f32 {
        let scale = self.floor.map_or(1.0, |floor| self.shape.brightest(ours).max(floor));
        let mut most = 0.0_f32;
        for (channel, (a, b)) in theirs.iter().zip(ours).enumerate() {
            if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
                continue;
            }
            let scale = if Some(channel) == self.shape.alpha { 1.0 } else { scale };
            let apart = (a - b).abs() / scale;
            most = most.max(if apart.is_finite() { apart } else { f32::MAX });
        }
        most
    }

    fn finish(self) -> Closeness {
        let mean = self.sum / self.shape.pixels().max(1) as f64;
        Closeness { mean, ..self.closeness }
    }
}

#[cfg(test)]
mod tests;
