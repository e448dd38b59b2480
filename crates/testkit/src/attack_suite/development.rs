//! The development check on what was rendered: whether outputs follow from layers.
//!
//! It has no key: the same frame gives the same answer every time. So each rendered frame is one try.

use super::material::{CLASSES, Frame, Material, Work};
use super::studio::Studio;
use anyhow::{Context, Result};

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

/// Checks the rendered frames of some work.
///
/// # Errors
/// If the engine fails or a file can't be read.
pub async fn check(studio: &Studio, material: &Material, work: &Work) -> Result<Developed> {
    let mut found = Developed::default();
    for frame in work.frames.iter().take(work.rendered) {
        let wrong = wrong_output(studio, material, frame).await?;
        found.tried += 1;
        found.apart += u64::from(wrong.is_some());
        found.said.extend(wrong.map(|why| format!("{}: {why}", material.scene.name)));
    }
    Ok(found)
}

/// Checks what honest workers of all classes delivered.
///
/// # Errors
/// If the engine fails or a file can't be read.
pub async fn check_honest(studio: &Studio, material: &Material) -> Result<Developed> {
    let mut all = Developed::default();
    for (work, class) in material.honest.iter().zip(CLASSES) {
        let found = check(studio, material, work).await?;
        all.tried += found.tried;
        all.apart += found.apart;
        all.said.extend(found.said.into_iter().map(|why| format!("{}: {why}", class.name())));
    }
    Ok(all)
}

/// Whether an output is another than that of the honest worker; if it isn't, nothing was forged.
#[must_use]
pub fn changes(material: &Material, work: &Work) -> bool {
    let Some(honest) = material.honest.first() else { return false };
    let bytes = |frame: &Frame| std::fs::read(frame.picture.output.as_ref()?).ok();
    work.frames.iter().zip(&honest.frames).any(|(its, honest)| bytes(its) != bytes(honest))
}

async fn wrong_output(
    studio: &Studio,
    material: &Material,
    frame: &Frame,
) -> Result<Option<String>> {
    let scene = &material.scene;
    let developed = studio.develop(scene, &frame.picture, frame.number).await?;
    let developed = std::fs::read(developed)?;
    let delivered = std::fs::read(frame.picture.output.as_ref().context("no output")?)?;
    if delivered == developed {
        return Ok(None);
    }
    let format = scene.settings.format;
    Ok(candela_engine::same_output(&delivered, &developed, format).err().map(|why| why.to_string()))
}
