//! What the tests of whole networks share: a manager and nodes in this process, and a scene.
#![allow(dead_code, reason = "each test file uses a part of it")]

use candela_core::farm::{Command, Reply};
use candela_core::frames::FrameSet;
use candela_core::id::{EngineBuild, JobId, SubmissionId};
use candela_core::job::{Allowances, FramesWanted, JobStatus, Overrides, Submission};
use candela_core::message::Notify;
use candela_core::node::Role;
use candela_core::policy::Policy;
use candela_engine::provision::Program;
use candela_engine::{DriverSource, Installed};
use candela_node::config::{AgentConfig, DatabaseConfig, EngineConfig, ManagerConfig};
use candela_node::manager::{FarmEvent, Manager, TicketRequest};
use candela_node::{agent, manager};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The engine that everything is tested with.
pub(crate) fn build() -> EngineBuild {
    EngineBuild("blender-4.5.15".into())
}

/// A quarter of the demonstration's size.
pub(crate) fn small() -> Overrides {
    Overrides { percentage: Some(25), ..Overrides::default() }
}

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn installed() -> Installed {
    let named = std::env::var_os("CANDELA_ENGINES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| workspace().join("target/candela-engines"));
    candela_engine::install(&build(), &folder, &mut |line| eprintln!("{line}")).unwrap()
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A manager on that folder.
pub(crate) fn manager_on(data_dir: &Path) -> ManagerConfig {
    ManagerConfig {
        data_dir: data_dir.to_owned(),
        bind: loopback(),
        advertise: Vec::new(),
        engine: EngineConfig::new(installed()),
        policy: Policy::default(),
        join: None,
        database: DatabaseConfig::default(),
        stand_in: None,
    }
}

pub(crate) struct Network {
    folder: tempfile::TempDir,
    manager: manager::Running,
}

impl Network {
    pub(crate) async fn start() -> Network {
        // Set by the first test of the process only.
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init()
            .ok();
        let folder = tempfile::tempdir().unwrap();
        let config = manager_on(&folder.path().join("manager"));
        Network { manager: Box::pin(manager::run(config)).await.unwrap(), folder }
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager.manager
    }

    pub(crate) async fn ticket(&self, role: Role) -> String {
        let request =
            TicketRequest { roles: [role].into(), owner: None, expires_s: None, manager: false };
        self.manager().ticket(request).await.unwrap()
    }

    pub(crate) async fn end(self) {
        self.manager.shutdown().await;
    }

    pub(crate) async fn join(
        &self,
        name: &str,
        role: Role,
        driver: Option<&Path>,
    ) -> agent::Running {
        let ticket = self.ticket(role).await;
        let mut engine = EngineConfig::new(installed());
        engine.threads = Some(1);
        if let Some(driver) = driver {
            engine.driver = DriverSource::from_path(driver);
        }
        agent::run(AgentConfig {
            data_dir: self.folder.path().join(name),
            ticket,
            name: name.to_owned(),
            roles: [role].into(),
            bind: loopback(),
            advertise: Vec::new(),
            engine,
            slots: 1,
        })
        .await
        .unwrap()
    }

    pub(crate) async fn submit(&self, scene: &Path, frames: &str, overrides: Overrides) -> JobId {
        let blobs = self.manager().blobs();
        let added = blobs
            .add_path(scene, candela_node::blobs::ImportMode::Copy, "test/file")
            .await
            .unwrap();
        let entries = vec![("scene.blend".to_owned(), added.hash)];
        let collection = candela_node::blobs::Collection::new(entries).unwrap();
        let hash = blobs.store_collection(&collection, "test/scene").await.unwrap();
        let submission = Submission {
            submission_id: SubmissionId([3; 16]),
            user: "test".into(),
            name: "test".into(),
            scene: hash,
            main_file: "scene.blend".into(),
            frames: FramesWanted::These(FrameSet::parse(frames).unwrap()),
            engine: build(),
            overrides,
            allow: Allowances { wait_for_workers: true, ..Allowances::default() },
            priority: 0,
            notify: Notify::default(),
        };
        match self.manager().apply(Command::Submit(Box::new(submission))).await.unwrap() {
            Reply::Job(job) => job,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the job's scene was inspected.
    pub(crate) async fn inspected(&self, job: JobId) {
        let mut events = self.manager().watch();
        let is = move |farm: &candela_core::farm::Farm| farm.job(job).unwrap().inspected.is_some();
        while !self.manager().read(is).await.unwrap() {
            events.recv().await.unwrap();
        }
    }

    /// Waits until the job is over.
    pub(crate) async fn over(&self, job: JobId) -> JobStatus {
        let mut events = self.manager().watch();
        loop {
            let status =
                self.manager().read(move |farm| farm.job(job).unwrap().status.clone()).await;
            let status = status.unwrap();
            if status.is_over() {
                return status;
            }
            while !matches!(events.recv().await, Ok(FarmEvent::Job(of)) if of == job) {}
        }
    }
}

/// The demonstration scene, made by its script once.
pub(crate) fn demo_scene() -> PathBuf {
    let folder = &workspace().join("target/candela-test-scene");
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("demo.blend");
    if !path.exists() {
        let Program::Module { site, python, .. } = installed().program else {
            panic!("the tests make their scene with the Python module");
        };
        let part = folder.join(format!("part-{}.blend", std::process::id()));
        let status = std::process::Command::new(python)
            .arg(workspace().join("crates/cli/assets/demo_scene.py"))
            .arg(&part)
            .env("PYTHONPATH", site)
            .status()
            .unwrap();
        assert!(status.success());
        std::fs::rename(part, &path).unwrap();
    }
    path
}
