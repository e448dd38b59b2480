//! Round trips and hostile headers.

use super::*;

fn picture(width: u32, height: u32) -> Pixels {
    let channels: ChannelNames =
        ["V/Noisy Image.R", "V/Noisy Image.G", "V/Denoising Depth.Z"].map(str::to_owned).to_vec();
    // Every kind of float, among them signalling and quiet values that are not numbers.
    let odd = [0x7fa0_0001, 0xffc1_2345, 0x7f80_0000, 0x8000_0000, 1];
    let count = width * height * 3;
    let data = (0..count)
        .map(|i| {
            f32::from_bits(odd.get(i as usize % 11).copied().unwrap_or(i.wrapping_mul(0x9e37_79b9)))
        })
        .collect();
    Pixels { size: Size { width, height }, channels, data }
}

fn bits(pixels: &Pixels) -> Vec<u32> {
    pixels.data.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layers");
    for (width, height) in [(1, 1), (64, 64), (65, 63), (200, 130), (3, 300)] {
        let pixels = picture(width, height);
        let header = write_layers(&pixels, &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), header.layout.blob_bytes());
        let mut reader = LayersReader::open(&path).unwrap();
        assert_eq!(reader.header, header);
        let whole = Region::whole(pixels.size);
        assert_eq!(bits(&reader.region(whole).unwrap()), bits(&pixels), "{width}×{height}");
        let grid = TileGrid { size: pixels.size };
        for number in 0..grid.len() {
            let tile = grid.tile(number).unwrap();
            let expected = pixels.cut(whole, grid.region(tile)).unwrap();
            assert_eq!(bits(&reader.tile(tile).unwrap()), bits(&expected), "tile {number}");
        }
    }
}

#[test]
fn openexr_round_trip_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let (first, exr, second) =
        (folder.path().join("1"), folder.path().join("2.exr"), folder.path().join("3"));
    let pixels = picture(131, 70);
    write_layers(&pixels, &first).unwrap();
    crate::exr_write::write(&mut LayersReader::open(&first).unwrap(), &exr).unwrap();
    let wanted = [crate::exr_read::WantedLayer {
        name: "V".into(),
        denoised: true,
        passes: vec!["Noisy Image".into(), "Denoising Depth".into()],
    }];
    crate::exr_read::to_layers(&exr, &wanted, &second).unwrap();
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap());
    assert_eq!(bits(&crate::exr_read::to_pixels(&exr, &wanted).unwrap()), bits(&pixels));
}

#[test]
fn hostile_headers_are_refused() {
    let good =
        LayersHeader::new(Size { width: 10, height: 20 }, vec!["V/A.R".into()]).unwrap().encode();
    assert!(read_header(&good).is_ok());
    assert!(read_header(&good[..4095]).is_err());
    let field = |i: usize, value: u32| {
        let mut bytes = good.clone();
        bytes[8 + 4 * i..12 + 4 * i].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let bad = [
        field(0, 2),
        field(1, 0),
        field(1, u32::MAX),
        field(2, 65_537),
        field(3, 0),
        field(3, 2),
        field(3, u32::MAX),
        field(4, 4),
        field(4, 4096),
        field(4, u32::MAX),
        {
            let mut b = good.clone();
            b[0] ^= 1;
            b
        },
        {
            let mut b = good.clone();
            b[4095] = 1;
            b
        },
        {
            let mut b = good.clone();
            b[28] = 0xff;
            b
        },
        {
            let mut b = good.clone();
            b[28] = 7;
            b
        },
    ];
    for (i, bytes) in bad.iter().enumerate() {
        assert!(read_header(bytes).is_err(), "case {i}");
    }
    let both_large = Size { width: 65_536, height: 65_536 };
    assert!(LayersHeader::new(both_large, vec!["a".into()]).is_err());
    let size = Size { width: 1, height: 1 };
    assert!(LayersHeader::new(size, vec!["a".into(), "a".into()]).is_err());
    assert!(LayersHeader::new(size, (0..257).map(|i| i.to_string()).collect()).is_err());
    assert!(LayersHeader::new(size, (0..30).map(|i| format!("{i:0>200}")).collect()).is_err());
}
