//! Whose job is next: a few at once, and nobody's uploads wait for somebody else's.
//!
//! Each owner has a line of its own. Whoever has many jobs never holds the last place, so that another's
//! first job begins at once where one owner has many. A place that becomes free goes to the owner who
//! has the fewest jobs at work; among those who have as many, the lines take turns. So whoever has none
//! at work waits for one of those that are, and for the first jobs of others who came before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::ids::DepartmentId;

/// On whose behalf a job is done: a department's, or the company's.
pub type Owner = Option<DepartmentId>;

/// Hands out places.
pub(super) struct Turns {
    places: usize,
    places_per_owner: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: HashMap<Owner, usize>,
    taken_total: usize,
    /// In the order of their turns; no line is empty.
    lines: VecDeque<(Owner, VecDeque<oneshot::Sender<Place>>)>,
}

/// The right to have one child at work; dropping it calls whoever is next.
pub(super) struct Place {
    turns: Arc<Turns>,
    owner: Owner,
}

/// The owner's line is as long as it may be.
#[derive(Debug)]
pub(super) struct LineFull;

impl Turns {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let places = places.max(1);
        let places_per_owner = (places - 1).max(1);
        Arc::new(Self { places, places_per_owner, state: Mutex::default() })
    }

    /// Waits for a place, at the end of the owner's line of at most that many.
    pub(super) async fn take(self: &Arc<Self>, owner: Owner, line_max: usize) -> Result<Place, LineFull> {
        let (call, called) = oneshot::channel();
        self.state().line_up(owner, call, line_max)?;
        self.call_next();
        // The sender stays in the line until it is called, and the line as long as this does.
        called.await.map_err(|_| LineFull)
    }

    /// Calls everybody for whom there is a place.
    fn call_next(self: &Arc<Self>) {
        loop {
            let Some((owner, call)) = self.state().next(self.places, self.places_per_owner) else { return };
            let place = Place { turns: Arc::clone(self), owner };
            // One who has gone meanwhile leaves the place behind, which calls the next.
            drop(call.send(place));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line_up(
        &mut self,
        owner: Owner,
        call: oneshot::Sender<Place>,
        line_max: usize,
    ) -> Result<(), LineFull> {
        let index = match self.lines.iter().position(|(whose, _)| *whose == owner) {
            Some(index) => index,
            None => {
                self.lines.push_back((owner, VecDeque::new()));
                self.lines.len() - 1
            }
        };
        let line = &mut self.lines[index].1;
        line.retain(|waiting| !waiting.is_closed());
        if line.len() >= line_max {
            return Err(LineFull);
        }
        line.push_back(call);
        Ok(())
    }

    /// Takes a place for the line whose owner has the fewest jobs at work, the first of several, if it may
    /// have one more; that line stands last then.
    fn next(&mut self, places: usize, per_owner: usize) -> Option<(Owner, oneshot::Sender<Place>)> {
        if self.taken_total >= places {
            return None;
        }
        while let Some(index) = self.fewest_at_work(per_owner) {
            let (owner, mut line) = self.lines.remove(index)?;
            let called = std::iter::from_fn(|| line.pop_front()).find(|waiting| !waiting.is_closed());
            if !line.is_empty() {
                self.lines.push_back((owner, line));
            }
            if let Some(called) = called {
                *self.taken.entry(owner).or_default() += 1;
                self.taken_total += 1;
                return Some((owner, called));
            }
        }
        None
    }

    /// The line whose turn it is.
    fn fewest_at_work(&self, per_owner: usize) -> Option<usize> {
        let taken = |owner: &Owner| self.taken.get(owner).copied().unwrap_or(0);
        let at_work = self.lines.iter().map(|(owner, _)| taken(owner)).enumerate();
        // The first of the least.
        let (index, _) = at_work.filter(|(_, taken)| *taken < per_owner).min_by_key(|(_, taken)| *taken)?;
        Some(index)
    }

    fn give_back(&mut self, owner: Owner) {
        self.taken_total -= 1;
        if let Some(taken) = self.taken.get_mut(&owner) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&owner);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.state().give_back(self.owner);
        self.turns.call_next();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    const A: Owner = Some(DepartmentId(1));
    const B: Owner = Some(DepartmentId(2));
    const C: Owner = None;

    type Taking = BoxFuture<'static, Result<Place, LineFull>>;

    /// Stands in line for it.
    fn take(turns: &Arc<Turns>, owner: Owner) -> (Taking, Option<Place>) {
        let turns = Arc::clone(turns);
        let mut taking = async move { turns.take(owner, 100).await }.boxed();
        let place = called(&mut taking);
        (taking, place)
    }

    fn called(taking: &mut Taking) -> Option<Place> {
        taking.now_or_never().map(|place| place.unwrap_or_else(|_| panic!("the line is not full")))
    }

    #[test]
    fn an_owner_with_many_jobs_leaves_the_last_place_to_others() {
        let turns = Turns::new(3);
        let many: Vec<_> = (0..10).map(|_| take(&turns, A)).collect();
        assert_eq!(many.iter().filter(|(_, place)| place.is_some()).count(), 2);
        assert!(take(&turns, B).1.is_some());
    }

    #[test]
    fn owners_take_turns_however_long_their_lines_are() {
        let turns = Turns::new(1);
        let (_, first) = take(&turns, A);
        let mut lines: Vec<_> = [A, A, A, B, B, C].map(|owner| (owner, take(&turns, owner).0)).into();
        let mut order = Vec::new();
        let mut place = first;
        while let Some(done) = place.take() {
            drop(done);
            let next = lines.iter_mut().enumerate().find_map(|(at, (_, taking))| Some((at, called(taking)?)));
            if let Some((at, taken)) = next {
                order.push(lines.remove(at).0);
                place = Some(taken);
            }
        }
        assert_eq!(order, [A, B, C, A, B, A]);
    }

    /// Two owners with many jobs have every place, the first of them two; a third comes.
    fn between_two_floods() -> (Vec<Place>, Vec<Taking>, Taking) {
        let turns = Turns::new(3);
        let (mut at_work, mut waiting) = (Vec::new(), Vec::new());
        for owner in [A, B, A, B, A, B, A, B] {
            match take(&turns, owner) {
                (_, Some(place)) => at_work.push(place),
                (taking, None) => waiting.push(taking),
            }
        }
        assert_eq!(at_work.iter().map(|it| it.owner).collect::<Vec<_>>(), [A, B, A]);
        let (newcomer, place) = take(&turns, C);
        assert!(place.is_none());
        (at_work, waiting, newcomer)
    }

    #[test]
    fn whoever_has_nothing_at_work_is_called_before_owners_that_have() {
        for ends in [0, 2] {
            let (mut at_work, _waiting, mut newcomer) = between_two_floods();
            drop(at_work.remove(ends));
            assert!(called(&mut newcomer).is_some(), "whichever of them ends");
        }
    }

    #[test]
    fn who_came_before_and_has_nothing_at_work_either_is_called_once_before() {
        for then in [0, 1] {
            let (mut at_work, mut waiting, mut newcomer) = between_two_floods();
            drop(at_work.remove(1));
            let before: Vec<_> = waiting.iter_mut().filter_map(called).collect();
            assert_eq!(before.iter().map(|it| it.owner).collect::<Vec<_>>(), [B]);
            assert!(called(&mut newcomer).is_none());
            drop(at_work.remove(then));
            assert!(called(&mut newcomer).is_some());
        }
    }

    #[test]
    fn who_goes_away_while_waiting_is_passed_over() {
        let turns = Turns::new(1);
        let (_, first) = take(&turns, A);
        drop(take(&turns, A));
        let (mut waiting, _) = take(&turns, B);
        drop(first);
        assert!(called(&mut waiting).is_some());
    }

    #[test]
    fn a_place_that_nobody_took_up_goes_to_the_next() {
        let turns = Turns::new(1);
        let (_, first) = take(&turns, A);
        let (gone, _) = take(&turns, A);
        let (mut waiting, _) = take(&turns, B);
        drop(first);
        // It was called, and never looked.
        drop(gone);
        assert!(called(&mut waiting).is_some());
    }

    #[test]
    fn a_line_has_an_end() {
        let turns = Turns::new(1);
        let _first = take(&turns, A);
        let _second = take(&turns, A);
        assert!(matches!(turns.take(A, 1).now_or_never(), Some(Err(LineFull))));
        assert!(turns.take(B, 1).now_or_never().is_none());
    }
}
