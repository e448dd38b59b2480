//! One manager as a process: told what to do by lines on its input, answers by lines on its output.

use crate::stand_in::stand_in;
use anyhow::{Context, Result, bail};
use candela_core::farm::{Command, Farm};
use candela_core::frames::FrameSet;
use candela_core::id::EngineBuild;
use candela_core::node::Role;
use candela_core::policy::Policy;
use candela_engine::Installed;
use candela_engine::provision::Program;
use candela_node::config::{DatabaseConfig, EngineConfig, ManagerConfig};
use candela_node::manager::{Manager, TicketRequest};
use candela_testkit::sample;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Users between whom the work is shared.
const USERS: u64 = 4;

/// Frames of one job.
const JOB_FRAMES: usize = 5_000;

/// Runs a manager: `DATA_DIR [TICKET]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = arguments.first().context("no folder")?;
    runtime.block_on(serve(PathBuf::from(folder), arguments.get(1).cloned()))
}

/// An engine that is never started.
fn no_engine() -> EngineConfig {
    let none = PathBuf::from("/nonexistent");
    let program = Program::Blender { program: none.clone(), folder: none };
    EngineConfig::new(Installed { build: build(), version: [0, 0, 0], program })
}

async fn serve(data_dir: PathBuf, join: Option<String>) -> Result<()> {
    let mut policy = Policy { task_frames_max: 1, jobs_per_user_max: 0, ..Policy::default() };
    // Every frame is verified, of however good a worker.
    policy.checking.verified_first = u32::MAX;
    let config = ManagerConfig {
        data_dir,
        bind: (Ipv4Addr::LOCALHOST, 0).into(),
        advertise: Vec::new(),
        engine: no_engine(),
        policy,
        join,
        database: DatabaseConfig::default(),
        stand_in: Some(stand_in()),
    };
    let running = Box::pin(candela_node::manager::run(config)).await?;
    let manager = running.manager.clone();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    println!("{}", json!({ "ready": true }));
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["ticket", kind] => ticket(&manager, kind == "manager").await?,
            ["submit", frames] => submit(&manager, frames.parse()?).await?,
            ["figures"] => figures(&manager).await?,
            ["quit"] => break,
            _ => bail!("what is {line:?}?"),
        };
        println!("{answer}");
    }
    running.shutdown().await;
    Ok(())
}

async fn ticket(manager: &Manager, for_manager: bool) -> Result<Value> {
    let roles = match for_manager {
        true => [].into(),
        false => [Role::Worker, Role::Verifier].into(),
    };
    let request = TicketRequest { roles, owner: None, expires_s: None, manager: for_manager };
    Ok(json!({ "ticket": manager.ticket(request).await? }))
}

/// Submits so many frames, as jobs of several users.
async fn submit(manager: &Manager, frames: usize) -> Result<Value> {
    let mut left = frames;
    while left > 0 {
        let count = left.min(JOB_FRAMES);
        let id: [u8; 32] = rand::random();
        let mut submission = sample::submission(id, FrameSet::new(1..=i32::try_from(count)?)?);
        submission.user = format!("user {}", left as u64 / JOB_FRAMES as u64 % USERS);
        manager.apply(Command::Submit(Box::new(submission))).await?;
        left -= count;
    }
    Ok(json!({ "submitted": frames }))
}

async fn figures(manager: &Manager) -> Result<Value> {
    let tally = manager.tally();
    let counted = manager.read(counted).await?;
    Ok(json!({
        "leads": manager.leads(),
        "commits": tally.commits,
        "rows": tally.rows,
        "transitions": tally.transitions,
        "commit_us": tally.commit_us,
        "accepted": counted.accepted,
        "waiting": counted.waiting,
        "linked": counted.linked,
    }))
}

struct Counted {
    accepted: usize,
    waiting: usize,
    linked: usize,
}

fn counted(farm: &Farm) -> Counted {
    let counts: Vec<_> = farm.jobs().map(|job| farm.frame_counts(job.id)).collect();
    let linked = |id| farm.presence(id).is_some_and(|presence| presence.linked);
    Counted {
        accepted: counts.iter().map(|counts| counts.accepted).sum(),
        waiting: counts.iter().map(|counts| counts.waiting).sum(),
        linked: farm.nodes().filter(|node| linked(node.id)).count(),
    }
}

/// The engine build that nodes say they have.
pub(crate) fn build() -> EngineBuild {
    sample::engine()
}
