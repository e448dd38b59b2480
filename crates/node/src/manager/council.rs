//! The managers, as this one knows them: who leads, how each is reached, what a follower may show.

use candela_core::addr::NodeAddr;
use candela_core::id::NodeId;
use candela_taskdb::Leadership;
use candela_wire::cluster::{ManagerRow, Moved};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Shared by all parts of a manager; kept up by its loop. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Council(Arc<RwLock<State>>);

#[derive(Default)]
struct State {
    leads: bool,
    leadership: Leadership,
    rows: Vec<ManagerRow>,
    /// Nodes that joined the network: of a follower, to whom scenes are given.
    nodes: BTreeSet<NodeId>,
}

impl Council {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes who leads. `leads` is whether this manager has taken over, not only been elected.
    pub(crate) fn note(&self, leads: bool, leadership: Leadership) {
        self.change(|state| (state.leads, state.leadership) = (leads, leadership));
    }

    /// Notes the managers.
    pub(crate) fn set_managers(&self, rows: Vec<ManagerRow>) {
        self.change(|state| state.rows = rows);
    }

    /// Notes the nodes that joined.
    pub(crate) fn set_nodes(&self, nodes: BTreeSet<NodeId>) {
        self.change(|state| state.nodes = nodes);
    }

    /// Whether this manager decides.
    pub(crate) fn leads(&self) -> bool {
        self.state().leads
    }

    /// Who leads, as the database has it.
    pub(crate) fn leadership(&self) -> Leadership {
        self.state().leadership.clone()
    }

    /// The managers that were not taken out.
    pub(crate) fn managers(&self) -> Vec<ManagerRow> {
        self.state().rows.iter().filter(|row| !row.removed).cloned().collect()
    }

    /// Every manager there ever was.
    pub(crate) fn all_managers(&self) -> Vec<ManagerRow> {
        self.state().rows.clone()
    }

    /// Where the managers are reached.
    pub(crate) fn addrs(&self) -> Vec<NodeAddr> {
        self.managers().into_iter().map(|row| row.addr).collect()
    }

    /// Where the leader is reached, if it is another manager and known.
    pub(crate) fn leader(&self) -> Option<NodeAddr> {
        let state = self.state();
        let number = state.leadership.leader.filter(|number| *number != state.leadership.own)?;
        state.rows.iter().find(|row| row.number == number).map(|row| row.addr.clone())
    }

    /// Where to go instead.
    pub(crate) fn moved(&self) -> Moved {
        Moved { leader: self.leader(), managers: self.addrs() }
    }

    /// Whether a node is another manager.
    pub(crate) fn is_manager(&self, node: &NodeId) -> bool {
        self.state().rows.iter().any(|row| !row.removed && row.addr.node == *node)
    }

    /// Whether a node joined the network, as far as a follower knows.
    pub(crate) fn knows(&self, node: &NodeId) -> bool {
        self.state().nodes.contains(node)
    }
}
