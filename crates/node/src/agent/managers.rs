//! The managers that a node knows: those of its ticket, and those that the managers named since.

use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use candela_wire::cluster::Moved;
use candela_wire::session::{self, ToNode};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Cheap to clone; clones know the same.
#[derive(Clone)]
pub(super) struct Managers {
    of_ticket: Vec<NodeAddr>,
    all: Arc<Mutex<Vec<NodeAddr>>>,
    file: PathBuf,
}

impl Managers {
    /// Those of the ticket, and those that were known when the node last ran.
    pub(super) fn open(folder: &Path, of_ticket: &[NodeAddr]) -> Managers {
        let file = folder.join("managers");
        let managers =
            Managers { of_ticket: of_ticket.to_vec(), all: Arc::default(), file: file.clone() };
        let kept = std::fs::read(file).ok().and_then(|bytes| session::decode(&bytes).ok());
        match kept {
            Some(ToNode::Moved(kept)) => managers.set(&kept.managers),
            _ => managers.set(&[]),
        }
        managers
    }

    /// Whether a node is one of them.
    pub(super) fn has(&self, node: &NodeId) -> bool {
        self.all().iter().any(|addr| addr.node == *node)
    }

    /// The one whose turn it is; there is always one.
    pub(super) fn at(&self, turn: usize) -> NodeAddr {
        let all = self.all();
        all[turn % all.len()].clone()
    }

    /// The turn of a manager.
    pub(super) fn place_of(&self, manager: &NodeAddr) -> usize {
        self.all().iter().position(|addr| addr.node == manager.node).unwrap_or(0)
    }

    /// Takes in what the managers say of one another, for now and for the next start.
    pub(super) fn learn(&self, named: &[NodeAddr]) {
        if named.is_empty() {
            return;
        }
        let before = self.all().clone();
        self.set(named);
        if *self.all() == before {
            return;
        }
        let kept = Moved { leader: None, managers: named.to_vec() };
        if let Err(error) =
            std::fs::write(&self.file, session::encode(&ToNode::Moved(Box::new(kept))))
        {
            tracing::warn!(%error, "the managers can't be kept for the next start");
        }
    }

    /// What was named first, then those of the ticket: an old ticket may name managers that are gone.
    fn set(&self, named: &[NodeAddr]) {
        let mut all = named.to_vec();
        let is_new = |addr: &&NodeAddr| named.iter().all(|other| other.node != addr.node);
        all.extend(self.of_ticket.iter().filter(is_new).cloned());
        *self.all() = all;
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<NodeAddr>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
