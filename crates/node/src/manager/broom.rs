//! Lets go of the blobs of jobs that were forgotten, on every manager by itself.
//!
//! What a job needs is pinned under its number, and its scene under the scene's hash. The pins of a job
//! go when the state doesn't name it any more; a scene's go when no job has had it for a while, since
//! somebody may be about to submit it again. The storage then collects what nothing pins.

use crate::manager::handle::Manager;
use crate::manager::library::Library;
use crate::manager::mirror::scene_pin;
use candela_blobs::{BlobError, Blobs};
use candela_core::farm::Farm;
use candela_core::id::{BlobHash, JobId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often it is looked. A manager that doesn't lead reads its whole copy of the database for it.
const LOOK: Duration = Duration::from_secs(600);

/// No job may have had a scene for so long: longer than a submission takes from pin to commit.
const UNUSED: Duration = Duration::from_secs(900);

/// What the state names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    jobs: BTreeSet<JobId>,
    scenes: BTreeSet<BlobHash>,
}

/// What is pinned here and named no more.
#[derive(Debug, Default)]
struct Broom {
    /// Jobs whose pins are here, as far as is known.
    jobs: BTreeSet<JobId>,
    /// The same for scenes.
    scenes: BTreeSet<BlobHash>,
    /// Scenes that no job has, since when.
    unused: BTreeMap<BlobHash, Instant>,
    /// Scenes whose pins were taken away.
    let_go: BTreeSet<BlobHash>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    ForgetJob(JobId),
    ForgetScene(BlobHash),
    /// A job came with a scene that was let go in the same moment.
    KeepScene(BlobHash),
}

/// Sweeps for as long as the manager runs.
pub(super) async fn run(manager: Manager, library: Library) {
    let blobs = manager.blobs.clone();
    let mut broom = loop {
        match Broom::of_pins(&blobs).await {
            Ok(broom) => break broom,
            Err(error) => tracing::warn!(%error, "the storage's pins can't be read"),
        }
        tokio::time::sleep(LOOK).await;
    };
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(named) = manager.read(named).await else { continue };
        for act in broom.look(&named, Instant::now()) {
            if let Err(error) = sweep(&blobs, &library, act).await {
                tracing::warn!(%error, "blobs of a forgotten job stay");
            }
        }
    }
}

fn named(farm: &Farm) -> Named {
    Named {
        jobs: farm.jobs().map(|job| job.id).collect(),
        scenes: farm.jobs().map(|job| job.submission.scene).collect(),
    }
}

impl Broom {
    /// What is pinned at the start: jobs may have been forgotten right before the manager ended.
    async fn of_pins(blobs: &Blobs) -> Result<Broom, BlobError> {
        let job = |name: &str| name.split('/').nth(1)?.parse().ok();
        let jobs = blobs.pins("job/").await?.iter().filter_map(|pin| job(&pin.name)).collect();
        let scenes = blobs.pins("scene/").await?.iter().map(|pin| pin.hash).collect();
        Ok(Broom { jobs, scenes, ..Broom::default() })
    }

    fn look(&mut self, named: &Named, now: Instant) -> Vec<Act> {
        let mut acts = Vec::new();
        // Of a later job than the last that is named, this manager's copy may not know yet.
        let Some(newest) = named.jobs.last() else { return acts };
        let gone = self.jobs.extract_if(..*newest, |job| !named.jobs.contains(job));
        acts.extend(gone.map(Act::ForgetJob));
        self.jobs.extend(&named.jobs);

        let back: Vec<BlobHash> = self.let_go.intersection(&named.scenes).copied().collect();
        for scene in back {
            self.let_go.remove(&scene);
            acts.push(Act::KeepScene(scene));
        }
        self.unused.retain(|scene, _| !named.scenes.contains(scene));
        for scene in self.scenes.difference(&named.scenes) {
            self.unused.entry(*scene).or_insert(now);
        }
        let over = |since: &Instant| now.duration_since(*since) >= UNUSED;
        for (scene, _) in self.unused.extract_if(.., |_, since| over(since)) {
            self.scenes.remove(&scene);
            self.let_go.insert(scene);
            acts.push(Act::ForgetScene(scene));
        }
        self.scenes.extend(&named.scenes);
        acts
    }
}

async fn sweep(blobs: &Blobs, library: &Library, act: Act) -> Result<(), BlobError> {
    match act {
        Act::ForgetJob(job) => {
            let pins = blobs.unpin_prefix(&format!("job/{job}/")).await?;
            tracing::info!(job_id = %job, pins, "a job was forgotten");
        }
        Act::ForgetScene(scene) => {
            library.close(scene);
            blobs.unpin(&scene_pin(scene)).await?;
        }
        Act::KeepScene(scene) => {
            blobs.pin_collection(&scene_pin(scene), scene).await?;
            library.open(scene).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(n: u8) -> BlobHash {
        BlobHash([n; 32])
    }

    fn state(jobs: &[u64], scenes: &[u8]) -> Named {
        let jobs = jobs.iter().map(|job| JobId(*job)).collect();
        Named { jobs, scenes: scenes.iter().map(|n| scene(*n)).collect() }
    }

    #[test]
    fn what_goes_with_a_job_and_what_stays() {
        let mut broom = Broom { jobs: [JobId(1), JobId(9)].into(), ..Broom::default() };
        let start = Instant::now();
        let later = start + UNUSED;
        assert_eq!(broom.look(&state(&[], &[]), start), [], "nothing is known yet");
        // 1 was forgotten before the start; of 9 the copy doesn't know yet.
        let acts = broom.look(&state(&[3, 4, 5], &[1, 2]), start);
        assert_eq!(acts, [Act::ForgetJob(JobId(1))]);
        assert_eq!(broom.look(&state(&[3, 4, 5, 9], &[1, 2]), start), []);
        // 3 and 4 are forgotten; another job has 4's scene.
        let acts = broom.look(&state(&[5, 9], &[2]), start);
        assert_eq!(acts, [Act::ForgetJob(JobId(3)), Act::ForgetJob(JobId(4))]);
        // It is submitted again in time, and then not any more.
        assert_eq!(broom.look(&state(&[5, 10], &[1, 2]), later), [Act::ForgetJob(JobId(9))]);
        assert_eq!(broom.look(&state(&[5, 10], &[2]), later), []);
        let acts = broom.look(&state(&[5, 10], &[2]), later + UNUSED);
        assert_eq!(acts, [Act::ForgetScene(scene(1))]);
        let acts = broom.look(&state(&[5, 10, 11], &[1, 2]), later + UNUSED);
        assert_eq!(acts, [Act::KeepScene(scene(1))]);
    }

    #[tokio::test]
    async fn pins_go_and_other_jobs_pins_stay() {
        let folder = tempfile::tempdir().unwrap();
        let options = candela_blobs::OpenOptions::default();
        let blobs = Blobs::open(&folder.path().join("blobs"), options).await.unwrap();
        let library = Library::new(blobs.clone());
        for pin in ["job/1/output/2", "job/1/tiles/3", "job/11/output/4", "upload/7/x"] {
            blobs.add_bytes(pin.to_owned(), pin).await.unwrap();
        }
        assert_eq!(
            Broom::of_pins(&blobs).await.unwrap().jobs,
            [JobId(1), JobId(11)].into(),
            "found at the start"
        );
        sweep(&blobs, &library, Act::ForgetJob(JobId(1))).await.unwrap();
        let left: Vec<String> =
            blobs.pins("").await.unwrap().into_iter().map(|pin| pin.name).collect();
        assert_eq!(left, ["job/11/output/4", "upload/7/x"]);
        blobs.shutdown().await.unwrap();
    }
}
