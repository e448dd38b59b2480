//! Tables for the reading of headers.

use super::*;

fn check(bytes: &[u8], expect: &str) {
    let said = match parse(bytes, packing(bytes)) {
        Ok(h) => format!("{:?} {} {} {}", h.version, h.pointer_bytes, h.big_endian, h.large),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expect, "{:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn headers() {
    check(b"BLENDER-v405REND", "[4, 5] 8 false false");
    check(b"BLENDER_V248REND", "[2, 48] 4 true false");
    check(b"BLENDER17-01v0502DATA", "[5, 2] 8 false true");
    check(b"BLENDER17-01v", "the .blend file is cut off: it ends in its header");
    check(b"BLEND", "the .blend file is cut off: it ends in its first bytes");
    check(b"", "not a .blend file: it looks like an empty file");
    check(b"glTF\x02\0\0\0", "not a .blend file: it looks like a binary glTF model (.glb)");
    check(
        b"BLENDER?v405",
        "not a .blend file: it looks like a .blend file with a header of an unknown kind",
    );
    check(
        b"BLENDER-v4x5",
        "not a .blend file: it looks like a .blend file with a header of an unknown kind",
    );
}

fn plain_file() -> Vec<u8> {
    let mut file = b"BLENDER-v405".to_vec();
    for length in [0u32, 5, 1000] {
        file.extend_from_slice(b"DATA");
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&[0; 16]);
        file.extend(std::iter::repeat_n(7, length as usize));
    }
    file.extend_from_slice(b"ENDB");
    file.extend_from_slice(&[0; 20]);
    file
}

fn whole(bytes: &[u8]) -> Result<BlendHeader, HeaderError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    check_whole(file.path())
}

#[test]
fn cut_files_are_found() {
    use std::io::Write as _;
    let plain = plain_file();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    for file in [&plain, &gzip] {
        assert!(whole(file).is_ok());
        let half = whole(&file[..file.len() / 2]);
        assert!(matches!(half, Err(HeaderError::Truncated { .. })), "{half:?}");
    }
}

#[test]
fn newer_files_are_refused() {
    let header = parse(b"BLENDER17-01v0502DATA", Packing::Plain).unwrap();
    let error = check_version(&header, [4, 5]).unwrap_err().to_string();
    assert!(
        error.starts_with("saved by Blender 5.2, which is newer than the engine (4.5)"),
        "{error}"
    );
    assert!(check_version(&header, [5, 2]).is_ok());
}
