//! The judgement: draws probes, measures agreement, states bounds, gives the verdict. Pure.
//!
//! How the network knows that a frame from a stranger's machine is the frame that the scene
//! defines:
//!
//! 1. [`key`]: which cells of the frame are probed follows from a secret key and from the worker's
//!    commitment.
//! 2. [`agreement`]: the worker's pixels are compared with the verifier's *replica* (same seed), on
//!    the scale of its *control* (another seed), pixel by pixel.
//! 3. [`judge`]: the counts of all probes of a task are pooled and tested against the noise floor
//!    of honest machines and against the cheat nearest to honest. The error rates are stated there.
//! 4. [`frame`]: the rule by which one frame is judged, alone and with all frames of its lease.
//! 5. [`pictures`]: whether two verifiers saw the same picture.
//! 6. [`unsteady`]: where honest renders differ in whole areas, as inspection saw it.
//! 7. [`evidence`]: what is kept, so that anyone can derive the verdict again.
//!
//! No clock, no randomness, no files, and no arithmetic that differs between machines: [`stats`]
//! brings its own logarithm for that reason.

pub mod agreement;
pub mod evidence;
pub mod frame;
pub mod judge;
pub mod key;
pub mod pictures;
pub mod stats;
pub mod unsteady;
