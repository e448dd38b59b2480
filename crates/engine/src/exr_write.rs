//! Writes layers as the multilayer OpenEXR that Blender reads: uncompressed, one part, 32-bit float.
//!
//! Written by hand, row by row: the format without compression is a table and rows, pixels stay
//! exact to the bit, and no more than a row of tiles is in memory.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use candela_core::layers::{Region, TILE_PX};

use crate::layers::{LayersError, LayersReader};

/// Writes a whole layers file as an OpenEXR file.
///
/// # Errors
/// If the layers can't be read or the file can't be written.
pub(crate) fn write<R: Read + Seek>(
    layers: &mut LayersReader<R>,
    path: &Path,
) -> Result<(), LayersError> {
    let size = layers.header.layout.size;
    // The format wants channels sorted by name; Blender's separator is a dot.
    let mut names: Vec<(String, usize)> = layers
        .header
        .channels
        .iter()
        .enumerate()
        .map(|(i, name)| (blender_name(name), i))
        .collect();
    names.sort();
    let channels = names.len();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let head = head(&names, size.width, size.height);
    let row_bytes = 4 * u64::from(size.width) * channels as u64;
    let first = head.len() as u64 + 8 * u64::from(size.height);
    out.write_all(&head)?;
    for y in 0..u64::from(size.height) {
        out.write_all(&(first + y * (row_bytes + 8)).to_le_bytes())?;
    }
    let row_length =
        u32::try_from(row_bytes).map_err(|_| LayersError::Header("its rows are too long"))?;
    for y0 in (0..size.height).step_by(TILE_PX as usize) {
        let strip = Region { x0: 0, y0, x1: size.width, y1: (y0 + TILE_PX).min(size.height) };
        let pixels = layers.region(strip)?;
        for (row, y) in pixels.data.chunks_exact(size.width as usize * channels).zip(y0..) {
            out.write_all(&y.to_le_bytes())?;
            out.write_all(&row_length.to_le_bytes())?;
            for (_, channel) in &names {
                for value in row.iter().skip(*channel).step_by(channels) {
                    out.write_all(&value.to_bits().to_le_bytes())?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// `ViewLayer/Noisy Image.R` → `ViewLayer.Noisy Image.R`.
fn blender_name(name: &str) -> String {
    match name.rsplit_once('/') {
        Some((layer, rest)) => format!("{layer}.{rest}"),
        None => name.to_owned(),
    }
}

fn head(names: &[(String, usize)], width: u32, height: u32) -> Vec<u8> {
    let mut out = vec![0x76, 0x2f, 0x31, 0x01];
    // Version 2; names may be longer than 31 bytes.
    out.extend_from_slice(&(2u32 | 0x400).to_le_bytes());
    let mut channels = Vec::new();
    for (name, _) in names {
        channels.extend_from_slice(name.as_bytes());
        channels.push(0);
        // 32-bit float, not perceptually linear, no subsampling.
        for field in [2u32, 0, 1, 1] {
            channels.extend_from_slice(&field.to_le_bytes());
        }
    }
    channels.push(0);
    let mut window = Vec::new();
    for field in [0, 0, width - 1, height - 1] {
        window.extend_from_slice(&field.to_le_bytes());
    }
    let mut attribute = |name: &str, kind: &str, value: &[u8]| {
        for text in [name, kind] {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(value);
    };
    // By this Blender knows its own multilayer files.
    attribute("BlenderMultiChannel", "string", b"Blender V2.55.1 and newer");
    attribute("channels", "chlist", &channels);
    attribute("compression", "compression", &[0]);
    attribute("dataWindow", "box2i", &window);
    attribute("displayWindow", "box2i", &window);
    attribute("lineOrder", "lineOrder", &[0]);
    attribute("pixelAspectRatio", "float", &1f32.to_le_bytes());
    attribute("screenWindowCenter", "v2f", &[0; 8]);
    attribute("screenWindowWidth", "float", &1f32.to_le_bytes());
    out.push(0);
    out
}
