//! For tests only: starts real processes of the program, and the files that cheats are made of.
//!
//! Every process is ended when its handle is dropped, and ends by itself when the test's process dies.

pub mod attack_suite;
pub mod chaos;
mod disk;
pub mod farm_sim;
pub mod network_sim;
mod process;
mod scenes;

pub use disk::SmallDisk;
pub use process::{Network, Role, Site, Started};
pub use scenes::{by_hand, demo_scene, driver, engine, engines_dir, fixture, workspace};
