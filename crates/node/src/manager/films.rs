//! Films of what is verified of a job: made when somebody asks, by an engine in the sandbox, and kept.
//!
//! One is made at a time, so that people who look don't take the processor from what is verified.
//! A film of a job that goes on is made again only if the last one is older than some times what it
//! took to make; until then that one is given. Its file is named by what it shows, so films outlive
//! a restart, and those that were not asked for the longest go when they take too much room.

mod shelf;

pub use shelf::Film;

use crate::config::EngineConfig;
use candela_blobs::{BlobError, Blobs, ExportMode};
use candela_core::id::{BlobHash, JobId};
use candela_core::layers::Size;
use candela_engine::{Engine, EngineError, VideoRequest};
use shelf::Shelf;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// Frames of a film at most: a quarter of an hour at 24 per second.
pub const FILM_FRAMES_MAX: usize = 21_600;

/// Pixels of one frame of a film at most: 8K, the most that players are made for.
pub const FILM_FRAME_PX_MAX: u64 = 8_192 * 4_320;

/// Pixels of all frames of a film at most: 21,600 frames of 1920 × 1080.
pub const FILM_PX_MAX: u64 = 45_000_000_000;

/// Films that are made or wait for their turn, at most: one each of so many jobs.
const FILMS_UNDER_WAY_MAX: usize = 16;

/// Seconds that making one film may take.
const FILM_S_MAX: u64 = 2 * 3_600;

/// A film of a job that goes on is not made again before this time.
const FILM_AGE_MIN: Duration = Duration::from_secs(5);

/// Nor before so many times what the last one took: at most a fifth of the time goes into films.
const FILM_AGE_PER_COST: u32 = 4;

/// What failed is not tried again with the same frames before this time.
const FAILURE_KEPT: Duration = Duration::from_secs(60);

/// A film that is wanted: verified outputs, in order.
#[derive(Debug, Clone)]
pub struct FilmWanted {
    /// The job.
    pub job: JobId,
    /// Frames and their outputs, ascending.
    pub frames: Vec<(i32, BlobHash)>,
    /// Ending of the outputs' names.
    pub extension: &'static str,
    /// Size of the frames.
    pub size: Size,
    /// Frames per second.
    pub fps: f64,
    /// Whether no more frames will come: then nothing less than all of them is given.
    pub complete: bool,
}

impl FilmWanted {
    /// What the film shows, as a hash.
    fn key(&self) -> BlobHash {
        let mut hasher = blake3::Hasher::new_derive_key("candela film 1");
        hasher.update(&self.fps.to_bits().to_le_bytes());
        hasher.update(&self.size.width.to_le_bytes());
        hasher.update(&self.size.height.to_le_bytes());
        for (number, output) in &self.frames {
            hasher.update(&number.to_le_bytes());
            hasher.update(&output.0);
        }
        BlobHash(*hasher.finalize().as_bytes())
    }
}

/// What there is of a film.
#[derive(Debug, Clone, PartialEq)]
pub enum FilmAnswer {
    /// It, or one of fewer frames that is young enough.
    Ready(Film),
    /// It is being made, or waits for its turn.
    Making(FilmMaking),
}

/// A film that is being made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilmMaking {
    /// Its frames.
    pub frames: usize,
    /// Whether its turn has come.
    pub begun: bool,
    /// Since when it is asked for, in seconds.
    pub since_s: f64,
    /// About how long it still takes, in seconds, if films were made before.
    pub left_s: Option<f64>,
}

/// Why there is no film.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FilmError {
    /// Too many are asked for at once.
    #[error("films of {FILMS_UNDER_WAY_MAX} jobs are being made already")]
    Busy,
    /// It can't be made.
    #[error("the film can't be made: {0}")]
    Failed(String),
}

/// One that is being made.
struct UnderWay {
    frames: usize,
    asked_at: Instant,
    begun_at: Option<Instant>,
    done: watch::Receiver<bool>,
}

#[derive(Default)]
struct Board {
    under_way: BTreeMap<JobId, UnderWay>,
    failed: BTreeMap<JobId, (BlobHash, Instant, String)>,
    /// Seconds that a frame took in the last film.
    frame_s: Option<f64>,
}

/// Makes films, and keeps them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Films(Arc<Inner>);

struct Inner {
    engine: EngineConfig,
    blobs: Blobs,
    scratch: PathBuf,
    shelf: Shelf,
    turn: Semaphore,
    board: Mutex<Board>,
}

impl Films {
    /// `folder`: where films are kept; what a killed process left there goes.
    pub(crate) fn new(mut engine: EngineConfig, blobs: Blobs, folder: &Path) -> Films {
        engine.limits.render_s_max = FILM_S_MAX;
        let scratch = folder.join("making");
        std::fs::remove_dir_all(&scratch).ok();
        let shelf = Shelf::new(folder.to_owned());
        let (turn, board) = (Semaphore::new(1), Mutex::default());
        Films(Arc::new(Inner { engine, blobs, scratch, shelf, turn, board }))
    }

    /// The film, if it is there or is made within `wait`; otherwise how far it is.
    ///
    /// # Errors
    /// It can't be made, or too many are.
    pub(crate) async fn get(
        &self,
        wanted: FilmWanted,
        wait: Duration,
    ) -> Result<FilmAnswer, FilmError> {
        let key = wanted.key();
        let last = self.0.shelf.last(wanted.job).await;
        if let Some(last) = last.as_ref().filter(|last| last.key == key) {
            return Ok(FilmAnswer::Ready(last.clone()));
        }
        let older = last.filter(|_| !wanted.complete);
        if let Some(older) = older.as_ref().filter(|older| self.is_young(older)) {
            return Ok(FilmAnswer::Ready(older.clone()));
        }
        let (job, frames) = (wanted.job, wanted.frames.len());
        let mut done = self.start(&wanted, key)?;
        if let Some(older) = older {
            return Ok(FilmAnswer::Ready(older));
        }
        let until = tokio::time::Instant::now() + wait;
        // One of fewer frames may have been under way when this one was asked for.
        while tokio::time::timeout_at(until, done.wait_for(|done| *done)).await.is_ok() {
            match self.0.shelf.last(job).await {
                Some(film) if film.key == key => return Ok(FilmAnswer::Ready(film)),
                _ => done = self.start(&wanted, key)?,
            }
        }
        Ok(FilmAnswer::Making(self.making(job, frames)))
    }

    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_young(&self, film: &Film) -> bool {
        let cost = self.board().frame_s.map_or(0.0, |frame_s| frame_s * film.frames as f64);
        let cost = Duration::try_from_secs_f64(cost).unwrap_or_default() * FILM_AGE_PER_COST;
        film.made_at.elapsed().is_ok_and(|age| age < FILM_AGE_MIN.max(cost))
    }

    fn making(&self, job: JobId, frames: usize) -> FilmMaking {
        let board = self.board();
        let under_way = board.under_way.get(&job);
        let frames = under_way.map_or(frames, |film| film.frames);
        let begun_at = under_way.and_then(|film| film.begun_at);
        let spent_s = begun_at.map_or(0.0, |at| at.elapsed().as_secs_f64());
        let whole_s = board.frame_s.map(|frame_s| frame_s * frames as f64);
        FilmMaking {
            frames,
            begun: begun_at.is_some(),
            since_s: under_way.map_or(0.0, |film| film.asked_at.elapsed().as_secs_f64()),
            left_s: whole_s.map(|whole_s| (whole_s - spent_s).max(1.0)),
        }
    }

    /// Has a film made, unless one of the job is under way; whoever waits for it hears when it is done.
    fn start(
        &self,
        wanted: &FilmWanted,
        key: BlobHash,
    ) -> Result<watch::Receiver<bool>, FilmError> {
        let mut board = self.board();
        if let Some(film) = board.under_way.get(&wanted.job) {
            return Ok(film.done.clone());
        }
        board.failed.retain(|_, (_, at, _)| at.elapsed() < FAILURE_KEPT);
        if let Some((_, _, text)) = board.failed.get(&wanted.job).filter(|failed| failed.0 == key) {
            return Err(FilmError::Failed(text.clone()));
        }
        if board.under_way.len() >= FILMS_UNDER_WAY_MAX {
            return Err(FilmError::Busy);
        }
        let (tell, done) = watch::channel(false);
        let under_way = UnderWay {
            frames: wanted.frames.len(),
            asked_at: Instant::now(),
            begun_at: None,
            done: done.clone(),
        };
        board.under_way.insert(wanted.job, under_way);
        drop(board);
        let (films, wanted) = (self.clone(), wanted.clone());
        tokio::spawn(async move {
            let job = wanted.job;
            let made = films.make(wanted, key).await;
            let mut board = films.board();
            board.under_way.remove(&job);
            if let Err(error) = made {
                tracing::warn!(job_id = %job, "a film can't be made: {error}");
                board.failed.insert(job, (key, Instant::now(), error.to_string()));
            }
            // Nobody may be waiting any more.
            tell.send(true).ok();
        });
        Ok(done)
    }

    async fn make(&self, wanted: FilmWanted, key: BlobHash) -> Result<(), MakeError> {
        let turn = self.0.turn.acquire().await;
        let _turn = turn.map_err(|_| MakeError::Ending)?;
        let begun = Instant::now();
        if let Some(film) = self.board().under_way.get_mut(&wanted.job) {
            film.begun_at = Some(begun);
        }
        let scratch = Scratch(self.0.scratch.clone());
        let frames = self.lay_out(&wanted, &scratch.0.join("frames")).await?;
        let options = self.0.engine.options(scratch.0.join("engine"));
        let mut engine = Engine::start(options).await?;
        let request = VideoRequest { frames, size: wanted.size, fps: wanted.fps };
        let film = engine.encode_video(&request).await;
        engine.quit().await;
        let frames = wanted.frames.len();
        self.0.shelf.put(wanted.job, key, frames, &film?).await.map_err(MakeError::File)?;
        self.board().frame_s = Some(begun.elapsed().as_secs_f64() / frames.max(1) as f64);
        drop(scratch);
        Ok(())
    }

    /// The outputs as files in one folder, as links to the storage where that can be.
    async fn lay_out(&self, wanted: &FilmWanted, folder: &Path) -> Result<Vec<PathBuf>, MakeError> {
        tokio::fs::create_dir_all(folder).await.map_err(MakeError::File)?;
        let mut frames = Vec::with_capacity(wanted.frames.len());
        for (at, (_, output)) in wanted.frames.iter().enumerate() {
            let to = folder.join(format!("{at:06}.{}", wanted.extension));
            self.0.blobs.export(*output, &to, ExportMode::ReadOnly).await?;
            frames.push(to);
        }
        Ok(frames)
    }
}

/// A film could not be made.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error("not every output is here: {0}")]
    Storage(#[from] BlobError),
    #[error("the manager's disk: {0}")]
    File(std::io::Error),
    #[error("the manager is ending")]
    Ending,
}

/// A folder that goes when this does, on every path.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
