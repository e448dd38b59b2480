//! What the loop has done outside of it: inspections, outputs into storage, messages to nodes.
//!
//! Every errand ends in a command. Errands that a crash interrupts are set going again from the state.

use crate::manager::clock::now;
use crate::manager::develop::Developer;
use crate::manager::handle::{ApplyError, Manager};
use crate::manager::inspection::Inspector;
use crate::manager::library::Library;
use crate::manager::mirror::Kind;
use crate::manager::sessions::Links;
use crate::manager::stand_in::StandIn;
use crate::manager::weights::Weights;
use crate::verdict;
use candela_blobs::{BlobError, FetchOptions, Fetcher};
use candela_core::addr::NodeAddr;
use candela_core::farm::{Command, Effect, Farm};
use candela_core::id::{JobId, NodeId, ReceiptId, TaskId, VerificationId};
use candela_core::job::JobStatus;
use candela_core::layers::Region;
use candela_core::policy::Policy;
use candela_core::refusal::RefusalCode;
use candela_core::task::{Receipt, Task, TaskStatus};
use candela_core::verification::VerificationTask;
use candela_wire::session::{TaskOffer, ToNode, VerificationOffer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Outputs pulled at once.
const OUTPUTS_AT_ONCE: usize = 8;

/// Attempts to get a receipt's blobs from a worker that is there, before it is its fault.
const ATTEMPTS: u32 = 4;

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a worker that is away is waited for, in pauses.
const AWAY_PAUSES: u32 = 60;

/// Runs errands; cheap to clone.
#[derive(Clone)]
pub(crate) struct Errands {
    pub(super) manager: Manager,
    pub(super) links: Links,
    pub(super) fetcher: Fetcher,
    pub(super) policy: Arc<Policy>,
    pub(super) developer: Developer,
    inspector: Inspector,
    library: Library,
    outputs: Arc<Semaphore>,
    pub(super) stand_in: Option<StandIn>,
    pub(super) weights: Weights,
}

/// What errands are made of.
pub(crate) struct ErrandParts {
    pub manager: Manager,
    pub links: Links,
    pub fetcher: Fetcher,
    pub policy: Policy,
    pub inspector: Inspector,
    pub developer: Developer,
    pub library: Library,
    pub stand_in: Option<StandIn>,
}

impl Errands {
    pub(crate) fn new(parts: ErrandParts) -> Errands {
        Errands {
            manager: parts.manager,
            links: parts.links,
            fetcher: parts.fetcher,
            policy: Arc::new(parts.policy),
            developer: parts.developer,
            inspector: parts.inspector,
            library: parts.library,
            outputs: Arc::new(Semaphore::new(OUTPUTS_AT_ONCE)),
            stand_in: parts.stand_in,
            weights: Weights::default(),
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn is_to_be_inspected(&self, job: JobId) -> bool {
        let inspecting = |status: &JobStatus| matches!(status, JobStatus::Inspecting { .. });
        let asked = self.manager.read(move |farm| farm.job(job).map(|job| inspecting(&job.status)));
        matches!(asked.await, Ok(Some(true)))
    }

    /// Does what an effect asks for. Called in the loop, so it only starts things.
    pub(crate) fn perform(&self, effect: Effect, farm: &Farm) {
        match effect {
            Effect::Inspect(job) => {
                let Some(job) = farm.job(job) else { return };
                let (id, submission) = (job.id, job.submission.clone());
                let errands = self.clone();
                if let Some(stand_in) = &self.stand_in {
                    let command = (stand_in.inspected)(id);
                    tokio::spawn(async move { errands.settle(command).await });
                    return;
                }
                tokio::spawn(async move {
                    errands.manager.mirror.await_scene(submission.scene).await;
                    // Before anybody is offered a task of it.
                    errands.library.open_all([submission.scene].into()).await;
                    let Some(turn) = errands.inspector.turn().await else { return };
                    // It may have been cancelled, or looked at by an earlier errand, while it waited.
                    if !errands.is_to_be_inspected(id).await {
                        return;
                    }
                    let command = errands.inspector.inspect(id, submission, turn).await;
                    errands.settle(command).await;
                });
            }
            Effect::StoreOutput(receipt) => {
                let Some(receipt) = farm.receipt_of(receipt).cloned() else { return };
                let errands = self.clone();
                tokio::spawn(async move { errands.store_output(receipt).await });
            }
            Effect::OfferTask(node, task) => self.offer_task(node, task, farm),
            Effect::OfferVerification(node, id) => self.offer_verification(node, id, farm),
            Effect::Revoke(node, lease) => {
                self.links
                    .tell(node, &ToNode::Revoke { lease, reason: "the lease is over".into() });
            }
            Effect::RevokeVerification(node, verification) => {
                self.links.tell(node, &ToNode::RevokeVerification { verification });
            }
            Effect::JobChanged(_) | Effect::FrameChanged(..) | Effect::NodeChanged(_) => {}
        }
    }

    fn offer_task(&self, node: NodeId, task: TaskId, farm: &Farm) {
        let Some(offer) = farm.task(task).and_then(|task| task_offer(task, farm)) else { return };
        self.links.tell(node, &ToNode::OfferTask(Box::new(offer)));
    }

    fn offer_verification(&self, node: NodeId, id: VerificationId, farm: &Farm) {
        let verification = farm.verification(id);
        let Some(offer) = verification.and_then(|v| verification_offer(v, farm, &self.weights))
        else {
            return;
        };
        self.links.tell(node, &ToNode::OfferVerification(Box::new(offer)));
    }

    /// Hands a command in until the manager takes or refuses it.
    pub(super) async fn settle(&self, command: Command) {
        loop {
            match self.manager.apply(command.clone()).await {
                Ok(_) => return,
                Err(ApplyError::Refused(refusal)) if refusal.code == RefusalCode::StorageFull => {
                    tracing::warn!("an errand waits for room on the manager's disk");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(ApplyError::Refused(refusal)) => {
                    tracing::debug!(code = %refusal.code, "an errand came too late: {refusal}");
                    return;
                }
                Err(ApplyError::Elsewhere(_)) => {
                    tracing::debug!("an errand is the new leader's");
                    return;
                }
                Err(ApplyError::Unavailable(why)) => {
                    tracing::warn!(why, "an errand waits for the manager");
                    tokio::time::sleep(PAUSE).await;
                    if self.manager.requests.is_closed() {
                        return;
                    }
                }
            }
        }
    }

    /// Pulls a receipt's output from its worker.
    async fn store_output(&self, receipt: Receipt) {
        if self.stand_in.is_some() {
            return self.settle(Command::OutputStored(receipt.id)).await;
        }
        let Ok(_permit) = self.outputs.acquire().await else { return };
        let options = FetchOptions {
            bytes_max: receipt.statement.output_bytes,
            ..FetchOptions::pinned(output_pin(&receipt))
        };
        let output = receipt.statement.output;
        let fetched = self
            .get_from_worker(receipt.node, || async {
                let from = self.addresses(receipt.node).await;
                self.fetcher.fetch(output, &from, &options).await?;
                self.fetcher.blobs().sync().await
            })
            .await;
        let command = match fetched {
            Ok(()) => {
                self.hold_elsewhere(&receipt).await;
                Command::OutputStored(receipt.id)
            }
            Err(lost) => lost.command(receipt.id),
        };
        self.settle(command).await;
    }

    /// Has the other managers keep an output, so many of them that losing a few loses nothing.
    async fn hold_elsewhere(&self, receipt: &Receipt) {
        let (pin, output) = (output_pin(receipt), receipt.statement.output);
        while let Err(error) = self.manager.mirror.hold(&pin, output, Kind::Blob).await {
            if !self.manager.leads() {
                // The new leader pulls it again.
                return;
            }
            tracing::warn!("an output waits for the other managers: {error}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tries something with a worker's blobs until it works, the worker was away for too long, or
    /// it was there each time and did not deliver.
    pub(super) async fn get_from_worker<T, F, W>(
        &self,
        worker: NodeId,
        mut work: W,
    ) -> Result<T, Lost>
    where
        W: FnMut() -> F,
        F: Future<Output = Result<T, BlobError>>,
    {
        let (mut failures, mut away) = (0, 0);
        loop {
            let there_before = self.links.has(&worker);
            let error = match work().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error {
                BlobError::StorageFull { .. } => {
                    tracing::error!("the manager's storage is full: {error}");
                }
                BlobError::TooLarge { .. } => {
                    return Err(Lost { blame: true, reason: error.to_string() });
                }
                _ if there_before && self.links.has(&worker) => {
                    failures += 1;
                    tracing::info!(node_id = %worker.short(), failures, "a worker's blob can't be had: {error}");
                    self.rejoin_if_unreachable(worker, &error);
                    if failures >= ATTEMPTS {
                        let reason = format!("the worker did not deliver what it signed: {error}");
                        return Err(Lost { blame: true, reason });
                    }
                }
                _ => {
                    away += 1;
                    if away >= AWAY_PAUSES {
                        let reason = "the worker went away with the frame".to_owned();
                        return Err(Lost { blame: false, reason });
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has a node join again whose session is up and whose blobs can't be reached.
    ///
    /// Connections to a node share one path, which sticks to where the node was before it was
    /// restarted elsewhere; only when the last of them ends is the path found anew.
    pub(super) fn rejoin_if_unreachable(&self, node: NodeId, error: &BlobError) {
        let BlobError::NoProvider { failures, .. } = error else { return };
        if failures.iter().any(|failure| failure.node == node && !failure.answered) {
            tracing::info!(node_id = %node.short(), "a node's blobs can't be reached; it is to join again");
            self.links.end_one(node);
        }
    }

    /// Where a node can be reached.
    pub(super) async fn addresses(&self, node: NodeId) -> Vec<NodeAddr> {
        let read = self.manager.read(move |farm| farm.presence(node).map(|p| p.hello.addr.clone()));
        read.await.ok().flatten().into_iter().collect()
    }
}

/// Blobs that can't be had.
pub(super) struct Lost {
    blame: bool,
    reason: String,
}

impl Lost {
    pub(super) fn command(self, receipt: ReceiptId) -> Command {
        Command::BlobsLost { receipt, blame: self.blame, reason: self.reason }
    }
}

/// The name under which a receipt's output is kept.
pub(crate) fn output_pin(receipt: &Receipt) -> String {
    format!("job/{}/output/{}", receipt.job, receipt.id)
}

/// The name under which a verifier's evidence is kept.
pub(crate) fn evidence_pin(job: JobId, verification: VerificationId) -> String {
    format!("job/{job}/evidence/{verification}")
}

/// The name under which the worker's tiles are kept that a verdict looked at.
pub(crate) fn tiles_pin(job: JobId, verification: VerificationId) -> String {
    format!("job/{job}/tiles/{verification}")
}

fn task_offer(task: &Task, farm: &Farm) -> Option<TaskOffer> {
    let TaskStatus::Leased(lease) = &task.status else { return None };
    let job = farm.job(task.job)?;
    let inspected = job.inspected.as_ref()?;
    Some(TaskOffer {
        task: task.id,
        lease: lease.id,
        job: job.id,
        scene: job.submission.scene,
        main_file: job.submission.main_file.clone(),
        frames: task.frames.iter().copied().collect(),
        settings: inspected.settings.clone(),
        engine: job.submission.engine.clone(),
        deadline_ms_left: lease.deadline.since_ms(now()),
    })
}

/// What a verifier is told: nothing of what the worker delivered.
fn verification_offer(
    verification: &VerificationTask,
    farm: &Farm,
    weights: &Weights,
) -> Option<VerificationOffer> {
    let job = farm.job(verification.job)?;
    let inspected = job.inspected.as_ref()?;
    let statement = &farm.receipt_of(verification.receipt)?.statement;
    let probes = regions_of(verification, farm, weights)?;
    Some(VerificationOffer {
        verification: verification.id,
        job: job.id,
        scene: job.submission.scene,
        main_file: job.submission.main_file.clone(),
        frame: statement.frame,
        probes,
        settings: inspected.settings.clone(),
        engine: job.submission.engine.clone(),
        second_replica: verification.second_replica,
    })
}

/// Where a verification task looks, as it follows from the key and the commitment.
pub(super) fn regions_of(
    verification: &VerificationTask,
    farm: &Farm,
    weights: &Weights,
) -> Option<Vec<Region>> {
    let inspected = farm.job(verification.job)?.inspected.as_ref()?;
    let statement = &farm.receipt_of(verification.receipt)?.statement;
    Some(verdict::regions(&verdict::Where {
        purpose: verification.purpose,
        first: verification.first_probe,
        count: verification.probes,
        size: inspected.settings.size,
        frame: statement.frame,
        layers: statement.layers,
        key: &farm.task(statement.task)?.key,
        weights: &weights.of(verification.job, inspected),
    }))
}
