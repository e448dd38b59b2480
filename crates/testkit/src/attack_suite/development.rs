//! The development check on what was rendered: whether outputs follow from layers.
//!
//! It has no key: the same frame gives the same answer every time. So each rendered frame is one try.

use super::material::{Frame, Material, Work};
use super::studio::{Picture, Studio};
use anyhow::{Context, Result};
use std::path::Path;

/// What came of the development checks of some work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Developed {
    /// Outputs that were compared with a development of their layers.
    pub tried: u64,
    /// Of these, those that don't follow from their layers.
    pub apart: u64,
    /// What was said of some of them.
    pub said: Vec<String>,
}

/// Checks the rendered frames of some workers.
///
/// # Errors
/// If the engine fails or a file can't be read.
pub async fn check(studio: &Studio, material: &Material, works: &[&Work]) -> Result<Developed> {
    let rendered = works.iter().flat_map(|work| work.frames.iter().take(work.rendered));
    let frames: Vec<(i32, &Picture)> =
        rendered.map(|frame| (frame.number, &frame.picture)).collect();
    let developed = studio.develop(&material.scene, &frames).await?;
    let mut found = Developed::default();
    for ((frame, picture), developed) in frames.into_iter().zip(developed) {
        let wrong = wrong_output(material, picture, &developed)?;
        found.tried += 1;
        found.apart += u64::from(wrong.is_some());
        found
            .said
            .extend(wrong.map(|why| format!("{}, frame {frame}: {why}", material.scene.name)));
    }
    Ok(found)
}

/// Checks what honest workers of all classes delivered.
///
/// # Errors
/// If the engine fails or a file can't be read.
pub async fn check_honest(studio: &Studio, material: &Material) -> Result<Developed> {
    let works: Vec<&Work> = material.honest.iter().collect();
    check(studio, material, &works).await
}

/// Whether an output is another than that of the honest worker; if it isn't, nothing was forged.
#[must_use]
pub fn changes(material: &Material, work: &Work) -> bool {
    let Some(honest) = material.honest.first() else { return false };
    let bytes = |frame: &Frame| std::fs::read(frame.picture.output.as_ref()?).ok();
    work.frames.iter().zip(&honest.frames).any(|(its, honest)| bytes(its) != bytes(honest))
}

fn wrong_output(
    material: &Material,
    picture: &Picture,
    developed: &Path,
) -> Result<Option<String>> {
    let developed = std::fs::read(developed)?;
    let delivered = std::fs::read(picture.output.as_ref().context("no output")?)?;
    if delivered == developed {
        return Ok(None);
    }
    let format = material.scene.settings.format;
    Ok(candela_engine::same_output(&delivered, &developed, format).err().map(|why| why.to_string()))
}
