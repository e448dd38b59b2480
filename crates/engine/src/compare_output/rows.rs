//! The rows of an output file, from the top, as floats: shares of white, or the values of an OpenEXR file.

use std::io::Cursor;

use candela_core::settings::OutputFormat;
use exr::block::UncompressedBlock;
use exr::block::reader::{AllChunksReader, ChunksReader, SequentialBlockDecompressor};
use exr::meta::attribute::ChannelList;
use image::ImageDecoder as _;

use super::files::Shape;

/// Hands out rows.
pub(super) trait Rows {
    /// Replaces what is in `row` by the values of the next row, pixel by pixel.
    fn next(&mut self, row: &mut Vec<f32>) -> Result<(), String>;
}

/// Opens a file whose beginnings were read and found to be right.
pub(super) fn open<'b>(
    bytes: &'b [u8],
    format: OutputFormat,
    shape: &Shape,
) -> Result<Box<dyn Rows + 'b>, String> {
    Ok(match format {
        OutputFormat::Png | OutputFormat::Png16 => Box::new(Png::open(bytes, shape)?),
        OutputFormat::Jpeg => Box::new(Jpeg::open(bytes, shape)?),
        OutputFormat::Exr => Box::new(Exr::open(bytes, shape)?),
    })
}

struct Png<'b> {
    reader: png::Reader<Cursor<&'b [u8]>>,
    wide: bool,
}

impl<'b> Png<'b> {
    fn open(bytes: &'b [u8], shape: &Shape) -> Result<Self, String> {
        // Some rows, and what the decompressor keeps.
        let row_bytes = shape.width * shape.channels * shape.value_bytes;
        let limits = png::Limits { bytes: 8 * row_bytes + (1 << 20) };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        decoder.set_ignore_text_chunk(true);
        decoder.ignore_checksums(false);
        let reader = decoder.read_info().map_err(|error| error.to_string())?;
        Ok(Png { reader, wide: shape.value_bytes == 2 })
    }
}

impl Rows for Png<'_> {
    fn next(&mut self, row: &mut Vec<f32>) -> Result<(), String> {
        let read = self.reader.next_row().map_err(|error| error.to_string())?;
        let data = read.ok_or("rows are missing")?;
        let data = data.data();
        row.clear();
        if self.wide {
            let values = data.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]]));
            row.extend(values.map(|value| f32::from(value) / 65_535.0));
        } else {
            row.extend(data.iter().map(|value| f32::from(*value) / 255.0));
        }
        Ok(())
    }
}

/// A JPEG file is decoded as a whole: three bytes a pixel.
struct Jpeg {
    pixels: Vec<u8>,
    row_bytes: usize,
    next: usize,
}

impl Jpeg {
    fn open(bytes: &[u8], shape: &Shape) -> Result<Self, String> {
        let bad = |error: image::ImageError| error.to_string();
        let decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(bytes)).map_err(bad)?;
        let expected = shape.pixels() * shape.channels as u64;
        if decoder.total_bytes() != expected {
            return Err("its pixels are not as many as its size says".into());
        }
        let mut pixels = vec![0; shape.width * shape.height * shape.channels];
        decoder.read_image(&mut pixels).map_err(bad)?;
        Ok(Jpeg { pixels, row_bytes: shape.width * shape.channels, next: 0 })
    }
}

impl Rows for Jpeg {
    fn next(&mut self, row: &mut Vec<f32>) -> Result<(), String> {
        let bytes = self.pixels.get(self.next..self.next + self.row_bytes);
        let bytes = bytes.ok_or("rows are missing")?;
        self.next += self.row_bytes;
        row.clear();
        row.extend(bytes.iter().map(|value| f32::from(*value) / 255.0));
        Ok(())
    }
}

struct Exr<'b> {
    blocks: SequentialBlockDecompressor<AllChunksReader<Cursor<&'b [u8]>>>,
    channels: ChannelList,
    width: usize,
    /// The rows of the block that was read last, from the next one on.
    block: Vec<f32>,
    used: usize,
    y_next: usize,
}

impl<'b> Exr<'b> {
    fn open(bytes: &'b [u8], shape: &Shape) -> Result<Self, String> {
        let bad = |error: exr::error::Error| error.to_string();
        let reader = exr::block::read(Cursor::new(bytes), false).map_err(bad)?;
        let header = reader.headers().first().ok_or("it has no part")?;
        let channels = header.channels.clone();
        let blocks = reader.all_chunks(false).map_err(bad)?.sequential_decompressor(false);
        let (block, used, y_next) = (Vec::new(), 0, 0);
        Ok(Exr { blocks, channels, width: shape.width, block, used, y_next })
    }

    fn read_block(&mut self) -> Result<(), String> {
        let block = self.blocks.decompress_next_block().ok_or("rows are missing")?;
        let block: UncompressedBlock = block.map_err(|error| error.to_string())?;
        let (position, size) = (block.index.pixel_position, block.index.pixel_size);
        if position.y() != self.y_next || position.x() != 0 || size.width() != self.width {
            return Err("its rows are not in order".into());
        }
        let channels = self.channels.list.len();
        self.block.clear();
        self.block.resize(size.area() * channels, 0.0);
        for line in block.lines(&self.channels) {
            let row = line.location.position.y().checked_sub(self.y_next);
            let start = row.ok_or("its rows are not in order")? * self.width * channels;
            let values = line.value.chunks_exact(4);
            let values = values.map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
            let places =
                self.block.iter_mut().skip(start + line.location.channel).step_by(channels);
            for (place, value) in places.zip(values) {
                *place = value;
            }
        }
        self.used = 0;
        self.y_next += size.height();
        Ok(())
    }
}

impl Rows for Exr<'_> {
    fn next(&mut self, row: &mut Vec<f32>) -> Result<(), String> {
        if self.used == self.block.len() {
            self.read_block()?;
        }
        let end = self.used + self.width * self.channels.list.len();
        row.clear();
        row.extend_from_slice(self.block.get(self.used..end).ok_or("rows are missing")?);
        self.used = end;
        Ok(())
    }
}
