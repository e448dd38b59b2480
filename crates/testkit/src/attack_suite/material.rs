//! What was rendered, compared: counts of every cell of every delivered frame against every class of verifier.
//!
//! Trials draw from these counts only, so that thousands of keys cost no more than a few.

use super::catalogue::{Attack, Kind};
use super::judging;
use super::scenery::Scene;
use super::studio::{Picture, Series, Studio};
use anyhow::{Context, Result};
use candela_core::counts::TileCounts;
use candela_core::id::BlobHash;
use candela_core::layers::{Pixels, Region};
use candela_core::verification::CONTROL_SEED;
use candela_engine::layers::LayersReader;
use candela_engine::{CpuClass, DriverSource};
use candela_proof::agreement::{CompareOptions, Mismatch, compare};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The classes of processors that are tried, for honest workers and for verifiers.
pub const CLASSES: [CpuClass; 3] = [CpuClass::Native, CpuClass::NoAvx2, CpuClass::NoAvx2NoEmbree];

/// Frames that are rendered of an attack that is judged frame by frame.
const ALONE: usize = 2;

/// Counts of a delivered frame's cells, or why they can't be compared: then the worker sent something unfit.
pub type Compared = Result<Vec<TileCounts>, Mismatch>;

/// One frame as a worker delivered it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number.
    pub number: i32,
    /// What was rendered.
    pub picture: Picture,
    /// The counts, by the verifier's class in the order of [`CLASSES`].
    pub by_class: Vec<Compared>,
}

impl Frame {
    /// The commitment.
    #[must_use]
    pub fn layers(&self) -> BlobHash {
        self.picture.layers_hash
    }

    /// Share of the judged pixels, and of the informative ones, that disagree in the whole frame.
    #[must_use]
    pub fn changed(&self) -> (f64, f64) {
        let Some(Ok(cells)) = self.by_class.first() else { return (1.0, 1.0) };
        let all: TileCounts = cells.iter().copied().sum();
        let share = |wrong: u64, judged: u64| wrong as f64 / judged.max(1) as f64;
        (share(all.wrong(), all.judged()), share(all.informative_wrong(), all.informative_judged))
    }
}

impl Work {
    /// Share of the informative pixels that disagree, over all frames.
    #[must_use]
    pub fn changed_share(&self) -> f64 {
        let frames = self.frames.len().max(1) as f64;
        self.frames.iter().map(|frame| frame.changed().1).sum::<f64>() / frames
    }
}

/// What one kind of worker delivered of a scene.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// The frames of the task.
    pub frames: Vec<Frame>,
    /// Seconds of processor time that one frame took.
    pub frame_s: f64,
    /// Frames that were rendered; fewer than the task has where the scene is still.
    pub rendered: usize,
}

/// Everything of a scene.
pub struct Material {
    /// The scene.
    pub scene: Scene,
    /// Honest workers by class, in the order of [`CLASSES`].
    pub honest: Vec<Work>,
    /// Attacks by name; those that failed on this scene are not there.
    pub attacks: BTreeMap<String, Work>,
    /// Attacks that could not be carried out, and why.
    pub failed: BTreeMap<String, String>,
    /// Layers of a replica and of a control of the first frame.
    pub replica: PathBuf,
    /// See `replica`.
    pub control: PathBuf,
    /// Of a scene that is taken for still, the frame that differs after all.
    pub not_still: Option<i32>,
}

/// What a verifier renders of one frame.
struct Verifier {
    replica: Pixels,
    control: Pixels,
    second: Option<Pixels>,
}

/// An honest series.
#[must_use]
pub fn honest(scene: &Scene, role: &str, class: CpuClass) -> Series {
    Series {
        way: format!("{role}-{}", class.name()),
        driver: DriverSource::Own,
        driver_text: String::new(),
        class,
        seed_offset: if role == "control" { CONTROL_SEED } else { 0 },
        frames: scene.to_render(),
        output: role == "worker",
    }
}

/// A cheating series.
#[must_use]
pub fn cheating(scene: &Scene, attack: &Attack) -> Series {
    // The place of a forged area depends on the frame, also where the picture doesn't.
    let frames = match attack.kind {
        Kind::Area => scene.frames.clone(),
        _ if attack.whole_task => scene.to_render(),
        _ => scene.to_render().into_iter().take(ALONE).collect(),
    };
    Series {
        way: attack.name.clone(),
        driver: DriverSource::from_path(&attack.driver),
        driver_text: attack.text.clone(),
        class: CpuClass::Native,
        seed_offset: 0,
        frames,
        output: true,
    }
}

/// Renders and compares everything of a scene.
///
/// # Errors
/// If an honest render fails; an attack that fails is noted.
pub async fn gather(studio: &Arc<Studio>, scene: Scene, attacks: &[Attack]) -> Result<Material> {
    let roles: &[&str] =
        if scene.repeats() { &["replica", "control"] } else { &["replica", "control", "second"] };
    let workers = CLASSES.iter().map(|class| honest(&scene, "worker", *class));
    let verifiers = CLASSES.iter().flat_map(|class| roles.iter().map(|role| (role, *class)));
    let verifiers = verifiers.map(|(role, class)| honest(&scene, role, class));
    let cheats = attacks.iter().map(|attack| cheating(&scene, attack));
    let all = workers.chain(verifiers).chain(cheats).collect();
    let mut rendered = in_parallel(studio, &scene, all).await;
    let cheated = rendered.split_off(CLASSES.len() * (1 + roles.len()));
    let rendered: Result<Vec<Vec<Picture>>> = rendered.into_iter().collect();
    let mut rendered = rendered?;
    let verified = rendered.split_off(CLASSES.len());
    let first_of = |role: usize| verified[role][0].layers.clone();
    let mut material = Material {
        honest: Vec::new(),
        attacks: BTreeMap::new(),
        failed: BTreeMap::new(),
        replica: first_of(0),
        control: first_of(1),
        not_still: not_still(studio, &scene, &rendered[0][0]).await?,
        scene,
    };
    let mut works: Vec<Work> = rendered.iter().map(|p| work(&material.scene, p)).collect();
    let mut names = Vec::new();
    for (attack, pictures) in attacks.iter().zip(cheated) {
        match pictures {
            Ok(pictures) => {
                works.push(work(&material.scene, &pictures));
                names.push(attack.name.clone());
            }
            Err(error) => {
                material.failed.insert(attack.name.clone(), format!("{error:#}"));
            }
        }
    }
    for (at, frame) in material.scene.to_render().into_iter().enumerate() {
        let classes: Result<Vec<Verifier>> =
            verified.chunks(roles.len()).map(|pictures| verifier(pictures, at)).collect();
        compare_frame(&material.scene, frame, &classes?, &mut works)?;
    }
    material.attacks = names.into_iter().zip(works.split_off(CLASSES.len())).collect();
    material.honest = works;
    Ok(material)
}

/// The last frame of the task, if it shows something else than the first though the scene is taken
/// for still. Where the scene doesn't repeat, there is no telling.
async fn not_still(studio: &Studio, scene: &Scene, first: &Picture) -> Result<Option<i32>> {
    let Some(last) = scene.frames.last().filter(|_| scene.still && scene.repeats()) else {
        return Ok(None);
    };
    let series = Series { frames: vec![*last], ..honest(scene, "worker", CpuClass::Native) };
    let pictures = studio.render(scene, &series).await?;
    let same = pictures.first().is_some_and(|picture| picture.layers_hash == first.layers_hash);
    Ok((!same).then_some(*last))
}

/// The series at once, as many as the studio lets; results in their order.
async fn in_parallel(
    studio: &Arc<Studio>,
    scene: &Scene,
    all: Vec<Series>,
) -> Vec<Result<Vec<Picture>>> {
    let tasks: Vec<_> = all
        .into_iter()
        .map(|series| {
            let (studio, scene) = (studio.clone(), scene.clone());
            tokio::spawn(async move { studio.render(&scene, &series).await })
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap_or_else(|error| Err(error.into())));
    }
    done
}

fn work(scene: &Scene, pictures: &[Picture]) -> Work {
    let still = scene.still && pictures.len() == 1;
    let of = |(at, number): (usize, &i32)| Frame {
        number: *number,
        picture: pictures[if still { 0 } else { at }].clone(),
        by_class: Vec::new(),
    };
    let seconds: f64 = pictures.iter().map(|picture| picture.cpu_s).sum();
    let frames = if still { scene.frames.len() } else { pictures.len() };
    Work {
        frames: scene.frames.iter().take(frames).enumerate().map(of).collect(),
        frame_s: seconds / pictures.len().max(1) as f64,
        rendered: pictures.len(),
    }
}

fn verifier(pictures: &[Vec<Picture>], at: usize) -> Result<Verifier> {
    let of = |role: usize| pictures.get(role).map(|frames| read(&frames[at].layers)).transpose();
    Ok(Verifier {
        replica: of(0)?.context("no replica")?,
        control: of(1)?.context("no control")?,
        second: of(2)?,
    })
}

/// Compares what every worker delivered of a rendered frame, and of those that it stands for.
fn compare_frame(
    scene: &Scene,
    frame: i32,
    verifiers: &[Verifier],
    works: &mut [Work],
) -> Result<()> {
    for work in works {
        let mut before: Option<(BlobHash, Vec<Compared>)> = None;
        for of in work.frames.iter_mut().filter(|of| scene.rendered(of.number) == frame) {
            if before.as_ref().is_none_or(|(layers, _)| *layers != of.layers()) {
                let worker = read(&of.picture.layers)?;
                let by_class = verifiers.iter().map(|v| counts(&worker, v)).collect();
                before = Some((of.layers(), by_class));
            }
            of.by_class = before.as_ref().map(|(_, counts)| counts.clone()).unwrap_or_default();
        }
    }
    Ok(())
}

/// All pixels of a layers file.
///
/// # Errors
/// If it can't be read.
pub fn read(layers: &Path) -> Result<Pixels> {
    let mut reader = LayersReader::open(layers)?;
    let whole = Region::whole(reader.header.layout.size);
    Ok(reader.region(whole)?)
}

/// What a comparison counts in each cell.
fn counts(worker: &Pixels, verifier: &Verifier) -> Compared {
    let whole = Region::whole(verifier.replica.size);
    let options = CompareOptions::default();
    judging::cells(verifier.replica.size)
        .into_iter()
        .map(|cell| {
            let cut = |pixels: &Pixels| pixels.cut(whole, cell).unwrap_or_else(|| pixels.clone());
            let second = verifier.second.as_ref().map(cut);
            let (replica, control) = (cut(&verifier.replica), cut(&verifier.control));
            compare(&cut(worker), &replica, &control, second.as_ref(), &options)
        })
        .collect()
}
