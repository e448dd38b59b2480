//! A manager that doesn't lead: it answers questions from its own copy, and waits for its turn.

use crate::manager::clock::now;
use crate::manager::desk::{Desk, DeskError, Request, Turn};
use crate::manager::handle::ApplyError;
use crate::manager::rows;
use candela_core::farm::Farm;
use candela_taskdb::{LastCommit, Table};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often it is looked whether this manager was elected.
const LOOK: Duration = Duration::from_millis(50);

/// How old what a follower shows may be.
const COPY_AGE_MAX: Duration = Duration::from_millis(500);

/// A leader that no majority answered for so long is none.
pub(super) const QUORUM_AGE_MAX_MS: u64 = 3_000;

/// The state as a follower's copy of the database has it.
pub(super) struct CopyOfFarm {
    farm: Farm,
    commit: LastCommit,
    looked_at: Instant,
}

impl Desk {
    /// Follows until this manager leads, or is to end.
    pub(super) async fn follow(&mut self, requests: &mut mpsc::Receiver<Request>) -> Turn {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    None => return Turn::Ended(None),
                    Some(Request::Shutdown(done)) => return Turn::Ended(Some(done)),
                    Some(request) => self.answer_as_follower(request).await,
                },
                _ = looks.tick() => {
                    match self.try_to_lead().await {
                        Ok(true) => return Turn::Changed,
                        Ok(false) => {}
                        Err(error) => return Turn::TooOld(error),
                    }
                }
            }
        }
    }

    /// Takes over if this manager was elected; whether it leads now.
    ///
    /// # Errors
    /// If it was elected and never can, because others wrote what this program doesn't know.
    pub(super) async fn try_to_lead(&mut self) -> Result<bool, DeskError> {
        let leadership = self.db.leadership().await;
        let elected = leadership.is_leader()
            && leadership.quorum_ms_ago.is_none_or(|ms| ms < QUORUM_AGE_MAX_MS);
        self.council.note(false, leadership.clone());
        if !elected {
            if let Err(error) = self.refresh_council().await {
                tracing::debug!(%error, "this manager's copy can't be read");
            }
            return Ok(false);
        }
        match self.take_over().await {
            Ok(()) => {
                tracing::info!(
                    number = leadership.own,
                    term = leadership.term,
                    "this manager leads"
                );
                self.council.note(true, leadership);
                self.copy = None;
                Ok(true)
            }
            Err(error) if error.is_too_new() => Err(error),
            Err(error) => {
                let error: &(dyn std::error::Error + Send + Sync) = &*error.0;
                tracing::warn!(%error, "this manager was elected and can't take over yet");
                Ok(false)
            }
        }
    }

    async fn answer_as_follower(&mut self, request: Request) {
        let elsewhere = || ApplyError::Elsewhere(self.council.leader().map(Box::new));
        // Whoever asked may be gone.
        match request {
            Request::Read(read) => match self.copy().await {
                Ok(farm) => read(farm),
                Err(error) => tracing::warn!(%error, "this manager's copy can't be read"),
            },
            Request::Apply(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::Ticket(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::CheckTicket(_, _, reply) => drop(reply.send(Err(elsewhere()))),
            Request::PutToken(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::Tickets(reply) => drop(reply.send(Err(elsewhere()))),
            Request::WebhookSecret(reply) => drop(reply.send(Err(elsewhere()))),
            Request::RevokeTicket(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::JoinManagers(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::RemoveManager(_, reply) => drop(reply.send(Err(elsewhere()))),
            Request::Shutdown(_) => {}
        }
    }

    /// The state as this manager's copy has it, not older than half a second.
    async fn copy(&mut self) -> Result<&Farm, DeskError> {
        let fresh = |copy: &CopyOfFarm| copy.looked_at.elapsed() < COPY_AGE_MAX;
        if !self.copy.as_ref().is_some_and(fresh) {
            let failed = |error: candela_taskdb::ReadError| DeskError(error.into());
            let commit = self.db.last_commit_of_copy().await.map_err(failed)?;
            let unchanged = self.copy.take().filter(|copy| copy.commit == commit);
            let (farm, commit) = match unchanged {
                Some(copy) => (copy.farm, commit),
                None => {
                    let (rows, commit) = rows::load_copy(&self.db).await?;
                    (Farm::load(self.policy.clone(), self.engines.clone(), rows, now()), commit)
                }
            };
            self.copy = Some(CopyOfFarm { farm, commit, looked_at: Instant::now() });
        }
        match &self.copy {
            Some(copy) => Ok(&copy.farm),
            None => Err(DeskError("no copy".into())),
        }
    }

    /// Reads managers and nodes again if anything was committed.
    async fn refresh_council(&mut self) -> Result<(), DeskError> {
        if self.looked_at.is_some_and(|at| at.elapsed() < COPY_AGE_MAX) {
            return Ok(());
        }
        self.looked_at = Some(Instant::now());
        let failed = |error: candela_taskdb::ReadError| DeskError(error.into());
        let commit = self.db.last_commit_of_copy().await.map_err(failed)?;
        if self.seen_commit == Some(commit) {
            return Ok(());
        }
        let managers = self.db.table_of_copy(Table::Managers).await.map_err(failed)?;
        let managers = rows::managers(managers)?;
        let nodes = rows::node_ids(self.db.keys_of_copy(Table::Nodes).await.map_err(failed)?);
        self.council.set_nodes(nodes);
        self.set_managers(managers);
        self.seen_commit = Some(commit);
        Ok(())
    }
}
