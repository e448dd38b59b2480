//! Takes sessions that other nodes open, within the limits, and puts them where the owner picks them up.

use crate::admission::{AcceptOptions, Admission, Bucket};
use crate::close::CloseReason;
use crate::session::{Session, SessionOptions};
use crate::stream::close_now;
use candela_core::id::NodeId;
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, IncomingFilter, IncomingFilterOutcome, ProtocolHandler};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc;

#[derive(Debug)]
pub(crate) struct SessionAcceptor {
    admission: Arc<Mutex<Admission>>,
    options: SessionOptions,
    accepted: mpsc::Sender<Session>,
}

impl SessionAcceptor {
    pub(crate) fn new(
        options: SessionOptions,
        accept: &AcceptOptions,
    ) -> (Self, mpsc::Receiver<Session>) {
        let (accepted, sessions) = mpsc::channel(accept.queue.max(1));
        let admission = Arc::new(Mutex::new(Admission::new(accept.clone())));
        (SessionAcceptor { admission, options, accepted }, sessions)
    }
}

impl ProtocolHandler for SessionAcceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let node = NodeId(*connection.remote_id().as_bytes());
        let Some(_admitted) = Admitted::new(&self.admission, node) else {
            tracing::debug!(node_id = %node, "too many sessions, turned away");
            close_now(&connection, &CloseReason::Busy);
            return linger(&connection).await;
        };
        let Some(opened) = Session::opened(connection.clone()).await else {
            tracing::debug!(node_id = %node, "did not open a session");
            return Ok(());
        };
        let Ok(place) = self.accepted.try_reserve() else {
            tracing::debug!(node_id = %node, "nobody takes sessions, turned away");
            close_now(&connection, &CloseReason::Busy);
            return linger(&connection).await;
        };
        if let Some(session) = opened.take(&self.options).await {
            place.send(session);
        }
        // Counted until the connection is gone, not only until the owner drops the session.
        connection.closed().await;
        Ok(())
    }
}

/// Waits for a close to be under way.
async fn linger(connection: &Connection) -> Result<(), AcceptError> {
    connection.closed().await;
    Ok(())
}

/// A session that counts; it stops counting when this is dropped.
struct Admitted {
    admission: Arc<Mutex<Admission>>,
    node: NodeId,
}

impl Admitted {
    fn new(admission: &Arc<Mutex<Admission>>, node: NodeId) -> Option<Self> {
        let admitted = locked(admission).admit(node, Instant::now());
        admitted.then(|| Admitted { admission: admission.clone(), node })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        locked(&self.admission).release(self.node);
    }
}

/// Turns connection attempts away before a handshake is spent on them, once they come too fast.
pub(crate) fn handshake_filter(accept: &AcceptOptions) -> IncomingFilter {
    let burst = f64::from(accept.handshakes_burst.max(1));
    let rate = f64::from(accept.handshakes_per_second);
    let bucket = Mutex::new(Bucket::full(burst, rate, Instant::now()));
    Arc::new(move |_incoming| {
        if locked(&bucket).take(Instant::now()) {
            IncomingFilterOutcome::Accept
        } else {
            IncomingFilterOutcome::Reject
        }
    })
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is guarded is counters: valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
