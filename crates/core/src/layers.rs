//! The geometry of pictures: regions, the fixed tile grid, and where a tile's bytes lie in stored layers.
//!
//! It is here, and not with the code that reads files, because the drawing of probes, the range
//! reads of storage and the engine must agree on it to the byte.

/// Edge of a tile of the fixed grid, in pixels.
pub const TILE_PX: u32 = 64;

/// Edge of a probe, in pixels: two probes fit along each edge of a tile.
pub const PROBE_PX: u32 = 32;

/// Size of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// Number of pixels.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Rectangle of pixels, half-open (`x0 <= x < x1`), the origin at the **top left** with y downwards.
///
/// Blender's own border counts y from the bottom; the engine's driver converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// First column.
    pub x0: u32,
    /// First row.
    pub y0: u32,
    /// One past the last column.
    pub x1: u32,
    /// One past the last row.
    pub y1: u32,
}

impl Region {
    /// The whole picture.
    #[must_use]
    pub fn whole(size: Size) -> Self {
        Region { x0: 0, y0: 0, x1: size.width, y1: size.height }
    }

    /// Columns and rows of the region.
    #[must_use]
    pub fn size(self) -> Size {
        Size { width: self.x1.saturating_sub(self.x0), height: self.y1.saturating_sub(self.y0) }
    }

    /// The region with `margin_px` more on each side, cut at the picture's edge.
    #[must_use]
    pub fn grown(self, margin_px: u32, within: Size) -> Self {
        Region {
            x0: self.x0.saturating_sub(margin_px),
            y0: self.y0.saturating_sub(margin_px),
            x1: (self.x1 + margin_px).min(within.width),
            y1: (self.y1 + margin_px).min(within.height),
        }
    }

    /// Whether the region is not empty and lies within a picture of that size.
    #[must_use]
    pub fn fits(self, within: Size) -> bool {
        self.x0 < self.x1
            && self.y0 < self.y1
            && self.x1 <= within.width
            && self.y1 <= within.height
    }
}

/// One cell of the fixed grid: column and row of the cell, counted from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileIndex {
    /// Column of the cell.
    pub column: u32,
    /// Row of the cell.
    pub row: u32,
}

/// The fixed grid of [`TILE_PX`] × [`TILE_PX`] cells over a picture; cells at the right and bottom edge are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileGrid {
    /// The picture that the grid covers.
    pub size: Size,
}

impl TileGrid {
    /// Number of columns of cells.
    #[must_use]
    pub fn columns(self) -> u32 {
        self.size.width.div_ceil(TILE_PX)
    }

    /// Number of rows of cells.
    #[must_use]
    pub fn rows(self) -> u32 {
        self.size.height.div_ceil(TILE_PX)
    }

    /// Number of cells.
    #[must_use]
    pub fn len(self) -> usize {
        self.columns() as usize * self.rows() as usize
    }

    /// Whether the picture has no pixels.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The cell with that number, row by row from the top left.
    #[must_use]
    pub fn tile(self, number: usize) -> Option<TileIndex> {
        let number = u32::try_from(number).ok().filter(|_| number < self.len())?;
        Some(TileIndex { column: number % self.columns(), row: number / self.columns() })
    }

    /// The pixels of a cell.
    #[must_use]
    pub fn region(self, tile: TileIndex) -> Region {
        let (x0, y0) = (tile.column * TILE_PX, tile.row * TILE_PX);
        Region {
            x0,
            y0,
            x1: (x0 + TILE_PX).min(self.size.width),
            y1: (y0 + TILE_PX).min(self.size.height),
        }
    }
}

/// One probe's place: column and row of its cell in the [`ProbeGrid`], counted from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeIndex {
    /// Column of the cell.
    pub column: u32,
    /// Row of the cell.
    pub row: u32,
}

/// The fixed grid of [`PROBE_PX`] × [`PROBE_PX`] cells from which probes are drawn; cells at the right and bottom edge are cut.
///
/// Four cells make a stored tile, so that a probe is read with the bytes of one tile. It is finer
/// than the tiles because the certainty of a verdict grows with the number of probes and hardly
/// with their size, while a verifier pays for pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeGrid {
    /// The picture that the grid covers.
    pub size: Size,
}

impl ProbeGrid {
    /// Number of columns of cells.
    #[must_use]
    pub fn columns(self) -> u32 {
        self.size.width.div_ceil(PROBE_PX)
    }

    /// Number of rows of cells.
    #[must_use]
    pub fn rows(self) -> u32 {
        self.size.height.div_ceil(PROBE_PX)
    }

    /// Number of cells.
    #[must_use]
    pub fn len(self) -> usize {
        self.columns() as usize * self.rows() as usize
    }

    /// Whether the picture has no pixels.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The cell with that number, row by row from the top left.
    #[must_use]
    pub fn cell(self, number: usize) -> Option<ProbeIndex> {
        let number = u32::try_from(number).ok().filter(|_| number < self.len())?;
        Some(ProbeIndex { column: number % self.columns(), row: number / self.columns() })
    }

    /// The pixels of a cell.
    #[must_use]
    pub fn region(self, probe: ProbeIndex) -> Region {
        let (x0, y0) = (probe.column * PROBE_PX, probe.row * PROBE_PX);
        Region {
            x0,
            y0,
            x1: (x0 + PROBE_PX).min(self.size.width),
            y1: (y0 + PROBE_PX).min(self.size.height),
        }
    }

    /// The stored tile that holds a cell, all of it.
    #[must_use]
    pub fn tile(self, probe: ProbeIndex) -> TileIndex {
        let per_tile = TILE_PX / PROBE_PX;
        TileIndex { column: probe.column / per_tile, row: probe.row / per_tile }
    }
}

/// What the channels of layers are: names in their stored order, e.g. `ViewLayer/Noisy Image.R`.
///
/// The part before the last dot is the pass; its channels are judged together.
pub type ChannelNames = Vec<String>;

/// Where each tile's bytes lie in a stored layers blob.
///
/// The blob is a header of `header_bytes`, then the tiles row by row; a tile is its pixels row by
/// row from the top left, each pixel its channels in order, each channel a little-endian 32-bit float.
/// Cut tiles at the edges hold only their pixels, so the blob has no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayersLayout {
    /// Size of the picture.
    pub size: Size,
    /// Number of channels of a pixel.
    pub channels: u32,
    /// Length of the header in bytes.
    pub header_bytes: u64,
}

impl LayersLayout {
    /// Bytes of one pixel.
    #[must_use]
    pub fn pixel_bytes(&self) -> u64 {
        4 * u64::from(self.channels)
    }

    /// Length of the whole blob in bytes.
    #[must_use]
    pub fn blob_bytes(&self) -> u64 {
        self.header_bytes + self.size.pixels() * self.pixel_bytes()
    }

    /// First byte and one past the last byte of a tile.
    #[must_use]
    pub fn tile_range(&self, tile: TileIndex) -> std::ops::Range<u64> {
        let region = TileGrid { size: self.size }.region(tile);
        let pixels_above = u64::from(region.y0) * u64::from(self.size.width);
        let pixels_left = u64::from(region.x0) * u64::from(region.size().height);
        let start = self.header_bytes + (pixels_above + pixels_left) * self.pixel_bytes();
        start..start + region.size().pixels() * self.pixel_bytes()
    }
}

/// Pixels of a region, all channels: `data[(y * width + x) * channels + channel]`, linear 32-bit float.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Columns and rows.
    pub size: Size,
    /// Names of the channels, in order.
    pub channels: ChannelNames,
    /// `size.pixels() * channels.len()` values.
    pub data: Vec<f32>,
}

impl Pixels {
    /// Whether the number of values is what the size and the channels say.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.data.len() as u64 == self.size.pixels() * self.channels.len() as u64
    }

    /// The part of these pixels that `part` covers, where these cover `of`; none if it isn't inside.
    #[must_use]
    pub fn cut(&self, of: Region, part: Region) -> Option<Pixels> {
        let inside = part.x0 >= of.x0 && part.y0 >= of.y0 && part.x1 <= of.x1 && part.y1 <= of.y1;
        if !inside || of.size() != self.size || !self.is_whole() {
            return None;
        }
        let n = self.channels.len();
        let width = self.size.width as usize;
        let mut data = Vec::with_capacity(part.size().pixels() as usize * n);
        for y in part.y0..part.y1 {
            let row = (y - of.y0) as usize * width;
            let from = (row + (part.x0 - of.x0) as usize) * n;
            let to = (row + (part.x1 - of.x0) as usize) * n;
            data.extend_from_slice(&self.data[from..to]);
        }
        Some(Pixels { size: part.size(), channels: self.channels.clone(), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_blob_without_gap_or_overlap() {
        for (width, height) in [(1, 1), (64, 64), (65, 63), (200, 130), (480, 270)] {
            let layout =
                LayersLayout { size: Size { width, height }, channels: 10, header_bytes: 4096 };
            let grid = TileGrid { size: layout.size };
            let mut at = layout.header_bytes;
            for number in 0..grid.len() {
                let range = layout.tile_range(grid.tile(number).unwrap());
                assert_eq!(range.start, at, "{width}×{height}, tile {number}");
                at = range.end;
            }
            assert_eq!(at, layout.blob_bytes());
            assert_eq!(grid.tile(grid.len()), None);
        }
    }

    #[test]
    fn probes_cover_the_picture_once_and_lie_each_in_one_tile() {
        for (width, height) in [(1, 1), (32, 32), (33, 31), (64, 65), (97, 1), (200, 130)] {
            let size = Size { width, height };
            let (probes, tiles) = (ProbeGrid { size }, TileGrid { size });
            let mut covered = vec![0; size.pixels() as usize];
            for number in 0..probes.len() {
                let probe = probes.cell(number).unwrap();
                let (region, tile) = (probes.region(probe), tiles.region(probes.tile(probe)));
                assert!(region.fits(size), "{width}×{height}, probe {number}");
                assert!(region.x0 >= tile.x0 && region.x1 <= tile.x1);
                assert!(region.y0 >= tile.y0 && region.y1 <= tile.y1);
                for y in region.y0..region.y1 {
                    (region.x0..region.x1).for_each(|x| covered[(y * width + x) as usize] += 1);
                }
            }
            assert!(covered.iter().all(|times| *times == 1), "{width}×{height}");
            assert_eq!(probes.cell(probes.len()), None);
        }
        let none = ProbeGrid { size: Size { width: 0, height: 9 } };
        assert!(none.is_empty() && none.cell(0).is_none());
    }

    #[test]
    fn cut_takes_the_named_pixels() {
        let of = Region { x0: 10, y0: 20, x1: 14, y1: 23 };
        let data = (0..12).map(|i| i as f32).collect();
        let pixels = Pixels { size: of.size(), channels: vec!["a".into()], data };
        let part = Region { x0: 11, y0: 21, x1: 13, y1: 23 };
        assert_eq!(pixels.cut(of, part).unwrap().data, vec![5.0, 6.0, 9.0, 10.0]);
        assert_eq!(pixels.cut(of, Region { x0: 9, ..part }), None);
    }
}
