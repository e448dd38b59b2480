//! Where films are kept: a folder, in which a film's name says whose it is and what it shows.

use candela_core::id::{BlobHash, JobId};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of all films that are kept: hundreds of films of minutes; each can be made again.
const SHELF_BYTES_MAX: u64 = 8 << 30;

/// A film that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Film {
    /// Its file.
    pub path: PathBuf,
    /// The job.
    pub job: JobId,
    /// How many frames it has.
    pub frames: usize,
    /// Its length in bytes.
    pub bytes: u64,
    /// BLAKE3 hash of its bytes.
    pub hash: BlobHash,
    /// When it was made.
    pub made_at: SystemTime,
    /// What it shows.
    pub(super) key: BlobHash,
}

/// The folder.
pub(super) struct Shelf {
    folder: PathBuf,
    bytes_max: u64,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Shelf {
        Shelf { folder, bytes_max: SHELF_BYTES_MAX }
    }

    /// The newest film of a job.
    pub(super) async fn last(&self, job: JobId) -> Option<Film> {
        let films = self.films().await;
        films.into_iter().filter(|film| film.job == job).max_by_key(|film| film.made_at)
    }

    /// Takes in a file as the film of a job; the job's other films go, and more if room is needed.
    pub(super) async fn put(
        &self,
        job: JobId,
        key: BlobHash,
        frames: usize,
        from: &Path,
    ) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let path = from.to_owned();
        let hash = tokio::task::spawn_blocking(move || {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(std::fs::File::open(path)?)?;
            io::Result::Ok(BlobHash(*hasher.finalize().as_bytes()))
        });
        let hash = hash.await.map_err(io::Error::other)??;
        let to = self.folder.join(format!("{job}.{frames}.{key}.{hash}.mp4"));
        tokio::fs::rename(from, &to).await?;
        self.make_room(job, &to).await;
        Ok(())
    }

    /// Whoever reads a film that goes has it open, and reads on.
    async fn make_room(&self, job: JobId, newest: &Path) {
        let mut films = self.films().await;
        films.sort_by_key(|film| std::cmp::Reverse(film.made_at));
        let mut bytes = 0;
        for film in films {
            bytes += film.bytes;
            let keep = film.path == newest || (film.job != job && bytes <= self.bytes_max);
            if !keep && let Err(error) = tokio::fs::remove_file(&film.path).await {
                tracing::warn!(%error, path = %film.path.display(), "an old film stays");
            }
        }
    }

    async fn films(&self) -> Vec<Film> {
        let mut films = Vec::new();
        // There is no folder before the first film.
        let Ok(mut entries) = tokio::fs::read_dir(&self.folder).await else { return films };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let Ok(metadata) = entry.metadata().await else { continue };
            let name = entry.file_name();
            let Some((job, frames, key, hash)) = name.to_str().and_then(read_name) else {
                continue;
            };
            let made_at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let (path, bytes) = (entry.path(), metadata.len());
            films.push(Film { path, job, frames, bytes, hash, made_at, key });
        }
        films
    }
}

fn read_name(name: &str) -> Option<(JobId, usize, BlobHash, BlobHash)> {
    let mut parts = name.strip_suffix(".mp4")?.split('.');
    let job = JobId(parts.next()?.parse().ok()?);
    let frames = parts.next()?.parse().ok()?;
    let (key, hash) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((job, frames, key, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(films: &[Film]) -> Vec<(u64, usize)> {
        let mut names: Vec<_> = films.iter().map(|film| (film.job.0, film.frames)).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test]
    async fn a_jobs_older_film_goes_and_all_that_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf { folder: folder.path().join("films"), bytes_max: 25 };
        assert_eq!(shelf.last(JobId(1)).await, None);
        for (job, frames) in [(1, 3), (2, 4), (1, 5), (3, 1), (4, 1)] {
            let file = folder.path().join("film");
            std::fs::write(&file, [u8::try_from(frames).unwrap(); 10]).unwrap();
            let key = BlobHash([u8::try_from(frames).unwrap(); 32]);
            shelf.put(JobId(job), key, frames, &file).await.unwrap();
            let last = shelf.last(JobId(job)).await.unwrap();
            assert_eq!((last.frames, last.bytes, last.key), (frames, 10, key));
            assert_eq!(last.hash.0, *blake3::hash(&std::fs::read(&last.path).unwrap()).as_bytes());
            // Times of files are coarse.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(names(&shelf.films().await), [(3, 1), (4, 1)]);
    }

    #[test]
    fn only_names_of_films_are_read() {
        let hash = BlobHash([7; 32]);
        assert_eq!(
            read_name(&format!("12.240.{hash}.{hash}.mp4")),
            Some((JobId(12), 240, hash, hash))
        );
        for wrong in ["making", "12.240.mp4", "x.1.2.3.mp4", "12.240.00.00.mp4"] {
            assert_eq!(read_name(wrong), None, "{wrong}");
        }
    }
}
