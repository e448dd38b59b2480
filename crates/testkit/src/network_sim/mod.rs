//! A whole network, simulated from one seed over the real rules of `candela_core`.
//!
//! Nothing of the rules is replaced: nodes join, render, answer, vanish and lie by the commands of
//! [`candela_core::farm::Farm::apply`]. Only pixels are: a model of truth says what pictures show.
//! The nodes say every 20 s that they are there, and silence and grace time are longer to match.

mod acts;
pub mod attack;
mod behaviours;
mod checks;
pub(crate) mod dice;
mod population;
mod report;
pub(crate) mod scene;
mod truth;
mod world;

pub use behaviours::{VerifierKind, WorkerKind};
use candela_core::policy::Policy;
pub use report::{Check, Group, Report};

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything follows from it.
    pub seed: u64,
    /// Nodes; three of five are workers.
    pub nodes: usize,
    /// Share of the workers, and of the verifiers, that is dishonest.
    pub dishonest: f64,
    /// Tasks after which no further job is submitted.
    pub tasks: u64,
    /// Mean time between two jobs.
    pub arrival_ms: f64,
    /// Simulated time after which it is given up.
    pub limit_ms: u64,
    /// The figures of the rules.
    pub policy: Policy,
}

/// Runs a network until all its jobs are over.
///
/// # Errors
/// If they don't come to an end.
pub fn run(config: Config) -> Result<Report, String> {
    let mut world = world::World::new(config);
    world.run()?;
    Ok(world.report())
}

impl Config {
    /// A network of that size with the usual rest.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, tasks: u64) -> Config {
        Config {
            seed,
            nodes,
            dishonest: 0.2,
            tasks,
            arrival_ms: 3_000_000.0 / nodes.max(1) as f64,
            limit_ms: 30 * 24 * 3_600_000,
            policy: Policy::default(),
        }
    }
}
