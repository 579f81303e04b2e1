//! Shares of something that several parties use at once: whose turn is next, and who may take more.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng 1996): a party's turn is the virtual time at which its next
//! use begins; the least is next. A party that was idle begins at the present and has saved nothing.

use std::collections::HashMap;
use std::hash::Hash;

/// Above so many parties, those that owe nothing are forgotten: they begin at the present in any case.
const REMEMBERED_MAX: usize = 1_024;

/// Orders parties by what they have used.
#[derive(Clone, Debug)]
pub struct FairShare<K> {
    now: u64,
    turns: HashMap<K, u64>,
}

impl<K> Default for FairShare<K> {
    fn default() -> Self {
        Self { now: 0, turns: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> FairShare<K> {
    /// The party whose turn is next among those that wait.
    pub fn next(&self, waiting: impl IntoIterator<Item = K>) -> Option<K> {
        waiting.into_iter().min_by_key(|party| (self.turn(*party), *party))
    }

    /// Charges a party whose turn it is with what its use is expected to cost.
    pub fn charge(&mut self, party: K, cost: u64) {
        self.now = self.turn(party);
        self.turns.insert(party, self.now.saturating_add(cost));
        if self.turns.len() > REMEMBERED_MAX {
            self.turns.retain(|_, turn| *turn > self.now);
        }
    }

    /// Corrects a charge once it is known what was used.
    pub fn settle(&mut self, party: K, charged: u64, used: u64) {
        // From where its use began, however far the others have come meanwhile.
        let turn = self.turns.entry(party).or_insert(self.now);
        *turn = turn.saturating_add(used).saturating_sub(charged);
    }

    fn turn(&self, party: K) -> u64 {
        self.turns.get(&party).copied().unwrap_or_default().max(self.now)
    }
}

/// Whether a party may take one more of so many places: it has fewer than are free. So one party alone has half
/// of them, two have a third each, and a party that has none always finds one (Choudhury and Hahne 1998,
/// "Dynamic queue length thresholds").
pub fn may_take_more(taken_by_party: usize, taken_by_all: usize, places: usize) -> bool {
    may_take(1, taken_by_party, taken_by_all, places)
}

/// The same for a use of several places at once: with them it has no more than were free. A party that has none
/// may take all that are.
pub fn may_take(places_wanted: usize, taken_by_party: usize, taken_by_all: usize, places: usize) -> bool {
    taken_by_party + places_wanted <= places.saturating_sub(taken_by_all)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Whose turn it was, so many times, where each use costs so much and is known beforehand.
    fn turns(share: &mut FairShare<char>, waiting: &[(char, u64)], times: usize) -> HashMap<char, usize> {
        let mut counts = HashMap::new();
        for _ in 0..times {
            let party = share.next(waiting.iter().map(|it| it.0)).unwrap();
            let cost = waiting.iter().find(|it| it.0 == party).unwrap().1;
            share.charge(party, cost);
            *counts.entry(party).or_default() += 1;
        }
        counts
    }

    #[test]
    fn parties_share_the_cost_and_not_the_number_of_uses() {
        let counts = turns(&mut FairShare::default(), &[('a', 100), ('b', 400)], 1_000);
        assert!((790..=810).contains(&counts[&'a']), "{counts:?}");
    }

    #[test]
    fn a_party_that_comes_later_is_next_and_has_saved_nothing() {
        let mut share = FairShare::default();
        turns(&mut share, &[('a', 100)], 500);
        let counts = turns(&mut share, &[('a', 100), ('b', 100)], 2);
        assert_eq!(counts, HashMap::from([('a', 1), ('b', 1)]));
        let counts = turns(&mut share, &[('a', 100), ('b', 100)], 100);
        assert!((49..=51).contains(&counts[&'a']), "{counts:?}");
    }

    #[test]
    fn what_a_use_cost_more_than_expected_is_charged_afterwards() {
        let mut share = FairShare::default();
        share.charge('a', 1);
        share.settle('a', 1, 1_000);
        let counts = turns(&mut share, &[('a', 1), ('b', 100)], 10);
        assert_eq!(counts, HashMap::from([('b', 10)]));
    }

    #[test]
    fn parties_that_owe_nothing_are_forgotten() {
        let mut share = FairShare::default();
        for party in 0..10 * REMEMBERED_MAX {
            let party = share.next([party]).unwrap();
            share.charge(party, 1);
            share.charge(usize::MAX, 1);
        }
        assert!(share.turns.len() <= REMEMBERED_MAX + 1, "{}", share.turns.len());
    }

    #[test]
    fn no_party_takes_the_last_place_from_one_that_has_none() {
        let places = 16;
        for parties in 1..places {
            let mut taken = vec![0; parties];
            // All take as much as they may, by turns.
            for turn in 0..places * parties {
                let party = turn % parties;
                if may_take_more(taken[party], taken.iter().sum(), places) {
                    taken[party] += 1;
                }
            }
            assert!(taken.iter().sum::<usize>() < places, "{taken:?}");
            assert!(taken.iter().all(|it| *it > 0), "{taken:?}");
        }
        assert!(may_take_more(7, 7, 16) && !may_take_more(8, 8, 16), "one alone has half");
    }

    #[test]
    fn no_party_has_more_places_than_were_free() {
        for (taken, by_all) in (0..16).flat_map(|all| (0..=all).map(move |taken| (taken, all))) {
            assert_eq!(may_take(1, taken, by_all, 16), may_take_more(taken, by_all, 16));
        }
        assert!(may_take(8, 4, 4, 16) && !may_take(9, 4, 4, 16), "twelve were free");
        assert!(may_take(8, 0, 8, 16), "it has none, and the rest is free");
        assert!(!may_take(9, 0, 8, 16), "so many are not free");
    }
}
