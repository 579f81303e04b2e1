//! Whose job is next: lanes take turns by the time they have used.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng 1996): a lane's turn is the virtual time at which its
//! next job would begin if it had a thread to itself; the least is next. A job is charged with what
//! its lane's jobs usually take when it begins, and with what it took when it is done: as many times as its
//! department has lanes that wait, so that a department has the same share however many inboxes it has.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::ids::{DepartmentId, InboxId};

/// Jobs that may wait in one lane. Who finds no place is woken once more to take one, which costs more
/// than the place; so there are as many as a busy host has callers.
pub(super) const PLACES: usize = 1_024;

/// A lane whose jobs take longer than this has the slow ones' threads. Well-behaved adapters need a
/// twentieth of it, and a slice of cases half.
const SLOW_MICROS: u64 = 5_000;

/// How much one more job counts in what a lane's jobs usually take: one part in so many.
const MEMORY: u64 = 4;

/// Why a guest is called, and for whom. Jobs of one lane wait for each other; lanes take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Cases of a department's inboxes wait to be evaluated.
    Evaluating(DepartmentId),
    /// Deliveries to a department's inbox wait to be read.
    Receiving(DepartmentId, InboxId),
    /// Replies from a department's inbox wait to be sent.
    Sending(DepartmentId, InboxId),
    /// Something is tried out for a department, or for the whole company.
    Trying(Option<DepartmentId>),
}

impl Lane {
    /// Whose share of the threads it is; absent for the whole company's.
    fn department(self) -> Option<DepartmentId> {
        match self {
            Self::Evaluating(department) | Self::Receiving(department, _) | Self::Sending(department, _) => {
                Some(department)
            }
            Self::Trying(department) => department,
        }
    }
}

/// Quick lanes and slow ones have threads of their own, so that nobody quick waits until somebody
/// slow is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Quick,
    Slow,
}

impl Pace {
    pub(super) const BOTH: [Pace; 2] = [Pace::Quick, Pace::Slow];
}

/// The jobs that wait. There is one lane for each inbox that was ever delivered to, so lanes stay.
pub(super) struct Turns<J> {
    lanes: HashMap<Lane, Waiting<J>>,
    next: [Order; 2],
    /// The turn taken last, by pace: whoever was idle begins here and has saved nothing.
    now: [u64; 2],
}

/// The lanes of one pace that wait, by their turns.
#[derive(Default)]
struct Order {
    lanes: BTreeSet<(u64, Lane)>,
    /// How many of them each department has.
    by_department: HashMap<Option<DepartmentId>, u64>,
}

impl Order {
    fn insert(&mut self, turn: u64, lane: Lane) {
        if self.lanes.insert((turn, lane)) {
            *self.by_department.entry(lane.department()).or_default() += 1;
        }
    }

    fn remove(&mut self, turn: u64, lane: Lane) {
        if !self.lanes.remove(&(turn, lane)) {
            return;
        }
        let department = lane.department();
        if let Some(count) = self.by_department.get_mut(&department) {
            *count -= 1;
            if *count == 0 {
                self.by_department.remove(&department);
            }
        }
    }

    fn first(&self) -> Option<(u64, Lane)> {
        self.lanes.first().copied()
    }

    /// How many lanes of this one's department wait.
    fn lanes_beside(&self, lane: Lane) -> u64 {
        self.by_department.get(&lane.department()).copied().unwrap_or_default()
    }
}

/// What a lane is charged with for a job that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    charged: u64,
    /// How many lanes its department had.
    lanes: u64,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    places: Arc<Semaphore>,
    turn: u64,
    /// What its jobs usually take, in microseconds.
    usual: u64,
}

/// A job that is to run now.
pub(super) struct Taken<J> {
    pub(super) lane: Lane,
    pub(super) job: J,
    charge: Charge,
}

impl<J> Default for Turns<J> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), next: Default::default(), now: [0; 2] }
    }
}

impl<J> Waiting<J> {
    fn pace(&self) -> Pace {
        if self.usual > SLOW_MICROS { Pace::Slow } else { Pace::Quick }
    }
}

impl<J> Turns<J> {
    /// The places of a lane, and how long a job would wait for a thread of its own there.
    pub(super) fn places(&mut self, lane: Lane) -> (Arc<Semaphore>, Duration) {
        let waiting = self.lane(lane);
        let ahead = waiting.jobs.len() as u64;
        (Arc::clone(&waiting.places), Duration::from_micros(waiting.usual.saturating_mul(ahead)))
    }

    /// Adds a job to a lane; whose threads are to take it.
    pub(super) fn push(&mut self, lane: Lane, job: J) -> Pace {
        let now = self.now;
        let waiting = self.lane(lane);
        waiting.jobs.push_back(job);
        let pace = waiting.pace();
        if waiting.jobs.len() == 1 {
            waiting.turn = waiting.turn.max(now[pace as usize]);
            let turn = waiting.turn;
            self.next[pace as usize].insert(turn, lane);
        }
        pace
    }

    /// The job whose turn it is among those of this pace.
    pub(super) fn take(&mut self, pace: Pace) -> Option<Taken<J>> {
        let next = &mut self.next[pace as usize];
        let (turn, lane) = next.first()?;
        let lanes = next.lanes_beside(lane);
        next.remove(turn, lane);
        self.now[pace as usize] = turn;
        let waiting = self.lanes.get_mut(&lane)?;
        let job = waiting.jobs.pop_front()?;
        let charged = waiting.usual.max(1).saturating_mul(lanes);
        waiting.turn = turn.saturating_add(charged);
        if !waiting.jobs.is_empty() {
            next.insert(waiting.turn, lane);
        }
        Some(Taken { lane, job, charge: Charge { charged, lanes } })
    }

    /// Charges a lane with what its job took. Which threads have its jobs from now on, if those are
    /// others and some wait.
    pub(super) fn done(&mut self, lane: Lane, charge: Charge, micros: u64) -> Option<Pace> {
        let waiting = self.lanes.get_mut(&lane)?;
        let (before, turn) = (waiting.pace(), waiting.turn);
        waiting.usual = (waiting.usual * (MEMORY - 1) + micros) / MEMORY;
        let used = micros.saturating_mul(charge.lanes);
        waiting.turn = turn.saturating_add(used).saturating_sub(charge.charged);
        let after = waiting.pace();
        if before != after {
            // Each pace has its own virtual time: what the lane is ahead by goes with it.
            let ahead = waiting.turn.saturating_sub(self.now[before as usize]);
            waiting.turn = self.now[after as usize].saturating_add(ahead);
        }
        if waiting.jobs.is_empty() {
            return None;
        }
        self.next[before as usize].remove(turn, lane);
        self.next[after as usize].insert(waiting.turn, lane);
        (before != after).then_some(after)
    }

    fn lane(&mut self, lane: Lane) -> &mut Waiting<J> {
        self.lanes.entry(lane).or_insert_with(|| Waiting {
            jobs: VecDeque::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            turn: 0,
            usual: 0,
        })
    }
}

impl<J> Taken<J> {
    /// The job, and what is needed to say that it is [`done`](Turns::done).
    pub(super) fn into_parts(self) -> (J, Lane, Charge) {
        (self.job, self.lane, self.charge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Lane = Lane::Receiving(DepartmentId(1), InboxId(1));
    const B: Lane = Lane::Receiving(DepartmentId(2), InboxId(2));

    /// Takes one of this pace, which then takes so long; whose it was.
    fn run(turns: &mut Turns<()>, pace: Pace, micros: impl Fn(Lane) -> u64) -> Option<Lane> {
        let ((), lane, charge) = turns.take(pace)?.into_parts();
        turns.done(lane, charge, micros(lane));
        Some(lane)
    }

    fn count(ran: &[Lane], lane: Lane) -> usize {
        ran.iter().filter(|it| **it == lane).count()
    }

    #[test]
    fn lanes_share_the_time_and_not_the_number_of_jobs() {
        let mut turns = Turns::default();
        for _ in 0..1_000 {
            turns.push(A, ());
            turns.push(B, ());
        }
        let micros = |lane| if lane == A { 100 } else { 400 };
        let ran: Vec<_> = (0..1_000).filter_map(|_| run(&mut turns, Pace::Quick, micros)).collect();
        assert!((790..=810).contains(&count(&ran, A)), "{} of 1000", count(&ran, A));
    }

    #[test]
    fn a_flood_in_one_lane_keeps_no_other_lane_waiting() {
        let mut turns = Turns::default();
        for _ in 0..10_000 {
            turns.push(A, ());
        }
        for _ in 0..100 {
            assert_eq!(run(&mut turns, Pace::Quick, |_| 100), Some(A));
        }
        turns.push(B, ());
        let next: Vec<_> = (0..2).filter_map(|_| run(&mut turns, Pace::Quick, |_| 100)).collect();
        assert!(next.contains(&B), "{next:?}");
    }

    #[test]
    fn departments_share_the_time_however_many_inboxes_they_have() {
        let mut turns = Turns::default();
        for inbox in 0..50 {
            for _ in 0..100 {
                turns.push(Lane::Receiving(DepartmentId(1), InboxId(inbox)), ());
                turns.push(B, ());
            }
        }
        let ran: Vec<_> = (0..1_000).filter_map(|_| run(&mut turns, Pace::Quick, |_| 100)).collect();
        assert!((450..=550).contains(&count(&ran, B)), "{} of 1000", count(&ran, B));
    }

    #[test]
    fn whoever_was_idle_has_saved_nothing() {
        let mut turns = Turns::default();
        turns.push(B, ());
        assert_eq!(run(&mut turns, Pace::Quick, |_| 100), Some(B));
        for _ in 0..1_000 {
            turns.push(A, ());
        }
        for _ in 0..500 {
            assert_eq!(run(&mut turns, Pace::Quick, |_| 100), Some(A));
        }
        for _ in 0..500 {
            turns.push(B, ());
        }
        let ran: Vec<_> = (0..100).filter_map(|_| run(&mut turns, Pace::Quick, |_| 100)).collect();
        assert!((45..=55).contains(&count(&ran, A)), "{} of 100", count(&ran, A));
    }

    #[test]
    fn a_lane_changes_its_threads_when_its_jobs_do_with_all_that_wait() {
        let mut turns = Turns::default();
        for _ in 0..100 {
            turns.push(A, ());
        }
        let ((), lane, charge) = turns.take(Pace::Quick).unwrap().into_parts();
        assert_eq!(turns.done(lane, charge, 500_000), Some(Pace::Slow));
        assert!(turns.take(Pace::Quick).is_none());
        let mut slow = 0;
        while run(&mut turns, Pace::Slow, |_| 10).is_some() {
            slow += 1;
        }
        assert!((5..50).contains(&slow), "it was forgiven after {slow}");
        assert_eq!(turns.push(A, ()), Pace::Quick);
        let quick = std::iter::from_fn(|| run(&mut turns, Pace::Quick, |_| 10)).count();
        assert_eq!(1 + slow + quick, 101, "all had their turn");
    }

    #[test]
    fn who_comes_is_told_how_long_the_lane_is() {
        let mut turns = Turns::default();
        turns.push(A, ());
        run(&mut turns, Pace::Quick, |_| 400_000).unwrap();
        for _ in 0..50 {
            turns.push(A, ());
        }
        assert_eq!(turns.places(A).1, Duration::from_secs(5));
        assert_eq!(turns.places(B).1, Duration::ZERO);
    }
}
