//! What came of a job, for people in a line and for programs as JSON.

use crate::follow::Outcome;
use crate::units::span;
use candela_wire::api::RefusalInfo;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Its number.
    pub job: u64,
    /// What it is called.
    pub name: String,
    /// How it ended.
    pub status: &'static str,
    /// Frames of it.
    pub frames: usize,
    /// Frames that were verified.
    pub verified: usize,
    /// Frames that were given up.
    pub failed: usize,
    /// Receipts that were rejected.
    pub rejected_receipts: usize,
    /// Seconds since the command was started.
    pub seconds: f64,
    /// Folder of the frames.
    pub output: Option<PathBuf>,
    /// The frames, in order.
    pub files: Vec<PathBuf>,
    /// The film.
    pub video: Option<PathBuf>,
    /// The job's page.
    pub page: String,
    /// What the user should know although it is no reason to refuse.
    pub notes: Vec<String>,
    /// Why it was refused.
    pub refusals: Vec<RefusalInfo>,
}

impl Summary {
    /// The summary of a job that is over.
    pub(crate) fn new(outcome: &Outcome, page: String, elapsed: Duration) -> Summary {
        let job = &outcome.job;
        Summary {
            job: job.summary.id,
            name: job.summary.name.clone(),
            status: job.summary.status.word(),
            frames: job.summary.counts.all,
            verified: job.summary.counts.accepted,
            failed: job.summary.counts.failed,
            rejected_receipts: job.receipts_rejected,
            seconds: elapsed.as_secs_f64(),
            output: None,
            files: outcome.files.values().cloned().collect(),
            video: None,
            page,
            notes: job.notes.clone(),
            refusals: job.refusals.clone(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let place = self.output.as_ref().map(|output| format!(", in {}", output.display()));
        let rejected = match self.rejected_receipts {
            0 => String::new(),
            number => format!(", {number} rejected and rendered again"),
        };
        format!(
            "job {} is {} after {}: {} of {} frames verified{rejected}{}",
            self.job,
            self.status,
            span(self.seconds),
            self.verified,
            self.frames,
            place.unwrap_or_default()
        )
    }
}
