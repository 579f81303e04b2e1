//! Whose job is next: lanes take turns by the time they have used.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng 1996): a lane's turn is the virtual time at which its
//! next job would begin if it had a thread to itself; the least is next. A job is charged with what
//! its lane's jobs usually take when it begins, and with what it took when it is done: as many times as its
//! department has lanes that wait, so that a department has the same share however many inboxes it has.
//!
//! A job cannot be interrupted, so that a turn alone is not enough: a department's jobs never run on all threads
//! of a pace.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::ids::{DepartmentId, InboxId};

/// Jobs that may wait in one lane. Who finds no place is woken once more to take one, which costs more
/// than the place; so there are as many as a busy host has callers.
pub(super) const PLACES: usize = 1_024;

/// A lane with a job that computes for longer than this has the slow ones' threads. Well-behaved adapters need a
/// twentieth of it, and a slice of cases half.
const SLOW_MICROS: u64 = 5_000;

/// As many jobs in a row that are not as long bring a lane back to the quick ones' threads. A lane with one long
/// job among fewer than these stays with the slow ones for good.
const QUICK_AGAIN: u32 = 32;

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
    /// Threads of a pace that one department's jobs run on at most.
    running_max: usize,
}

/// The lanes of one pace that wait.
#[derive(Default)]
struct Order {
    departments: HashMap<Option<DepartmentId>, Lanes>,
    /// The first lane of each department that may have one more thread.
    first: BTreeSet<(u64, Lane)>,
}

/// A department's lanes that wait, by their turns, and how many of its jobs run.
#[derive(Default)]
struct Lanes {
    waiting: BTreeSet<(u64, Lane)>,
    running: usize,
}

impl Lanes {
    fn first(&self, running_max: usize) -> Option<(u64, Lane)> {
        self.waiting.first().copied().filter(|_| self.running < running_max)
    }
}

impl Order {
    fn change(&mut self, of: Option<DepartmentId>, running_max: usize, change: impl FnOnce(&mut Lanes)) {
        let lanes = self.departments.entry(of).or_default();
        let before = lanes.first(running_max);
        change(lanes);
        let (after, is_idle) = (lanes.first(running_max), lanes.waiting.is_empty() && lanes.running == 0);
        if before != after {
            if let Some(it) = before {
                self.first.remove(&it);
            }
            self.first.extend(after);
        }
        if is_idle {
            self.departments.remove(&of);
        }
    }

    /// How many lanes of this one's department wait.
    fn lanes_beside(&self, lane: Lane) -> u64 {
        self.departments.get(&lane.department()).map_or(0, |it| it.waiting.len() as u64)
    }

    /// Whether its department's jobs run on as many threads as they may.
    fn has_its_threads(&self, lane: Lane, running_max: usize) -> bool {
        self.departments.get(&lane.department()).is_some_and(|it| it.running >= running_max)
    }
}

/// What a lane is charged with for a job that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    charged: u64,
    /// How many lanes its department had.
    lanes: u64,
    /// Whose thread it has.
    pace: Pace,
}

/// How long a job took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    /// By the clock.
    pub(super) wall: u64,
    /// Of a processor: a job is not slow because others had the processors.
    pub(super) cpu: u64,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    places: Arc<Semaphore>,
    turn: u64,
    /// What its jobs usually take, in microseconds.
    usual: u64,
    /// How many jobs more must be quick before the lane is.
    slow_for: u32,
}

/// A job that is to run now.
pub(super) struct Taken<J> {
    pub(super) lane: Lane,
    pub(super) job: J,
    charge: Charge,
}

impl<J> Waiting<J> {
    fn pace(&self) -> Pace {
        if self.slow_for > 0 { Pace::Slow } else { Pace::Quick }
    }

    fn count(&mut self, used: Used) {
        self.usual = (self.usual * (MEMORY - 1) + used.wall) / MEMORY;
        self.slow_for = if used.cpu > SLOW_MICROS { QUICK_AGAIN } else { self.slow_for.saturating_sub(1) };
    }
}

impl<J> Turns<J> {
    /// Where one department's jobs run on so many threads of a pace at most.
    pub(super) fn new(running_max: usize) -> Self {
        Self { lanes: HashMap::new(), next: Default::default(), now: [0; 2], running_max }
    }

    /// The places of a lane, and how long a job would wait for a thread of its own there.
    pub(super) fn places(&mut self, lane: Lane) -> (Arc<Semaphore>, Duration) {
        let waiting = self.lane(lane);
        let ahead = waiting.jobs.len() as u64;
        (Arc::clone(&waiting.places), Duration::from_micros(waiting.usual.saturating_mul(ahead)))
    }

    /// Adds a job to a lane; whose threads may take it now, if any may.
    pub(super) fn push(&mut self, lane: Lane, job: J) -> Option<Pace> {
        let (now, running_max) = (self.now, self.running_max);
        let waiting = self.lane(lane);
        waiting.jobs.push_back(job);
        let pace = waiting.pace();
        if waiting.jobs.len() == 1 {
            waiting.turn = waiting.turn.max(now[pace as usize]);
            let turn = waiting.turn;
            self.wait(pace, turn, lane);
        }
        // Else one of the department's threads takes it when it is done with another.
        (!self.next[pace as usize].has_its_threads(lane, running_max)).then_some(pace)
    }

    /// The job whose turn it is among those of this pace.
    pub(super) fn take(&mut self, pace: Pace) -> Option<Taken<J>> {
        let (next, running_max) = (&mut self.next[pace as usize], self.running_max);
        let (turn, lane) = next.first.first().copied()?;
        let lanes = next.lanes_beside(lane);
        self.now[pace as usize] = turn;
        let waiting = self.lanes.get_mut(&lane)?;
        let job = waiting.jobs.pop_front()?;
        let charged = waiting.usual.max(1).saturating_mul(lanes);
        waiting.turn = turn.saturating_add(charged);
        let again = (!waiting.jobs.is_empty()).then_some((waiting.turn, lane));
        next.change(lane.department(), running_max, |it| {
            it.waiting.remove(&(turn, lane));
            it.waiting.extend(again);
            it.running += 1;
        });
        Some(Taken { lane, job, charge: Charge { charged, lanes, pace } })
    }

    /// A job's thread is free for another.
    pub(super) fn free(&mut self, lane: Lane, charge: Charge) {
        let running_max = self.running_max;
        let end = |it: &mut Lanes| it.running = it.running.saturating_sub(1);
        self.next[charge.pace as usize].change(lane.department(), running_max, end);
    }

    /// Charges a lane with what its job took. Which threads have its jobs from now on, if those are
    /// others and some wait.
    pub(super) fn done(&mut self, lane: Lane, charge: Charge, used: Used) -> Option<Pace> {
        self.free(lane, charge);
        let (now, running_max) = (self.now, self.running_max);
        let waiting = self.lanes.get_mut(&lane)?;
        let (before, turn) = (waiting.pace(), waiting.turn);
        waiting.count(used);
        let cost = used.wall.saturating_mul(charge.lanes);
        waiting.turn = turn.saturating_add(cost).saturating_sub(charge.charged);
        let after = waiting.pace();
        if before != after {
            // Each pace has its own virtual time: what the lane is ahead by goes with it.
            let ahead = waiting.turn.saturating_sub(now[before as usize]);
            waiting.turn = now[after as usize].saturating_add(ahead);
        }
        if waiting.jobs.is_empty() {
            return None;
        }
        let new_turn = waiting.turn;
        self.next[before as usize].change(lane.department(), running_max, |it| {
            it.waiting.remove(&(turn, lane));
        });
        self.wait(after, new_turn, lane);
        (before != after).then_some(after)
    }

    fn wait(&mut self, pace: Pace, turn: u64, lane: Lane) {
        let running_max = self.running_max;
        self.next[pace as usize].change(lane.department(), running_max, |it| {
            it.waiting.insert((turn, lane));
        });
    }

    fn lane(&mut self, lane: Lane) -> &mut Waiting<J> {
        self.lanes.entry(lane).or_insert_with(|| Waiting {
            jobs: VecDeque::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            turn: 0,
            usual: 0,
            slow_for: 0,
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

    /// Of a job that had a processor all the time.
    fn alone(micros: u64) -> Used {
        Used { wall: micros, cpu: micros }
    }

    /// Takes one of this pace, which then takes so long; whose it was.
    fn run(turns: &mut Turns<()>, pace: Pace, micros: impl Fn(Lane) -> u64) -> Option<Lane> {
        let ((), lane, charge) = turns.take(pace)?.into_parts();
        turns.done(lane, charge, alone(micros(lane)));
        Some(lane)
    }

    fn count(ran: &[Lane], lane: Lane) -> usize {
        ran.iter().filter(|it| **it == lane).count()
    }

    #[test]
    fn lanes_share_the_time_and_not_the_number_of_jobs() {
        let mut turns = Turns::new(1);
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
        let mut turns = Turns::new(1);
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
        let mut turns = Turns::new(1);
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
        let mut turns = Turns::new(1);
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
        let mut turns = Turns::new(1);
        for _ in 0..100 {
            turns.push(A, ());
        }
        let ((), lane, charge) = turns.take(Pace::Quick).unwrap().into_parts();
        assert_eq!(turns.done(lane, charge, alone(SLOW_MICROS + 1)), Some(Pace::Slow));
        assert!(turns.take(Pace::Quick).is_none());
        let slow = std::iter::from_fn(|| run(&mut turns, Pace::Slow, |_| 10)).count();
        assert_eq!(slow, QUICK_AGAIN as usize, "so many quick ones bring it back");
        assert_eq!(turns.push(A, ()), Some(Pace::Quick));
        let quick = std::iter::from_fn(|| run(&mut turns, Pace::Quick, |_| 10)).count();
        assert_eq!(1 + slow + quick, 101, "all had their turn");
    }

    #[test]
    fn a_lane_with_a_long_job_now_and_then_keeps_to_the_slow_threads() {
        let mut turns = Turns::new(1);
        let mut quick = 0;
        for number in 0..1_000 {
            let pace = turns.push(A, ()).unwrap();
            quick += usize::from(pace == Pace::Quick);
            run(&mut turns, pace, |_| if number % 20 == 0 { 300_000 } else { 100 }).unwrap();
        }
        assert_eq!(quick, 1, "the first alone, of which nothing was known");
    }

    #[test]
    fn a_job_that_waited_for_a_processor_is_not_slow() {
        let mut turns = Turns::new(1);
        turns.push(A, ());
        let ((), lane, charge) = turns.take(Pace::Quick).unwrap().into_parts();
        turns.done(lane, charge, Used { wall: 300_000, cpu: 100 });
        assert_eq!(turns.push(A, ()), Some(Pace::Quick));
    }

    #[test]
    fn a_department_never_has_all_threads_however_many_inboxes_it_has() {
        for pace in Pace::BOTH {
            let mut turns = Turns::new(2);
            let lanes: Vec<_> = (0..50).map(|it| Lane::Receiving(DepartmentId(1), InboxId(it))).collect();
            let all = || lanes.iter().copied().chain([B]);
            if pace == Pace::Slow {
                for lane in all() {
                    turns.push(lane, ());
                    run(&mut turns, Pace::Quick, |_| 300_000).unwrap();
                }
            }
            for lane in &lanes {
                turns.push(*lane, ());
            }
            let first = turns.take(pace).expect("a thread").into_parts();
            let _second = turns.take(pace).expect("another");
            assert!(turns.take(pace).is_none(), "the third is for other departments");
            assert_eq!(turns.push(lanes[0], ()), None, "no thread is woken for it");
            assert_eq!(turns.push(B, ()), Some(pace));
            assert_eq!(turns.take(pace).map(|it| it.lane), Some(B));
            turns.done(first.1, first.2, alone(100));
            assert!(turns.take(pace).is_some(), "a thread is free again");
        }
    }

    #[test]
    fn who_comes_is_told_how_long_the_lane_is() {
        let mut turns = Turns::new(1);
        turns.push(A, ());
        run(&mut turns, Pace::Quick, |_| 400_000).unwrap();
        for _ in 0..50 {
            turns.push(A, ());
        }
        assert_eq!(turns.places(A).1, Duration::from_secs(5));
        assert_eq!(turns.places(B).1, Duration::ZERO);
    }
}
