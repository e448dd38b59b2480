//! What a frame will take that nobody has rendered yet: by its samples, at the pace of the last ones.

/// Received frames after which the older ones count half.
const FRAMES_MAX: u64 = 1_000;

/// Time per credit of the latest frames of one engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    frames: u64,
    render_ms: u64,
    credit: u64,
}

impl Pace {
    /// Adds frames that took `render_ms` together and were worth `credit` together.
    pub(super) fn add(&mut self, frames: u64, render_ms: u64, credit: u64) {
        self.frames = self.frames.saturating_add(frames);
        self.render_ms = self.render_ms.saturating_add(render_ms);
        self.credit = self.credit.saturating_add(credit);
        while self.frames >= FRAMES_MAX {
            self.frames /= 2;
            self.render_ms /= 2;
            self.credit /= 2;
        }
    }

    /// What a frame worth that much should take, in milliseconds; none before the first frame.
    pub(super) fn frame_ms(&self, credit: u64) -> Option<u64> {
        let per_credit = (self.credit > 0).then(|| self.render_ms as f64 / self.credit as f64)?;
        Some((per_credit * credit as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_latest_frames() {
        let mut pace = Pace::default();
        assert_eq!(pace.frame_ms(5), None);
        pace.add(1, 2_000, 10);
        assert_eq!(pace.frame_ms(5), Some(1_000));
        for _ in 0..10_000 {
            pace.add(1, 8_000, 10);
        }
        let later = pace.frame_ms(5).unwrap();
        assert!((3_990..=4_000).contains(&later), "{later} ms");
    }
}
