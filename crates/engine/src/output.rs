//! Takes out of a picture what the engine wrote about itself: how long it rendered, and for which file.
//!
//! It can't be switched off in Cycles, it differs from render to render, and without it two honest
//! machines of one class write the same output to the byte.

use std::io::Read;
use std::path::Path;

/// Removes comments from a PNG or JPEG file; other files are left as they are.
pub(crate) fn strip_comments(path: &Path) -> std::io::Result<()> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(8).read_to_end(&mut start)?;
    let strip: fn(&[u8]) -> Option<Vec<u8>> = if start == b"\x89PNG\r\n\x1a\n" {
        png
    } else if start.starts_with(&[0xff, 0xd8]) {
        jpeg
    } else {
        // A film may be larger than memory.
        return Ok(());
    };
    let bytes = std::fs::read(path)?;
    let stripped = strip(&bytes);
    match stripped {
        Some(stripped) if stripped.len() < bytes.len() => std::fs::write(path, stripped),
        _ => Ok(()),
    }
}

/// Without its chunks of text and time; none if the file is not as it should be.
fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kept = bytes.get(..8)?.to_vec();
    let mut rest = bytes.get(8..)?;
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let chunk = rest.get(..length.checked_add(12)?)?;
        if ![b"tEXt", b"zTXt", b"iTXt", b"tIME"].iter().any(|kind| chunk[4..8] == kind[..]) {
            kept.extend_from_slice(chunk);
        }
        rest = &rest[chunk.len()..];
    }
    Some(kept)
}

/// Without its comments; none if the file is not as it should be.
fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    const COMMENT: u8 = 0xfe;
    const SCAN: u8 = 0xda;
    let mut kept = bytes.get(..2)?.to_vec();
    let mut rest = bytes.get(2..)?;
    loop {
        let [0xff, kind, high, low] = *rest.first_chunk::<4>()? else { return None };
        if kind == SCAN {
            kept.extend_from_slice(rest);
            return Some(kept);
        }
        let length = usize::from(u16::from_be_bytes([high, low])) + 2;
        let segment = rest.get(..length)?;
        if kind != COMMENT {
            kept.extend_from_slice(segment);
        }
        rest = &rest[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_the_picture_stays() {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend_from_slice(kind);
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(&[0; 4]);
            bytes
        };
        let start = b"\x89PNG\r\n\x1a\n".to_vec();
        let (text, data) = (chunk(b"tEXt", b"RenderTime"), chunk(b"IDAT", b"pixels"));
        let file = [start.clone(), text, data.clone()].concat();
        assert_eq!(png(&file), Some([start, data].concat()));
        assert_eq!(png(&file[..file.len() - 1]), None);
        let file = [0xff, 0xd8, 0xff, 0xfe, 0, 3, 9, 0xff, 0xe0, 0, 2, 0xff, 0xda, 0, 2, 1, 2];
        assert_eq!(jpeg(&file), Some([&file[..2], &file[7..]].concat()));
        assert_eq!(jpeg(&file[..9]), None);
    }
}
