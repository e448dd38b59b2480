//! The verifier's blob: replicas and controls of its probes, bit for bit, so that anybody can judge again.
//!
//! Version, length of the header, header, then the floats: probe by probe, replica, control and
//! second replica, each row by row from the top left, channel after channel, little-endian 32-bit.
//! All bits are kept, also those of what is not a number. The blob comes from a stranger: nothing
//! is set aside before the lengths that it states were found to fit its own.

use crate::check;
use crate::error::DecodeError;
use crate::limits::{CHANNELS_MAX, EVIDENCE_BYTES_MAX, EVIDENCE_HEADER_BYTES_MAX, PROBES_MAX};
use crate::mirror::to_bytes;
use candela_core::id::{EngineBuild, VerificationId};
use candela_core::layers::{ChannelNames, Pixels, Region, Size, TILE_PX};
use candela_core::limits::EDGE_PX_MAX;
use candela_core::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Version with which evidence is written.
pub const VERSION: u8 = 1;

const KIND: &str = "blob of evidence";

/// Version and length of the header.
const START_BYTES: usize = 5;

/// What a verifier rendered for one verification task.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The verification task.
    pub verification: VerificationId,
    /// The frame.
    pub frame: i32,
    /// The build that rendered it.
    pub engine: EngineBuild,
    /// What it was rendered on.
    pub device: String,
    /// One entry per probe, in the order in which they were asked for.
    pub probes: Vec<ProbeEvidence>,
}

/// What a verifier rendered of one probe. All pictures have the region's size and the same channels.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeEvidence {
    /// Where in the frame.
    pub region: Region,
    /// With the scene's seed.
    pub replica: Pixels,
    /// With another seed.
    pub control: Pixels,
    /// With the scene's seed once more, if that was asked for.
    pub second: Option<Pixels>,
}

#[derive(Serialize, Deserialize)]
struct HeaderV1 {
    #[serde(with = "crate::mirror")]
    verification: VerificationId,
    frame: i32,
    #[serde(with = "crate::mirror")]
    engine: EngineBuild,
    device: String,
    probes: Vec<ProbeV1>,
}

#[derive(Serialize, Deserialize)]
struct ProbeV1 {
    #[serde(with = "crate::mirror")]
    region: Region,
    channels: Vec<String>,
    second: bool,
}

impl ProbeV1 {
    /// Values of one picture.
    fn values(&self) -> usize {
        let Size { width, height } = self.region.size();
        width as usize * height as usize * self.channels.len()
    }

    /// Bytes of all its pictures.
    fn bytes(&self) -> usize {
        4 * self.values() * if self.second { 3 } else { 2 }
    }
}

/// The blob of a verifier's evidence.
///
/// # Errors
/// A refusal, as a verifier's reader would give it, if a limit is not held or pictures don't fit their regions.
pub fn encode(evidence: &Evidence) -> Result<Vec<u8>, Refusal> {
    let header = header(evidence);
    check_header(&header)?;
    for probe in &evidence.probes {
        for pixels in pictures(probe) {
            let fits = pixels.size == probe.region.size() && pixels.is_whole();
            if !fits || pixels.channels != probe.replica.channels {
                return Err(check::not_allowed("a probe's picture doesn't fit its region"));
            }
        }
    }
    let mut blob = to_bytes(vec![VERSION, 0, 0, 0, 0], &header);
    let data_bytes: usize = header.probes.iter().map(ProbeV1::bytes).sum();
    check::count("bytes of evidence", blob.len() + data_bytes, EVIDENCE_BYTES_MAX)?;
    check::count("bytes of a header", blob.len() - START_BYTES, EVIDENCE_HEADER_BYTES_MAX)?;
    let header_bytes = u32::try_from(blob.len() - START_BYTES).unwrap_or(u32::MAX);
    blob[1..START_BYTES].copy_from_slice(&header_bytes.to_le_bytes());
    blob.reserve_exact(data_bytes);
    for pixels in evidence.probes.iter().flat_map(pictures) {
        blob.extend(pixels.data.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(blob)
}

/// The evidence of a blob.
///
/// # Errors
/// If it is too large, damaged, of a newer version, or out of its limits.
pub fn decode(bytes: &[u8]) -> Result<Evidence, DecodeError> {
    let malformed = |source| DecodeError::Malformed { kind: KIND, source };
    if bytes.len() > EVIDENCE_BYTES_MAX {
        return Err(DecodeError::TooLarge {
            kind: KIND,
            bytes: bytes.len(),
            bytes_max: EVIDENCE_BYTES_MAX,
        });
    }
    let end = || malformed(postcard::Error::DeserializeUnexpectedEnd);
    let (version, rest) = bytes.split_first().ok_or_else(end)?;
    if *version != VERSION {
        return Err(DecodeError::VersionUnknown { kind: KIND, version: *version });
    }
    let (header_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(end)?;
    let header_bytes = u32::from_le_bytes(*header_bytes) as usize;
    if header_bytes > EVIDENCE_HEADER_BYTES_MAX {
        let (kind, bytes_max) = ("header of evidence", EVIDENCE_HEADER_BYTES_MAX);
        return Err(DecodeError::TooLarge { kind, bytes: header_bytes, bytes_max });
    }
    let (header, data) = rest.split_at_checked(header_bytes).ok_or_else(end)?;
    let (header, after) = postcard::take_from_bytes::<HeaderV1>(header).map_err(malformed)?;
    if !after.is_empty() {
        let expected = header_bytes - after.len();
        return Err(DecodeError::WrongLength { kind: KIND, bytes: header_bytes, expected });
    }
    check_header(&header).map_err(|source| DecodeError::NotAllowed { kind: KIND, source })?;
    let expected: usize = header.probes.iter().map(ProbeV1::bytes).sum();
    if data.len() != expected {
        return Err(DecodeError::WrongLength { kind: KIND, bytes: data.len(), expected });
    }
    Ok(evidence(header, data))
}

fn header(evidence: &Evidence) -> HeaderV1 {
    HeaderV1 {
        verification: evidence.verification,
        frame: evidence.frame,
        engine: evidence.engine.clone(),
        device: evidence.device.clone(),
        probes: evidence
            .probes
            .iter()
            .map(|probe| ProbeV1 {
                region: probe.region,
                channels: probe.replica.channels.clone(),
                second: probe.second.is_some(),
            })
            .collect(),
    }
}

/// The evidence of a header and of floats that were found to be as many as it says.
fn evidence(header: HeaderV1, mut data: &[u8]) -> Evidence {
    let mut take = |size: Size, channels: &ChannelNames, values: usize| {
        let (these, rest) = data.split_at(4 * values);
        data = rest;
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values = these.chunks_exact(4).map(value).collect();
        Pixels { size, channels: channels.clone(), data: values }
    };
    let probes = header.probes.into_iter().map(|probe| {
        let (size, values) = (probe.region.size(), probe.values());
        let replica = take(size, &probe.channels, values);
        let control = take(size, &probe.channels, values);
        let second = probe.second.then(|| take(size, &probe.channels, values));
        ProbeEvidence { region: probe.region, replica, control, second }
    });
    Evidence {
        verification: header.verification,
        frame: header.frame,
        engine: header.engine,
        device: header.device,
        probes: probes.collect(),
    }
}

fn pictures(probe: &ProbeEvidence) -> impl Iterator<Item = &Pixels> {
    [&probe.replica, &probe.control].into_iter().chain(&probe.second)
}

fn check_header(header: &HeaderV1) -> Result<(), Refusal> {
    check::frame(header.frame)?;
    check::name("engine's name", &header.engine.0)?;
    check::name("device's name", &header.device)?;
    check::count("probes", header.probes.len(), PROBES_MAX)?;
    for probe in &header.probes {
        check::region(probe.region, Size { width: EDGE_PX_MAX, height: EDGE_PX_MAX })?;
        let Size { width, height } = probe.region.size();
        check::count("pixels of a probe's edge", width.max(height) as usize, TILE_PX as usize)?;
        check::count("channels", probe.channels.len(), CHANNELS_MAX)?;
        if probe.channels.is_empty() {
            return Err(check::not_allowed("a probe has at least one channel"));
        }
        probe.channels.iter().try_for_each(|channel| check::name("channel's name", channel))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
