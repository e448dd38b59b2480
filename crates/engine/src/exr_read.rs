//! Reads the multilayer OpenEXR that the engine wrote, keeping the channels that layers consist of.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candela_core::layers::{Pixels, Size};
use exr::block::UncompressedBlock;
use exr::block::reader::ChunksReader;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header;

use crate::layers::{LayersError, LayersHeader, LayersWriter};
use crate::limits::{EDGE_PX_MAX, PIXELS_MAX};

/// Which passes of a view layer belong to its layers, as the driver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedLayer {
    /// Name of the view layer.
    pub(crate) name: String,
    /// Whether it is denoised: then its picture before that is the pass `Noisy Image`.
    pub(crate) denoised: bool,
    /// Names of the passes in their order, `Combined` or `Noisy Image` first.
    pub(crate) passes: Vec<String>,
}

/// A channel of the file and its place in a pixel.
struct Source {
    /// Number of the channel in the file, or none if it isn't wanted.
    place: Vec<Option<usize>>,
    header: LayersHeader,
}

/// Turns an OpenEXR file into a layers file.
pub(crate) fn to_layers(
    exr: &Path,
    wanted: &[WantedLayer],
    to: &Path,
) -> Result<LayersHeader, LayersError> {
    let mut writer: Option<(LayersWriter<File>, LayersHeader)> = None;
    rows(exr, wanted, |header, fill| {
        let (writer, _) = match &mut writer {
            Some(writer) => writer,
            none => {
                none.insert((LayersWriter::new(header.clone(), File::create(to)?)?, header.clone()))
            }
        };
        writer.row(fill)
    })?;
    let (writer, header) = writer.ok_or_else(|| LayersError::Exr("it is empty".into()))?;
    writer.finish()?;
    Ok(header)
}

/// Reads an OpenEXR file as pixels.
pub(crate) fn to_pixels(exr: &Path, wanted: &[WantedLayer]) -> Result<Pixels, LayersError> {
    let mut pixels: Option<Pixels> = None;
    rows(exr, wanted, |header, fill| {
        let pixels = pixels.get_or_insert_with(|| Pixels {
            size: header.layout.size,
            channels: header.channels.clone(),
            data: Vec::new(),
        });
        let mut row = vec![0; 4 * header.layout.size.width as usize * header.channels.len()];
        fill(&mut row);
        let values = row.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        pixels.data.extend(values.map(f32::from_bits));
        Ok(())
    })?;
    let pixels = pixels.ok_or_else(|| LayersError::Exr("it is empty".into()))?;
    if !pixels.is_whole() {
        return Err(LayersError::Exr("rows are missing".into()));
    }
    Ok(pixels)
}

type Fill<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Goes through the rows from the top and hands each to `take` as a function that fills in its bytes.
fn rows(
    path: &Path,
    wanted: &[WantedLayer],
    mut take: impl FnMut(&LayersHeader, Fill<'_>) -> Result<(), LayersError>,
) -> Result<(), LayersError> {
    let bad = |error: exr::error::Error| LayersError::Exr(error.to_string());
    let reader = exr::block::read(BufReader::new(File::open(path)?), false).map_err(bad)?;
    let [header] = reader.headers() else {
        return Err(LayersError::Exr("it has several parts".into()));
    };
    let source = source(header, wanted)?;
    let channels = header.channels.clone();
    let mut blocks = reader.all_chunks(false).map_err(bad)?.sequential_decompressor(false);
    let mut y_next = 0;
    while let Some(block) = blocks.decompress_next_block() {
        let block = block.map_err(bad)?;
        let height = block.index.pixel_size.height();
        if block.index.pixel_position.y() != y_next || block.index.pixel_position.x() != 0 {
            return Err(LayersError::Exr("its rows are not in order".into()));
        }
        for y in y_next..y_next + height {
            take(&source.header, &mut |row| fill_row(&block, &channels, &source, y, row))?;
        }
        y_next += height;
    }
    Ok(())
}

fn fill_row(
    block: &UncompressedBlock,
    channels: &exr::meta::attribute::ChannelList,
    source: &Source,
    y: usize,
    row: &mut [u8],
) {
    let step = 4 * source.header.channels.len();
    for line in block.lines(channels).filter(|line| line.location.position.y() == y) {
        let Some(place) = source.place.get(line.location.channel).copied().flatten() else {
            continue;
        };
        for (value, pixel) in line.value.chunks_exact(4).zip(row.chunks_exact_mut(step)) {
            let value = u32::from_ne_bytes([value[0], value[1], value[2], value[3]]);
            pixel[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// Finds the wanted channels and checks that they are all there.
fn source(header: &Header, wanted: &[WantedLayer]) -> Result<Source, LayersError> {
    let (width, height) = (header.layer_size.width() as u64, header.layer_size.height() as u64);
    if width > u64::from(EDGE_PX_MAX)
        || height > u64::from(EDGE_PX_MAX)
        || width * height > PIXELS_MAX
    {
        return Err(LayersError::Exr("it is too large".into()));
    }
    let size = Size { width: width as u32, height: height as u32 };
    let mut place = vec![None; header.channels.list.len()];
    let mut names = Vec::new();
    for layer in wanted {
        for pass in &layer.passes {
            let found = channels_of(header, &layer.name, pass, layer.denoised);
            if found.is_empty() {
                return Err(LayersError::Exr(format!(
                    "view layer {:?} has no pass {pass:?}",
                    layer.name
                )));
            }
            for (channel, letter) in found {
                if header.channels.list[channel].sample_type != SampleType::F32 {
                    return Err(LayersError::Exr("it is not of 32-bit floats".into()));
                }
                place[channel] = Some(names.len());
                names.push(format!("{}/{pass}.{letter}", layer.name));
            }
        }
    }
    Ok(Source { place, header: LayersHeader::new(size, names)? })
}

/// The channels of a pass in the order of a colour or a vector.
fn channels_of(header: &Header, layer: &str, pass: &str, denoised: bool) -> Vec<(usize, String)> {
    let of_pass = |pass: &str| {
        let prefix = format!("{layer}.{pass}.");
        let mut found: Vec<(usize, String)> = Vec::new();
        for (i, channel) in header.channels.list.iter().enumerate() {
            let name = channel.name.to_string();
            if let Some(letter) = name.strip_prefix(&prefix).filter(|rest| !rest.contains('.')) {
                found.push((i, letter.to_owned()));
            }
        }
        found.sort_by_key(|(_, letter)| ("RGBAXYZWrgba".find(letter.as_str()), letter.clone()));
        found
    };
    let found = of_pass(pass);
    // A region is rendered with the denoiser off: then its `Combined` is the noisy image.
    if found.is_empty() && denoised && pass == "Noisy Image" { of_pass("Combined") } else { found }
}
