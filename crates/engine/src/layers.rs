//! The layers file: a header of fixed length, then the tiles, as `candela_core::layers` lays them out.
//!
//! Its bytes come from strangers when a verifier or a manager reads them, so every field of the
//! header has a limit. Pixels go through unchanged to the bit, also infinities and what is not a number.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use candela_core::layers::{
    ChannelNames, LayersLayout, Pixels, Region, Size, TILE_PX, TileGrid, TileIndex,
};

use crate::limits::{CHANNEL_NAME_BYTES_MAX, CHANNELS_MAX, EDGE_PX_MAX, PIXELS_MAX};

/// Length of the header in bytes; what the fields don't fill is zero.
pub const HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = *b"CNDLLAYR";
const VERSION: u32 = 1;
/// Magic, version, width, height, number of channels, length of the names.
const FIXED_BYTES: usize = 8 + 5 * 4;

/// Layers are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum LayersError {
    /// The header breaks a rule of the format.
    #[error("not a layers file: {0}")]
    Header(&'static str),
    /// The bytes are fewer or more than the header says.
    #[error("layers of {expected} bytes were expected, there are {found}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// An OpenEXR file is not what the engine should have written.
    #[error("the engine's OpenEXR file can't be used: {0}")]
    Exr(String),
    /// A file could not be read or written.
    #[error("can't read or write layers")]
    Io(#[from] io::Error),
}

/// What a layers file holds, from its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayersHeader {
    /// Where the tiles lie.
    pub layout: LayersLayout,
    /// The channels of a pixel, in order.
    pub channels: ChannelNames,
}

impl LayersHeader {
    /// Checks size and names against the limits.
    ///
    /// # Errors
    /// [`LayersError::Header`].
    pub fn new(size: Size, channels: ChannelNames) -> Result<Self, LayersError> {
        check_size(size)?;
        check_channels(&channels)?;
        let count = u32::try_from(channels.len()).unwrap_or(u32::MAX);
        let layout = LayersLayout { size, channels: count, header_bytes: HEADER_BYTES };
        Ok(LayersHeader { layout, channels })
    }

    /// The header's bytes, [`HEADER_BYTES`] of them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let names = self.channels.join("\n");
        let length = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let size = self.layout.size;
        let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
        bytes.extend_from_slice(&MAGIC);
        for field in [VERSION, size.width, size.height, self.layout.channels, length] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(names.as_bytes());
        bytes.resize(HEADER_BYTES as usize, 0);
        bytes
    }
}

fn check_size(size: Size) -> Result<(), LayersError> {
    let edges = 1..=EDGE_PX_MAX;
    if !edges.contains(&size.width) || !edges.contains(&size.height) || size.pixels() > PIXELS_MAX {
        return Err(LayersError::Header("its size is out of bounds"));
    }
    Ok(())
}

fn check_channels(channels: &ChannelNames) -> Result<(), LayersError> {
    if channels.is_empty() || channels.len() > CHANNELS_MAX as usize {
        return Err(LayersError::Header("its number of channels is out of bounds"));
    }
    let unfit = |name: &String| {
        name.is_empty() || name.len() > CHANNEL_NAME_BYTES_MAX || name.chars().any(char::is_control)
    };
    if channels.iter().any(unfit) {
        return Err(LayersError::Header("a channel's name is not allowed"));
    }
    let mut sorted: Vec<&String> = channels.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(LayersError::Header("two channels have one name"));
    }
    let names: usize = channels.iter().map(|name| name.len() + 1).sum();
    if FIXED_BYTES + names > HEADER_BYTES as usize {
        return Err(LayersError::Header("its channels' names are too long together"));
    }
    Ok(())
}

/// Reads a header; `bytes` are the first [`HEADER_BYTES`] of the file, or more.
///
/// # Errors
/// [`LayersError::Header`] for anything that [`LayersHeader::encode`] would not write.
pub fn read_header(bytes: &[u8]) -> Result<LayersHeader, LayersError> {
    let header =
        bytes.get(..HEADER_BYTES as usize).ok_or(LayersError::Header("it is too short"))?;
    if header[..8] != MAGIC {
        return Err(LayersError::Header("its first bytes are others"));
    }
    let field = |i: usize| {
        let at = 8 + 4 * i;
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if field(0) != VERSION {
        return Err(LayersError::Header("its version is unknown"));
    }
    let names_end = (field(4) as usize).saturating_add(FIXED_BYTES);
    let names =
        header.get(FIXED_BYTES..names_end).ok_or(LayersError::Header("its names are too long"))?;
    if header[names_end..].iter().any(|byte| *byte != 0) {
        return Err(LayersError::Header("something follows its names"));
    }
    let names =
        std::str::from_utf8(names).map_err(|_| LayersError::Header("its names are not text"))?;
    let channels: ChannelNames = names.split('\n').map(str::to_owned).collect();
    if channels.len() != field(3) as usize {
        return Err(LayersError::Header("its names are not as many as its channels"));
    }
    LayersHeader::new(Size { width: field(1), height: field(2) }, channels)
}

/// The pixels of one tile, from the bytes of its range.
///
/// # Errors
/// [`LayersError::Length`], or [`LayersError::Header`] if there is no such tile.
pub fn decode_tile(
    header: &LayersHeader,
    tile: TileIndex,
    bytes: &[u8],
) -> Result<Pixels, LayersError> {
    let grid = TileGrid { size: header.layout.size };
    if tile.column >= grid.columns() || tile.row >= grid.rows() {
        return Err(LayersError::Header("it has no such tile"));
    }
    let range = header.layout.tile_range(tile);
    let (expected, found) = (range.end - range.start, bytes.len() as u64);
    if expected != found {
        return Err(LayersError::Length { expected, found });
    }
    Ok(Pixels {
        size: grid.region(tile).size(),
        channels: header.channels.clone(),
        data: floats(bytes),
    })
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_bits(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
        .collect()
}

/// Writes a layers file row by row, holding no more than one row of tiles in memory.
pub(crate) struct LayersWriter<W: Write> {
    header: LayersHeader,
    out: BufWriter<W>,
    /// The rows of the current row of tiles: pixel by pixel, channel by channel, little-endian.
    strip: Vec<u8>,
    rows_done: u32,
}

impl<W: Write> LayersWriter<W> {
    /// Writes the header.
    pub(crate) fn new(header: LayersHeader, out: W) -> Result<Self, LayersError> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        out.write_all(&header.encode())?;
        let row_bytes = u64::from(header.layout.size.width) * header.layout.pixel_bytes();
        let strip =
            vec![0; (row_bytes * u64::from(TILE_PX.min(header.layout.size.height))) as usize];
        Ok(LayersWriter { header, out, strip, rows_done: 0 })
    }

    /// Fills in the next row of the picture, from the top, by a function that gets its bytes.
    pub(crate) fn row(&mut self, fill: impl FnOnce(&mut [u8])) -> Result<(), LayersError> {
        let size = self.header.layout.size;
        let row_bytes = (u64::from(size.width) * self.header.layout.pixel_bytes()) as usize;
        let row_of_strip = (self.rows_done % TILE_PX) as usize;
        fill(&mut self.strip[row_of_strip * row_bytes..(row_of_strip + 1) * row_bytes]);
        self.rows_done += 1;
        if self.rows_done.is_multiple_of(TILE_PX) || self.rows_done == size.height {
            self.write_strip(row_bytes, row_of_strip + 1)?;
        }
        Ok(())
    }

    fn write_strip(&mut self, row_bytes: usize, rows: usize) -> Result<(), LayersError> {
        let tile_bytes = TILE_PX as usize * self.header.layout.pixel_bytes() as usize;
        for left in (0..row_bytes).step_by(tile_bytes) {
            for row in 0..rows {
                let start = row * row_bytes + left;
                let end = row * row_bytes + (left + tile_bytes).min(row_bytes);
                self.out.write_all(&self.strip[start..end])?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<(), LayersError> {
        if self.rows_done != self.header.layout.size.height {
            return Err(LayersError::Header("it has fewer rows than its size says"));
        }
        Ok(self.out.flush()?)
    }
}

/// Writes pixels of a whole picture as a layers file.
///
/// # Errors
/// If the pixels break a limit or don't fit their size, or the file can't be written.
pub fn write_layers(pixels: &Pixels, path: &Path) -> Result<LayersHeader, LayersError> {
    let header = LayersHeader::new(pixels.size, pixels.channels.clone())?;
    if !pixels.is_whole() {
        return Err(LayersError::Header("its values are not as many as its size says"));
    }
    let mut writer = LayersWriter::new(header.clone(), File::create(path)?)?;
    for row in pixels.data.chunks_exact(pixels.size.width as usize * pixels.channels.len()) {
        writer.row(|bytes| {
            for (value, bytes) in row.iter().zip(bytes.chunks_exact_mut(4)) {
                bytes.copy_from_slice(&value.to_bits().to_le_bytes());
            }
        })?;
    }
    writer.finish()?;
    Ok(header)
}

/// An open layers file, or any other source of its bytes.
pub struct LayersReader<R> {
    /// What the file holds.
    pub header: LayersHeader,
    from: R,
}

impl LayersReader<File> {
    /// Opens a file and checks header and length.
    ///
    /// # Errors
    /// If it is not a layers file, has another length, or can't be read.
    pub fn open(path: &Path) -> Result<Self, LayersError> {
        let reader = LayersReader::new(File::open(path)?)?;
        let (expected, found) = (reader.header.layout.blob_bytes(), reader.from.metadata()?.len());
        if expected != found {
            return Err(LayersError::Length { expected, found });
        }
        Ok(reader)
    }
}

impl<R: Read + Seek> LayersReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is not that of a layers file.
    pub fn new(mut from: R) -> Result<Self, LayersError> {
        let mut header = Vec::new();
        from.seek(SeekFrom::Start(0))?;
        from.by_ref().take(HEADER_BYTES).read_to_end(&mut header)?;
        Ok(LayersReader { header: read_header(&header)?, from })
    }

    /// Reads one tile.
    ///
    /// # Errors
    /// If there is no such tile, or it can't be read.
    pub fn tile(&mut self, tile: TileIndex) -> Result<Pixels, LayersError> {
        let range = self.header.layout.tile_range(tile);
        let mut bytes = Vec::new();
        self.from.seek(SeekFrom::Start(range.start))?;
        self.from.by_ref().take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        decode_tile(&self.header, tile, &bytes)
    }

    /// Reads a region of the picture.
    ///
    /// # Errors
    /// If the region is empty or not inside, or the file can't be read.
    pub fn region(&mut self, region: Region) -> Result<Pixels, LayersError> {
        let size = self.header.layout.size;
        if !region.fits(size) {
            return Err(LayersError::Header("it has no such region"));
        }
        let grid = TileGrid { size };
        let channels = self.header.channels.len();
        let row_values = region.size().width as usize * channels;
        let mut data = vec![0.0; region.size().height as usize * row_values];
        for row in region.y0 / TILE_PX..region.y1.div_ceil(TILE_PX) {
            for column in region.x0 / TILE_PX..region.x1.div_ceil(TILE_PX) {
                let tile = TileIndex { column, row };
                let of = grid.region(tile);
                let part = Region {
                    x0: of.x0.max(region.x0),
                    y0: of.y0.max(region.y0),
                    x1: of.x1.min(region.x1),
                    y1: of.y1.min(region.y1),
                };
                let Some(cut) = self.tile(tile)?.cut(of, part) else { continue };
                let width = part.size().width as usize * channels;
                for (y, values) in cut.data.chunks_exact(width).enumerate() {
                    let at = ((part.y0 - region.y0) as usize + y) * row_values
                        + (part.x0 - region.x0) as usize * channels;
                    data[at..at + width].copy_from_slice(values);
                }
            }
        }
        Ok(Pixels { size: region.size(), channels: self.header.channels.clone(), data })
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
