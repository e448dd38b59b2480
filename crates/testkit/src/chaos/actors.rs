//! Users who act all the time, through any manager, and note what came of it.

use super::history::{Act, History, Outcome};
use super::managers::ticket_request;
use crate::network_sim::dice::Dice;
use candela_client::{Client, ClientError};
use candela_wire::api::{
    AllowRequest, JobRequest, JobState, OverridesRequest, SceneFile, SceneRequest,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

/// Users that act at the same time.
const USERS: u64 = 4;

/// How long a user waits for an answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Pause of a user between two calls, in milliseconds, from and to.
const PAUSE_MS: (u64, u64) = (60, 300);

/// Jobs that a user remembers to cancel, to read, or to send again.
const REMEMBERED_MAX: usize = 40;

/// What one user knows.
struct User {
    number: u64,
    dice: Dice,
    clients: Vec<Client>,
    history: Arc<History>,
    submitted: u64,
    /// Jobs that were acknowledged, and not cancelled yet.
    jobs: Vec<u64>,
    /// Those of them whose scenes are looked at for a while, so that they can be cancelled.
    slow: Vec<u64>,
    /// Jobs that were sent and may be there: their requests.
    unclear: Vec<JobRequest>,
}

/// Users at work; they end when this is dropped.
pub(crate) struct Actors {
    _tasks: JoinSet<()>,
    /// Held by a user during a call; who writes it has all of them wait.
    pub(crate) gate: Arc<RwLock<()>>,
}

impl Actors {
    /// Lets them begin.
    pub(crate) fn start(seed: u64, clients: &[Client], history: &Arc<History>) -> Actors {
        let (mut tasks, gate) = (JoinSet::new(), Arc::new(RwLock::new(())));
        let mut seeds = Dice::new(seed);
        for number in 0..USERS {
            let user = User {
                number,
                dice: Dice::new(seeds.next()),
                clients: clients.to_vec(),
                history: history.clone(),
                submitted: 0,
                jobs: Vec::new(),
                slow: Vec::new(),
                unclear: Vec::new(),
            };
            tasks.spawn(user.act(gate.clone()));
        }
        Actors { _tasks: tasks, gate }
    }
}

impl User {
    async fn act(mut self, gate: Arc<RwLock<()>>) {
        loop {
            {
                let _held = gate.read().await;
                self.one().await;
            }
            let pause = self.dice.between(PAUSE_MS.0, PAUSE_MS.1);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn one(&mut self) {
        match self.dice.between(0, 99) {
            0..50 => {
                let request = self.request(false);
                self.submit(request).await;
            }
            // No such engine: definitely refused.
            50..55 => {
                let request = self.request(true);
                self.submit(request).await;
            }
            55..65 => match self.unclear.pop() {
                Some(request) => self.submit(request).await,
                None => self.ticket().await,
            },
            65..80 => self.cancel().await,
            80..90 => self.read().await,
            _ => self.ticket().await,
        }
    }

    fn manager(&mut self) -> usize {
        self.dice.between(0, self.clients.len() as u64 - 1) as usize
    }

    fn request(&mut self, refusable: bool) -> JobRequest {
        self.submitted += 1;
        let name = format!("user {} job {}", self.number, self.submitted);
        let content = content(&name);
        let file = SceneFile {
            path: "scene.blend".to_owned(),
            hash: blake3::hash(&content).to_hex().to_string(),
            bytes: content.len() as u64,
        };
        let id = self.dice.bytes();
        JobRequest {
            submission_id: id[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
            // A user may have so many jobs only.
            user: Some(format!("user {} {}", self.number, self.submitted / 500)),
            scene: SceneRequest { main_file: file.path.clone(), files: vec![file] },
            frames: Some("1".to_owned()),
            engine: refusable.then(|| "none-0.0.1".to_owned()),
            overrides: OverridesRequest::default(),
            allow: AllowRequest { wait: true, ..AllowRequest::default() },
            priority: 0,
            notify: Default::default(),
            name,
        }
    }

    async fn submit(&mut self, request: JobRequest) {
        let manager = self.manager();
        let client = self.clients[manager].clone();
        let place = self.history.invoke(manager, Act::Submit(request.name.clone()));
        let content = content(&request.name).into();
        let uploaded = tokio::time::timeout(ANSWER_MAX, client.upload_bytes(content)).await;
        if !matches!(uploaded, Ok(Ok(_))) {
            // The job itself was not sent.
            self.history.end(place, Outcome::Refused("not uploaded".to_owned()));
            self.remember(request);
            return;
        }
        let answer = tokio::time::timeout(ANSWER_MAX, client.submit(&request)).await;
        let outcome = outcome(answer, |job| Some(job.id));
        match &outcome {
            Outcome::Acknowledged(job) => {
                let slow = is_slow(&request.name).then_some(*job);
                self.jobs.push(*job);
                self.slow.extend(slow);
                for list in [&mut self.jobs, &mut self.slow] {
                    let superfluous = list.len().saturating_sub(REMEMBERED_MAX);
                    list.drain(..superfluous);
                }
                // Now and then it is sent again although it is there: it stays one job.
                if self.dice.chance(0.1) {
                    self.remember(request);
                }
            }
            Outcome::Unknown(_) => self.remember(request),
            Outcome::Open | Outcome::Refused(_) => {}
        }
        self.history.end(place, outcome);
    }

    fn remember(&mut self, request: JobRequest) {
        if self.unclear.len() < REMEMBERED_MAX {
            self.unclear.push(request);
        }
    }

    async fn cancel(&mut self) {
        let Some(job) = self.slow.pop() else { return };
        let manager = self.manager();
        let place = self.history.invoke(manager, Act::Cancel(job));
        let asked = self.clients[manager].cancel(job);
        let answer = tokio::time::timeout(ANSWER_MAX, asked).await;
        let done = |status| (status == JobState::Cancelled).then_some(0);
        self.history.end(place, outcome(answer, |job| done(job.status)));
    }

    async fn read(&mut self) {
        // The newest: what was acknowledged a moment ago is what may be missing.
        let Some(job) = self.jobs.last().copied() else { return };
        let manager = self.manager();
        let place = self.history.invoke(manager, Act::Read(job));
        let answer = tokio::time::timeout(ANSWER_MAX, self.clients[manager].job(job)).await;
        self.history.end(place, outcome(answer, |_| Some(0)));
    }

    async fn ticket(&mut self) {
        let manager = self.manager();
        let place = self.history.invoke(manager, Act::Ticket);
        let request = ticket_request(false);
        let asked = self.clients[manager].ticket(&request);
        let answer = tokio::time::timeout(ANSWER_MAX, asked).await;
        self.history.end(place, outcome(answer, |_| Some(0)));
    }
}

/// Whether the scene of a job looks like one, so that the engine is asked about it.
fn is_slow(name: &str) -> bool {
    name.ends_with(['0', '5'])
}

/// The scene of a job: none that can be rendered.
fn content(name: &str) -> Vec<u8> {
    if !is_slow(name) {
        return name.as_bytes().to_vec();
    }
    // Whole as far as its blocks go: their names, lengths, and 16 bytes that say nothing here.
    let mut scene = b"BLENDER-v405TEST".to_vec();
    scene.extend((name.len() as u32).to_le_bytes());
    scene.extend([0; 16]);
    scene.extend(name.as_bytes());
    scene.extend(b"ENDB");
    scene.extend([0; 20]);
    scene
}

/// What came of a call. A refusal is definite if the rules refused; `no_leader` and an error of the
/// manager's are not, since the answer of a leader may have been lost on its way.
pub(crate) fn outcome<T>(
    answer: Result<Result<T, ClientError>, tokio::time::error::Elapsed>,
    acknowledged: impl FnOnce(T) -> Option<u64>,
) -> Outcome {
    match answer {
        Ok(Ok(reply)) => match acknowledged(reply) {
            Some(number) => Outcome::Acknowledged(number),
            None => Outcome::Unknown("another state".to_owned()),
        },
        Ok(Err(ClientError::Refused { status, refusal })) if definite(status, &refusal.code) => {
            Outcome::Refused(refusal.code)
        }
        Ok(Err(error)) => Outcome::Unknown(error.code().unwrap_or("no answer").to_owned()),
        Err(_) => Outcome::Unknown("late".to_owned()),
    }
}

fn definite(status: u16, code: &str) -> bool {
    (400..500).contains(&status) || code == "storage_full"
}
