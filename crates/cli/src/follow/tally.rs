//! How far a job is, as the followed events tell it, and what changed with each of them.

use candela_wire::api::{FrameState, FrameSummary};
use std::collections::BTreeMap;

/// Frames of a job by how far they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All.
    pub all: usize,
    /// Rendered, the verified ones too.
    pub rendered: usize,
    /// Verified.
    pub verified: usize,
    /// Receipts that were rejected.
    pub rejected: usize,
    /// Given up.
    pub failed: usize,
}

/// What changed about one frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// It was rendered and is being verified.
    Rendered,
    /// It was verified.
    Verified,
    /// A receipt for it was rejected.
    Rejected,
    /// It was given up.
    Failed,
}

/// The frames of a job as they were last heard of.
#[derive(Debug, Default)]
pub(crate) struct Board {
    frames: BTreeMap<i32, FrameSummary>,
    tally: Tally,
}

impl Board {
    /// Takes a frame as it is now, and says what that changes.
    pub(crate) fn update(&mut self, frame: FrameSummary) -> Vec<Change> {
        let before = self.frames.get(&frame.number);
        let (status_before, rejected_before) = match before {
            Some(before) => (Some(before.status), before.receipts_rejected),
            None => (None, 0),
        };
        if before.is_some_and(|before| is_final(before.status)) && !is_final(frame.status) {
            // Events and what is read on the side can cross; a verified frame stays verified.
            return Vec::new();
        }
        let mut changes = Vec::new();
        if frame.receipts_rejected > rejected_before {
            changes.push(Change::Rejected);
        }
        if status_before != Some(frame.status) {
            changes.extend(match frame.status {
                FrameState::Waiting | FrameState::Rendering => None,
                FrameState::Verifying => Some(Change::Rendered),
                FrameState::Accepted => Some(Change::Verified),
                FrameState::Failed => Some(Change::Failed),
            });
        }
        match status_before {
            Some(status) => count(&mut self.tally, status, false),
            None => self.tally.all += 1,
        }
        count(&mut self.tally, frame.status, true);
        self.tally.rejected += frame.receipts_rejected.saturating_sub(rejected_before);
        self.frames.insert(frame.number, frame);
        changes
    }

    /// How far the job is.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// The frames, in ascending order.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &FrameSummary> {
        self.frames.values()
    }
}

fn is_final(status: FrameState) -> bool {
    status == FrameState::Accepted
}

fn count(tally: &mut Tally, status: FrameState, more: bool) {
    let change = |number: &mut usize| {
        *number = if more { *number + 1 } else { number.saturating_sub(1) };
    };
    match status {
        FrameState::Waiting | FrameState::Rendering => {}
        FrameState::Verifying => change(&mut tally.rendered),
        FrameState::Accepted => {
            change(&mut tally.rendered);
            change(&mut tally.verified);
        }
        FrameState::Failed => change(&mut tally.failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_frame_goes_its_way() {
        let mut board = Board::default();
        let mut go = |status, rejected| {
            let mut frame = samples::frame(13, status);
            frame.receipts_rejected = rejected;
            (board.update(frame), board.tally())
        };
        let tally = |rendered, verified, rejected| Tally {
            all: 1,
            rendered,
            verified,
            rejected,
            failed: 0,
        };
        assert_eq!(go(FrameState::Waiting, 0), (vec![], tally(0, 0, 0)));
        assert_eq!(go(FrameState::Rendering, 0), (vec![], tally(0, 0, 0)));
        assert_eq!(go(FrameState::Verifying, 0), (vec![Change::Rendered], tally(1, 0, 0)));
        assert_eq!(go(FrameState::Waiting, 1), (vec![Change::Rejected], tally(0, 0, 1)));
        assert_eq!(go(FrameState::Verifying, 1), (vec![Change::Rendered], tally(1, 0, 1)));
        assert_eq!(go(FrameState::Accepted, 1), (vec![Change::Verified], tally(1, 1, 1)));
        assert_eq!(go(FrameState::Accepted, 1), (vec![], tally(1, 1, 1)));
        // An old event that comes late changes nothing.
        assert_eq!(go(FrameState::Verifying, 1), (vec![], tally(1, 1, 1)));
    }
}
