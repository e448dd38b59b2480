//! The verdict: pooled counts against the noise floor of honest machines and the cheat nearest to
//! honest.
//!
//! # The two hypotheses
//!
//! *Honest*: a judged pixel disagrees with at most the chance `p₀`, the [`NoiseFloor`] of this
//! scene and this pair of device classes; disagreeing pixels come in clumps of up to `clump_px`.
//! *Nearest cheat*: a share `p₁` ([`Policy::cheat_share`], 3 %) of the judged pixels is wrong, in
//! clumps of the size of a 16 × 16 patch. Counts of all probes of a task are pooled, informative
//! and direct pixels apart, so that a large sky can't hide a wrong object.
//!
//! # Clumps
//!
//! Pixels of a clump are wrong together, so `n` pixels are worth fewer independent ones: `n /
//! deff`, the design effect of cluster sampling (Kish, *Survey Sampling*, 1965, with full
//! correlation within a cluster and none between).
//! - Towards rejection the clusters are clumps of `c` judged pixels: `n/c` draws, of which `x/c`
//!   are wrong. `c` is at least the floor's `clump_px` and, where two replicas differed, at least
//!   the size of the clumps in which they did.
//! - Towards acceptance the clusters are patches, with `mⱼ` judged pixels each: `n_eff = (Σ mⱼ)² /
//!   Σ mⱼ²` (Kish's formula for unequal weights), of which the same share is wrong. A probe with an
//!   object in one corner counts less than one with as many informative pixels spread over it.
//!
//! # Tests
//!
//! Tails of the binomial distribution, one-sided, extended to real counts as in Clopper and
//! Pearson's interval ([`crate::stats`]). In round `k` of drawing, each error is spent by half:
//! `α_k = α / 2^k`, so that over any number of rounds an honest worker is rejected with at most `α
//! = reject_error`, and the nearest cheat accepted with at most `accept_error` (union bound; `Σ
//! 2^-k = 1`). This plays the part of Wald's sequential probability ratio test (Ann. Math. Stat.
//! 16, 1945), whose own bounds hold for two simple hypotheses and single draws, neither of which is
//! the case here.
//!
//! - **Rejected** if any of four tests finds the counts impossible under the floor, each at `α_k /
//!   4`: informative pixels, direct pixels, *bad probes*, and bad probes where honest ones may be
//!   bad (unsteady ones, see below; all else is about the others). Where the scene is repeatable, a probe
//!   is bad if at least a quarter of its judged pixels (64 or more of them) are wrong, and if the
//!   clump model gives such a count a chance of at most `α_k / 4 / T` with `T` probes compared
//!   (union bound over them). One bad probe rejects.
//! - **Accepted** if not rejected, [`Policy::probes_min`] probes were judged, the informative count
//!   is one that the nearest cheat produces with at most `accept_error / 2^k`, and the direct
//!   pixels are compatible with the floor (tail above `accept_error`). Whatever was left out of the
//!   tests for rejection counts here.
//! - If after [`Policy::probes_max`] probes there are hardly any informative pixels (sky, blank
//!   frames), direct pixels take their place: they must exclude the nearest cheat in the same way,
//!   and the few informative ones be compatible with the floor.
//! - If every probe of the task was compared, there is no sampling error left: accepted if the share
//!   of wrong pixels is nearer to honest than to the nearest cheat (equal likelihood, the slope of
//!   Wald's test); rejected if impossible under the floor at `reject_error_exhausted`.
//! - **Undecided** otherwise: draw more, then whole frames, then another verifier, if possible of
//!   the worker's class.
//!
//! Why a quarter. A forged rectangle covers some cells and a part of others; a quarter of a cell of
//! 32 × 32 is one patch of 16 × 16, the clump that the nearest cheat is assumed to have. The worst
//! honest cell that was measured, between different instruction sets, had 0.8 % of its pixels wrong,
//! a thirtieth of that. Under a floor of 2 · 10⁻³ with clumps of 16 px, 256 of 1024 pixels have a
//! chance of 3 · 10⁻²⁹ (16 or more of 64 draws); under 10⁻², the most that a floor is estimated to,
//! it is 3 · 10⁻¹⁸, and 3 · 10⁻¹⁶ for any of a hundred probes.
//! The model's weak place is an object that honest machines render differently as a whole. None was
//! seen; inspection says where to expect one (below).
//!
//! What sampling by probes can't see is stated apart: forging a share `f` of the frame's area in
//! whole probes is missed by `T` even draws with `(1 − f)^T` ([`Policy::probes_to_catch`]). Half of
//! the probes are drawn by noise; against a forger who picks the quietest tenth of a picture, only
//! the other half counts.
//!
//! More disagreement never makes an acceptance out of anything else: every test for acceptance looks
//! at all wrong pixels, and passes none that would reject if none were set aside.
//!
//! # Scenes that don't repeat
//!
//! Two replicas show which pixels are unstable, and those are left out with a margin; but a pixel
//! on which two replicas agree by chance may still differ in the worker's. Let a pixel show its
//! rarer value with chance `q`, in each rendering anew. Two replicas differ with `d = 2q(1 − q)`.
//! The worker differs although the two agree with `q(1 − q)²+ q²(1 − q) = q(1 − q) = d/2`, and they
//! agree with `1 − d`; so of the pixels that are left, at most `(d/2) / (1 − d)` disagree. Summed
//! over pixels of any mixture of `q`, the same holds with the mean `d`. If unstable values never
//! repeat, the chance is `1 − √(1 − d)`, which is smaller. The floor is raised by this, with the
//! upper Clopper–Pearson bound (10⁻³) of `d`. The margin takes away more than that; it isn't
//! credited.
//!
//! # Unsteady places
//!
//! Where whole areas flip together, whole probes may be wrong although two replicas agree. Such areas
//! lie somewhere: inspection renders its preview again and again, also as another class of processor,
//! and keeps where the renders differ ([`crate::unsteady`]). A probe is *unsteady* if it lies on such a
//! place, or if its own two replicas differ in a sixteenth of its pixels. If the caller sets
//! `bad_probe_share_upper`, or anything unstable was seen, an unsteady probe needs half of its pixels
//! wrong to be bad, bad unsteady ones are tested by their number alone (a quarter of them may be,
//! [`Policy::unsteady_bad_share`]), and the pixels' tests for rejection leave unsteady probes out; those
//! for acceptance don't. The floor of the others is raised by what is torn in *them*: a probe in the
//! middle of a torn wall would else excuse a forgery beside it.
//! Everywhere else one bad probe rejects, also in scenes that don't repeat. On the bedroom (1.9 % of
//! its pixels differ between two renders) the worst honest cell of all pairs of classes had 9 % of its
//! judged pixels wrong after unstable ones were left out, and it lay on no unsteady place.

mod floor;
mod pool;

pub use floor::NoiseFloor;
pub use pool::Pool;

use crate::agreement::TileCounts;
use crate::stats;
use pool::first_true;

/// Tests that reject: two kinds of pixels of steady probes, bad steady probes and bad unsteady ones.
const TESTS: f64 = 4.0;

/// A probe of which one in so many pixels differs between two replicas is unsteady by itself.
const UNSTABLE_PART: u64 = 16;

/// Error rates and limits of a judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Chance that an honest worker's task is rejected by sampling, over all rounds.
    pub reject_error: f64,
    /// The same, once every probe of the task was compared and no more can be drawn.
    pub reject_error_exhausted: f64,
    /// Chance that the nearest cheat's task is accepted, over all rounds.
    pub accept_error: f64,
    /// The cheat nearest to honest: share of judged pixels that are wrong.
    pub cheat_share: f64,
    /// How many patches of 16 × 16 pixels a clump of a cheat's wrong pixels covers, at least 1.
    pub cheat_clump_patches: f64,
    /// Tiles that must have been judged (at least half of their pixels) before acceptance.
    pub probes_min: u64,
    /// Tiles after which direct pixels take the place of missing informative ones.
    pub probes_max: u64,
    /// Fewer informative pixels than this after `probes_max` probes are "hardly any".
    pub informative_px_min: u64,
    /// Share of a probe's judged pixels that must be wrong for it to be bad.
    pub bad_probe_share: f64,
    /// The same of unsteady probes (where `bad_probe_share_upper` is above 0).
    pub bad_probe_share_unsteady: f64,
    /// Share of the unsteady probes that may be bad without any cheat.
    pub unsteady_bad_share: f64,
    /// Judged pixels without which a probe isn't called bad.
    pub bad_probe_px_min: u64,
}

impl Default for Policy {
    /// That of a whole task: the error rates that the project promises. 25 probes are five for each
    /// frame of a task of five.
    fn default() -> Self {
        Policy {
            reject_error: 1e-9,
            reject_error_exhausted: 1e-4,
            accept_error: 1e-3,
            cheat_share: 0.03,
            cheat_clump_patches: 1.0,
            probes_min: 25,
            probes_max: 50,
            informative_px_min: 256,
            bad_probe_share: 0.25,
            bad_probe_share_unsteady: 0.5,
            unsteady_bad_share: 0.25,
            bad_probe_px_min: 64,
        }
    }
}

impl Policy {
    /// How many evenly drawn probes miss a forged share of the area with at most the chance `miss`.
    ///
    /// `(1 − share)^probes <= miss`. Both lie between 0 and 1, ends excluded.
    #[must_use]
    pub fn probes_to_catch(forged_share: f64, miss: f64) -> u64 {
        (stats::ln(miss) / stats::ln(1.0 - forged_share)).ceil() as u64
    }
}

/// How far the drawing of probes of a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which judgement of this task this is, from 1; counted up each time more probes were drawn.
    pub round: u32,
    /// How many probes there are to draw from: those of all frames of the task, or of the one frame
    /// that is judged alone.
    pub probes_in_task: u64,
}

/// What a judgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The frames are what the scene defines, as far as the policy asks to know.
    Accepted,
    /// They are not.
    Rejected,
    /// More probes are to be drawn.
    Undecided,
}

/// Why a judgement says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Rejected: so many informative pixels disagree as honest machines never show.
    InformativePixels,
    /// Rejected: so many direct pixels disagree as honest machines never show.
    DirectPixels,
    /// Rejected: probes of which a large part is wrong.
    BadProbes,
    /// Accepted: even the cheat nearest to honest would show more wrong pixels.
    NearestCheatExcluded,
    /// Accepted: hardly anything depends on the seed, and what doesn't matches.
    DirectMatch,
    /// Accepted: every probe was compared, and the share of wrong pixels is an honest one.
    AllCompared,
    /// Undecided: no pixel could be judged.
    NothingJudged,
    /// Undecided: fewer probes than the policy asks for.
    TooFewProbes,
    /// Undecided: too few pixels to exclude the nearest cheat, even if all agreed.
    TooFewPixels,
    /// Undecided: more disagreement than acceptance allows and less than rejection asks for.
    BetweenBounds,
    /// Undecided, and no probe is left to draw: ask another verifier.
    Exhausted,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::InformativePixels => "more noisy pixels disagree than honest machines show",
            Reason::DirectPixels => "more noise-free pixels disagree than honest machines show",
            Reason::BadProbes => "large parts of probes disagree",
            Reason::NearestCheatExcluded => "even the cheat nearest to honest would show more",
            Reason::DirectMatch => "nothing depends on the seed, and the pixels match",
            Reason::AllCompared => "every probe was compared and matches",
            Reason::NothingJudged => "no pixel could be judged",
            Reason::TooFewProbes => "too few probes were judged",
            Reason::TooFewPixels => "too few pixels were judged",
            Reason::BetweenBounds => "the disagreement lies between the two bounds",
            Reason::Exhausted => "every probe was compared, and the disagreement is in doubt",
        })
    }
}

/// A verdict with the numbers that it follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What it says.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The counts of all probes, added up.
    pub pooled: TileCounts,
    /// The floor that was used: the given one, raised by what two replicas showed.
    pub floor: NoiseFloor,
    /// Informative pixels and their bounds.
    pub informative: Pool,
    /// Direct pixels and their bounds.
    pub direct: Pool,
    /// Informative pixels of the steady probes alone; they reject, and don't accept.
    pub steady_informative: Pool,
    /// The same of the direct pixels.
    pub steady_direct: Pool,
    /// Tiles that were compared.
    pub probes: u64,
    /// Of these, probes of which at least half of the pixels were judged.
    pub probes_judged: u64,
    /// Tiles that are wrong as a whole, unsteady ones apart: one rejects.
    pub bad_probes: u64,
    /// Unsteady tiles that are wrong as a whole.
    pub bad_unsteady: u64,
    /// That many of them reject; none if not even all would.
    pub bad_unsteady_reject_from: Option<u64>,
}

/// Judges a task by the probes compared so far.
///
/// The counts are those of [`crate::agreement::compare`] ([`TileCounts::is_consistent`]), each probe
/// of a frame once. Values of the floor outside their ranges are moved to the nearest end of them,
/// NaN to the end that rejects nobody. The policy is our own and is taken as it is.
#[must_use]
pub fn judge(
    probes: &[TileCounts],
    floor: &NoiseFloor,
    policy: &Policy,
    progress: Progress,
) -> Judgement {
    let pooled: TileCounts = probes.iter().copied().sum();
    let given = floor;
    let floor = given.raised(&pooled);
    let unsteady = |probe: &&TileCounts| is_unsteady(probe, &floor);
    let steady: TileCounts = probes.iter().filter(|probe| !unsteady(probe)).copied().sum();
    // What is torn in unsteady probes says nothing about the others.
    let steady_floor = given.raised(&steady);
    let exhausted = probes.len() as u64 >= progress.probes_in_task;
    let spent = f64::from(progress.round.max(1)) * std::f64::consts::LN_2;
    let ln_accept = stats::ln(policy.accept_error) - spent;
    let ln_reject = if exhausted {
        stats::ln(policy.reject_error_exhausted)
    } else {
        stats::ln(policy.reject_error) - spent
    } - stats::ln(TESTS);
    let ln_bad = ln_reject - stats::ln((probes.len() as f64).max(1.0));
    let bad_steady = |probe: &&TileCounts| {
        !unsteady(probe) && is_bad(probe, &steady_floor, policy.bad_probe_share, policy, ln_bad)
    };
    let bad_unsteady = |probe: &&TileCounts| {
        unsteady(probe) && is_bad(probe, &floor, policy.bad_probe_share_unsteady, policy, ln_bad)
    };
    let count = |which: &dyn Fn(&&TileCounts) -> bool| probes.iter().filter(which).count() as u64;
    let among = count(&unsteady);
    let pools = |of: &TileCounts, floor: &NoiseFloor| {
        let kinds = [pool::Kind::informative(of), pool::Kind::direct(of)];
        kinds.map(|kind| Pool::new(kind, floor, policy, (ln_reject, ln_accept)))
    };
    let ([informative, direct], [steady_informative, steady_direct]) =
        (pools(&pooled, &floor), pools(&steady, &steady_floor));
    let mut judgement = Judgement {
        verdict: Verdict::Undecided,
        reason: Reason::NothingJudged,
        pooled,
        floor,
        informative,
        direct,
        steady_informative,
        steady_direct,
        probes: probes.len() as u64,
        probes_judged: probes.iter().filter(|probe| is_judged(probe)).count() as u64,
        bad_probes: count(&bad_steady),
        bad_unsteady: count(&bad_unsteady),
        bad_unsteady_reject_from: first_true(1, among, |bad| {
            let share = policy.unsteady_bad_share;
            stats::ln_tail_at_least(bad as f64, among as f64, share) <= ln_reject
        }),
    };
    (judgement.verdict, judgement.reason) = decide(&judgement, policy, exhausted);
    judgement
}

fn is_judged(probe: &TileCounts) -> bool {
    probe.pixels > 0 && 2 * probe.judged() >= probe.pixels
}

/// Wrong in a large part, and not by a clump of an honest machine's wrong pixels.
fn is_bad(
    probe: &TileCounts,
    floor: &NoiseFloor,
    share: f64,
    policy: &Policy,
    ln_bad: f64,
) -> bool {
    let (judged, wrong) = (probe.judged() as f64, probe.wrong() as f64);
    probe.judged() >= policy.bad_probe_px_min.max(1)
        && wrong >= share * judged
        && floor.ln_tail(wrong, judged) <= ln_bad
}

/// Whether whole areas of honest renders may differ there.
fn is_unsteady(probe: &TileCounts, floor: &NoiseFloor) -> bool {
    let torn = probe.unstable > 0 && UNSTABLE_PART * probe.unstable >= probe.pixels;
    floor.bad_probe_share_upper > 0.0 && (probe.unsteady > 0 || torn)
}

fn decide(j: &Judgement, policy: &Policy, exhausted: bool) -> (Verdict, Reason) {
    if j.pooled.judged() == 0 {
        return (Verdict::Undecided, Reason::NothingJudged);
    }
    let rejections = [
        (j.bad_probes > 0, Reason::BadProbes),
        (j.bad_unsteady_reject_from.is_some_and(|from| j.bad_unsteady >= from), Reason::BadProbes),
        (j.steady_informative.is_rejected(), Reason::InformativePixels),
        (j.steady_direct.is_rejected(), Reason::DirectPixels),
    ];
    if let Some((_, reason)) = rejections.into_iter().find(|(rejected, _)| *rejected) {
        return (Verdict::Rejected, reason);
    }
    let enough_probes = exhausted || j.probes_judged >= policy.probes_min;
    let at_limit = exhausted || j.probes >= policy.probes_max;
    let hardly_informative = at_limit && j.informative.judged < policy.informative_px_min;
    let slope = floor::even_share(j.floor.disagree_share_upper, policy.cheat_share);
    let honest_share = |pool: &Pool| pool.wrong as f64 <= slope * pool.judged as f64;
    // What is wrong in unsteady probes doesn't reject, but it isn't overlooked when something is accepted.
    let compatible = |pool: &Pool| {
        let ln_tail = j.floor.ln_tail(pool.wrong as f64, pool.judged as f64);
        ln_tail > stats::ln(policy.accept_error)
    };
    let none_rejects = !j.informative.is_rejected() && !j.direct.is_rejected();
    let acceptances = [
        (
            enough_probes && j.informative.is_accepted() && compatible(&j.direct),
            Reason::NearestCheatExcluded,
        ),
        (
            enough_probes
                && hardly_informative
                && j.direct.is_accepted()
                && compatible(&j.informative),
            Reason::DirectMatch,
        ),
        (
            exhausted
                && is_judged(&j.pooled)
                && honest_share(&j.informative)
                && honest_share(&j.direct),
            Reason::AllCompared,
        ),
    ];
    let accepted = acceptances.into_iter().find(|(accepted, _)| *accepted && none_rejects);
    if let Some((_, reason)) = accepted {
        return (Verdict::Accepted, reason);
    }
    let carrying = if hardly_informative { &j.direct } else { &j.informative };
    let reason = if exhausted {
        Reason::Exhausted
    } else if !enough_probes {
        Reason::TooFewProbes
    } else if carrying.accept_up_to.is_none() {
        Reason::TooFewPixels
    } else {
        Reason::BetweenBounds
    };
    (Verdict::Undecided, reason)
}

#[cfg(test)]
mod tests;
