//! How much is checked: the rule that keeps a cheat's expected gain below its expected loss.
//!
//! # The inequality
//!
//! A worker that forges one frame saves at most the frame's credit `c`. Of its frames a share `r`
//! is checked, drawn from a key that it doesn't know and after it has committed itself; a checked
//! forgery is found with at least the chance `d` ([`Checking::detection`]). If it is found, the
//! worker loses the credit that is withheld, `w`, and gets nothing for the frame.
//!
//! ```text
//! gain:  (1 − r·d) · c          loss:  r·d · w
//! ```
//!
//! The rule asks for a loss of at least `m` ([`Checking::margin`]) times the gain:
//!
//! ```text
//! r·d · w  >=  m · (1 − r·d) · c      ⇔      r  >=  m·c / (d · (w + m·c))
//! ```
//!
//! Nothing is withheld from a new worker, so `r >= 1/d`: every frame. With every accepted frame `w`
//! grows, up to [`Checking::withheld_frames`] frames of the present size, and the rate falls, never
//! below [`Checking::rate_min`]. Two more rules stand beside the inequality, because it trusts its
//! own figures: the first [`Checking::verified_first`] frames in a row are all checked, and of every
//! lease at least one frame is.
//!
//! What is not part of the loss makes the rule careful: the worker's place in the network, the work
//! on the honest frames of the same lease, and all frames that are opened again.
//!
//! The idea that a rate of inspection follows from what is at stake is that of inspection games
//! (Avenhaus, von Stengel and Zamir, *Inspection games*, 2002); Zhao, Lo and Gauthier Dickey
//! (*Result verification and trust-based scheduling in peer-to-peer grids*, 2005) use it for
//! strangers' computations.
//!
//! # Which frames
//!
//! A frame's draw is a number from 0 to 1: a keyed hash of frame and layers under the task's
//! verification key ([`draw`]). Who is given the key later can repeat it. The worker can't shape it
//! by trying layers, since it doesn't have the key.

use crate::id::BlobHash;
use crate::layers::Size;
use crate::node::Record;
use crate::task::VerificationKey;

/// The figures of the inequality and of the probes.
#[derive(Debug, Clone, PartialEq)]
pub struct Checking {
    /// Frames in a row that are all checked before the rate may fall.
    pub verified_first: u32,
    /// Chance that a checked forgery is found, above 0 and at most 1; a careful figure.
    pub detection: f64,
    /// How many times the gain the loss has to be.
    pub margin: f64,
    /// Frames whose credit is withheld, at most.
    pub withheld_frames: u64,
    /// The rate never falls below this.
    pub rate_min: f64,
    /// Probes of a checked frame at first, at most.
    pub probes_first: u32,
    /// The same, at least.
    pub probes_first_min: u32,
    /// Share of a frame's pixels that its first probes may cost, in all their pictures. Further rounds,
    /// second opinions and canaries come on top.
    pub probe_budget: f64,
}

impl Default for Checking {
    fn default() -> Self {
        Checking {
            verified_first: 20,
            detection: 0.9,
            margin: 2.0,
            withheld_frames: 20,
            rate_min: 0.1,
            probes_first: 9,
            probes_first_min: 3,
            probe_budget: 0.045,
        }
    }
}

impl Checking {
    /// The share of its frames of that credit that a worker with this record has checked, from 0 to 1.
    #[must_use]
    pub fn rate(&self, record: &Record, credit: u64) -> f64 {
        if record.verified_in_row < self.verified_first {
            return 1.0;
        }
        let (gain, withheld) = (self.margin * credit as f64, record.credit_withheld as f64);
        let rate = gain / (self.detection * (withheld + gain));
        if rate.is_finite() { rate.clamp(self.rate_min, 1.0) } else { 1.0 }
    }

    /// Probes of a frame's first verification task: as many as the budget allows, within bounds.
    ///
    /// `probe_px` are the pixels that are rendered for one probe ([`crate::verification::probe_px`]).
    /// An odd number of them, since the first, third, fifth … are the ones that are drawn evenly.
    #[must_use]
    pub fn probes(&self, size: Size, probe_px: u64) -> u32 {
        let budget = self.probe_budget * size.pixels() as f64 / probe_px.max(1) as f64;
        let most = self.probes_first.max(self.probes_first_min);
        let probes = (budget.min(f64::from(most)) as u32).clamp(self.probes_first_min, most);
        if probes > self.probes_first_min { (probes - 1) | 1 } else { probes }
    }
}

/// What a frame is worth: its path-traced samples, in thousands, at least 1.
#[must_use]
pub fn credit(size: Size, samples: u32) -> u64 {
    (size.pixels().saturating_mul(u64::from(samples)) / 1_000).max(1)
}

/// Separates this use of the key from any other.
const CONTEXT: &[u8] = b"candela check draw 1";

/// Another use of the key: whether an accepting verdict gets a second opinion.
const CONTEXT_SECOND: &[u8] = b"candela second opinion 1";

/// The draw of a frame: an even number from 0 to 1 (not 1 itself) that follows from key and commitment.
#[must_use]
pub fn draw(key: &VerificationKey, frame: i32, layers: &BlobHash) -> f64 {
    keyed(CONTEXT, key, frame, layers)
}

/// The draw that decides whether a frame's accepting verdict gets a second opinion.
#[must_use]
pub fn draw_second(key: &VerificationKey, frame: i32, layers: &BlobHash) -> f64 {
    keyed(CONTEXT_SECOND, key, frame, layers)
}

fn keyed(context: &[u8], key: &VerificationKey, frame: i32, layers: &BlobHash) -> f64 {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    hasher.update(context);
    hasher.update(&frame.to_le_bytes());
    hasher.update(&layers.0);
    let mut word = [0; 8];
    word.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // 53 bits are what a float holds exactly.
    (u64::from_le_bytes(word) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_with_the_record_and_never_to_zero() {
        let checking = Checking::default();
        let rate = |verified_in_row, withheld_frames: u64| {
            let credit_withheld = withheld_frames * 100;
            let record = Record { verified_in_row, credit_withheld, ..Record::default() };
            checking.rate(&record, 100)
        };
        assert_eq!(rate(0, 0), 1.0, "a new worker");
        assert_eq!(rate(19, 19), 1.0, "the first frames are all checked");
        let rates: Vec<f64> = [0, 1, 5, 20, 1_000_000].map(|frames| rate(20, frames)).to_vec();
        assert!(rates.is_sorted_by(|a, b| a >= b), "{rates:?}");
        assert_eq!(rates[0], 1.0, "nothing is withheld");
        assert!((rates[3] - 0.101).abs() < 1e-3, "{rates:?}");
        assert_eq!(rates[4], checking.rate_min);
    }

    /// At every rate above the least, the expected loss is the margin times the expected gain or more.
    #[test]
    fn the_inequality_holds() {
        let checking = Checking { rate_min: 0.0, verified_first: 0, ..Checking::default() };
        for withheld in [0, 1, 10, 100, 12_345, u64::MAX] {
            for credit in [1, 7, 100, 1_000_000] {
                let record = Record { credit_withheld: withheld, ..Record::default() };
                let caught = checking.rate(&record, credit) * checking.detection;
                let gain = (1.0 - caught) * credit as f64;
                let loss = caught * withheld as f64;
                // With nothing at stake all frames are checked, and the best that is left is `detection`.
                let all = checking.rate(&record, credit) == 1.0;
                assert!(
                    all || loss >= checking.margin * gain * (1.0 - 1e-9),
                    "{withheld} {credit}"
                );
            }
        }
    }

    #[test]
    fn probes_keep_to_the_budget() {
        let probes =
            |width, height| Checking::default().probes(Size { width, height }, 2 * 32 * 32);
        assert_eq!(probes(1920, 1080), 9);
        assert_eq!(probes(1280, 720), 9);
        assert_eq!(probes(640, 360), 5);
        assert_eq!(probes(576, 324), 3);
        assert_eq!(probes(320, 180), 3, "small frames cost more than the budget");
    }

    #[test]
    fn draws_are_even_and_need_the_key() {
        let layers = BlobHash([5; 32]);
        let draws: Vec<f64> =
            (0..4_000).map(|frame| draw(&VerificationKey([1; 32]), frame, &layers)).collect();
        let below = |limit: f64| draws.iter().filter(|draw| **draw < limit).count();
        assert!((350..450).contains(&below(0.1)), "{}", below(0.1));
        assert!((1_900..2_100).contains(&below(0.5)), "{}", below(0.5));
        assert_ne!(draws[0], draw(&VerificationKey([2; 32]), 0, &layers));
        assert_ne!(draws[0], draw_second(&VerificationKey([1; 32]), 0, &layers));
    }
}
