//! Pictures that are the same but for rounding, forged ones, and files that try more than a picture.

use super::*;
use image::{ImageEncoder as _, Rgb, RgbImage};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

/// A picture with detail, before it is written in a format: values from 0 to 1.
fn picture(change: impl Fn(u32, u32, f32) -> f32) -> Vec<f32> {
    let value = |x: u32, y: u32| {
        let waves = ((x * 7 + y * 3) % 23) as f32 / 23.0;
        0.1 + 0.3 * (x as f32 / WIDTH as f32) + 0.4 * waves
    };
    let at = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    at.flat_map(|(x, y)| [change(x, y, value(x, y)); 3]).collect()
}

fn file(values: &[f32], format: OutputFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let eight = || -> Vec<u8> { values.iter().map(|v| (v * 255.0).round() as u8).collect() };
    match format {
        OutputFormat::Png => {
            let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
            encoder.write_image(&eight(), WIDTH, HEIGHT, image::ColorType::Rgb8.into()).unwrap();
        }
        OutputFormat::Png16 => {
            let wide: Vec<u8> =
                values.iter().flat_map(|v| ((v * 65_535.0).round() as u16).to_ne_bytes()).collect();
            let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
            encoder.write_image(&wide, WIDTH, HEIGHT, image::ColorType::Rgb16.into()).unwrap();
        }
        OutputFormat::Jpeg => {
            let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
            let image = RgbImage::from_raw(WIDTH, HEIGHT, eight()).unwrap();
            encoder.encode_image(&image).unwrap();
        }
        OutputFormat::Exr => {
            let pixel = |at: exr::prelude::Vec2<usize>| {
                let at = 3 * (at.y() * WIDTH as usize + at.x());
                (values[at], values[at + 1], values[at + 2])
            };
            use exr::prelude::*;
            // As Blender writes them.
            let (compression, blocks) = (Compression::ZIP16, Blocks::ScanLines);
            let encoding = Encoding { compression, blocks, line_order: LineOrder::Increasing };
            let (size, channels) =
                (Vec2(WIDTH as usize, HEIGHT as usize), SpecificChannels::rgb(pixel));
            let attributes = LayerAttributes::default();
            let image = Image::from_layer(Layer::new(size, attributes, encoding, channels));
            image.write().to_buffered(std::io::Cursor::new(&mut bytes)).unwrap();
        }
    }
    bytes
}

const FORMATS: [OutputFormat; 4] =
    [OutputFormat::Png, OutputFormat::Png16, OutputFormat::Jpeg, OutputFormat::Exr];

fn compared(
    format: OutputFormat,
    change: impl Fn(u32, u32, f32) -> f32,
) -> Result<Closeness, OutputDifference> {
    same_output(&file(&picture(change), format), &file(&picture(|_, _, v| v), format), format)
}

#[test]
fn rounding_passes_and_forgeries_do_not() {
    let logo = |x0: u32, by: f32| {
        move |x: u32, y: u32, v: f32| {
            if (x0..x0 + 8).contains(&x) && (28..36).contains(&y) { v + by } else { v }
        }
    };
    for format in FORMATS {
        let check = |what: &str, passes: bool, change: &dyn Fn(u32, u32, f32) -> f32| {
            let compared = compared(format, change);
            assert_eq!(compared.is_ok(), passes, "{format:?}, {what}: {compared:?}");
        };
        check("the same", true, &|_, _, v| v);
        check("rounded otherwise", true, &|_, _, v| v * 1.000_01);
        check("one odd pixel", true, &|x, y, v| if (x, y) == (70, 50) { v + 0.01 } else { v });
        check("a logo", false, &logo(60, 0.2));
        check("a logo between squares", false, &logo(60, -0.1));
        check("brighter", false, &|_, _, v| v * 1.03);
        check("a step brighter everywhere", false, &|_, _, v| v + 1.0 / 255.0);
        check("a row missing", false, &|_, y, v| if y == 77 { 0.0 } else { v });
        check("a pixel further right", false, &|x, _, v| if x % 2 == 0 { v + 0.02 } else { v });
    }
    // A pale one shows except in JPEG, where rounding can make as much.
    for (format, passes) in FORMATS.into_iter().zip([false, false, true, false]) {
        assert_eq!(compared(format, logo(60, 0.015)).is_ok(), passes, "{format:?}");
    }
}

#[test]
fn not_a_number_is_compared_too() {
    let with = |value: f32| {
        file(&picture(|x, y, v| if x < 4 && y < 4 { value } else { v }), OutputFormat::Exr)
    };
    let same = |a: f32, b: f32| same_output(&with(a), &with(b), OutputFormat::Exr).is_ok();
    assert!(same(f32::NAN, -f32::NAN));
    assert!(same(f32::INFINITY, f32::INFINITY));
    assert!(!same(f32::NAN, 0.3));
    assert!(!same(0.3, f32::INFINITY));
}

#[test]
fn comments_are_allowed_and_nothing_else() {
    let ours = file(&picture(|_, _, v| v), OutputFormat::Png);
    let (head, rest) = ours.split_at(33);
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], kind, data, &sum.sum().to_be_bytes()].concat()
    };
    for (kind, data, passes) in [
        (b"tEXt", &b"Comment\0a text"[..], true),
        (b"gAMA", &[0, 0, 0x27, 0x10], false),
        (b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", false),
        (b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0], false),
    ] {
        let theirs = [head, &chunk(kind, data), rest].concat();
        let compared = same_output(&theirs, &ours, OutputFormat::Png);
        assert_eq!(compared.is_ok(), passes, "{}: {compared:?}", kind.escape_ascii());
    }
    let ours = file(&picture(|_, _, v| v), OutputFormat::Jpeg);
    let after = |at: usize, what: &[u8]| [&ours[..at], what, &ours[at..]].concat();
    for (theirs, passes) in [
        (after(2, &[0xff, 0xfe, 0, 3, 9]), true),
        (after(2, &[0xff, 0xe1, 0, 3, 9]), false),
        (after(ours.len(), b"more"), false),
        (after(ours.len(), &ours), false),
    ] {
        let compared = same_output(&theirs, &ours, OutputFormat::Jpeg);
        assert_eq!(compared.is_ok(), passes, "{compared:?}");
    }
}

#[test]
fn files_that_try_more_are_refused_before_they_are_decoded() {
    for format in FORMATS {
        let ours = file(&picture(|_, _, v| v), format);
        let long = vec![0; 2 * ours.len() + (65 << 10)];
        let check = |theirs: &[u8]| same_output(theirs, &ours, format).unwrap_err();
        assert!(matches!(check(&long), OutputDifference::TooLong { .. }), "{format:?}");
        assert!(matches!(check(b"no picture"), OutputDifference::Unreadable(_)), "{format:?}");
        for end in [0, 9, 40, ours.len() / 2, ours.len() - 1] {
            same_output(&ours[..end], &ours, format).unwrap_err();
        }
        let damaged = same_output(&ours, b"no picture", format).unwrap_err();
        assert!(matches!(damaged, OutputDifference::Development(_)), "{format:?}");
        for other in FORMATS {
            let theirs = file(&picture(|_, _, v| v), other);
            assert_eq!(same_output(&theirs, &ours, format).is_ok(), other == format);
        }
    }
    // A size of 60,000 × 60,000 in the header, where the picture's was.
    let ours = file(&picture(|_, _, v| v), OutputFormat::Png);
    let mut bomb = ours.clone();
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let refused = same_output(&bomb, &ours, OutputFormat::Png).unwrap_err();
    assert!(matches!(refused, OutputDifference::Other { .. }), "{refused:?}");
    let image = RgbImage::from_pixel(9, 9, Rgb([7; 3]));
    let mut small = std::io::Cursor::new(Vec::new());
    image.write_to(&mut small, image::ImageFormat::Png).unwrap();
    let refused = same_output(small.get_ref(), &ours, OutputFormat::Png).unwrap_err();
    assert!(matches!(refused, OutputDifference::Other { .. }), "{refused:?}");
}
