//! Runs a renderer in a sandbox: provisioning of exact builds, the Blender driver, layers.
//!
//! Only this crate starts processes. What runs inside is not trusted: scenes come from strangers,
//! and whatever comes out of the engine's process is checked before it is believed.

pub mod compare_output;
pub mod dependencies;
pub mod engine;
pub mod error;
mod exr_read;
mod exr_write;
pub mod header;
pub mod inspect;
mod launch;
pub mod layers;
pub mod limits;
pub mod options;
mod output;
mod process;
mod protocol;
pub mod provision;
pub mod sandbox;
mod watch;

pub use compare_output::{Closeness, OutputDifference, same_output};
pub use engine::Engine;
pub use error::EngineError;
pub use limits::EngineLimits;
pub use options::{
    CpuClass, DevelopRequest, Device, DriverSource, EngineOptions, OpenOptions, RenderRequest,
    Rendered, RenderedLayers, VideoRequest,
};
pub use protocol::{DeviceInfo, Hello, Progress};
pub use provision::{Installed, find, install};
pub use sandbox::SandboxMode;
