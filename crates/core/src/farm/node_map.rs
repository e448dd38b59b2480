//! What is known of each node, found by its key at a cost that doesn't grow with the farm.
//!
//! Keys are 32 bytes: in an ordered map of 100,000 of them every look costs a walk through memory that
//! is in no cache, and every command looks several times. The order of a hash map follows from nothing,
//! so none is offered here: what depends on an order sorts.

use crate::id::NodeId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A value for each of some nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeMap<V>(HashMap<NodeId, V>);

impl<V> Default for NodeMap<V> {
    fn default() -> Self {
        NodeMap(HashMap::new())
    }
}

impl<V> FromIterator<(NodeId, V)> for NodeMap<V> {
    fn from_iter<I: IntoIterator<Item = (NodeId, V)>>(values: I) -> Self {
        NodeMap(values.into_iter().collect())
    }
}

impl<V> NodeMap<V> {
    pub(crate) fn get(&self, node: &NodeId) -> Option<&V> {
        self.0.get(node)
    }

    pub(crate) fn get_mut(&mut self, node: &NodeId) -> Option<&mut V> {
        self.0.get_mut(node)
    }

    pub(crate) fn contains(&self, node: &NodeId) -> bool {
        self.0.contains_key(node)
    }

    /// Sets a value; the one before, if there was one.
    pub(crate) fn insert(&mut self, node: NodeId, value: V) -> Option<V> {
        self.0.insert(node, value)
    }

    pub(crate) fn entry(&mut self, node: NodeId) -> Entry<'_, NodeId, V> {
        self.0.entry(node)
    }

    pub(crate) fn remove(&mut self, node: &NodeId) -> Option<V> {
        self.0.remove(node)
    }

    /// The values, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    /// The nodes in the order of their keys.
    pub(crate) fn sorted(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.0.keys().copied().collect();
        nodes.sort_unstable();
        nodes
    }
}
