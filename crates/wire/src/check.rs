//! The limits that decoded values are held to, one function per kind of value.

use crate::limits::{PATH_BYTES_MAX, REFUSAL_BYTES_MAX, RELAY_BYTES_MAX, SOCKETS_MAX};
use candela_core::addr::NodeAddr;
use candela_core::layers::{Region, Size};
use candela_core::limits::{
    EDGE_PX_MAX, ENGINE_TEXT_BYTES_MAX, FRAME_NUMBER_MAX, FRAME_PX_MAX, NAME_BYTES_MAX,
    OUTPUT_BYTES_MAX, SAMPLES_MAX,
};
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::settings::RenderSettings;
use candela_core::task::Statement;

/// Header bytes that a layers blob may have besides its pixels.
const LAYERS_HEADER_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn not_allowed(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::MessageNotAllowed, message)
}

/// A text that is shown as a name: there, short, of one line.
pub(crate) fn name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::new(
            RefusalCode::NameNotAllowed,
            format!("a {what} has 1 to {NAME_BYTES_MAX} bytes and no control characters"),
        ));
    }
    Ok(())
}

/// A text of several lines: the engine's own words, a reason.
pub(crate) fn text(what: &str, text: &str) -> Result<(), Refusal> {
    if text.len() > ENGINE_TEXT_BYTES_MAX {
        return Err(not_allowed(format!("a {what} has at most {ENGINE_TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// A number of things in a list.
pub(crate) fn count(what: &str, count: usize, count_max: usize) -> Result<(), Refusal> {
    if count > count_max {
        return Err(not_allowed(format!("{count} {what} are above the limit of {count_max}")));
    }
    Ok(())
}

pub(crate) fn frame(number: i32) -> Result<(), Refusal> {
    if number.unsigned_abs() > FRAME_NUMBER_MAX.unsigned_abs() {
        return Err(Refusal::new(
            RefusalCode::FrameOutOfRange,
            format!("frame {number} is outside of -{FRAME_NUMBER_MAX} to {FRAME_NUMBER_MAX}"),
        ));
    }
    Ok(())
}

pub(crate) fn size(size: Size) -> Result<(), Refusal> {
    let edges = 1..=EDGE_PX_MAX;
    let fits = edges.contains(&size.width) && edges.contains(&size.height);
    if !fits || size.pixels() > FRAME_PX_MAX {
        return Err(Refusal::new(
            RefusalCode::SizeOutOfRange,
            format!("frames of {} × {} pixels can't be rendered here", size.width, size.height),
        ));
    }
    Ok(())
}

pub(crate) fn region(region: Region, within: Size) -> Result<(), Refusal> {
    if !region.fits(within) {
        return Err(not_allowed(format!(
            "the region {},{} to {},{} is empty, or not in {} × {} pixels",
            region.x0, region.y0, region.x1, region.y1, within.width, within.height
        )));
    }
    Ok(())
}

pub(crate) fn settings(settings: &RenderSettings) -> Result<(), Refusal> {
    size(settings.size)?;
    if let Some(samples) = settings.samples
        && !(1..=SAMPLES_MAX).contains(&samples)
    {
        return Err(Refusal::new(
            RefusalCode::SamplesOutOfRange,
            format!("{samples} samples per pixel are outside of 1 to {SAMPLES_MAX}"),
        ));
    }
    settings.scene.as_deref().map_or(Ok(()), |scene| name("scene's name", scene))?;
    settings.camera.as_deref().map_or(Ok(()), |camera| name("camera's name", camera))
}

/// A path within a scene's collection: relative, and nowhere out of it.
pub(crate) fn path(path: &str) -> Result<(), Refusal> {
    let parts_fine = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !parts_fine || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
        return Err(Refusal::new(
            RefusalCode::PathNotAllowed,
            format!("the path {:?} is not one within a scene", crate::v1::clip(path, 200)),
        ));
    }
    Ok(())
}

pub(crate) fn addr(addr: &NodeAddr) -> Result<(), Refusal> {
    count("socket addresses", addr.sockets.len(), SOCKETS_MAX)?;
    let relay = addr.relay.as_deref().unwrap_or_default();
    if relay.len() > RELAY_BYTES_MAX || relay.chars().any(|c| c.is_control() || c == ' ') {
        return Err(not_allowed(format!(
            "a relay's URL has at most {RELAY_BYTES_MAX} bytes, and no spaces"
        )));
    }
    Ok(())
}

pub(crate) fn refusal(refusal: &Refusal) -> Result<(), Refusal> {
    // 64 bytes more: what an unknown code adds to the message.
    let hint_bytes = refusal.hint.as_ref().map_or(0, String::len);
    if refusal.message.len().max(hint_bytes) > REFUSAL_BYTES_MAX + 66 {
        return Err(not_allowed(format!("a refusal has at most {REFUSAL_BYTES_MAX} bytes")));
    }
    Ok(())
}

pub(crate) fn statement(statement: &Statement) -> Result<(), Refusal> {
    frame(statement.frame)?;
    name("engine's name", &statement.engine.0)?;
    name("device's name", &statement.device)?;
    let layers_bytes_max =
        FRAME_PX_MAX * 4 * crate::limits::CHANNELS_MAX as u64 + LAYERS_HEADER_BYTES_MAX;
    let fits = (1..=OUTPUT_BYTES_MAX).contains(&statement.output_bytes)
        && (1..=layers_bytes_max).contains(&statement.layers_bytes);
    if !fits {
        return Err(Refusal::new(
            RefusalCode::TooLarge,
            format!(
                "an output has 1 to {OUTPUT_BYTES_MAX} bytes and layers have 1 to {layers_bytes_max}"
            ),
        ));
    }
    Ok(())
}
