//! Nodes among which one is drawn at random, each as likely as the others, without a list being made.
//!
//! A vector with the position of each node beside it: adding is a push, removing moves the last one
//! into the gap. So the order depends on what came before, and with it what a seed draws; two pools
//! are equal if the same nodes are in them.

use super::node_map::NodeMap;
use crate::id::NodeId;
use crate::seed::Seed;
use std::collections::BTreeSet;

/// Drawn so often before those that are left out are looked up.
const DRAWS_MAX: u64 = 8;

/// A set of nodes to draw from.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    nodes: Vec<NodeId>,
    at: NodeMap<usize>,
}

impl PartialEq for Pool {
    fn eq(&self, other: &Pool) -> bool {
        self.at.nodes().eq(other.at.nodes())
    }
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts a node in or takes it out; nothing happens if it is so already.
    pub(super) fn set(&mut self, node: NodeId, within: bool) {
        match (self.at.get(&node).copied(), within) {
            (None, true) => {
                self.at.insert(node, self.nodes.len());
                self.nodes.push(node);
            }
            (Some(at), false) => {
                self.at.remove(&node);
                self.nodes.swap_remove(at);
                if let Some(moved) = self.nodes.get(at) {
                    self.at.insert(*moved, at);
                }
            }
            _ => {}
        }
    }

    /// One node at random that is in none of those sets; none if every node is.
    ///
    /// The cost doesn't depend on how many nodes there are, but on how many are left out.
    pub(super) fn draw(
        &self,
        (seed, purpose, number): (&Seed, &str, u64),
        left_out: &[&BTreeSet<NodeId>],
    ) -> Option<NodeId> {
        let fits = |node: &NodeId| !left_out.iter().any(|set| set.contains(node));
        if let Some(node) = self.try_draw((seed, purpose, number), DRAWS_MAX, fits) {
            return Some(node);
        }
        let gaps = left_out.iter().flat_map(|set| set.iter());
        let gaps: BTreeSet<usize> = gaps.filter_map(|node| self.at.get(node)).copied().collect();
        let fit = self.nodes.len() - gaps.len();
        if fit == 0 {
            return None;
        }
        let mut at = seed.index(purpose, number << 8 | DRAWS_MAX, fit);
        for gap in gaps {
            at += usize::from(gap <= at);
        }
        self.nodes.get(at).copied()
    }

    /// One node at random that fits, if one is met within so many draws (below 256).
    ///
    /// Drawing until one fits is as even as drawing among those that fit.
    pub(super) fn try_draw(
        &self,
        (seed, purpose, number): (&Seed, &str, u64),
        draws: u64,
        fits: impl Fn(&NodeId) -> bool,
    ) -> Option<NodeId> {
        if self.nodes.is_empty() {
            return None;
        }
        let at = |draw| seed.index(purpose, number << 8 | draw, self.nodes.len());
        (0..draws).filter_map(|draw| self.nodes.get(at(draw))).find(|node| fits(node)).copied()
    }

    /// All of them, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    #[test]
    fn positions_follow_every_change() {
        let mut pool = Pool::default();
        let seed = Seed([1; 32]);
        for step in 0..2_000 {
            let n = node(seed.index("node", step, 40) as u8);
            pool.set(n, seed.index("within", step, 2) == 0);
            let at: NodeMap<usize> =
                pool.nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
            assert_eq!(pool.at, at, "step {step}");
        }
    }

    #[test]
    fn each_that_fits_is_drawn_as_often() {
        // (in the pool, left out)
        for (all, out) in [(5, 0), (5, 2), (50, 45), (20, 19), (3, 3)] {
            let mut pool = Pool::default();
            (0..all).for_each(|n| pool.set(node(n), true));
            let left_out: BTreeSet<NodeId> = (0..out).map(node).collect();
            let mut drawn: BTreeMap<NodeId, u32> = BTreeMap::new();
            let each = 400;
            for number in 0..each * u64::from(all - out) {
                let seed = Seed([2; 32]);
                let node = pool.draw((&seed, "test", number), &[&left_out]).unwrap();
                *drawn.entry(node).or_default() += 1;
            }
            assert_eq!(drawn.len(), usize::from(all - out), "{all} and {out}");
            assert!(drawn.keys().all(|node| !left_out.contains(node)));
            // Five standard deviations of a count with mean 400.
            assert!(drawn.values().all(|n| (300..500).contains(n)), "{all}, {out}: {drawn:?}");
            let none = pool.draw((&Seed([2; 32]), "test", 0), &[&left_out]).is_none();
            assert_eq!(none, all == out);
        }
    }
}
