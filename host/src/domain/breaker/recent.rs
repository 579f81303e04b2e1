//! A bounded map: of each department's entries, the one that was used longest ago gives way to a new one. One that
//! is held stays, so that neither other departments nor new names clear a suspension.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::domain::ids::DepartmentId;

/// An entry of a department.
pub(super) type Key<K> = (DepartmentId, K);

/// A map that forgets.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<Key<K>, Entry<V>>,
    /// Each department's entries: those that are not held first, by their last use.
    order: BTreeMap<(DepartmentId, bool, u64), K>,
    counts: HashMap<DepartmentId, usize>,
    uses: u64,
    department_max: usize,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    used: u64,
    is_held: bool,
    value: V,
}

impl<K: Copy + Eq + Hash, V: Default> Recent<K, V> {
    /// Remembers so many entries of each department.
    pub(super) fn new(department_max: usize) -> Self {
        let (entries, counts) = (HashMap::new(), HashMap::new());
        Self { entries, order: BTreeMap::new(), counts, uses: 0, department_max }
    }

    pub(super) fn get_mut(&mut self, key: Key<K>) -> Option<&mut V> {
        self.entries.get_mut(&key).map(|it| &mut it.value)
    }

    /// The entry, a new one if there is none. There is none where all of the department's are held, and the one
    /// of them that was used longest ago may not go.
    pub(super) fn entry(&mut self, key: Key<K>, may_go: impl Fn(&V) -> bool) -> Option<&mut V> {
        let department = key.0;
        self.uses += 1;
        let used = self.uses;
        if let Some(entry) = self.entries.get_mut(&key) {
            self.order.remove(&(department, entry.is_held, entry.used));
            self.order.insert((department, entry.is_held, used), key.1);
            entry.used = used;
        } else {
            if self.counts.get(&department).is_some_and(|it| *it >= self.department_max) {
                self.remove_oldest(department, may_go)?;
            }
            *self.counts.entry(department).or_default() += 1;
            self.order.insert((department, false, used), key.1);
            self.entries.insert(key, Entry { used, is_held: false, value: V::default() });
        }
        self.get_mut(key)
    }

    fn remove_oldest(&mut self, department: DepartmentId, may_go: impl Fn(&V) -> bool) -> Option<()> {
        let of_department = (department, false, 0)..=(department, true, u64::MAX);
        let (place, key) = self.order.range(of_department).next().map(|(place, key)| (*place, *key))?;
        let entry = self.entries.get(&(department, key))?;
        if entry.is_held && !may_go(&entry.value) {
            return None;
        }
        self.order.remove(&place);
        self.entries.remove(&(department, key));
        if let Some(count) = self.counts.get_mut(&department) {
            *count -= 1;
        }
        Some(())
    }

    /// Has an entry stay, or give way again.
    pub(super) fn hold(&mut self, key: Key<K>, is_held: bool) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        self.order.remove(&(key.0, entry.is_held, entry.used));
        self.order.insert((key.0, is_held, entry.used), key.1);
        entry.is_held = is_held;
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|it| &it.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DepartmentId = DepartmentId(1);
    const B: DepartmentId = DepartmentId(2);

    fn put(recent: &mut Recent<char, char>, department: DepartmentId, key: char) -> bool {
        recent.entry((department, key), |_| false).map(|it| *it = key).is_some()
    }

    fn left(recent: &Recent<char, char>) -> String {
        let mut left: Vec<_> = recent.values().copied().collect();
        left.sort_unstable();
        assert_eq!(left.len(), recent.order.len());
        left.into_iter().collect()
    }

    #[test]
    fn entry_that_was_used_longest_ago_gives_way() {
        let mut recent = Recent::new(2);
        for key in ['a', 'b', 'a', 'c'] {
            assert!(put(&mut recent, A, key));
        }
        assert_eq!(left(&recent), "ac");
    }

    #[test]
    fn entries_of_one_department_never_give_way_to_anothers() {
        let mut recent = Recent::new(2);
        put(&mut recent, A, 'a');
        "bcdefg".chars().for_each(|it| assert!(put(&mut recent, B, it)));
        assert_eq!(left(&recent), "afg");
    }

    #[test]
    fn held_entry_stays_until_it_is_let_go_or_may_go() {
        let mut recent = Recent::new(2);
        put(&mut recent, A, 'a');
        recent.hold((A, 'a'), true);
        "bcd".chars().for_each(|it| assert!(put(&mut recent, A, it)));
        assert_eq!(left(&recent), "ad");
        recent.hold((A, 'd'), true);
        assert!(!put(&mut recent, A, 'e'), "all are held");
        assert!(recent.entry((A, 'e'), |it| *it == 'a').is_some());
        recent.hold((A, 'd'), false);
        assert!(put(&mut recent, A, 'f'));
        assert_eq!(recent.values().count(), 2);
    }
}
