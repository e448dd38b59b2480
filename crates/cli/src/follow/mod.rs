//! Follows a job to its end: shows how far it is and downloads frames as they are verified.
//!
//! What is shown is read from the manager again whenever events may have been lost, so a manager
//! that is restarted in between is a pause and nothing more. Frames that are there are not downloaded again.

pub(crate) mod downloads;
pub(crate) mod rejection;
pub(crate) mod tally;
pub(crate) mod view;

use crate::api::{asked, explained};
use crate::follow::downloads::{Downloads, Landed};
use crate::follow::tally::{Board, Change};
use crate::follow::view::{Happening, View};
use anyhow::{Result, anyhow};
use candela_client::{Client, ClientError};
use candela_wire::api::{Event, FrameState, FrameSummary, JobDetail, JobState, JobSummary};
use futures_lite::StreamExt;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// For how long a manager may be away before the program gives up: a machine that restarts takes a few minutes.
const AWAY_MAX: Duration = Duration::from_secs(600);

/// Pause before the manager is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often the state is read even if nothing is heard: events are a hint, the state is the truth.
const READ_AGAIN: Duration = Duration::from_secs(20);

/// A job's end.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The job.
    pub job: JobDetail,
    /// Its frames as they ended.
    pub board: Board,
    /// The downloaded frames.
    pub files: BTreeMap<i32, PathBuf>,
}

impl Outcome {
    /// How many accepted frames a worker of that name rendered.
    pub(crate) fn accepted_from(&self, worker: &str) -> usize {
        let accepted = self.board.frames().filter(|frame| frame.status == FrameState::Accepted);
        accepted.filter(|frame| frame.worker.as_ref().is_some_and(|by| by.name == worker)).count()
    }
}

/// A job that is followed.
pub(crate) struct Follower<'a> {
    client: &'a Client,
    job_id: u64,
    view: &'a View,
    downloads: Downloads,
    board: Board,
    time_left_s: Option<f64>,
    waits_for: Option<String>,
    away_since: Option<Instant>,
    is_over: bool,
}

impl<'a> Follower<'a> {
    /// Follows a job from now on; `downloads` says where its frames go.
    pub(crate) fn new(
        client: &'a Client,
        job_id: u64,
        view: &'a View,
        downloads: Downloads,
    ) -> Follower<'a> {
        Follower {
            client,
            job_id,
            view,
            downloads,
            board: Board::default(),
            time_left_s: None,
            waits_for: None,
            away_since: None,
            is_over: false,
        }
    }

    /// Runs until the job is over and its verified frames are here.
    ///
    /// # Errors
    /// If the manager stays away or refuses, and if a frame can't be written.
    pub(crate) async fn run(mut self) -> Result<Outcome> {
        let mut events = self.client.events(Some(self.job_id));
        let mut read_again = tokio::time::interval(READ_AGAIN);
        read_again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !(self.is_over && self.downloads.is_idle()) {
            tokio::select! {
                event = events.next(), if !self.is_over => match event {
                    Some(event) => self.event(event).await?,
                    // The stream ends only if it was refused: asking for the job tells why.
                    None => {
                        asked(self.client.job(self.job_id).await)?;
                        tokio::time::sleep(PAUSE).await;
                        events = self.client.events(Some(self.job_id));
                    }
                },
                landed = self.downloads.next(self.client, self.job_id), if !self.downloads.is_idle() => self.landed(landed).await?,
                _ = read_again.tick(), if !self.is_over => self.read().await?,
            }
        }
        self.view.finish();
        let job = self.patiently(async |client| client.job(self.job_id).await).await?;
        Ok(Outcome { job, files: self.downloads.files(), board: self.board })
    }

    async fn event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Reset => self.read().await,
            Event::Frame(changed) if changed.job_id == self.job_id => {
                self.frame(changed.frame).await
            }
            Event::Job(job) if job.id == self.job_id => {
                let over = job.status.is_over();
                self.job(&job);
                if over { self.read().await } else { Ok(()) }
            }
            Event::Frame(_) | Event::Job(_) | Event::Node(_) => Ok(()),
        }
    }

    /// Reads the whole state; whatever was missed shows as a change.
    async fn read(&mut self) -> Result<()> {
        let (client, job_id) = (self.client, self.job_id);
        let read = async {
            let job = client.job(job_id).await?;
            let frames = client.all_frames(job_id).await?;
            Ok::<_, ClientError>((job, frames))
        };
        let (job, frames) = match read.await {
            Ok(read) => read,
            Err(error) => return self.away(error).await,
        };
        if self.away_since.take().is_some() {
            self.view.tell(&Happening::Note("the manager is back".to_owned()));
        }
        for frame in frames {
            self.frame(frame).await?;
        }
        // The frames were read after the job: over means that they are final.
        self.is_over = job.summary.status.is_over();
        self.job(&job.summary);
        Ok(())
    }

    /// A manager that is away gets time to come back.
    async fn away(&mut self, error: ClientError) -> Result<()> {
        if !error.is_passing() {
            return Err(explained(error));
        }
        let since = *self.away_since.get_or_insert_with(|| {
            self.view
                .tell(&Happening::Note("the manager does not answer; trying again".to_owned()));
            Instant::now()
        });
        if since.elapsed() > AWAY_MAX {
            return Err(explained(error));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    async fn patiently<T>(
        &self,
        ask: impl AsyncFn(&Client) -> Result<T, ClientError>,
    ) -> Result<T> {
        let since = Instant::now();
        loop {
            match ask(self.client).await {
                Err(error) if error.is_passing() && since.elapsed() < AWAY_MAX => {
                    tokio::time::sleep(PAUSE).await;
                }
                answer => return asked(answer),
            }
        }
    }

    fn job(&mut self, job: &JobSummary) {
        self.time_left_s = job.time_left_s;
        if job.waits_for.is_some() && job.waits_for != self.waits_for {
            let what = job.waits_for.clone().unwrap_or_default();
            self.view.tell(&Happening::Note(format!("waits for {what}")));
        }
        self.waits_for.clone_from(&job.waits_for);
        self.show();
    }

    fn show(&self) {
        self.view.progress(self.board.tally(), self.time_left_s, self.waits_for.as_deref());
    }

    async fn frame(&mut self, frame: FrameSummary) -> Result<()> {
        for change in self.board.update(frame.clone()) {
            self.tell(&frame, &change).await;
        }
        if frame.status == FrameState::Accepted
            && let Some(output) = &frame.output
        {
            self.downloads.want(self.client, self.job_id, frame.number, output);
        }
        self.show();
        Ok(())
    }

    async fn tell(&self, summary: &FrameSummary, change: &Change) {
        let frame = summary.number;
        let name = summary.worker.as_ref().map(|worker| worker.name.clone());
        let worker = name.unwrap_or_else(|| "unknown".to_owned());
        let happening = match change {
            Change::Rendered => Happening::Rendered { frame, worker, seconds: summary.render_s },
            Change::Verified => Happening::Verified { frame, worker, why: None },
            Change::Failed => {
                let why = summary.last_error.clone().unwrap_or_default();
                Happening::Failed { frame, why }
            }
            Change::Rejected => {
                // The counts are in the frame's details; without them the fact is told all the same.
                let detail = self.client.frame(self.job_id, frame).await.ok();
                let told = detail.as_ref().and_then(rejection::last_rejection);
                let (worker, why) = told.unwrap_or((worker, "its verification failed".to_owned()));
                Happening::Rejected { frame, worker, why }
            }
        };
        self.view.tell(&happening);
    }

    async fn landed(&mut self, landed: Landed) -> Result<()> {
        match landed.result {
            Ok(()) => Ok(()),
            Err(error) if error.is_passing() => {
                self.downloads.again(self.client, self.job_id, landed.number);
                self.away(error).await
            }
            Err(error) => Err(explained(error)),
        }
    }
}

/// What a job's end means for the exit code, and what is said about it.
///
/// # Errors
/// Everything that is in the way, if the job wasn't completed.
pub(crate) fn check_completed(job: &JobDetail) -> Result<()> {
    use crate::report::{Problem, Refused, hinted};
    let id = job.summary.id;
    match job.summary.status {
        JobState::Completed => Ok(()),
        JobState::Refused => Err(Refused(job.refusals.iter().map(Problem::from).collect()).into()),
        JobState::Failed => Err(Refused(vec![Problem::new(
            "job_failed",
            format!(
                "{} of {} frames could not be rendered",
                job.summary.counts.failed, job.summary.counts.all
            ),
            format!(
                "`candela job frames {id}` tells why; `candela job retry {id}` tries them again"
            ),
        )])
        .into()),
        JobState::Cancelled => Err(Refused(vec![Problem::new(
            "job_cancelled",
            format!("job {id} was cancelled"),
            format!("`candela job retry {id}` goes on with it"),
        )])
        .into()),
        JobState::Inspecting | JobState::Active => {
            Err(hinted(anyhow!("job {id} is not over"), format!("`candela watch {id}` follows it")))
        }
    }
}
