//! A worker and a verifier that render tiny frames all the time, and what the managers show of these.

use super::actors::{ANSWER_MAX, outcome};
use super::checker::Violation;
use super::history::{Act, History, Outcome};
use super::ledger::{FilmCounts, FrameKey, Ledger, ShownFrame, ShownReceipt};
use super::managers::{Managers, VERIFIERS_END, WORKERS_END};
use crate::network_sim::dice::Dice;
use crate::{Role, Started};
use anyhow::{Context, Result};
use candela_client::Client;
use candela_wire::api::{
    AllowRequest, FrameState, JobRequest, OverridesRequest, SceneFile, SceneRequest,
    VerificationInfo,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

/// Frames of a job.
const FRAMES: usize = 8;

/// Percentage of the demonstration scene's size: frames of 57 × 32 pixels.
const PERCENTAGE: u32 = 10;

/// How often a manager is asked how far the frames are.
const LOOK: Duration = Duration::from_millis(700);

/// How long the frames may take that are left after the last fault.
const REST_MAX: Duration = Duration::from_secs(240);

/// What is known of the film, shared with who watches it.
#[derive(Default)]
struct Seen {
    ledger: Ledger,
    /// Its jobs, and whether all their frames were accepted.
    jobs: Vec<(u64, bool)>,
    violations: Vec<Violation>,
}

/// A worker, a verifier, and a user who has them render; they end when this is dropped.
pub(crate) struct Film {
    nodes: Vec<(&'static str, Started)>,
    seen: Arc<Mutex<Seen>>,
    _task: JoinSet<()>,
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Film {
    /// Starts the nodes and lets the user begin.
    pub(crate) fn start(
        managers: &Managers,
        seed: u64,
        history: &Arc<History>,
        gate: &Arc<RwLock<()>>,
    ) -> Result<Film> {
        let folder = tempfile::tempdir()?;
        let scene = std::fs::read(crate::demo_scene(folder.path())?)?;
        let mut nodes = Vec::new();
        for (name, role, end) in
            [("ada", Role::Worker, WORKERS_END), ("vera", Role::Verifier, VERIFIERS_END)]
        {
            nodes.push((name, managers.node(end, name, role)?));
        }
        let seen = Arc::<Mutex<Seen>>::default();
        let director = Director {
            clients: managers.clients.clone(),
            dice: Dice::new(seed ^ 1),
            scene,
            history: history.clone(),
            seen: seen.clone(),
            jobs: 0,
            unclear: None,
        };
        let mut task = JoinSet::new();
        task.spawn(director.direct(gate.clone()));
        Ok(Film { nodes, seen, _task: task })
    }

    /// How much was shown of it.
    pub(crate) fn counts(&self) -> FilmCounts {
        locked(&self.seen).ledger.counts()
    }

    /// What must not be, as the managers show the frames now that everybody carries out writes. Of
    /// accepted frames, the receipts are looked at once, or again if all are wanted.
    pub(crate) async fn check(&mut self, clients: &[Client], all: bool) -> Result<Vec<Violation>> {
        let mut found = std::mem::take(&mut locked(&self.seen).violations);
        for (name, node) in &mut self.nodes {
            if node.has_ended()? {
                found.push(Violation::new(format!("the node {name} ended by itself")));
            }
        }
        let jobs = locked(&self.seen).jobs.clone();
        for (place, client) in clients.iter().enumerate() {
            for (job, _) in jobs.iter().filter(|(_, done)| all || !done) {
                for frame in frames(client, *job).await? {
                    found.extend(locked(&self.seen).ledger.check(place, frame));
                }
            }
            // Each is asked about all, or about its part.
            let keys = locked(&self.seen).ledger.to_look_at(all);
            let count = if all { keys.len() } else { keys.len().div_ceil(clients.len() - place) };
            for key in keys.into_iter().take(count) {
                let shown = receipts(client, key).await?;
                found.extend(locked(&self.seen).ledger.check_receipts(place, key, &shown));
            }
        }
        let mut seen = locked(&self.seen);
        let Seen { ledger, jobs, .. } = &mut *seen;
        for (job, done) in jobs {
            *done = (1..=FRAMES as i32).all(|number| ledger.is_accepted((*job, number)));
        }
        Ok(found)
    }

    /// Waits until all frames are accepted; what must not be if they aren't.
    pub(crate) async fn finish(&self, client: &Client) -> Vec<Violation> {
        let begun = Instant::now();
        let jobs = locked(&self.seen).jobs.clone();
        let mut left = String::new();
        while begun.elapsed() < REST_MAX {
            left.clear();
            for (job, _) in &jobs {
                match frames(client, *job).await {
                    Ok(frames) => {
                        let open = frames.iter().filter(|f| f.state != FrameState::Accepted);
                        open.for_each(|frame| left.push_str(&format!("{frame:?} ")));
                        if frames.is_empty() {
                            left.push_str(&format!("job {job} has no frames "));
                        }
                    }
                    Err(error) => left.push_str(&format!("job {job}: {error:#} ")),
                }
            }
            if left.is_empty() {
                return Vec::new();
            }
            tokio::time::sleep(LOOK).await;
        }
        vec![Violation { what: "frames are not rendered any more".to_owned(), around: vec![left] }]
    }
}

/// Who submits the jobs and looks how far they are.
struct Director {
    clients: Vec<Client>,
    dice: Dice,
    scene: Vec<u8>,
    history: Arc<History>,
    seen: Arc<Mutex<Seen>>,
    jobs: usize,
    /// A job that was sent and may be there.
    unclear: Option<JobRequest>,
}

impl Director {
    async fn direct(mut self, gate: Arc<RwLock<()>>) {
        loop {
            {
                let _held = gate.read().await;
                let last = locked(&self.seen).jobs.last().map(|(job, _)| *job);
                let over = match last {
                    Some(job) => self.look(job).await,
                    None => true,
                };
                if over {
                    self.submit().await;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn manager(&mut self) -> usize {
        self.dice.between(0, self.clients.len() as u64 - 1) as usize
    }

    /// Notes how far a job is, as any manager says; whether it is over.
    async fn look(&mut self, job: u64) -> bool {
        let manager = self.manager();
        let client = self.clients[manager].clone();
        let asked = tokio::time::timeout(ANSWER_MAX, frames(&client, job)).await;
        let Ok(Ok(frames)) = asked else { return false };
        let mut seen = locked(&self.seen);
        for frame in &frames {
            let odd = seen.ledger.note(*frame);
            seen.violations.extend(odd);
        }
        frames.len() == FRAMES && frames.iter().all(|f| f.state == FrameState::Accepted)
    }

    async fn submit(&mut self) {
        let manager = self.manager();
        let client = self.clients[manager].clone();
        let request = self.unclear.take().unwrap_or_else(|| self.request());
        let place = self.history.invoke(manager, Act::Submit(request.name.clone()));
        let scene = self.scene.clone().into();
        let uploaded = tokio::time::timeout(ANSWER_MAX, client.upload_bytes(scene)).await;
        if !matches!(uploaded, Ok(Ok(_))) {
            self.history.end(place, Outcome::Refused("not uploaded".to_owned()));
            self.unclear = Some(request);
            return;
        }
        let answer = tokio::time::timeout(ANSWER_MAX, client.submit(&request)).await;
        let outcome = outcome(answer, |job| Some(job.id));
        match &outcome {
            Outcome::Acknowledged(job) => locked(&self.seen).jobs.push((*job, false)),
            Outcome::Unknown(_) => self.unclear = Some(request),
            Outcome::Open | Outcome::Refused(_) => {}
        }
        self.history.end(place, outcome);
    }

    fn request(&mut self) -> JobRequest {
        self.jobs += 1;
        let file = SceneFile {
            path: "film.blend".to_owned(),
            hash: blake3::hash(&self.scene).to_hex().to_string(),
            bytes: self.scene.len() as u64,
        };
        let id = self.dice.bytes();
        JobRequest {
            submission_id: id[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
            name: format!("film {}", self.jobs),
            user: Some("director".to_owned()),
            scene: SceneRequest { main_file: file.path.clone(), files: vec![file] },
            frames: Some(format!("1-{FRAMES}")),
            engine: None,
            overrides: OverridesRequest {
                percentage: Some(PERCENTAGE),
                samples: Some(1),
                ..OverridesRequest::default()
            },
            allow: AllowRequest { wait: true, ..AllowRequest::default() },
            priority: 1,
            notify: Default::default(),
        }
    }
}

/// The frames of a job, as a manager shows them.
async fn frames(client: &Client, job: u64) -> Result<Vec<ShownFrame>> {
    let frames = client.all_frames(job).await.with_context(|| format!("frames of job {job}"))?;
    let shown = frames.into_iter().map(|frame| ShownFrame {
        key: (job, frame.number),
        state: frame.status,
        receipt: frame.receipt_id,
    });
    Ok(shown.collect())
}

/// The receipts of a frame, as a manager shows them.
async fn receipts(client: &Client, key: FrameKey) -> Result<Vec<ShownReceipt>> {
    let detail = client.frame(key.0, key.1).await;
    let detail = detail.with_context(|| format!("frame {} of job {}", key.1, key.0))?;
    let shown = detail.receipts.into_iter().map(|receipt| ShownReceipt {
        id: receipt.id,
        state: receipt.status,
        output: receipt.output_hash,
        reopened: receipt.reopened,
        verdicts: receipt.verifications.iter().filter_map(verdict).collect(),
    });
    Ok(shown.collect())
}

/// Number, outcome and evidence of a verdict.
fn verdict(verification: &VerificationInfo) -> Option<(u64, String)> {
    let verdict = verification.verdict.as_ref()?;
    Some((verification.id, format!("{:?} {:?}", verdict.outcome, verdict.evidence_hash)))
}
