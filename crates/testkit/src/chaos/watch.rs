//! Looks all the time who leads, as each manager says.

use super::checker::Sight;
use super::history::History;
use candela_client::Client;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How often each is asked.
const LOOK: Duration = Duration::from_millis(50);

/// How long an answer is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// What was seen; it is looked no more when this is dropped.
pub(crate) struct Watch {
    _tasks: JoinSet<()>,
    sights: Arc<Mutex<Vec<Sight>>>,
}

impl Watch {
    /// Begins to look.
    pub(crate) fn start(clients: &[Client], history: &Arc<History>) -> Watch {
        let (mut tasks, sights) = (JoinSet::new(), Arc::new(Mutex::new(Vec::new())));
        for (place, client) in clients.iter().cloned().enumerate() {
            tasks.spawn(look(place, client, history.clone(), sights.clone()));
        }
        Watch { _tasks: tasks, sights }
    }

    /// All that was seen so far.
    pub(crate) fn sights(&self) -> Vec<Sight> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn look(place: usize, client: Client, history: Arc<History>, sights: Arc<Mutex<Vec<Sight>>>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let answer = tokio::time::timeout(ANSWER_MAX, client.managers()).await;
        let Ok(Ok(info)) = answer else { continue };
        // A manager whose database is closed knows nothing.
        if info.term == 0 {
            continue;
        }
        let at_ms = u64::try_from(history.now().as_millis()).unwrap_or(u64::MAX);
        let sight = Sight { at_ms, place, term: info.term, leader: info.leader };
        let mut sights = sights.lock().unwrap_or_else(PoisonError::into_inner);
        // Only changes: most looks see what the one before saw.
        let last = sights.iter().rev().find(|sight| sight.place == place);
        if last.is_none_or(|last| (last.term, last.leader) != (sight.term, sight.leader)) {
            sights.push(sight);
        }
    }
}
