//! What an output file says before its pixels: size, channels, and all that decides how it is shown.

use std::io::Cursor;

use candela_core::settings::OutputFormat;
use exr::meta::attribute::AttributeValue;
use exr::meta::header::Header;

/// The beginnings of a file, to be compared with those of another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    /// Which of the channels is coverage.
    pub(super) alpha: Option<usize>,
    /// Bytes of a channel's value.
    pub(super) value_bytes: usize,
    rest: Rest,
}

/// Everything of a file that is neither its size nor its pixels nor a comment, in order.
#[derive(Debug, Clone, PartialEq)]
enum Rest {
    /// Chunks or segments: a name and the bytes.
    Parts(Vec<(String, Vec<u8>)>),
    Exr(Box<Header>),
}

impl Shape {
    /// Reads them. No pixel is decoded.
    pub(super) fn read(bytes: &[u8], format: OutputFormat) -> Result<Shape, String> {
        match format {
            OutputFormat::Png | OutputFormat::Png16 => png(bytes),
            OutputFormat::Jpeg => jpeg(bytes),
            OutputFormat::Exr => exr(bytes),
        }
    }

    pub(super) fn pixels(&self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The largest absolute value of a pixel's channels but coverage.
    pub(super) fn brightest(&self, pixel: &[f32]) -> f32 {
        let light = pixel.iter().enumerate().filter(|(i, _)| Some(*i) != self.alpha);
        light.map(|(_, value)| value.abs()).fold(0.0, f32::max)
    }

    /// The first thing that is not as in the other file: what this has, and what the other has.
    pub(super) fn differs_from(&self, other: &Shape) -> Option<(String, String)> {
        let size = |of: &Shape| {
            let bits = 8 * of.value_bytes;
            format!(
                "{} × {} pixels of {} channels, {bits} bits each",
                of.width, of.height, of.channels
            )
        };
        if size(self) != size(other) {
            return Some((size(self), size(other)));
        }
        match (&self.rest, &other.rest) {
            (Rest::Parts(these), Rest::Parts(those)) => {
                let count = these.len().max(those.len());
                let at = (0..count).find(|i| these.get(*i) != those.get(*i))?;
                let name = |parts: &[(String, Vec<u8>)]| {
                    parts.get(at).map_or("nothing more".to_owned(), |(name, bytes)| {
                        format!("{name} of {} bytes", bytes.len())
                    })
                };
                let (this, that) = (name(these), name(those));
                let other = if this == that { format!("another {that}") } else { that };
                Some((this, other))
            }
            (these, those) if these != those => {
                Some(("other entries in its header".into(), "its own".into()))
            }
            _ => None,
        }
    }
}

fn png(bytes: &[u8]) -> Result<Shape, String> {
    const COMMENTS: [&[u8]; 4] = [b"tEXt", b"zTXt", b"iTXt", b"tIME"];
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").ok_or("it is no PNG file")?;
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    while !rest.is_empty() {
        let length = rest.first_chunk::<4>().ok_or("it is cut off")?;
        let length = u32::from_be_bytes(*length) as usize;
        let chunk =
            length.checked_add(12).and_then(|whole| rest.get(..whole)).ok_or("it is cut off")?;
        rest = &rest[chunk.len()..];
        let (kind, data) = (&chunk[4..8], &chunk[8..8 + length]);
        if COMMENTS.contains(&kind) {
            continue;
        }
        let name = format!("a chunk {}", kind.escape_ascii());
        // All of the pixels' chunks count as one, which says where they come.
        let data = if kind == b"IDAT" { &[] } else { data };
        if kind != b"IDAT" || parts.last().is_none_or(|(last, _)| *last != name) {
            parts.push((name, data.to_vec()));
        }
    }
    let head = parts.first().filter(|(name, data)| name == "a chunk IHDR" && data.len() == 13);
    let head = &head.ok_or("it has no header")?.1;
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (channels, alpha) = match head[9] {
        0 => (1, None),
        2 => (3, None),
        4 => (2, Some(1)),
        6 => (4, Some(3)),
        _ => return Err("it has a palette".into()),
    };
    if !matches!(head[8], 8 | 16) || head[12] != 0 {
        return Err("it is interlaced, or of few colours".into());
    }
    let (width, height) = (number(0) as usize, number(4) as usize);
    let value_bytes = usize::from(head[8] / 8);
    Ok(Shape { width, height, channels, alpha, value_bytes, rest: Rest::Parts(parts) })
}

fn jpeg(bytes: &[u8]) -> Result<Shape, String> {
    const COMMENT: u8 = 0xfe;
    const SCAN: u8 = 0xda;
    const BASELINE: u8 = 0xc0;
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8]).ok_or("it is no JPEG file")?;
    let (mut parts, mut size) = (Vec::new(), None);
    loop {
        let [0xff, kind, high, low] = *rest.first_chunk::<4>().ok_or("it is cut off")? else {
            return Err("it has something between its parts".into());
        };
        let length = usize::from(u16::from_be_bytes([high, low])) + 2;
        let segment = rest.get(..length).ok_or("it is cut off")?;
        rest = &rest[length..];
        if kind == BASELINE && length >= 10 && size.is_none() {
            let number =
                |at: usize| usize::from(u16::from_be_bytes([segment[at], segment[at + 1]]));
            size = Some((number(7), number(5), usize::from(segment[9])));
        } else if matches!(kind, 0xc0..=0xcf) && kind != 0xc4 {
            return Err("it is not a plain JPEG file".into());
        }
        if kind != COMMENT {
            parts.push((format!("a part {kind:02x}"), segment.to_vec()));
        }
        if kind == SCAN {
            break;
        }
    }
    // Within the only scan there are no other markers than restarts, and nothing comes after it.
    let marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7);
    if rest.windows(2).position(marker) != rest.len().checked_sub(2)
        || !rest.ends_with(&[0xff, 0xd9])
    {
        return Err("something follows its picture".into());
    }
    let (width, height, channels) = size.ok_or("it has no size")?;
    if !matches!(channels, 1 | 3) {
        return Err("it has neither one nor three channels".into());
    }
    let alpha = None;
    Ok(Shape { width, height, channels, alpha, value_bytes: 1, rest: Rest::Parts(parts) })
}

fn exr(bytes: &[u8]) -> Result<Shape, String> {
    let reader = exr::block::read(Cursor::new(bytes), false).map_err(|error| error.to_string())?;
    let [header] = reader.headers() else { return Err("it has several parts".into()) };
    let mut header = header.clone();
    if header.deep {
        return Err("it is a deep picture".into());
    }
    header.shared_attributes.other.retain(is_shown);
    let own = &mut header.own_attributes;
    own.other.retain(is_shown);
    (own.owner, own.comments, own.capture_date, own.software_name) = (None, None, None, None);
    let list = &header.channels.list;
    if list.iter().any(|channel| channel.sample_type != exr::meta::attribute::SampleType::F32) {
        return Err("it is not of 32-bit floats".into());
    }
    let alpha = list.iter().position(|channel| channel.name.eq_case_insensitive("A"));
    let (width, height, channels) =
        (header.layer_size.width(), header.layer_size.height(), list.len());
    Ok(Shape { width, height, channels, alpha, value_bytes: 4, rest: Rest::Exr(Box::new(header)) })
}

/// Texts are comments: Blender writes times into them.
fn is_shown(_: &exr::meta::attribute::Text, value: &mut AttributeValue) -> bool {
    !matches!(value, AttributeValue::Text(_) | AttributeValue::TextVector(_))
}
