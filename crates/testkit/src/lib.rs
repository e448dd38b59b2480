//! For tests only: starts real processes of the program, and the files that cheats are made of.
//!
//! Every process is ended when its handle is dropped, and ends by itself when the test's process dies.

#[cfg(feature = "processes")]
pub mod attack_suite;
#[cfg(feature = "processes")]
pub mod chaos;
#[cfg(feature = "processes")]
mod disk;
pub mod farm_sim;
pub mod network_sim;
#[cfg(feature = "processes")]
mod process;
#[cfg(feature = "processes")]
mod scenes;

#[cfg(feature = "processes")]
pub use disk::SmallDisk;
#[cfg(feature = "processes")]
pub use process::{Network, Role, Site, Started};
#[cfg(feature = "processes")]
pub use scenes::{by_hand, demo_scene, driver, engine, engines_dir, fixture, workspace};

/// What the rules are told where nothing is rendered: a scene's facts, a submission, a verdict.
pub mod sample {
    pub use crate::network_sim::scene::{engine, facts, submission, verdict};
}
