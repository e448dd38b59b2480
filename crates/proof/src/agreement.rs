//! Whether a worker's pixels are those that the scene defines, measured against a replica and a
//! control.
//!
//! The *replica* is the verifier's rendering with the scene's seed, the *control* one with another
//! seed. For each pixel and each group of channels let `d = |control − replica|` be how far the
//! noise alone moves it (Euclidean over the group). The worker's value agrees if
//!
//! ```text
//! |worker − replica| <= max(agreement_share · min(d, noise_cap · |replica|), tolerance),
//! tolerance = max(relative_tolerance · |replica|, absolute_tolerance)
//! ```
//!
//! A pixel is **informative** if in radiance the first term rules (`agreement_share · d >=
//! tolerance`, `d > 0`): there a render with other random numbers, or with fewer samples, would
//! show. All other pixels are **direct**: the seed doesn't matter to them (sky, lamps, flat
//! colour), so honest renders match closely, and the second term says how closely. One formula
//! covers both, without a jump between them and without a threshold in scene brightness.
//!
//! Which channels are judged together. A *pass* is the name before the last dot, e.g.
//! `ViewLayer/Noisy Image`. Its channel `A` is a group of its own: it is coverage, not radiance,
//! and a solid pixel's `A = 1` would else hide a change of a dark pixel's colour. Radiance is the
//! passes whose name ends in `Noisy Image` or `Combined`; if there is none, all passes count as
//! radiance. The denoiser's guides (albedo, normal) don't make a pixel informative, but **a pixel
//! agrees only if all its groups agree**: a forged guide would bend the picture that is developed
//! from it. They are noisy too (depth of field, rough reflection), and the same formula allows for
//! that.
//!
//! The tolerances. Other instruction sets round differently: sums of samples differ by some 10⁻⁷ to
//! 10⁻⁵ of their value. 10⁻⁴ is ten times that, a fortieth of a step of an 8-bit picture, and still
//! leaves pixels informative down to a noise of 0.1 %. Where rounding grows larger (fine textures,
//! edges), moving the sample moves the pixel too, so `d` is large and the first term allows it.
//!
//! The cap. The control comes from the same verifier as the replica, and nothing else checks `d`.
//! Without a cap, a verifier that renders nothing could send any replica with a control far away
//! from it, and whatever the worker delivered would agree. With `noise_cap` = 0.1 nobody is allowed
//! more than 1 % of the replica: one step of an 8-bit sRGB picture is 0.9 % of the linear value at
//! white and more in darker parts. Honest renders don't need more:
//! - Rounding differs in proportion to the light that is summed, not to its noise. Of all pixels,
//!   99.8 % were within 0.1 % on other instruction sets.
//! - Where rounding flips a path, one of `N` samples changes, and the pixel moves by about `d /
//!   √N`. Below 100 samples that is beyond a tenth of `d`: such pixels disagree with and without the
//!   cap, and the noise floor counts them. Above, the cap adds only pixels that are still noisier
//!   than `√N / 100` of their value.
//!
//! A cap makes agreement rarer, so it helps no cheat. Whether a pixel is informative is decided
//! without it. It isn't all that keeps a verifier honest: a converged picture sent as the replica is
//! within 1 % of clean pixels. Tasks whose answer is known find that one ([`crate::pictures`]).
//!
//! Not finite values. Identical bits always agree, also NaN and infinity. Where the replica isn't
//! finite and the worker's bits differ, the pixel isn't judged. Where the replica is finite and the
//! worker's isn't, they disagree. A control that isn't finite says nothing about noise: `d` is
//! taken as 0.
//!
//! Unstable pixels. Where a second replica was rendered, a pixel in which the two differ by more
//! than `unstable_share` of what a worker would be allowed is left out, with everything within
//! `unstable_margin_px` of it (columns and rows): instability comes in areas, such as two surfaces
//! at the same depth, and within them two renders often agree by chance.

mod map;

pub use map::{AgreementMap, PATCH_PX, PixelState, TileCounts};

use candela_core::layers::{Pixels, Size};

/// What counts as agreement; see the module's documentation for the formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompareOptions {
    /// Share of the distance between control and replica that a worker may be off; 0 to 1.
    pub agreement_share: f64,
    /// How much of the replica's length that distance counts as at most, so that no control
    /// allows everything.
    pub noise_cap: f64,
    /// Share of the replica's length that a worker may be off.
    pub relative_tolerance: f64,
    /// What a worker may be off in any case, in scene-linear units.
    pub absolute_tolerance: f64,
    /// Share of a worker's allowance beyond which two replicas count as unstable; 0 to 1.
    pub unstable_share: f64,
    /// How far around an unstable pixel others are left out, in columns and rows.
    pub unstable_margin_px: u32,
}

impl Default for CompareOptions {
    fn default() -> Self {
        CompareOptions {
            agreement_share: 0.1,
            noise_cap: 0.1,
            relative_tolerance: 1e-4,
            absolute_tolerance: 1e-6,
            unstable_share: 0.5,
            unstable_margin_px: 3,
        }
    }
}

/// One of the renderings that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendering {
    /// What the worker delivered.
    Worker,
    /// The verifier's, with the scene's seed.
    Replica,
    /// The verifier's, with another seed.
    Control,
    /// The verifier's second one with the scene's seed.
    SecondReplica,
}

impl std::fmt::Display for Rendering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Rendering::Worker => "the worker's picture",
            Rendering::Replica => "the replica",
            Rendering::Control => "the control",
            Rendering::SecondReplica => "the second replica",
        })
    }
}

/// Renderings that can't be compared; whoever sent the named one has sent something unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The picture's size isn't the replica's.
    #[error("{which} has {}×{} pixels, the replica {}×{}", got.width, got.height, expected.width, expected.height)]
    Size {
        /// Whose picture.
        which: Rendering,
        /// Its size.
        got: Size,
        /// The replica's.
        expected: Size,
    },
    /// The names or the order of the channels aren't the replica's.
    #[error("{which} has other channels than the replica")]
    Channels {
        /// Whose picture.
        which: Rendering,
    },
    /// The number of values isn't that of its pixels and channels.
    #[error("{which} has {values} values, which its size and channels don't give")]
    Values {
        /// Whose picture.
        which: Rendering,
        /// How many values there are.
        values: usize,
    },
    /// The replica has no channels, so that nothing could disagree.
    #[error("the replica has no channels")]
    NoChannels,
}

/// Compares one probe and counts; [`compare_map`] also says which pixels.
///
/// # Errors
///
/// When sizes, channels or the number of values don't fit together.
pub fn compare(
    worker: &Pixels,
    replica: &Pixels,
    control: &Pixels,
    second: Option<&Pixels>,
    options: &CompareOptions,
) -> Result<TileCounts, Mismatch> {
    compare_map(worker, replica, control, second, options).map(|map| map.counts())
}

/// Compares one probe, pixel by pixel.
///
/// All renderings cover the same region. Where a setting such as adaptive sampling disturbs the
/// edge of a rendered region, the caller renders a margin and cuts it off before (`Pixels::cut`).
///
/// # Errors
///
/// When sizes, channels or the number of values don't fit together.
pub fn compare_map(
    worker: &Pixels,
    replica: &Pixels,
    control: &Pixels,
    second: Option<&Pixels>,
    options: &CompareOptions,
) -> Result<AgreementMap, Mismatch> {
    check(replica, replica, Rendering::Replica)?;
    check(worker, replica, Rendering::Worker)?;
    check(control, replica, Rendering::Control)?;
    if let Some(second) = second {
        check(second, replica, Rendering::SecondReplica)?;
    }
    let stride = replica.channels.len();
    if stride == 0 {
        return Err(Mismatch::NoChannels);
    }
    let groups = groups(&replica.channels);
    let mut wrong_by_group = vec![0u64; groups.len()];
    let states = (0..replica.data.len() / stride)
        .map(|pixel| {
            let values = pixel * stride..(pixel + 1) * stride;
            let at = PixelValues {
                worker: &worker.data[values.clone()],
                replica: &replica.data[values.clone()],
                control: &control.data[values.clone()],
                second: second.map(|second| &second.data[values]),
            };
            at.state(&groups, options, &mut wrong_by_group)
        })
        .collect();
    let wrong_groups = groups
        .into_iter()
        .zip(wrong_by_group)
        .filter(|(_, wrong)| *wrong > 0)
        .map(|(group, wrong)| (group.name, wrong))
        .collect();
    let mut map =
        AgreementMap { size: replica.size, states, repeated: second.is_some(), wrong_groups };
    map.leave_out_near_unstable(options.unstable_margin_px);
    Ok(map)
}

fn check(pixels: &Pixels, replica: &Pixels, which: Rendering) -> Result<(), Mismatch> {
    if pixels.size != replica.size {
        Err(Mismatch::Size { which, got: pixels.size, expected: replica.size })
    } else if pixels.channels != replica.channels {
        Err(Mismatch::Channels { which })
    } else if !pixels.is_whole() {
        Err(Mismatch::Values { which, values: pixels.data.len() })
    } else {
        Ok(())
    }
}

/// Channels that are judged together.
struct Group {
    name: String,
    channels: Vec<usize>,
    radiance: bool,
}

fn groups(names: &[String]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (channel, name) in names.iter().enumerate() {
        let (pass, component) = name.rsplit_once('.').unwrap_or((name, ""));
        let radiance = pass.ends_with("Noisy Image") || pass.ends_with("Combined");
        let name = if component == "A" { name } else { pass };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.channels.push(channel),
            None => groups.push(Group { name: name.into(), channels: vec![channel], radiance }),
        }
    }
    if !groups.iter().any(|group| group.radiance) {
        groups.iter_mut().for_each(|group| group.radiance = true);
    }
    groups
}

/// One pixel of each rendering.
struct PixelValues<'a> {
    worker: &'a [f32],
    replica: &'a [f32],
    control: &'a [f32],
    second: Option<&'a [f32]>,
}

/// What one group of one pixel says.
struct GroupResult {
    /// None: not judged.
    agrees: Option<bool>,
    informative: bool,
    unstable: bool,
}

impl PixelValues<'_> {
    fn state(
        &self,
        groups: &[Group],
        options: &CompareOptions,
        wrong_by_group: &mut [u64],
    ) -> PixelState {
        let (mut informative, mut unstable, mut unjudged, mut wrong) = (false, false, false, false);
        for (group, wrong_here) in groups.iter().zip(wrong_by_group) {
            let result = self.group(&group.channels, options);
            informative |= result.informative && group.radiance;
            unstable |= result.unstable;
            unjudged |= result.agrees.is_none();
            if result.agrees == Some(false) {
                wrong = true;
                *wrong_here += 1;
            }
        }
        match (unstable, unjudged, informative) {
            (true, _, _) => PixelState::Unstable,
            (_, true, _) => PixelState::NotJudged,
            (_, _, true) => PixelState::Informative { agrees: !wrong },
            (_, _, false) => PixelState::Direct { agrees: !wrong },
        }
    }

    fn group(&self, channels: &[usize], options: &CompareOptions) -> GroupResult {
        let same = |other: &[f32]| {
            channels.iter().all(|&i| other[i].to_bits() == self.replica[i].to_bits())
        };
        let worker_same = same(self.worker);
        let second_same = self.second.is_none_or(same);
        let length = |value: &dyn Fn(usize) -> f64| -> f64 {
            channels.iter().map(|&i| value(i) * value(i)).sum::<f64>().sqrt()
        };
        let off = |other: &[f32]| length(&|i| f64::from(other[i]) - f64::from(self.replica[i]));
        let replica_length = length(&|i| f64::from(self.replica[i]));
        if !replica_length.is_finite() {
            let agrees = worker_same.then_some(true);
            return GroupResult { agrees, informative: false, unstable: !second_same };
        }
        let tolerance =
            (options.relative_tolerance * replica_length).max(options.absolute_tolerance);
        let noise = Some(off(self.control)).filter(|d| d.is_finite()).unwrap_or(0.0);
        let capped = noise.min(options.noise_cap * replica_length);
        let allowed = (options.agreement_share * capped).max(tolerance);
        // A distance that isn't a number is not within anything.
        let within = |other: &[f32], limit: f64| off(other) <= limit;
        let unstable = self
            .second
            .filter(|_| !second_same)
            .is_some_and(|second| !within(second, options.unstable_share * allowed));
        GroupResult {
            agrees: Some(worker_same || within(self.worker, allowed)),
            informative: noise > 0.0 && options.agreement_share * noise >= tolerance,
            unstable,
        }
    }
}

#[cfg(test)]
mod tests;
