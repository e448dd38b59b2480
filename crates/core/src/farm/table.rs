//! Rows by number: looked up along small entries, with the rows themselves elsewhere.
//!
//! An ordered map keeps its values between its keys, and half of its room is free when numbers only
//! grow. With rows of hundreds of bytes that is more memory than the rows, and a look that misses
//! every cache.

use std::collections::BTreeMap;

/// Rows in the order of their numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table<K, V>(BTreeMap<K, Box<V>>);

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(rows: I) -> Self {
        Table(rows.into_iter().map(|(key, row)| (key, Box::new(row))).collect())
    }
}

impl<K: Ord, V> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key).map(Box::as_ref)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key).map(Box::as_mut)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn insert(&mut self, key: K, row: V) {
        self.0.insert(key, Box::new(row));
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key).map(|row| *row)
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.values().map(Box::as_ref)
    }
}
