//! Where honest renders of a scene differ in whole areas.
//!
//! Surfaces that touch, or lie in one another, show now the one and now the other: from one process to
//! the next, or between classes of processors. Single pixels of that kind are found by a second replica
//! ([`crate::agreement`]), and the noise floor leaves room for them. An *area* can flip as a whole, and
//! then two replicas may agree although a third honest render differs. Inspection renders its preview
//! several times and keeps which pixels differ; here a region of a frame is looked up on that map.
//!
//! The map is coarse and of a few frames only, so it is read generously: a region's window on it is
//! grown by a pixel all around. What flips between two renders counts from an eighth of the window on,
//! what differs between classes from a quarter on: less than that the noise floor of the classes holds
//! already. Of the former, pixels count that have two such neighbours or more: single ones are
//! everywhere in such scenes, and a second replica finds them.

use candela_core::layers::{Region, Size};
use candela_core::scene::{DIFFERS_AGAIN, DIFFERS_BY_CLASS, PreviewFacts};

/// Preview pixels that have to differ at least.
const PIXELS_MIN: u64 = 2;

/// One in so many of a region's preview pixels makes it unsteady …
const AGAIN_PART: u64 = 8;

/// … and between classes one in so many.
const CLASS_PART: u64 = 4;

/// Whether honest renders may differ in that region of a frame as a whole.
///
/// The preview is stretched over the frame, of which `frame` is the size. Of a preview without a map
/// nothing is known, and nothing is unsteady.
#[must_use]
pub fn is_unsteady(preview: &PreviewFacts, frame: Size, region: Region, same_class: bool) -> bool {
    let size = preview.size;
    if preview.unsteady.len() as u64 != size.pixels() || frame.pixels() == 0 {
        return false;
    }
    let columns = window(region.x0, region.x1, size.width, frame.width);
    let rows = window(region.y0, region.y1, size.height, frame.height);
    let pixels = u64::from(columns.1 - columns.0) * u64::from(rows.1 - rows.0);
    let grown = |(from, to): (u32, u32), end: u32| from.saturating_sub(1)..(to + 1).min(end);
    let (mut again, mut by_class) = (0, 0);
    for row in grown(rows, size.height) {
        for column in grown(columns, size.width) {
            let at = row as usize * size.width as usize + column as usize;
            again += u64::from(in_area(preview, column, row));
            by_class += u64::from(preview.unsteady[at] & DIFFERS_BY_CLASS != 0);
        }
    }
    let many = |count: u64, part: u64| count >= PIXELS_MIN.max(pixels.div_ceil(part));
    many(again, AGAIN_PART) || (!same_class && many(by_class, CLASS_PART))
}

/// Preview pixels around one that have to differ too.
const NEIGHBOURS_MIN: usize = 2;

/// Whether a preview pixel differed between two renders, and neighbours too.
fn in_area(preview: &PreviewFacts, column: u32, row: u32) -> bool {
    let Size { width, height } = preview.size;
    let differs = |column: u32, row: u32| {
        let at = row as usize * width as usize + column as usize;
        preview.unsteady[at] & DIFFERS_AGAIN != 0
    };
    let near = |at: u32, end: u32| at.saturating_sub(1)..(at + 2).min(end);
    let around = near(row, height).flat_map(|y| near(column, width).map(move |x| (x, y)));
    // The pixel itself is among them.
    differs(column, row) && around.filter(|(x, y)| differs(*x, *y)).count() > NEIGHBOURS_MIN
}

/// How many times longer a frame's edge is than the preview's.
#[must_use]
pub fn frame_edges(preview: &PreviewFacts, frame: Size) -> f64 {
    let edge = |size: Size| f64::from(size.width.max(size.height));
    edge(frame) / edge(preview.size).max(1.0)
}

/// The preview's pixels, from and to, that pixels `from..to` of the frame touch along one axis.
fn window(from: u32, to: u32, preview_px: u32, frame_px: u32) -> (u32, u32) {
    let scaled = |at: u32| u64::from(at.min(frame_px)) * u64::from(preview_px);
    let from = scaled(from) / u64::from(frame_px);
    let to = scaled(to).div_ceil(u64::from(frame_px));
    // Neither is above the preview's edge, which is a `u32`.
    let narrow = |at: u64| u32::try_from(at).unwrap_or(preview_px);
    (narrow(from.min(to)), narrow(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(unsteady: Vec<u8>) -> PreviewFacts {
        let size = Size { width: 20, height: 10 };
        PreviewFacts {
            size,
            noise: vec![0.0; 200],
            unrepeatable_share: 0.02,
            black: false,
            class_share: 0.1,
            unsteady,
            undevelopable: Vec::new(),
        }
    }

    const FRAME: Size = Size { width: 640, height: 320 };

    fn cells(map: &[(usize, u8)], same_class: bool) -> Vec<(u32, u32)> {
        let mut unsteady = vec![0; 200];
        map.iter().for_each(|(at, bits)| unsteady[*at] |= bits);
        let preview = preview(unsteady);
        let region = |x: u32, y: u32| Region { x0: x, y0: y, x1: x + 32, y1: y + 32 };
        let all = (0..10).flat_map(|y| (0..20).map(move |x| (x, y)));
        all.filter(|(x, y)| is_unsteady(&preview, FRAME, region(32 * x, 32 * y), same_class))
            .collect()
    }

    #[test]
    fn areas_count_and_single_pixels_dont() {
        assert_eq!(cells(&[], true), []);
        assert_eq!(cells(&[(42, DIFFERS_AGAIN)], true), []);
        assert_eq!(cells(&[(42, DIFFERS_AGAIN), (43, DIFFERS_AGAIN)], true), []);
        // A block: everything that touches two of its pixels within a pixel.
        let block = [42, 43, 62, 63].map(|at| (at, DIFFERS_AGAIN));
        let around: Vec<_> = (1..5).flat_map(|y| (1..5).map(move |x| (x, y))).collect();
        let corner = |at: &(u32, u32)| [(1, 1), (4, 1), (1, 4), (4, 4)].contains(at);
        let expected: Vec<_> = around.into_iter().filter(|at| !corner(at)).collect();
        assert_eq!(cells(&block, true), expected);
    }

    #[test]
    fn what_differs_by_class_matters_between_classes_only() {
        let map = [(42, DIFFERS_BY_CLASS), (43, DIFFERS_BY_CLASS)];
        assert_eq!(cells(&map, true), []);
        assert_eq!(cells(&map, false).len(), 6);
    }

    #[test]
    fn corners_and_odd_maps() {
        let corner = [0, 1, 20, 21].map(|at| (at, DIFFERS_AGAIN));
        let touched = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2)];
        assert_eq!(cells(&corner, true), touched);
        let region = Region { x0: 600, y0: 300, x1: 640, y1: 320 };
        assert!(!is_unsteady(&preview(vec![3; 7]), FRAME, region, false), "no map");
        assert!(is_unsteady(&preview(vec![3; 200]), FRAME, region, false));
        let outside = Region { x0: 700, y0: 700, x1: 732, y1: 732 };
        assert!(!is_unsteady(&preview(vec![0; 200]), FRAME, outside, false));
        let one = Size { width: 1, height: 1 };
        let region = Region { x0: 0, y0: 0, x1: 1, y1: 1 };
        assert!(is_unsteady(&preview(vec![1; 200]), one, region, true));
    }
}
