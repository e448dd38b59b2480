//! A large farm, simulated from one seed over the real rules of `candela_core`: is the work given out
//! soon, fairly and to those who hold the scene, and how much does it cost to decide?
//!
//! Everybody is honest here; `network_sim` is about those who aren't. Nothing of the rules is
//! replaced. Nodes of mixed speeds come and go, some in good order and some by silence; their links
//! are slow and drop; a day's jobs come in by a day-and-night curve from users of three priorities.
//! The nodes say every 10 min that they are there, and silence and grace time are longer to match.
//! What is over is forgotten within hours, so that the memory doesn't grow with the length of the day.

mod agenda;
mod fairness;
mod jobs;
mod nodes;
mod orders;
mod report;
mod tally;
mod world;

use candela_core::policy::Policy;
pub use report::Report;
pub use tally::Cost;

/// Hours after which a job that is over is forgotten, and before which its frames may be opened again.
const KEPT_H: u64 = 2;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything follows from it.
    pub seed: u64,
    /// Nodes; about two of three are connected at a time.
    pub nodes: usize,
    /// Simulated hours in which jobs come in, above 0; what is under way then is finished.
    pub hours: f64,
    /// The work that comes in, over what the connected workers can do, on the average of a day.
    pub load: f64,
    /// Whether nodes say which scenes they hold. If not, nobody who holds one can be preferred.
    pub tell_scenes: bool,
    /// The figures of the rules; silence and grace time are set to match the simulation.
    pub policy: Policy,
}

impl Config {
    /// A farm of that size with the usual rest: at the busiest hour more comes in than can be done.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, hours: f64) -> Config {
        let kept_ms = KEPT_H * 3_600_000;
        let policy = Policy { reopen_ms: kept_ms, keep_jobs_ms: kept_ms, ..Policy::default() };
        Config { seed, nodes, hours, load: 0.7, tell_scenes: true, policy }
    }
}

/// Runs a farm until all its jobs are over.
///
/// # Errors
/// If they don't come to an end within three times the time.
pub fn run(config: Config) -> Result<Report, String> {
    let mut world = world::World::new(config);
    world.run()?;
    Ok(world.report())
}
