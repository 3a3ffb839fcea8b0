//! A map that forgets what nobody uses, bounded by weight.
//!
//! What is used goes into the young generation; when that is full it becomes the old one, and the old one is forgotten. So
//! whatever was used within the last generation is still there, at the cost of one map look-up and without a list to keep in
//! order, and no sequence of uses makes it larger.

use std::{collections::HashMap, hash::Hash};

/// The map.
#[derive(Debug)]
pub struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    young_weight: usize,
    generation_weight: usize,
    weigh: fn(&V) -> usize,
}

impl<K: Copy + Eq + Hash, V: Clone> Generations<K, V> {
    /// Both generations together hold so much, and a little more: what fills one may be larger than the room that was left.
    pub fn with_capacity(weight: usize, weigh: fn(&V) -> usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_weight: 0,
            generation_weight: weight / 2,
            weigh,
        }
    }

    /// Uses an entry.
    pub fn recall(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.keep(*key, found.clone());
        Some(found)
    }

    /// Puts an entry in, or in the place of what was there.
    pub fn keep(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young_weight += (self.weigh)(&value);
        if let Some(replaced) = self.young.insert(key, value) {
            self.young_weight -= (self.weigh)(&replaced);
        }
        if self.young_weight > self.generation_weight {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
    }

    /// Takes an entry out.
    pub fn forget(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.remove(key) {
            self.young_weight -= (self.weigh)(&found);
            return Some(found);
        }
        self.old.remove(key)
    }
}

#[cfg(test)]
impl<K, V> Generations<K, V> {
    /// What all entries weigh.
    pub(crate) fn weight(&self) -> usize {
        let entries = self.young.values().chain(self.old.values());
        entries.map(self.weigh).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let mut entries = Generations::with_capacity(20, |_| 1);
        for number in 0..100 {
            entries.keep(number, ());
            assert!(entries.recall(&0).is_some(), "after {number}");
        }
        assert!(entries.recall(&1).is_none());
    }

    #[test]
    fn an_entry_that_fills_a_generation_is_there_at_once() {
        let mut entries = Generations::with_capacity(4, |weight| *weight);
        entries.keep('a', 1);
        entries.keep('b', 100);
        for _ in 0..2 {
            assert_eq!(entries.recall(&'b'), Some(100));
        }
    }

    proptest! {
        /// However large the entries are and whatever is done with them, each key is in one generation only.
        #[test]
        fn the_weight_is_bounded(steps in proptest::collection::vec((0..30u8, 0..50usize, 0..3u8), 0..200)) {
            let mut entries = Generations::with_capacity(200, |weight| *weight);
            for (key, weight, step) in steps {
                match step {
                    0 => entries.keep(key, weight),
                    1 => drop(entries.recall(&key)),
                    _ => drop(entries.forget(&key)),
                }
                prop_assert!(entries.weight() <= 200 + 2 * 50);
                prop_assert_eq!(entries.young_weight, entries.young.values().sum::<usize>());
                prop_assert!(entries.young.keys().all(|key| !entries.old.contains_key(key)));
            }
        }
    }
}
