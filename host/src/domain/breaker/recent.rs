//! A bounded map: the entry that was used longest ago gives way to a new one.

use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (u64, V)>,
    uses: u64,
    entries_max: usize,
}

impl<K: Copy + Eq + Hash, V: Default> Recent<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), uses: 0, entries_max }
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.entries.get_mut(&key).map(|(_, value)| value)
    }

    /// The entry, a new one if there is none. A full map is searched for the oldest use, which costs as much as
    /// it has entries; only failures and new inboxes make entries.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.and_then(|it| self.entries.remove(&it));
        }
        self.uses += 1;
        let (used, value) = self.entries.entry(key).or_default();
        *used = self.uses;
        value
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (*key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_that_was_used_longest_ago_gives_way() {
        let mut recent = Recent::new(2);
        *recent.entry('a') = 1;
        *recent.entry('b') = 2;
        *recent.entry('a') += 1;
        *recent.entry('c') = 3;
        let mut left: Vec<_> = recent.iter().map(|(key, value)| (key, *value)).collect();
        left.sort_unstable();
        assert_eq!(left, [('a', 2), ('c', 3)]);
    }
}
