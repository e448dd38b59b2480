//! A notification on the desktop, by the program that desktops bring with them.
//!
//! It is a convenience: where there is no desktop or no such program, nothing is shown, and that is
//! no error.

use candela_wire::api::{JobState, JobSummary};
use std::process::{Command, Stdio};

/// The program of freedesktop.org's desktops.
const PROGRAM: &str = "notify-send";

/// Tells of the end of a job.
pub(crate) fn tell_end(job: &JobSummary) {
    let (title, text) = end(job);
    let shown = Command::new(PROGRAM)
        .args(["--app-name=Candela", "--", &title, &text])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    // It isn't waited for: it may wait for a desktop that doesn't answer.
    if let Err(error) = shown {
        tracing::debug!(%error, "no notification is shown");
    }
}

fn end(job: &JobSummary) -> (String, String) {
    let counts = &job.counts;
    let how = match job.status {
        JobState::Completed => "is completed",
        JobState::Failed => "has failed",
        JobState::Refused => "can't be rendered as it is",
        JobState::Cancelled => "was cancelled",
        JobState::Inspecting | JobState::Active => "goes on",
    };
    // Desktops understand some markup in the text, and none in the title.
    (
        format!("{} {how}", job.name),
        format!("{} of {} frames are verified", counts.accepted, counts.all),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn the_end_in_words() {
        let mut job = samples::job_summary();
        job.status = JobState::Failed;
        let (title, text) = end(&job);
        assert_eq!(title, format!("{} has failed", job.name));
        assert!(text.ends_with("frames are verified"), "{text}");
    }
}
