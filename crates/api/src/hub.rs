//! From the manager's events to what watchers are sent: read from the state once, for all of them.
//!
//! Changes are gathered for a moment, so that a burst costs one look at the state; and nothing is
//! looked at while nobody watches.

use crate::desk::Desk;
use crate::limits::{EVENTS_GATHERED, EVENTS_QUEUED_MAX, PROGRESS_PERIOD};
use crate::view::{self, Changed};
use candela_core::id::LeaseId;
use candela_node::manager::FarmEvent;
use candela_wire::api::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::AbortHandle;

/// Which job an event is about, if one.
pub(crate) type About = Option<u64>;

/// An event as it goes out.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The job that it is about.
    pub(crate) about: About,
    /// Its name on the stream.
    pub(crate) name: &'static str,
    /// Its data, in JSON.
    pub(crate) data: Arc<str>,
}

impl Message {
    /// Read everything again.
    pub(crate) fn reset() -> Message {
        Message { about: None, name: "reset", data: "{}".into() }
    }

    fn of(event: &Event) -> Option<Message> {
        let (about, name, data) = match event {
            Event::Job(job) => (Some(job.id), "job", serde_json::to_string(job)),
            Event::Frame(frame) => (Some(frame.job_id), "frame", serde_json::to_string(frame)),
            Event::Node(node) => (None, "node", serde_json::to_string(node)),
            Event::Reset => return Some(Message::reset()),
        };
        let data = data.inspect_err(|error| tracing::warn!(%error, "an event can't be written"));
        Some(Message { about, name, data: data.ok()?.into() })
    }
}

/// Where event streams come from.
pub(crate) struct Hub {
    messages: broadcast::Sender<Message>,
}

impl Hub {
    /// Starts to pass on what the manager tells; the second is the task that does it.
    pub(crate) fn start(desk: Desk) -> (Hub, AbortHandle) {
        let (messages, _) = broadcast::channel(EVENTS_QUEUED_MAX);
        let feed =
            Feed { events: desk.watch(), desk, messages: messages.clone(), told: BTreeMap::new() };
        let feeding = tokio::spawn(feed.run());
        (Hub { messages }, feeding.abort_handle())
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.messages.subscribe()
    }
}

struct Feed {
    desk: Desk,
    events: broadcast::Receiver<FarmEvent>,
    messages: broadcast::Sender<Message>,
    /// Samples done as they were told last.
    told: BTreeMap<(LeaseId, i32), u32>,
}

impl Feed {
    async fn run(mut self) {
        let mut progress = tokio::time::interval(PROGRESS_PERIOD);
        progress.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut changed = Changed::default();
            tokio::select! {
                event = self.events.recv() => {
                    if !note(event, &mut changed) {
                        return;
                    }
                    self.gather(&mut changed).await;
                }
                _ = progress.tick() => self.note_progress(&mut changed),
            }
            if self.messages.receiver_count() > 0 && !changed.is_empty() {
                self.tell(changed).await;
            }
        }
    }

    async fn gather(&mut self, changed: &mut Changed) {
        let over = tokio::time::sleep(EVENTS_GATHERED);
        let mut over = std::pin::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                event = self.events.recv() => if !note(event, changed) { return },
            }
        }
    }

    fn note_progress(&mut self, changed: &mut Changed) {
        let told = std::mem::take(&mut self.told);
        for progress in self.desk.progress() {
            let key = (progress.lease, progress.frame);
            if told.get(&key) != Some(&progress.samples_done) {
                changed.progressed.insert(key);
            }
            self.told.insert(key, progress.samples_done);
        }
    }

    async fn tell(&self, changed: Changed) {
        if changed.lost || changed.len() > EVENTS_QUEUED_MAX / 2 {
            self.messages.send(Message::reset()).ok();
            return;
        }
        let progress = view::progress_board(self.desk.progress());
        let events = self.desk.read(move |farm| view::events(farm, &changed, &progress)).await;
        match events {
            // That nobody listens any more is no failure.
            Ok(events) => events.iter().filter_map(Message::of).for_each(|message| {
                self.messages.send(message).ok();
            }),
            Err(error) => {
                tracing::debug!(%error, "the state can't be read for watchers");
                self.messages.send(Message::reset()).ok();
            }
        }
    }
}

/// Whether there may be more events.
fn note(event: Result<FarmEvent, RecvError>, changed: &mut Changed) -> bool {
    match event {
        Ok(FarmEvent::Job(job)) => {
            changed.jobs.insert(job);
        }
        Ok(FarmEvent::Frame(job, frame)) => {
            changed.frames.entry(job).or_default().insert(frame);
        }
        Ok(FarmEvent::Node(node)) => {
            changed.nodes.insert(node);
        }
        Err(RecvError::Lagged(_)) => changed.lost = true,
        Err(RecvError::Closed) => return false,
    }
    true
}
