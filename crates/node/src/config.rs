//! What a node is started with. Files, environment and flags are read by the program, not here.

use crate::manager::StandIn;
use candela_core::id::EngineBuild;
use candela_core::node::Role;
use candela_core::policy::Policy;
use candela_engine::EngineLimits;
use candela_engine::{CpuClass, Device, DriverSource};
use candela_engine::{Installed, SandboxMode};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// How a node's engines are run.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The engine's program.
    pub installed: Installed,
    /// What drives it.
    pub driver: DriverSource,
    /// What one engine may use.
    pub limits: EngineLimits,
    /// Threads of one engine; all of the machine's by default.
    pub threads: Option<u32>,
    /// What it renders on.
    pub device: Device,
    /// For tests: a lesser processor.
    pub cpu_class: CpuClass,
    /// Whether it is shut in.
    pub sandbox: SandboxMode,
}

impl EngineConfig {
    /// The usual: own driver, default limits, the processor, sandbox on.
    #[must_use]
    pub fn new(installed: Installed) -> Self {
        EngineConfig {
            installed,
            driver: DriverSource::default(),
            limits: EngineLimits::default(),
            threads: None,
            device: Device::default(),
            cpu_class: CpuClass::default(),
            sandbox: SandboxMode::default(),
        }
    }

    pub(crate) fn options(&self, scratch_dir: PathBuf) -> candela_engine::EngineOptions {
        let mut options = candela_engine::EngineOptions::new(self.installed.clone(), scratch_dir);
        options.driver = self.driver.clone();
        options.limits = self.limits.clone();
        options.threads = self.threads;
        options.device = self.device;
        options.cpu_class = self.cpu_class;
        options.sandbox = self.sandbox;
        options
    }

    /// The exact build.
    #[must_use]
    pub fn build(&self) -> &EngineBuild {
        &self.installed.build
    }
}

/// What a manager is started with.
#[derive(Debug, Clone)]
pub struct ManagerConfig {
    /// Folder of its database, storage and key. One manager at a time.
    pub data_dir: PathBuf,
    /// Where nodes connect; port 0 takes a free one, and the same again after a restart.
    pub bind: SocketAddr,
    /// Addresses under which nodes reach it from outside.
    pub advertise: Vec<SocketAddr>,
    /// Engine for inspection.
    pub engine: EngineConfig,
    /// The figures on which the rules turn.
    pub policy: Policy,
    /// A ticket of managers that this one is to join; only for its first start.
    pub join: Option<String>,
    /// How other managers reach its database.
    pub database: DatabaseConfig,
    /// For load tests of the control plane only: what takes the place of engines and pictures.
    pub stand_in: Option<StandIn>,
}

/// How the databases of several managers reach one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// Host name or address of this manager for the others.
    pub host: String,
    /// Address on which it listens for them.
    pub listen: IpAddr,
    /// Shortest time without a leader before another is elected, in milliseconds.
    pub election_ms: u64,
}

impl Default for DatabaseConfig {
    /// For managers on one machine.
    fn default() -> Self {
        let listen = IpAddr::from([127, 0, 0, 1]);
        DatabaseConfig {
            host: listen.to_string(),
            listen,
            election_ms: candela_taskdb::CLUSTER_ELECTION_MS_DEFAULT,
        }
    }
}

/// What a node that works is started with.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Folder of its storage, scratch and key. One node at a time.
    pub data_dir: PathBuf,
    /// The ticket to join with.
    pub ticket: String,
    /// What people call it.
    pub name: String,
    /// What it wants to do.
    pub roles: BTreeSet<Role>,
    /// Where others reach it; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Addresses under which others reach it from outside.
    pub advertise: Vec<SocketAddr>,
    /// Its engine.
    pub engine: EngineConfig,
    /// Tasks at once, of each role.
    pub slots: u32,
}
