//! The frames of a job: the text that a person writes, checked, and the order in which they are rendered.

use crate::limits::{FRAME_NUMBER_MAX, FRAMES_PER_JOB_MAX};
use crate::refusal::{Refusal, RefusalCode};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A checked set of frame numbers: not empty, at most [`FRAMES_PER_JOB_MAX`]. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSet {
    /// Each as long as can be, in ascending order: equal sets have equal runs.
    runs: Arc<[FrameRun]>,
    count: usize,
}

/// `count` frames from `first` on, each `step` after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRun {
    /// The first frame.
    pub first: i32,
    /// From one frame to the next; 1 of a single frame.
    pub step: u32,
    /// How many; at least one.
    pub count: u32,
}

impl FrameRun {
    /// The frames in ascending order, if they are numbers that a frame can have.
    fn frames(self) -> impl Iterator<Item = i32> {
        let (first, step) = (i64::from(self.first), i64::from(self.step));
        let frames = (0..i64::from(self.count)).map(move |at| first + at * step);
        frames.filter_map(|frame| i32::try_from(frame).ok())
    }
}

impl FrameSet {
    /// Reads `1-24`, `1,5,9-12`, `1-100/10` (every tenth), `-5--1` (negative numbers are allowed).
    ///
    /// # Errors
    /// A refusal that says what is wrong with the text, and how a range is written.
    pub fn parse(text: &str) -> Result<FrameSet, Refusal> {
        let mut frames = BTreeSet::new();
        let text = text.trim();
        if text.is_empty() {
            return Err(empty("no frames were named"));
        }
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (part, None),
            };
            let step = match step.map(|step| step.trim().parse::<u32>()) {
                None => 1,
                Some(Ok(step)) if step > 0 => step,
                Some(_) => return Err(not_understood(part)),
            };
            let (first, last) = parse_range(range.trim()).ok_or_else(|| not_understood(part))?;
            if first > last {
                return Err(empty(&format!("the range {part:?} ends before it begins")));
            }
            let count = usize::try_from(last.saturating_sub(first) / i64::from(step))
                .map_or(usize::MAX, |steps| steps.saturating_add(1));
            if frames.len().saturating_add(count) > FRAMES_PER_JOB_MAX {
                return Err(too_many(frames.len().saturating_add(count)));
            }
            for frame in (first..=last).step_by(step as usize) {
                frames.insert(checked_number(frame)?);
            }
        }
        Ok(FrameSet::of(&frames))
    }

    fn of(frames: &BTreeSet<i32>) -> FrameSet {
        let mut runs: Vec<FrameRun> = Vec::new();
        let mut last = 0;
        for frame in frames {
            let step = frame.abs_diff(last);
            match runs.last_mut() {
                Some(run) if run.count == 1 || step == run.step => {
                    run.step = step;
                    run.count += 1;
                }
                _ => runs.push(FrameRun { first: *frame, step: 1, count: 1 }),
            }
            last = *frame;
        }
        FrameSet { runs: runs.into(), count: frames.len() }
    }

    /// The set of the given frame numbers.
    ///
    /// # Errors
    /// A refusal if there are none or too many, or if a number is out of range.
    pub fn new(frames: impl IntoIterator<Item = i32>) -> Result<FrameSet, Refusal> {
        let mut set = BTreeSet::new();
        for frame in frames {
            set.insert(checked_number(i64::from(frame))?);
            if set.len() > FRAMES_PER_JOB_MAX {
                return Err(too_many(set.len()));
            }
        }
        if set.is_empty() { Err(empty("no frames were named")) } else { Ok(FrameSet::of(&set)) }
    }

    /// The frames as runs: an animation of an hour is one of them.
    #[must_use]
    pub fn runs(&self) -> &[FrameRun] {
        &self.runs
    }

    /// The frames in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = i32> + '_ {
        self.runs.iter().flat_map(|run| run.frames())
    }

    /// Number of frames; never zero.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// First, middle and last frame: rendered before all others, so that a preview covers the animation early.
    #[must_use]
    pub fn landmarks(&self) -> Vec<i32> {
        let frames: Vec<i32> = self.iter().collect();
        let mut landmarks = Vec::new();
        for at in [0, frames.len() / 2, frames.len() - 1] {
            if !landmarks.contains(&frames[at]) {
                landmarks.push(frames[at]);
            }
        }
        landmarks
    }
}

/// `a-b` or `a`, where both may be negative.
fn parse_range(text: &str) -> Option<(i64, i64)> {
    if let Ok(single) = text.parse::<i64>() {
        return Some((single, single));
    }
    let dash = text.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
    Some((text[..dash].trim().parse().ok()?, text[dash + 1..].trim().parse().ok()?))
}

fn checked_number(frame: i64) -> Result<i32, Refusal> {
    i32::try_from(frame).ok().filter(|frame| frame.abs() <= FRAME_NUMBER_MAX).ok_or_else(|| {
        Refusal::new(
            RefusalCode::FrameOutOfRange,
            format!("frame {frame} is outside of -{FRAME_NUMBER_MAX} to {FRAME_NUMBER_MAX}"),
        )
    })
}

fn not_understood(part: &str) -> Refusal {
    let part: String = part.chars().take(40).collect();
    Refusal::new(RefusalCode::FramesNotUnderstood, format!("can't read {part:?} as frames"))
        .with_hint("write them like 1-24, 1,5,9-12 or 1-100/10")
}

fn empty(why: &str) -> Refusal {
    Refusal::new(RefusalCode::FramesEmpty, why).with_hint("name at least one frame, like 1-24")
}

fn too_many(count: usize) -> Refusal {
    Refusal::new(
        RefusalCode::FramesTooMany,
        format!("{count} frames are more than a job may have ({FRAMES_PER_JOB_MAX})"),
    )
    .with_hint("submit the animation in several jobs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_what_they_mean() {
        let check = |text: &str, want: Result<Vec<i32>, RefusalCode>| {
            let got = FrameSet::parse(text).map(|set| set.iter().collect()).map_err(|r| r.code);
            assert_eq!(got, want, "{text:?}");
        };
        check("7", Ok(vec![7]));
        check("1-4", Ok(vec![1, 2, 3, 4]));
        check(" 1 - 3 , 9", Ok(vec![1, 2, 3, 9]));
        check("1-10/4", Ok(vec![1, 5, 9]));
        check("-2-1", Ok(vec![-2, -1, 0, 1]));
        check("-3--2", Ok(vec![-3, -2]));
        check("", Err(RefusalCode::FramesEmpty));
        check("5-1", Err(RefusalCode::FramesEmpty));
        check("a-b", Err(RefusalCode::FramesNotUnderstood));
        check("1-5/0", Err(RefusalCode::FramesNotUnderstood));
        check("1,,2", Err(RefusalCode::FramesNotUnderstood));
        check("1-10000000", Err(RefusalCode::FramesTooMany));
        check("-9223372036854775808-9223372036854775807", Err(RefusalCode::FramesTooMany));
        check("2000000", Err(RefusalCode::FrameOutOfRange));
    }

    #[test]
    fn frames_are_as_few_runs_as_can_be() {
        for (text, count) in [
            ("7", 1),
            ("1-100000", 1),
            ("-1048574-1048574/2097148", 1),
            ("1-100/10", 1),
            ("1,3,4,5,6", 2),
            ("-5--1,10-20", 2),
            ("1,2,4,8,16", 3),
        ] {
            let frames = FrameSet::parse(text).unwrap();
            assert_eq!(frames.runs().len(), count, "{text}");
            let again = FrameSet::new(frames.iter()).unwrap();
            assert_eq!((again.count(), again.iter().count()), (frames.count(), frames.count()));
            assert_eq!(again, frames, "{text}");
        }
    }

    #[test]
    fn landmarks_are_first_middle_last_without_repetition() {
        let landmarks = |text: &str| FrameSet::parse(text).unwrap().landmarks();
        assert_eq!(landmarks("1-24"), vec![1, 13, 24]);
        assert_eq!(landmarks("5"), vec![5]);
        assert_eq!(landmarks("5-6"), vec![5, 6]);
    }
}
