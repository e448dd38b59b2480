//! The development check: the output that a user sees must follow from the layers that were verified.
//!
//! Probes bind the layers to the scene; without this, correct layers could come with any picture.
//! The manager develops the worker's layers with an engine of its own and compares with the output.

use crate::engines::{EnginePool, OpenScene};
use crate::scenes::SceneCache;
use candela_blobs::{BlobError, Blobs, ExportMode};
use candela_core::id::BlobHash;
use candela_core::job::Job;
use candela_core::settings::{OutputFormat, RenderSettings};
use candela_core::task::Statement;
use candela_engine::{DevelopRequest, EngineError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Developments at once.
const AT_ONCE: usize = 1;

/// Difference from which two pixels are told apart, as a share of white: two steps of 8 bits, which
/// other processors' rounding can make of one step.
const DIFFERENCE: f32 = 2.5 / 255.0;

/// Difference that no rounding makes.
const DIFFERENCE_LARGE: f32 = 24.0 / 255.0;

/// Share of pixels that may be told apart between honest developments on different processors.
const SHARE_MAX: f64 = 1e-3;

/// Pixels that may differ by more than [`DIFFERENCE_LARGE`], for edges that a processor rounds over.
const LARGE_MAX: usize = 8;

/// Develops layers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Developer {
    engines: Arc<EnginePool>,
    scenes: SceneCache,
    blobs: Blobs,
    folder: PathBuf,
    at_once: Arc<Semaphore>,
}

/// The check could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevelopError {
    #[error("develop the layers: {0}")]
    Engine(#[from] EngineError),
    #[error("storage: {0}")]
    Storage(#[from] BlobError),
    #[error("the manager is ending")]
    Ending,
}

impl Developer {
    pub(crate) fn new(
        engines: EnginePool,
        scenes: SceneCache,
        blobs: Blobs,
        folder: PathBuf,
    ) -> Developer {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        Developer { engines: Arc::new(engines), scenes, blobs, folder, at_once }
    }

    /// What is wrong with an output, if it doesn't follow from the layers. Both are in storage.
    pub(crate) async fn check(
        &self,
        job: &Job,
        settings: &RenderSettings,
        statement: &Statement,
    ) -> Result<Option<String>, DevelopError> {
        let _turn = self.at_once.acquire().await.map_err(|_| DevelopError::Ending)?;
        let (layers, output) = (self.layers(statement).await?, statement.output);
        let developed = self.develop(job, settings, statement.frame, &layers).await;
        // They have served.
        tokio::fs::remove_file(&layers).await.ok();
        let developed = developed?;
        let delivered = self.blobs.read(output, statement.output_bytes).await?;
        let format = settings.format;
        let compared = tokio::task::spawn_blocking(move || {
            let developed_bytes = std::fs::read(&developed);
            std::fs::remove_file(&developed).ok();
            match developed_bytes {
                Ok(bytes) if bytes == delivered => None,
                Ok(bytes) => compare(&delivered, &bytes, format).err(),
                Err(error) => Some(format!("the development can't be read: {error}")),
            }
        });
        compared.await.map_err(|_| DevelopError::Ending)
    }

    async fn layers(&self, statement: &Statement) -> Result<PathBuf, BlobError> {
        let failed = |source| BlobError::File {
            step: "making the folder",
            object: self.folder.display().to_string(),
            source,
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let to = self.folder.join(format!("layers-{}-{}", statement.lease, statement.frame));
        tokio::fs::remove_file(&to).await.ok();
        let layers: BlobHash = statement.layers;
        self.blobs.export(layers, &to, ExportMode::Copy).await?;
        Ok(to)
    }

    async fn develop(
        &self,
        job: &Job,
        settings: &RenderSettings,
        frame: i32,
        layers: &Path,
    ) -> Result<PathBuf, DevelopError> {
        let folder = self.scenes.folder_of(job.submission.scene).await?;
        let open = OpenScene {
            scene: job.submission.scene,
            main_file: job.submission.main_file.clone(),
            name: settings.scene.clone(),
        };
        let mut warm = self.engines.take(open, &folder).await?;
        let request = DevelopRequest {
            frame,
            region: None,
            settings: settings.clone(),
            layers: layers.to_owned(),
        };
        let developed = warm.engine.develop(&request).await?;
        self.engines.give(warm).await;
        Ok(developed)
    }
}

/// Compares two output files by their pixels.
///
/// # Errors
/// What is wrong with the delivered one, in words.
pub fn compare(delivered: &[u8], developed: &[u8], format: OutputFormat) -> Result<(), String> {
    let theirs =
        pixels(delivered, format).map_err(|why| format!("the output can't be read: {why}"))?;
    let ours =
        pixels(developed, format).map_err(|why| format!("the development can't be read: {why}"))?;
    if (theirs.width, theirs.height, theirs.channels) != (ours.width, ours.height, ours.channels) {
        return Err(format!(
            "the output has {} × {} pixels of {} channels, the layers give {} × {} of {}",
            theirs.width, theirs.height, theirs.channels, ours.width, ours.height, ours.channels
        ));
    }
    let (mut apart, mut large) = (0_usize, 0_usize);
    let pairs = theirs.values.chunks(ours.channels).zip(ours.values.chunks(ours.channels));
    for (theirs, ours) in pairs {
        let worst = theirs.iter().zip(ours).map(|(a, b)| difference(*a, *b)).fold(0.0, f32::max);
        apart += usize::from(worst > DIFFERENCE);
        large += usize::from(worst > DIFFERENCE_LARGE);
    }
    let count = ours.width * ours.height;
    if apart as f64 > SHARE_MAX * count as f64 || large > LARGE_MAX {
        return Err(format!(
            "the output does not follow from the layers: {apart} of {count} pixels differ"
        ));
    }
    Ok(())
}

/// How far two values are apart: absolute up to white, relative above it; what is no number differs wholly.
fn difference(a: f32, b: f32) -> f32 {
    if a.to_bits() == b.to_bits() {
        return 0.0;
    }
    let apart = (a - b).abs() / b.abs().max(1.0);
    if apart.is_finite() { apart } else { f32::MAX }
}

struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    values: Vec<f32>,
}

fn pixels(bytes: &[u8], format: OutputFormat) -> Result<Picture, String> {
    if format == OutputFormat::Exr {
        return exr_pixels(bytes);
    }
    let image = image::load_from_memory(bytes).map_err(|error| error.to_string())?;
    let image = image.to_rgba16();
    let (width, height) = image.dimensions();
    let values = image.as_raw().iter().map(|value| f32::from(*value) / 65_535.0).collect();
    Ok(Picture { width: width as usize, height: height as usize, channels: 4, values })
}

fn exr_pixels(bytes: &[u8]) -> Result<Picture, String> {
    use exr::prelude::{ReadChannels, ReadLayers, read};
    let image = read()
        .no_deep_data()
        .largest_resolution_level()
        .all_channels()
        .first_valid_layer()
        .all_attributes()
        .from_buffered(std::io::Cursor::new(bytes))
        .map_err(|error| error.to_string())?;
    let size = image.layer_data.size;
    let list = &image.layer_data.channel_data.list;
    let planes: Vec<Vec<f32>> =
        list.iter().map(|channel| channel.sample_data.values_as_f32().collect()).collect();
    let count = size.width() * size.height();
    let values = (0..count).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect();
    Ok(Picture {
        width: size.width(),
        height: size.height(),
        channels: planes.len().max(1),
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(change: impl Fn(u32, u32) -> u8) -> Vec<u8> {
        let image = image::RgbImage::from_fn(100, 100, |x, y| image::Rgb([change(x, y); 3]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_and_whether_they_pass() {
        let check = |theirs: Vec<u8>, passes: bool, what: &str| {
            let ours = png(|x, _| x as u8);
            let compared = compare(&theirs, &ours, OutputFormat::Png);
            assert_eq!(compared.is_ok(), passes, "{what}: {compared:?}");
        };
        check(png(|x, _| x as u8), true, "the same");
        check(png(|x, _| x as u8 + 2), true, "rounded otherwise, everywhere");
        check(png(|x, _| x as u8 + 4), false, "brighter everywhere");
        check(png(|x, y| if x < 4 && y < 4 { 255 } else { x as u8 }), false, "a logo of 16 pixels");
        check(png(|x, y| if x < 2 && y < 4 { 255 } else { x as u8 }), true, "8 odd pixels");
        check(b"no picture".to_vec(), false, "something else");
        let small = image::RgbImage::new(50, 50);
        let mut bytes = std::io::Cursor::new(Vec::new());
        small.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        check(bytes.into_inner(), false, "another size");
    }
}
