//! What is known of each node, found by its key at a cost that hardly grows with the farm.
//!
//! Keys are 32 bytes: in one ordered map of 100,000 of them every look costs a walk through memory that
//! is in no cache, and every command looks several times. Keys of nodes are as good as random, so their
//! first bits say in which of many small sorted lists a node is. Who makes keys that begin the same
//! gets a longer list, which is searched by halves.

use crate::id::NodeId;

/// Nodes to a list on the average, at most.
const PER_LIST_MAX: usize = 4;

/// Lists are made by at most so many bits.
const BITS_MAX: u32 = 24;

/// A value for each of some nodes, in the order of their keys.
#[derive(Debug, Clone)]
pub(crate) struct NodeMap<V> {
    /// As many as a power of two.
    lists: Vec<Vec<(NodeId, V)>>,
    bits: u32,
    count: usize,
}

impl<V> Default for NodeMap<V> {
    fn default() -> Self {
        NodeMap { lists: vec![Vec::new()], bits: 0, count: 0 }
    }
}

impl<V: PartialEq> PartialEq for NodeMap<V> {
    fn eq(&self, other: &NodeMap<V>) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl<V> FromIterator<(NodeId, V)> for NodeMap<V> {
    fn from_iter<I: IntoIterator<Item = (NodeId, V)>>(values: I) -> Self {
        let mut map = NodeMap::default();
        for (node, value) in values {
            map.insert(node, value);
        }
        map
    }
}

impl<V> NodeMap<V> {
    pub(crate) fn get(&self, node: &NodeId) -> Option<&V> {
        let list = &self.lists[self.list_of(node)];
        place(list, node).ok().map(|at| &list[at].1)
    }

    pub(crate) fn get_mut(&mut self, node: &NodeId) -> Option<&mut V> {
        let at = self.list_of(node);
        let list = &mut self.lists[at];
        place(list, node).ok().map(|at| &mut list[at].1)
    }

    pub(crate) fn contains(&self, node: &NodeId) -> bool {
        self.get(node).is_some()
    }

    /// Sets a value; the one before, if there was one.
    pub(crate) fn insert(&mut self, node: NodeId, value: V) -> Option<V> {
        if let Some(before) = self.get_mut(&node) {
            return Some(std::mem::replace(before, value));
        }
        self.add(node, value);
        None
    }

    pub(crate) fn remove(&mut self, node: &NodeId) -> Option<V> {
        let at = self.list_of(node);
        let list = &mut self.lists[at];
        let at = place(list, node).ok()?;
        self.count -= 1;
        Some(list.remove(at).1)
    }

    /// The values, in the order of the keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The nodes, in their order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.iter().map(|(node, _)| node)
    }

    fn iter(&self) -> impl Iterator<Item = &(NodeId, V)> {
        self.lists.iter().flatten()
    }

    fn list_of(&self, node: &NodeId) -> usize {
        let [a, b, c, d, ..] = node.0;
        let first = u64::from(u32::from_be_bytes([a, b, c, d]));
        // As a wider number, so that no bits at all are a shift like any other.
        usize::try_from(first >> (32 - self.bits)).unwrap_or(0)
    }

    fn add(&mut self, node: NodeId, value: V) -> &mut V {
        if self.count >= PER_LIST_MAX * self.lists.len() && self.bits < BITS_MAX {
            self.spread();
        }
        self.count += 1;
        let at = self.list_of(&node);
        let list = &mut self.lists[at];
        let at = place(list, &node).unwrap_or_else(|at| at);
        list.insert(at, (node, value));
        &mut list[at].1
    }

    /// Twice as many lists.
    fn spread(&mut self) {
        self.bits += 1;
        let before = std::mem::take(&mut self.lists);
        self.lists = (0..1_usize << self.bits).map(|_| Vec::new()).collect();
        for (node, value) in before.into_iter().flatten() {
            let at = self.list_of(&node);
            self.lists[at].push((node, value));
        }
    }
}

impl<V: Default> NodeMap<V> {
    /// The value of a node, a new one if there is none.
    pub(crate) fn or_default(&mut self, node: NodeId) -> &mut V {
        // Looked up twice, as the borrow of the first look would last for both ways out.
        if self.contains(&node) {
            let at = self.list_of(&node);
            let list = &mut self.lists[at];
            let at = place(list, &node).unwrap_or_else(|at| at);
            return &mut list[at].1;
        }
        self.add(node, V::default())
    }
}

/// Where a node is in a list, or would be.
fn place<V>(list: &[(NodeId, V)], node: &NodeId) -> Result<usize, usize> {
    list.binary_search_by(|entry| entry.0.cmp(node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use std::collections::BTreeMap;

    #[test]
    fn it_is_an_ordered_map() {
        for alike in [false, true] {
            let (mut map, mut expected) = (NodeMap::default(), BTreeMap::new());
            for n in 0..3_000_u64 {
                let mut node = NodeId(Seed([3; 32]).draw("node", n % 700));
                if alike {
                    node.0[..8].fill(7);
                }
                match n % 5 {
                    0 => assert_eq!(map.remove(&node), expected.remove(&node)),
                    1 => {
                        *map.or_default(node) += n;
                        *expected.entry(node).or_default() += n;
                    }
                    _ => assert_eq!(map.insert(node, n), expected.insert(node, n)),
                }
                assert_eq!(map.get(&node), expected.get(&node));
            }
            assert!(map.nodes().eq(expected.keys()) && map.values().eq(expected.values()));
            assert_eq!(map.count, expected.len());
            let same: NodeMap<u64> = expected.into_iter().rev().collect();
            assert_eq!(map, same);
        }
    }
}
