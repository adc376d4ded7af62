//! A map of a few entries, in the order of their keys. Pure.
//!
//! One of the standard library takes the room of eleven entries for the first one: with a keeper or two for
//! each of 100,000 files that is most of what is known of them.

/// At most some dozens of entries: each is looked for from the first one on.
#[derive(Clone, Debug)]
pub(super) struct VecMap<K, V>(Vec<(K, V)>);

impl<K: Ord, V> VecMap<K, V> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(k, _)| k.cmp(key))
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// Sets what `key` leads to.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                // No room for entries that never come.
                self.0.reserve_exact(1);
                self.0.insert(at, (key, value));
            }
        }
    }

    /// Sets it unless there is something already.
    pub(super) fn insert_new(&mut self, key: K, value: V) {
        if !self.contains_key(&key) {
            self.insert(key, value);
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Ok(at) = self.find(key) {
            self.0.remove(at);
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(k, v)| keep(k, v));
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(k, v)| (k, v))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(k, _)| k)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, v)| v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..4_u8, 0..8_u8, any::<u8>()), 0..60)) {
            let (mut few, mut map) = (VecMap::new(), BTreeMap::new());
            for (what, key, value) in steps {
                match what {
                    0 => {
                        few.insert(key, value);
                        map.insert(key, value);
                    }
                    1 => {
                        few.insert_new(key, value);
                        map.entry(key).or_insert(value);
                    }
                    2 => {
                        few.remove(&key);
                        map.remove(&key);
                    }
                    _ => {
                        few.retain(|k, v| *k != key && *v != value);
                        map.retain(|k, v| *k != key && *v != value);
                    }
                }
                prop_assert_eq!(few.iter().collect::<Vec<_>>(), map.iter().collect::<Vec<_>>());
                prop_assert_eq!((few.get(&key), few.len()), (map.get(&key), map.len()));
                prop_assert_eq!(few.get_mut(&key).is_some(), few.contains_key(&key));
                prop_assert!(few.keys().eq(map.keys()) && few.values().eq(map.values()));
            }
        }
    }
}
