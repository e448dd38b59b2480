//! What came of a demonstration, and whether it showed what it should.

use crate::demo::CHEAT;
use crate::follow::Outcome;
use crate::units::span;
use candela_wire::api::JobState;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Story {
    /// Frames of the job.
    pub(crate) frames: usize,
    /// Frames that were verified.
    pub(crate) verified: usize,
    /// Receipts that were rejected.
    pub(crate) rejected_receipts: usize,
    /// Whether the cheating worker was found out and none of its frames was accepted.
    pub(crate) cheat_caught: bool,
    /// Pixels rendered for verification, as a share of those rendered by workers.
    pub(crate) verification_share: Option<f64>,
    /// Seconds from the submission to the last frame.
    pub(crate) seconds: f64,
    /// Folder of the frames.
    pub(crate) output: PathBuf,
    /// The film.
    pub(crate) video: Option<PathBuf>,
    /// The network's page, as long as it is up.
    pub(crate) page: String,
}

impl Story {
    /// The story of a job that is over.
    pub(crate) fn new(
        outcome: &Outcome,
        output: PathBuf,
        page: String,
        elapsed: Duration,
    ) -> Story {
        let job = &outcome.job;
        let excluded = job.excluded.iter().any(|node| node.name == CHEAT);
        let accepted = outcome.accepted_from(CHEAT);
        Story {
            frames: job.summary.counts.all,
            verified: job.summary.counts.accepted,
            rejected_receipts: job.receipts_rejected,
            cheat_caught: excluded && job.receipts_rejected > 0 && accepted == 0,
            verification_share: job.verification.share,
            seconds: elapsed.as_secs_f64(),
            output,
            video: None,
            page,
        }
    }

    /// Whether it showed what it should: every frame verified, the cheat caught.
    pub(crate) fn is_good(&self, status: JobState) -> bool {
        status == JobState::Completed
            && self.verified == self.frames
            && self.frames > 0
            && self.cheat_caught
    }

    /// The end, in lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} of {} frames verified in {}",
            self.verified,
            self.frames,
            span(self.seconds)
        )];
        lines.push(if self.cheat_caught {
            format!(
                "worker {CHEAT} rendered half of the samples and was found out: \
                 {} of its frames rejected, none accepted",
                self.rejected_receipts
            )
        } else {
            format!("worker {CHEAT} rendered half of the samples and was NOT found out")
        });
        if let Some(share) = self.verification_share {
            lines.push(format!("checking took {:.1} % of the rendered pixels", share * 100.0));
        }
        lines.push(format!("frames: {}", self.output.display()));
        if let Some(video) = &self.video {
            lines.push(format!("film:   {}", video.display()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(verified: usize, rejected: usize, caught: bool) -> Story {
        Story {
            frames: 24,
            verified,
            rejected_receipts: rejected,
            cheat_caught: caught,
            verification_share: Some(0.0512),
            seconds: 125.0,
            output: "frames/demo".into(),
            video: Some("frames/demo/candela.mp4".into()),
            page: "http://127.0.0.1:4470/".into(),
        }
    }

    #[test]
    fn it_is_good_only_if_every_frame_is_verified_and_the_cheat_caught() {
        assert!(story(24, 2, true).is_good(JobState::Completed));
        assert!(!story(23, 2, true).is_good(JobState::Completed));
        assert!(!story(24, 0, false).is_good(JobState::Completed));
        assert!(!story(24, 2, true).is_good(JobState::Cancelled));
    }

    #[test]
    fn the_end_is_told() {
        insta::assert_snapshot!(story(24, 2, true).lines().join("\n"), @r"
        24 of 24 frames verified in 2 min 05 s
        worker mallory rendered half of the samples and was found out: 2 of its frames rejected, none accepted
        checking took 5.1 % of the rendered pixels
        frames: frames/demo
        film:   frames/demo/candela.mp4
        ");
    }
}
