//! Reads the header of a .blend file without the engine: which Blender wrote it, and whether it is whole.
//!
//! Blender opens files of newer versions without an error and renders them wrong, so the version is
//! compared before a scene gets that far.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlendHeader {
    /// Version of Blender: major, minor (2.79 is `[2, 79]`).
    pub version: [u32; 2],
    /// Bytes of a pointer on the machine that wrote it: 4 or 8.
    pub pointer_bytes: u8,
    /// Whether numbers are stored with the highest byte first.
    pub big_endian: bool,
    /// How the file is packed.
    pub packing: Packing,
    /// Whether it has the header that Blender 5.0 brought.
    pub large: bool,
}

/// How a .blend is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By gzip, up to Blender 2.93.
    Gzip,
    /// By Zstandard, since Blender 3.0.
    Zstd,
}

/// The file can't be a scene for this engine.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// It is something else.
    #[error("not a .blend file: it looks like {looks_like}")]
    NotBlend {
        /// What it looks like.
        looks_like: &'static str,
    },
    /// It ends too early.
    #[error("the .blend file is cut off: {problem}")]
    Truncated {
        /// Where.
        problem: &'static str,
    },
    /// It was saved by a newer Blender than the engine.
    #[error(
        "saved by Blender {}.{}, which is newer than the engine ({}.{}): such files open and render wrong; \
         save it with Blender {}.{}, or use a newer engine",
        saved_by[0], saved_by[1], engine[0], engine[1], engine[0], engine[1]
    )]
    Newer {
        /// Version that saved the file.
        saved_by: [u32; 2],
        /// The engine's version.
        engine: [u32; 2],
    },
    /// It can't be read at all.
    #[error("can't read the .blend file")]
    Io(#[from] io::Error),
}

/// Reads the header of a file.
///
/// # Errors
/// If it is not a .blend file, ends within the header, or can't be read.
pub fn read(path: &Path) -> Result<BlendHeader, HeaderError> {
    let mut file = BufReader::new(File::open(path)?);
    let start = up_to(&mut file, 24)?;
    let packing = packing(&start);
    file.seek(SeekFrom::Start(0))?;
    let unpacked = match packing {
        Packing::Plain => start,
        Packing::Gzip => up_to(&mut flate2::read::GzDecoder::new(file), 24).map_err(cut_off)?,
        Packing::Zstd => {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).map_err(|_| {
                HeaderError::Truncated { problem: "the compressed data don't start" }
            })?;
            up_to(&mut decoder, 24).map_err(cut_off)?
        }
    };
    parse(&unpacked, packing)
}

/// Refuses a file that was saved by a newer version than the engine's.
///
/// # Errors
/// [`HeaderError::Newer`].
pub fn check_version(header: &BlendHeader, engine: [u32; 2]) -> Result<(), HeaderError> {
    if header.version > engine {
        return Err(HeaderError::Newer { saved_by: header.version, engine });
    }
    Ok(())
}

/// Finds out whether the file goes on to its end, as far as that shows without unpacking all of it.
///
/// # Errors
/// [`HeaderError::Truncated`], and what [`read`] says.
pub fn check_whole(path: &Path) -> Result<BlendHeader, HeaderError> {
    let header = read(path)?;
    let mut file = BufReader::new(File::open(path)?);
    match header.packing {
        Packing::Plain => walk(&header, &mut SkipBySeek(file))?,
        Packing::Gzip => walk(&header, &mut SkipByRead(flate2::read::GzDecoder::new(file)))?,
        Packing::Zstd => {
            // Blender ends its files with the table of the seekable Zstandard format.
            const SEEKABLE: [u8; 4] = [0xb1, 0xea, 0x92, 0x8f];
            let mut end = [0; 4];
            file.seek(SeekFrom::End(-4))?;
            file.read_exact(&mut end)?;
            if end != SEEKABLE {
                return Err(HeaderError::Truncated { problem: "the table at its end is missing" });
            }
        }
    }
    Ok(header)
}

fn up_to(from: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    from.take(bytes).read_to_end(&mut start)?;
    Ok(start)
}

fn cut_off(_: io::Error) -> HeaderError {
    HeaderError::Truncated { problem: "the compressed data can't be unpacked" }
}

fn packing(start: &[u8]) -> Packing {
    match start {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// Reads the first bytes of an unpacked file.
fn parse(start: &[u8], packing: Packing) -> Result<BlendHeader, HeaderError> {
    if !start.starts_with(b"BLENDER") {
        let short = b"BLENDER".starts_with(start) && !start.is_empty();
        return Err(if short {
            HeaderError::Truncated { problem: "it ends in its first bytes" }
        } else {
            HeaderError::NotBlend { looks_like: looks_like(start, packing) }
        });
    }
    let rest = &start[7..];
    if rest.len() < 5 || (rest[0].is_ascii_digit() && rest.len() < 10) {
        return Err(HeaderError::Truncated { problem: "it ends in its header" });
    }
    let strange =
        HeaderError::NotBlend { looks_like: "a .blend file with a header of an unknown kind" };
    // Since 5.0: two digits for the header's length, `-`, two for the format, `v`, four for the version.
    if rest[0].is_ascii_digit() {
        let version = number(&rest[6..10]).filter(|_| rest[2] == b'-' && rest[5] == b'v');
        let version = version.ok_or(strange)?;
        let version = [version / 100, version % 100];
        return Ok(BlendHeader {
            version,
            pointer_bytes: 8,
            big_endian: false,
            packing,
            large: true,
        });
    }
    let pointer_bytes = match rest[0] {
        b'_' => 4,
        b'-' => 8,
        _ => return Err(strange),
    };
    let big_endian = match rest[1] {
        b'v' => false,
        b'V' => true,
        _ => return Err(strange),
    };
    let version = number(&rest[2..5]).ok_or(strange)?;
    let version = [version / 100, version % 100];
    Ok(BlendHeader { version, pointer_bytes, big_endian, packing, large: false })
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

fn looks_like(start: &[u8], packing: Packing) -> &'static str {
    const KINDS: [(&[u8], &str); 14] = [
        (b"glTF", "a binary glTF model (.glb)"),
        (b"PK\x03\x04", "a zip archive; unpack it and submit the .blend in it"),
        (b"Kaydara FBX", "an FBX model"),
        (b"7z\xbc\xaf", "a 7z archive; unpack it and submit the .blend in it"),
        (b"Rar!", "a RAR archive; unpack it and submit the .blend in it"),
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"v/1\x01", "an OpenEXR picture"),
        (b"PXR-USDC", "a USD scene"),
        (b"#usda", "a USD scene"),
        (b"<?xml", "an XML file"),
        (b"<!DOCTYPE", "a web page; the download may have failed"),
        (b"version https://git-lfs", "a Git LFS pointer; fetch the real file with `git lfs pull`"),
        (b"{", "a JSON file"),
    ];
    if start.is_empty() {
        return "an empty file";
    }
    if packing != Packing::Plain {
        return "compressed data, but not a .blend";
    }
    KINDS
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
        .map_or("something else", |(_, name)| name)
}

trait Skip {
    fn take_exact(&mut self, bytes: &mut [u8]) -> io::Result<()>;
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

struct SkipBySeek(BufReader<File>);
struct SkipByRead<R>(R);

impl Skip for SkipBySeek {
    fn take_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = i64::try_from(bytes).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.0.seek_relative(bytes)
    }
}

impl<R: Read> Skip for SkipByRead<R> {
    fn take_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.0).take(bytes), &mut io::sink())?;
        if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// Goes from block to block until the one that ends the file.
fn walk(header: &BlendHeader, file: &mut impl Skip) -> Result<(), HeaderError> {
    let truncated = |_| HeaderError::Truncated { problem: "it ends before its last block" };
    file.skip(if header.large { 17 } else { 12 }).map_err(truncated)?;
    let head_bytes = if header.large { 32 } else { 16 + usize::from(header.pointer_bytes) };
    let mut head = [0; 32];
    loop {
        let head = &mut head[..head_bytes];
        file.take_exact(&mut head[..4]).map_err(truncated)?;
        if &head[..4] == b"ENDB" {
            return Ok(());
        }
        file.take_exact(&mut head[4..]).map_err(truncated)?;
        let bytes = if header.large {
            u64::from_le_bytes([
                head[16], head[17], head[18], head[19], head[20], head[21], head[22], head[23],
            ])
        } else {
            let bytes = [head[4], head[5], head[6], head[7]];
            u64::from(if header.big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            })
        };
        file.skip(bytes).map_err(truncated)?;
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
