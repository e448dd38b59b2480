//! The leader's loop: the one owner of the state.
//!
//! It takes what has come in, applies it to the farm in memory, commits the changed rows in one
//! transaction, and only then lets replies and effects leave. While a commit is under way, the next
//! batch gathers.

use crate::manager::clock::{self, now};
use crate::manager::council::Council;
use crate::manager::follow::{CopyOfFarm, QUORUM_AGE_MAX_MS};
use crate::manager::handle::{ApplyError, FarmEvent};
use crate::manager::members::manager_write;
use crate::manager::rows;
use crate::manager::secret;
use crate::manager::tally::{Counter, Size};
use crate::manager::tickets::{TicketBook, TicketRequest};
use candela_core::addr::NodeAddr;
use candela_core::farm::{Command, Effect, Farm, Reply};
use candela_core::id::{BlobHash, EngineBuild, NodeId};
use candela_core::node::Role;
use candela_core::policy::Policy;
use candela_core::refusal::{Refusal, RefusalCode};
use candela_core::seed::Seed;
use candela_taskdb::{CommitError, Epoch, LastCommit, Leadership, RowWrite, Table, TaskDb};
use candela_wire::cluster::{ManagerHello, ManagerRow, ManagerWelcome};
use candela_wire::ticket::TicketRow;
use candela_wire::token::TokenRow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Requests taken into one transaction at most.
const BATCH_MAX: usize = 1_000;

/// How often time goes on for the rules.
const TICK: Duration = Duration::from_millis(500);

/// From one commit's begin to the next turn, at least: each costs every manager the same work, whatever
/// is in it, so where much happens more goes into one. What comes after a quiet moment doesn't wait.
const COMMITS_APART: Duration = Duration::from_millis(10);

type Answer<T> = oneshot::Sender<Result<T, ApplyError>>;

/// What is asked of the loop.
pub(crate) enum Request {
    /// Carry out a command.
    Apply(Box<Command>, Answer<Reply>),
    /// Read the state.
    Read(Box<dyn FnOnce(&Farm) + Send>),
    /// Make a ticket.
    Ticket(TicketRequest, Answer<String>),
    /// What a ticket lets its bearer do: its owner, if it names one, and the roles.
    CheckTicket(String, NodeId, Answer<(Option<String>, BTreeSet<Role>)>),
    /// Keep a token, or what became of it.
    PutToken(Box<TokenRow>, Answer<()>),
    /// All tickets.
    Tickets(Answer<Vec<TicketRow>>),
    /// Take a ticket back.
    RevokeTicket([u8; 32], Answer<()>),
    /// Another manager wants to join.
    JoinManagers(Box<ManagerHello>, Answer<ManagerWelcome>),
    /// The secret that webhooks are signed with.
    WebhookSecret(Answer<String>),
    /// A manager is lost, and to be taken out.
    RemoveManager(u64, Answer<()>),
    /// End.
    Shutdown(oneshot::Sender<()>),
}

/// How leading or following came to an end.
pub(super) enum Turn {
    /// This manager leads now, or doesn't any more.
    Changed,
    /// It was elected and can't read what others wrote: somebody else has to lead.
    TooOld(DeskError),
    /// It is to end, and who waits for that.
    Ended(Option<oneshot::Sender<()>>),
}

/// Takes an effect with the state that it was decided on.
pub(crate) type Perform = Box<dyn Fn(Effect, &Farm) + Send + Sync>;

/// What the loop has others do, once it is durable.
pub(crate) struct Outbox {
    /// Takes effects with the state that they were decided on.
    pub perform: Perform,
    /// Called when memory was thrown away: every session has to say hello again.
    pub forget_sessions: Box<dyn Fn() + Send + Sync>,
    /// Called with a ticket that was taken back: who joined with it is to leave.
    pub end_ticket: Box<dyn Fn([u8; 32]) + Send + Sync>,
}

/// The loop and what it owns.
pub(crate) struct Desk {
    pub(super) db: Arc<TaskDb>,
    epoch: Epoch,
    farm: Farm,
    pub(super) tickets: TicketBook,
    webhook_secret: String,
    pub(super) policy: Policy,
    pub(super) engines: BTreeSet<EngineBuild>,
    manager: NodeAddr,
    pub(super) folder: PathBuf,
    events: broadcast::Sender<FarmEvent>,
    pub(super) council: Council,
    counter: Counter,
    leads: bool,
    /// The next turn begins no sooner.
    next_turn: Instant,
    /// Of a follower.
    pub(super) copy: Option<CopyOfFarm>,
    pub(super) looked_at: Option<Instant>,
    pub(super) seen_commit: Option<LastCommit>,
}

/// What a desk is made of.
pub(crate) struct DeskParts {
    pub db: Arc<TaskDb>,
    pub policy: Policy,
    pub engines: BTreeSet<EngineBuild>,
    /// Where this manager is reached.
    pub manager: NodeAddr,
    /// The manager's folder.
    pub folder: PathBuf,
    pub events: broadcast::Sender<FarmEvent>,
    pub council: Council,
    pub counter: Counter,
}

/// A reply that waits for the commit.
pub(super) enum Pending {
    Applied(Answer<Reply>, Result<Reply, Refusal>),
    Ticket(Answer<String>, String),
    Done(Answer<()>),
    Manager(Answer<ManagerWelcome>, ManagerWelcome),
    Revoked(Answer<()>, [u8; 32]),
}

fn seed() -> Seed {
    Seed(rand::random())
}

impl Desk {
    /// Takes over the database if this manager leads, and loads the state.
    pub(crate) async fn open(parts: DeskParts) -> Result<Desk, DeskError> {
        let DeskParts { db, policy, engines, manager, folder, events, council, counter } = parts;
        let several = db.leadership().await.managers.len() > 1;
        let (rows, _) = rows::load_copy(&db).await?;
        let farm = Farm::load(policy.clone(), engines.clone(), rows, now());
        let mut desk = Desk {
            db,
            epoch: Epoch::from_number(0),
            farm,
            tickets: TicketBook::default(),
            webhook_secret: String::new(),
            policy,
            engines,
            manager,
            folder,
            events,
            council,
            counter,
            leads: false,
            next_turn: Instant::now(),
            copy: None,
            looked_at: None,
            seen_commit: None,
        };
        if !several {
            // Alone: whatever is in the way is to be told at once.
            desk.take_over().await?;
            desk.council.note(true, desk.db.leadership().await);
            desk.leads = true;
        } else {
            desk.leads = desk.try_to_lead().await?;
        }
        Ok(desk)
    }

    /// The scenes of all jobs.
    pub(crate) fn scenes(&self) -> BTreeSet<BlobHash> {
        self.farm.jobs().map(|job| job.submission.scene).collect()
    }

    /// Runs until it is told to end, or has to.
    ///
    /// # Errors
    /// If other managers wrote what this program doesn't know.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        outbox: Outbox,
    ) -> Result<(), DeskError> {
        let (done, result) = loop {
            let turn = if self.leads {
                self.lead(&mut requests, &outbox).await
            } else {
                self.follow(&mut requests).await
            };
            match turn {
                Turn::Changed => self.leads = !self.leads,
                Turn::Ended(done) => break (done, Ok(())),
                Turn::TooOld(error) => break (None, Err(error)),
            }
        };
        if let Err(error) = self.db.shutdown().await {
            tracing::warn!(%error, "the database did not close in good order");
        }
        // Whoever waits may be gone.
        done.map(|done| done.send(()).ok());
        result
    }

    /// Leads until another manager does, or this one is to end.
    async fn lead(&mut self, requests: &mut mpsc::Receiver<Request>, outbox: &Outbox) -> Turn {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for effect in self.farm.resume() {
            (outbox.perform)(effect, &self.farm);
        }
        loop {
            tokio::time::sleep_until(self.next_turn.into()).await;
            let mut batch = Vec::new();
            tokio::select! {
                received = requests.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return Turn::Ended(None);
                    }
                }
                _ = ticks.tick() => {}
            }
            if let Some(done) = self.turn(batch, outbox).await {
                return Turn::Ended(Some(done));
            }
            if !self.still_leads().await {
                tracing::warn!("this manager doesn't lead any more");
                self.council.note(false, self.db.leadership().await);
                (outbox.forget_sessions)();
                return Turn::Changed;
            }
        }
    }

    /// Whether nobody else leads, and the others answer.
    async fn still_leads(&self) -> bool {
        let leadership = self.db.leadership().await;
        let leads = self.council.leads() && is_heard(&leadership);
        if leads {
            self.council.note(true, leadership);
        }
        leads
    }

    /// One batch: apply, commit, answer, act.
    async fn turn(&mut self, batch: Vec<Request>, outbox: &Outbox) -> Option<oneshot::Sender<()>> {
        let (mut effects, mut pending, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        let mut writes: Vec<RowWrite> = Vec::new();
        let mut ended = None;
        let now = now();
        for request in batch {
            match request {
                Request::Apply(command, reply) => {
                    let result = self.farm.apply(*command, now, &seed(), &mut effects);
                    pending.push(Pending::Applied(reply, result));
                }
                Request::Read(read) => reads.push(read),
                Request::Ticket(request, reply) => {
                    let managers = self.council.addrs();
                    let (ticket, write) = self.tickets.make(&request, managers, now);
                    writes.push(write);
                    pending.push(Pending::Ticket(reply, ticket));
                }
                Request::PutToken(row, reply) => {
                    let key = candela_wire::rows::key_token(row.id);
                    let body = candela_wire::rows::encode_token(&row);
                    writes.push(RowWrite::put(Table::Tokens, key, body));
                    pending.push(Pending::Done(reply));
                }
                Request::CheckTicket(ticket, node, reply) => {
                    let known = self.farm.node(node);
                    let checked = self.tickets.check(&ticket, known, now);
                    // Whoever asked may be gone.
                    reply.send(checked.map_err(ApplyError::Refused)).ok();
                }
                // Whoever asked may be gone.
                Request::Tickets(reply) => drop(reply.send(Ok(self.tickets.all()))),
                // Whoever asked may be gone.
                Request::WebhookSecret(reply) => drop(reply.send(Ok(self.webhook_secret.clone()))),
                Request::RevokeTicket(id, reply) => match self.tickets.revoke(id) {
                    Ok(write) => {
                        writes.push(write);
                        pending.push(Pending::Revoked(reply, id));
                    }
                    Err(refusal) => drop(reply.send(Err(ApplyError::Refused(refusal)))),
                },
                Request::JoinManagers(hello, reply) => match self.take_in(&hello, now) {
                    Ok((welcome, write)) => {
                        writes.push(write);
                        pending.push(Pending::Manager(reply, welcome));
                    }
                    // Whoever asked may be gone.
                    Err(refusal) => drop(reply.send(Err(ApplyError::Refused(refusal)))),
                },
                Request::RemoveManager(number, reply) => {
                    let removed = self.remove(number, &mut writes).await;
                    reply.send(removed.map_err(ApplyError::Refused)).ok();
                }
                Request::Shutdown(reply) => ended = Some(reply),
            }
        }
        let tick = self.farm.apply(Command::Tick, now, &seed(), &mut effects);
        debug_assert!(tick.is_ok(), "time is never refused");
        let changed = self.farm.take_changed();
        writes.extend(rows::writes(&self.farm, &changed));
        match self.commit(writes).await {
            Ok(()) => {
                self.note_new_managers(&pending);
                for reply in &pending {
                    if let Pending::Revoked(_, id) = reply {
                        (outbox.end_ticket)(*id);
                    }
                }
                answer(pending);
                for effect in effects {
                    self.announce(&effect);
                    (outbox.perform)(effect, &self.farm);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the database did not take a commit");
                refuse(pending, &error);
                if is_refused(&error) {
                    self.undo().await;
                } else if self.reload().await {
                    (outbox.forget_sessions)();
                    for effect in self.farm.resume() {
                        (outbox.perform)(effect, &self.farm);
                    }
                } else {
                    self.council.note(false, self.db.leadership().await);
                    // Memory holds what was not carried out; whoever asks again is answered by the copy.
                    reads.clear();
                }
            }
        }
        for read in reads {
            read(&self.farm);
        }
        ended
    }

    async fn commit(&mut self, writes: Vec<RowWrite>) -> Result<(), CommitError> {
        if writes.is_empty() {
            return Ok(());
        }
        let (size, begun) = (Size::of(&writes), Instant::now());
        self.next_turn = begun + COMMITS_APART;
        self.db.commit(self.epoch, writes).await?;
        self.counter.add(&size, begun.elapsed());
        Ok(())
    }

    /// Takes back what memory says and nobody was told: nothing of it was written, and the database
    /// works. Who is connected stays connected.
    async fn undo(&mut self) {
        loop {
            match self.load().await {
                Ok((farm, tickets)) => {
                    self.farm = farm.with_presence_of(&self.farm);
                    self.tickets = tickets;
                    return;
                }
                Err(error) => tracing::error!(%error, "the database can't be read; trying again"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn load(&self) -> Result<(Farm, TicketBook), DeskError> {
        let rows = rows::load(&self.db).await?;
        clock::not_before(rows::newest(&rows));
        let tickets = TicketBook::load(&self.db).await?;
        let farm = Farm::load(self.policy.clone(), self.engines.clone(), rows, now());
        Ok((farm, tickets))
    }

    /// Forgets what memory says and reads what is durable, until that works; false if another
    /// manager leads by now, or no majority answers any more.
    async fn reload(&mut self) -> bool {
        loop {
            let leadership = self.db.leadership().await;
            if leadership.managers.len() > 1 && !is_heard(&leadership) {
                return false;
            }
            match self.take_over().await {
                Ok(()) => return true,
                Err(error) => tracing::error!(%error, "the database can't be read; trying again"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Begins an epoch of this manager, and reads what is durable.
    pub(super) async fn take_over(&mut self) -> Result<(), DeskError> {
        self.epoch = self.db.take_over().await.map_err(|error| DeskError(error.into()))?;
        (self.farm, self.tickets) = self.load().await?;
        self.webhook_secret = secret::keep(&self.db, self.epoch).await?;
        let failed = |error: candela_taskdb::ReadError| DeskError(error.into());
        let stored = self.db.load(Table::Managers).await.map_err(failed)?;
        let mut managers = rows::managers(stored)?;
        let address = self.db.address().clone();
        let own = managers.iter_mut().find(|row| row.number == address.number);
        let joined_at = own.as_ref().map_or_else(now, |row| row.joined_at);
        let row = ManagerRow {
            number: address.number,
            addr: self.manager.clone(),
            replication: address.replication,
            requests: address.requests,
            joined_at,
            removed: false,
        };
        if own.as_deref() != Some(&row) {
            let commit = self.db.commit(self.epoch, vec![manager_write(&row)]).await;
            commit.map_err(|error| DeskError(error.into()))?;
            match own {
                Some(own) => *own = row,
                None => managers.push(row),
            }
        }
        self.set_managers(managers);
        Ok(())
    }

    fn announce(&self, effect: &Effect) {
        let event = match effect {
            Effect::JobChanged(job) => FarmEvent::Job(*job),
            Effect::FrameChanged(job, frame) => FarmEvent::Frame(*job, *frame),
            Effect::NodeChanged(node)
            | Effect::OfferTask(node, _)
            | Effect::Revoke(node, _)
            | Effect::OfferVerification(node, _)
            | Effect::RevokeVerification(node, _) => FarmEvent::Node(*node),
            Effect::Inspect(_) | Effect::StoreOutput(_) => return,
        };
        // Nobody may be watching.
        self.events.send(event).ok();
    }
}

/// Whether a manager leads, and the others answer it.
fn is_heard(leadership: &Leadership) -> bool {
    let answered = leadership.quorum_ms_ago.is_none_or(|ms| ms < QUORUM_AGE_MAX_MS);
    leadership.is_leader() && (leadership.managers.len() < 2 || answered)
}

/// Whether the database declined a commit before anything of it was written.
fn is_refused(error: &CommitError) -> bool {
    matches!(error, CommitError::StorageFull { .. } | CommitError::TooLarge { .. })
}

fn answer(pending: Vec<Pending>) {
    for reply in pending {
        // Whoever asked may be gone; what was done stays done.
        match reply {
            Pending::Applied(reply, result) => {
                reply.send(result.map_err(ApplyError::Refused)).ok();
            }
            Pending::Ticket(reply, ticket) => drop(reply.send(Ok(ticket))),
            Pending::Manager(reply, welcome) => drop(reply.send(Ok(welcome))),
            Pending::Done(reply) | Pending::Revoked(reply, _) => drop(reply.send(Ok(()))),
        }
    }
}

fn refuse(pending: Vec<Pending>, error: &CommitError) {
    let why = || match error {
        CommitError::StorageFull { .. } => ApplyError::Refused(
            Refusal::new(RefusalCode::StorageFull, "the manager's disk is full")
                .with_hint("nothing was lost; try again when there is room"),
        ),
        other => ApplyError::Unavailable(other.to_string()),
    };
    for reply in pending {
        match reply {
            Pending::Applied(reply, _) => drop(reply.send(Err(why()))),
            Pending::Ticket(reply, _) => drop(reply.send(Err(why()))),
            Pending::Manager(reply, _) => drop(reply.send(Err(why()))),
            Pending::Done(reply) | Pending::Revoked(reply, _) => drop(reply.send(Err(why()))),
        }
    }
}

/// The state could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("load the state from the database")]
pub struct DeskError(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

impl DeskError {
    /// Whether something there was written by a newer program.
    pub(super) fn is_too_new(&self) -> bool {
        let decoding = self.0.downcast_ref::<candela_wire::DecodeError>();
        matches!(decoding, Some(candela_wire::DecodeError::VersionUnknown { .. }))
    }
}
