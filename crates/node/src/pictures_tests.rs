//! Pictures of what was compared: the right pixels in the right places, in the right colours.

use super::*;
use candela_core::id::{EngineBuild, VerificationId};
use candela_wire::evidence::Evidence;

const FRAME: Size = Size { width: 100, height: 70 };

fn channels() -> ChannelNames {
    ["Noisy Image.R", "Noisy Image.G", "Noisy Image.B"].map(str::to_owned).to_vec()
}

fn pixels(size: Size, value: impl Fn(u32, u32) -> f32) -> Pixels {
    let place = |i: u32| (i % size.width, i / size.width);
    let data = (0..size.width * size.height).flat_map(|i| {
        let (x, y) = place(i);
        [value(x, y); 3]
    });
    Pixels { size, channels: channels(), data: data.collect() }
}

fn compared_with(region: Region, worker: impl Fn(u32, u32) -> f32) -> Compared {
    let size = region.size();
    Compared {
        worker: Some(pixels(size, worker)),
        verifier: ProbeEvidence {
            region,
            replica: pixels(size, |_, _| 0.5),
            control: pixels(size, |_, _| 0.52),
            second: None,
        },
    }
}

fn decoded(png: &[u8]) -> image::RgbaImage {
    image::load_from_memory(png).unwrap().to_rgba8()
}

#[test]
fn a_pixel_that_differs_is_red_and_in_its_place() {
    let region = Region { x0: 64, y0: 0, x1: 96, y1: 32 };
    let one = compared_with(region, |x, y| if (x, y) == (3, 5) { 0.1 } else { 0.5 });
    let mut canvas = Canvas::new(FRAME);
    canvas.add(&one, PictureName::Difference).unwrap();
    let picture = decoded(&canvas.png().unwrap());
    assert_eq!((picture.width(), picture.height()), (100, 70));
    let [red, green, ..] = picture.get_pixel(67, 5).0;
    assert!(red >= 170 && green < 80, "{red} {green}");
    assert_eq!(picture.get_pixel(66, 5).0, [0, 0, 0, 255], "what agrees to the bit is black");
    assert_eq!(picture.get_pixel(10, 10).0, [0, 0, 0, 0], "nobody looked there");
    let mut canvas = Canvas::new(FRAME);
    canvas.add(&one, PictureName::Replica).unwrap();
    let picture = decoded(&canvas.png().unwrap());
    assert_eq!(picture.get_pixel(67, 5).0, [188, 188, 188, 255], "0.5 by the sRGB curve");
}

#[test]
fn a_sheet_enlarges_probes_and_keeps_their_order() {
    let region = |n: u32| Region { x0: n * 32, y0: 0, x1: n * 32 + 32, y1: 32 };
    let shade = |n: u32| compared_with(region(n), move |_, _| n as f32 / 4.0);
    let sheet = contact_sheet(&[shade(0), shade(1), shade(2)], PictureName::Delivered).unwrap();
    let sheet = decoded(&sheet);
    assert_eq!((sheet.width(), sheet.height()), (262, 262));
    assert_eq!(sheet.get_pixel(64, 64).0[0], 0);
    assert_eq!(sheet.get_pixel(134 + 64, 64).0[0], shown([0.25; 3])[0]);
    assert_eq!(sheet.get_pixel(64, 134 + 64).0[0], shown([0.5; 3])[0]);
    assert_eq!(sheet.get_pixel(134 + 64, 134 + 64).0[3], 0, "three of four");
    assert!(matches!(contact_sheet(&[], PictureName::Replica), Err(PictureError::Empty)));
}

/// One wrong pixel of a large frame is still seen.
#[test]
fn a_large_frame_is_shown_smaller_and_keeps_its_marks() {
    let frame = Size { width: 8_192, height: 4_096 };
    let region = Region { x0: 0, y0: 0, x1: 64, y1: 64 };
    let one = compared_with(region, |x, y| if (x, y) == (62, 63) { 0.1 } else { 0.5 });
    let mut canvas = Canvas::new(frame);
    canvas.add(&one, PictureName::Difference).unwrap();
    let picture = decoded(&canvas.png().unwrap());
    assert!(u64::from(picture.width()) * u64::from(picture.height()) <= CANVAS_PX_MAX);
    let red = picture.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] >= 170).count();
    assert_eq!(red, 1);
}

#[test]
fn what_the_worker_did_not_deliver_is_said() {
    let region = Region { x0: 0, y0: 0, x1: 32, y1: 32 };
    let one = Compared { worker: None, ..compared_with(region, |_, _| 0.5) };
    let sheet = |picture| contact_sheet(std::slice::from_ref(&one), picture);
    assert!(sheet(PictureName::Replica).is_ok());
    for picture in [PictureName::Delivered, PictureName::Difference] {
        assert!(matches!(sheet(picture), Err(PictureError::NoTiles)));
    }
}

#[test]
fn what_is_not_a_number_is_shown_and_disagrees() {
    let region = Region { x0: 0, y0: 0, x1: 32, y1: 32 };
    let one = compared_with(region, |x, _| if x == 0 { f32::NAN } else { f32::INFINITY });
    for picture in PictureName::ALL {
        let sheet = decoded(&contact_sheet(std::slice::from_ref(&one), picture).unwrap());
        let [red, green, ..] = sheet.get_pixel(1, 1).0;
        assert_eq!(picture == PictureName::Difference, red > green, "{picture:?}");
    }
}

/// The worker's pixels come from the excerpt of its layers, and from no other.
#[tokio::test]
async fn kept_tiles_are_held_against_the_commitment() {
    let folder = tempfile::tempdir().unwrap();
    let layers = folder.path().join("frame.layers");
    let whole = pixels(FRAME, |x, y| (x * 100 + y) as f32 / 10_000.0);
    let header = candela_engine::layers::write_layers(&whole, &layers).unwrap();
    let options = candela_blobs::OpenOptions::default();
    let blobs = candela_blobs::Blobs::open(&folder.path().join("blobs"), options).await.unwrap();
    let mode = candela_blobs::ImportMode::Copy;
    let added = blobs.add_path(&layers, mode, "test").await.unwrap();
    let region = Region { x0: 64, y0: 32, x1: 96, y1: 64 };
    let ranges = verdict::ranges_of(&[region], &header.layout);
    let groups = verdict::whole_groups(&ranges, added.bytes);
    let excerpt = blobs.excerpt(added.hash, &groups).await.unwrap();
    let evidence = Evidence {
        verification: VerificationId(7),
        frame: 1,
        engine: EngineBuild("blender-4.5.15".into()),
        device: "cpu".into(),
        probes: vec![compared_with(region, |_, _| 0.5).verifier],
    };
    let evidence = evidence::encode(&evidence).unwrap();
    let kept = Kept {
        layers: added.hash,
        layers_bytes: added.bytes,
        size: FRAME,
        evidence: BlobHash([1; 32]),
        worker_tiles: Some(BlobHash([2; 32])),
    };
    let seen = compared(&kept, &evidence, Some(&excerpt)).unwrap();
    let all = Region { x0: 0, y0: 0, x1: FRAME.width, y1: FRAME.height };
    assert_eq!(seen[0].worker, whole.cut(all, region));
    let mut forged = excerpt.to_vec();
    let end = forged.len() - 1;
    forged[end] ^= 1;
    let refused = compared(&kept, &evidence, Some(&forged));
    assert!(matches!(refused, Err(PictureError::Tiles(_))), "{refused:?}");
    blobs.shutdown().await.unwrap();
}

#[test]
fn a_small_picture_is_no_wider_and_keeps_its_shape() {
    let png = |width, height| {
        let mut bytes = Vec::new();
        let picture = image::RgbImage::from_pixel(width, height, image::Rgb([200, 100, 50]));
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    };
    for (size, width, want) in
        [((640, 360), 320, (320, 180)), ((100, 80), 320, (100, 80)), ((4_000, 1), 16, (16, 1))]
    {
        let jpeg = small(&png(size.0, size.1), width).unwrap();
        let read = image::load_from_memory(&jpeg).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), want, "{size:?}");
        let pixel = read.get_pixel(want.0 / 2, want.1 / 2).0;
        let near = pixel.iter().zip([200_u8, 100, 50]).all(|(got, want)| got.abs_diff(want) < 8);
        assert!(near, "{pixel:?}");
    }
    assert!(small(b"no picture", 320).is_err());
    let whole = png(64, 64);
    assert!(small(&whole[..whole.len() / 2], 320).is_err());
}
