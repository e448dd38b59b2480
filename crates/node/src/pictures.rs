//! What people look at: a worker's pixels beside a verifier's, and where the two differ.
//!
//! Pure: from the bytes of kept blobs to a PNG. Linear radiance is shown by the sRGB curve alone, cut
//! off at 1, so that the same values look the same in every picture: no exposure, no view transform,
//! no denoising. Of a difference, each colour is the distance times [`DIFFERENCE_TIMES`], by the same
//! curve; pixels that were judged and disagree are red, those that were left out blue.

use crate::verdict;
use candela_blobs::{ExcerptError, read_excerpt};
use candela_core::id::BlobHash;
use candela_core::layers::{ChannelNames, Pixels, Region, Size};
use candela_engine::layers::{LayersError, LayersHeader};
use candela_proof::agreement::{AgreementMap, CompareOptions, PixelState, compare_map};
use candela_wire::DecodeError;
use candela_wire::api::PictureName;
use candela_wire::evidence::{self, ProbeEvidence};
use std::io::Cursor;

/// A distance in radiance is shown so many times: a hundredth is plain to see then.
pub const DIFFERENCE_TIMES: f32 = 8.0;

/// Pixels of a picture at most: a frame of 2560 × 1600; larger ones are shown at a half, a third, …
const CANVAS_PX_MAX: u64 = 4 << 20;

/// Memory for a picture that is made smaller: one of 16,384 × 8,192 pixels of 16 bits.
pub const SMALL_ALLOC_BYTES_MAX: u64 = 1 << 30;

/// Edge of a region on a contact sheet, in pixels, unless it is larger itself.
const SHEET_EDGE_PX: u32 = 128;

/// Space between two regions of a contact sheet.
const SHEET_GAP_PX: u32 = 6;

/// What a judged verification task left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The worker's commitment.
    pub layers: BlobHash,
    /// Length of the committed layers.
    pub layers_bytes: u64,
    /// Size of the frame.
    pub size: Size,
    /// The verifier's pictures.
    pub evidence: BlobHash,
    /// The worker's tiles, with what ties them to the commitment.
    pub worker_tiles: Option<BlobHash>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The verifier's blob is damaged.
    #[error("the evidence can't be read")]
    Evidence(#[from] DecodeError),
    /// The worker's tiles don't follow from its commitment.
    #[error("the worker's tiles don't follow from its commitment")]
    Tiles(#[from] ExcerptError),
    /// The worker's tiles are no layers of this frame.
    #[error("the worker's tiles can't be read")]
    Header(#[from] LayersError),
    /// The same, in the words of the judgement.
    #[error("the worker's tiles can't be read: {0}")]
    Layers(String),
    /// The worker's tiles were not kept: the manager found something else wrong before.
    #[error("the worker's pixels were not compared, so none are kept")]
    NoTiles,
    /// There is nothing to show.
    #[error("there are no regions to show")]
    Empty,
    /// The picture can't be written.
    #[error("the picture can't be written")]
    Png(#[from] image::ImageError),
    /// The picture can't be read.
    #[error("the picture can't be read")]
    Read(#[from] std::io::Error),
}

/// One region as it was compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The worker's pixels, if they were kept.
    pub worker: Option<Pixels>,
    /// The verifier's.
    pub verifier: ProbeEvidence,
}

/// A smaller picture of a PNG or JPEG, as a JPEG no wider than `width_px`; a smaller one keeps its size.
///
/// # Errors
/// The bytes are no such picture, or one of more than [`SMALL_ALLOC_BYTES_MAX`].
pub fn small(bytes: &[u8], width_px: u32) -> Result<Vec<u8>, PictureError> {
    let mut reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(SMALL_ALLOC_BYTES_MAX);
    reader.limits(limits);
    let whole = reader.decode()?;
    let width = width_px.min(whole.width()).max(1);
    let height = (u64::from(whole.height()) * u64::from(width)).div_ceil(u64::from(whole.width()));
    let height = u32::try_from(height).unwrap_or(u32::MAX);
    let small = whole.thumbnail_exact(width, height).into_rgb8();
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 82);
    small.write_with_encoder(encoder)?;
    Ok(jpeg)
}

/// What was compared, from the bytes of the kept blobs; the worker's pixels are held against its commitment.
///
/// # Errors
/// One of the blobs is not what it should be.
pub fn compared(
    kept: &Kept,
    evidence: &[u8],
    tiles: Option<&[u8]>,
) -> Result<Vec<Compared>, PictureError> {
    let evidence = evidence::decode(evidence)?;
    let regions: Vec<Region> = evidence.probes.iter().map(|probe| probe.region).collect();
    let channels = evidence.probes.first().map(|probe| probe.replica.channels.clone());
    let mut workers = match (tiles, channels) {
        (Some(tiles), Some(channels)) => {
            worker_pixels(kept, channels, &regions, tiles)?.into_iter().map(Some).collect()
        }
        _ => vec![None; regions.len()],
    };
    let workers = workers.drain(..);
    let pair = |(worker, verifier)| Compared { worker, verifier };
    Ok(workers.zip(evidence.probes).map(pair).collect())
}

/// The worker's pixels of each region, from the excerpt that was kept of its layers.
fn worker_pixels(
    kept: &Kept,
    channels: ChannelNames,
    regions: &[Region],
    excerpt: &[u8],
) -> Result<Vec<Pixels>, PictureError> {
    let header = LayersHeader::new(kept.size, channels)?;
    let ranges = verdict::ranges_of(regions, &header.layout);
    let groups = verdict::whole_groups(&ranges, kept.layers_bytes);
    let parts = read_excerpt(kept.layers, kept.layers_bytes, &groups, excerpt)?;
    let parts = verdict::cut_groups(&parts, &groups, &ranges);
    verdict::cut_tiles(&header, regions, &parts[1..]).map_err(PictureError::Layers)
}

/// All regions of a verdict on one contact sheet, in the order in which they were drawn, enlarged if small.
///
/// # Errors
/// There is nothing to show, or the worker's pixels are wanted and not kept.
pub fn contact_sheet(compared: &[Compared], picture: PictureName) -> Result<Vec<u8>, PictureError> {
    let edge = |one: &Compared| {
        let size = one.verifier.region.size();
        size.width.max(size.height)
    };
    let largest = compared.iter().map(edge).max().ok_or(PictureError::Empty)?.max(1);
    let zoom = (SHEET_EDGE_PX / largest).max(1);
    let count = u32::try_from(compared.len()).unwrap_or(u32::MAX);
    let columns = count.isqrt() + u32::from(count.isqrt().pow(2) < count);
    let step = largest * zoom + SHEET_GAP_PX;
    let rows = count.div_ceil(columns.max(1));
    let size = Size { width: columns * step - SHEET_GAP_PX, height: rows * step - SHEET_GAP_PX };
    let mut canvas = Canvas::new(size);
    for (place, one) in (0..count).zip(compared) {
        let at = (place % columns * step, place / columns * step);
        canvas.draw(one, picture, at, zoom)?;
    }
    canvas.png()
}

/// Pictures of regions, each in its place in the frame; large frames are shown smaller.
pub struct Canvas {
    size: Size,
    shrink: u32,
    rgba: Vec<u8>,
}

impl Canvas {
    /// An empty canvas for a frame of that size.
    #[must_use]
    pub fn new(frame: Size) -> Canvas {
        let px = |shrink: u32| Self::shrunk(frame, shrink).pixels();
        let shrink = (1..).find(|shrink| px(*shrink) <= CANVAS_PX_MAX).unwrap_or(1);
        let size = Self::shrunk(frame, shrink);
        // At most four bytes of each of `CANVAS_PX_MAX` pixels.
        Canvas { size, shrink, rgba: vec![0; 4 * size.pixels() as usize] }
    }

    fn shrunk(frame: Size, shrink: u32) -> Size {
        Size {
            width: frame.width.div_ceil(shrink).max(1),
            height: frame.height.div_ceil(shrink).max(1),
        }
    }

    /// Draws a region where it lies in the frame.
    ///
    /// # Errors
    /// The worker's pixels are wanted and not kept.
    pub fn add(&mut self, one: &Compared, picture: PictureName) -> Result<(), PictureError> {
        let region = one.verifier.region;
        self.draw(one, picture, (region.x0, region.y0), 1)
    }

    fn draw(
        &mut self,
        one: &Compared,
        picture: PictureName,
        at: (u32, u32),
        zoom: u32,
    ) -> Result<(), PictureError> {
        let colours = colours(one, picture)?;
        let size = one.verifier.region.size();
        for (number, colour) in (0..).zip(colours) {
            let (x, y) = (number % size.width, number / size.width);
            for below in 0..zoom {
                for right in 0..zoom {
                    self.put(at.0 + x * zoom + right, at.1 + y * zoom + below, colour);
                }
            }
        }
        Ok(())
    }

    /// Of several pixels that fall on one, the plainest mark is kept, or else the first.
    fn put(&mut self, x: u32, y: u32, colour: Colour) {
        let (x, y) = (x / self.shrink, y / self.shrink);
        if x >= self.size.width || y >= self.size.height {
            return;
        }
        let place = 4 * (y as usize * self.size.width as usize + x as usize);
        let here = &mut self.rgba[place..place + 4];
        // The mark is kept in the opacity while the canvas is drawn on.
        if here[3] == 0 || colour.mark as u8 > here[3] {
            here.copy_from_slice(&[colour.rgb[0], colour.rgb[1], colour.rgb[2], colour.mark as u8]);
        }
    }

    /// The canvas as a PNG; what nothing was drawn on is transparent.
    ///
    /// # Errors
    /// It can't be written.
    pub fn png(mut self) -> Result<Vec<u8>, PictureError> {
        self.rgba.iter_mut().skip(3).step_by(4).filter(|a| **a > 0).for_each(|a| *a = 255);
        let image = image::RgbaImage::from_raw(self.size.width, self.size.height, self.rgba);
        let mut bytes = Cursor::new(Vec::new());
        image.ok_or(PictureError::Empty)?.write_to(&mut bytes, image::ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }
}

/// What a pixel says, the plainest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Plain = 1,
    LeftOut = 2,
    Disagrees = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour {
    rgb: [u8; 3],
    mark: Mark,
}

fn colours(one: &Compared, picture: PictureName) -> Result<Vec<Colour>, PictureError> {
    let plain = |rgb| Colour { rgb, mark: Mark::Plain };
    let replica = &one.verifier.replica;
    let worker = || one.worker.as_ref().ok_or(PictureError::NoTiles);
    Ok(match picture {
        PictureName::Replica => radiance(replica).map(shown).map(plain).collect(),
        PictureName::Delivered => radiance(worker()?).map(shown).map(plain).collect(),
        PictureName::Difference => {
            let worker = worker()?;
            let second = one.verifier.second.as_ref();
            let options = CompareOptions::default();
            let map = compare_map(worker, replica, &one.verifier.control, second, &options);
            // Pictures that can't be compared differ everywhere.
            let states = map.map(|map: AgreementMap| map.states).unwrap_or_default();
            let states = states.into_iter().map(Some).chain(std::iter::repeat(None));
            let pairs = radiance(worker).zip(radiance(replica)).zip(states);
            pairs.map(|((delivered, wanted), state)| differing(delivered, wanted, state)).collect()
        }
    })
}

fn differing(delivered: [f32; 3], wanted: [f32; 3], state: Option<PixelState>) -> Colour {
    let distance = |i: usize| {
        let off = (delivered[i] - wanted[i]).abs() * DIFFERENCE_TIMES;
        if delivered[i].to_bits() == wanted[i].to_bits() { 0.0 } else { off }
    };
    let rgb = shown([distance(0), distance(1), distance(2)]);
    let brightest = rgb.into_iter().max().unwrap_or(0);
    match state {
        Some(PixelState::Informative { agrees: true } | PixelState::Direct { agrees: true }) => {
            Colour { rgb, mark: Mark::Plain }
        }
        Some(PixelState::Unstable | PixelState::NearUnstable | PixelState::NotJudged) => {
            Colour { rgb: [brightest / 4, brightest / 3, 160], mark: Mark::LeftOut }
        }
        _ => Colour {
            rgb: [brightest.max(170), brightest / 5, brightest / 6],
            mark: Mark::Disagrees,
        },
    }
}

/// Linear radiance by the sRGB curve; what is not a number is white.
fn shown(linear: [f32; 3]) -> [u8; 3] {
    linear.map(|value| {
        let value = if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) };
        let curved = if value <= 0.003_130_8 {
            12.92 * value
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        (curved * 255.0).round() as u8
    })
}

/// The path-traced picture of layers, or whatever their first channels hold.
fn radiance(pixels: &Pixels) -> impl Iterator<Item = [f32; 3]> + '_ {
    let names = &pixels.channels;
    let is_picture = |name: &str| {
        name.rsplit_once('.')
            .is_some_and(|(pass, _)| pass.ends_with("Noisy Image") || pass.ends_with("Combined"))
    };
    let of_picture = |component: &str| {
        names.iter().position(|name| is_picture(name) && name.ends_with(component))
    };
    let last = names.len().saturating_sub(1);
    let place = [".R", ".G", ".B"];
    let place = [0, 1, 2].map(|i| of_picture(place[i]).unwrap_or_else(|| i.min(last)));
    let values = pixels.data.chunks_exact(names.len().max(1));
    values.map(move |pixel| place.map(|channel| pixel[channel]))
}

#[cfg(test)]
#[path = "pictures_tests.rs"]
mod tests;
