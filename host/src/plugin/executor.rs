//! A bounded pool of OS threads for guest calls.
//!
//! Guests compute without ever waiting, so they must not run on the async runtime's workers; and a
//! pool of its own gives back-pressure: who finds the queue full waits, asynchronously.
//!
//! Whatever one department, inbox or policy floods the pool with, the others have their share of it: jobs wait
//! in lanes, and lanes take [`turns`]. Half of the threads are for lanes with jobs that take long, because a
//! job cannot be interrupted for another; between the two halves the system shares the processors out. Each half
//! has one thread more than one department's jobs run on, so that another's job finds a thread at once.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use tokio::sync::oneshot;

pub use self::turns::Lane;
use self::turns::{Pace, Turns, Used};

mod turns;

/// A lane as long as this is not joined by whoever can come again: a caller has gone by then.
const WAIT_MAX: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce() + Send>;

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecutorError {
    /// The job panicked. That is a defect of the host: guests cannot cause it.
    #[error("a job panicked")]
    Panicked,
    /// The pool is shutting down.
    #[error("the executor is shutting down")]
    Closed,
    /// Too much waits in this lane already.
    #[error("what came before takes too long; send it again later")]
    Busy,
}

/// The pool. Dropping it finishes what is queued and waits for the threads.
pub struct Executor {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    width: usize,
}

/// What the threads share.
struct Shared {
    state: Mutex<State>,
    wake: [Condvar; 2],
}

struct State {
    turns: Turns<Job>,
    /// Threads that wait for a job, by pace.
    idle: [usize; 2],
    closed: bool,
}

impl Executor {
    /// A pool in which so many jobs of one department run at once, at least one, and as many slow ones.
    pub fn new(width: usize) -> io::Result<Self> {
        let width = width.max(1);
        let state = State { turns: Turns::new(width), idle: [0; 2], closed: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Default::default() });
        let mut executor = Self { shared: Arc::clone(&shared), threads: Vec::new(), width };
        for number in 0..=width {
            for pace in Pace::BOTH {
                executor.threads.push(spawn(number, pace, Arc::clone(&shared))?);
            }
        }
        Ok(executor)
    }

    /// How many quick jobs of one department run at once; so may as many slow ones.
    pub fn threads(&self) -> usize {
        self.width
    }

    /// How many threads have ended, which none should while the pool is there.
    pub fn threads_ended(&self) -> usize {
        self.threads.iter().filter(|it| it.is_finished()).count()
    }

    /// Runs `job` on one of the threads, after waiting for room in its lane, and waits for its result.
    ///
    /// A caller that goes away cancels nothing: the job runs all the same.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(job)).map_err(|_| ExecutorError::Panicked);
            // Nobody may be waiting any more.
            let _ = answer.send(result);
        };
        self.queue(lane, None, job).await?;
        answered.await.unwrap_or(Err(ExecutorError::Closed))
    }

    /// The same for a job that need not run if the caller goes away while it waits: then it is dropped when its turn
    /// comes, with all that it holds.
    pub async fn run_while_asked<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            if answer.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(job)).map_err(|_| ExecutorError::Panicked);
            // Nobody may be waiting any more.
            let _ = answer.send(result);
        };
        self.queue(lane, None, job).await?;
        answered.await.unwrap_or(Err(ExecutorError::Closed))
    }

    /// Has `job` run on one of the threads, after waiting for room in its lane; it tells its result
    /// itself. Refused if the lane is too long.
    pub async fn start(&self, lane: Lane, job: impl FnOnce() + Send + 'static) -> Result<(), ExecutorError> {
        self.queue(lane, Some(WAIT_MAX), job).await
    }

    async fn queue(
        &self,
        lane: Lane,
        patience: Option<Duration>,
        job: impl FnOnce() + Send + 'static,
    ) -> Result<(), ExecutorError> {
        let (places, wait) = self.shared.lock().turns.places(lane);
        if patience.is_some_and(|most| wait > most * self.threads() as u32) {
            return Err(ExecutorError::Busy);
        }
        let place = places.acquire_owned().await.map_err(|_| ExecutorError::Closed)?;
        self.shared.push(
            lane,
            Box::new(move || {
                drop(place);
                job();
            }),
        )
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.iter().for_each(Condvar::notify_all);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Nothing that holds the lock leaves the state half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, lane: Lane, job: Job) -> Result<(), ExecutorError> {
        let mut state = self.lock();
        if state.closed {
            return Err(ExecutorError::Closed);
        }
        let pace = state.turns.push(lane, job).filter(|it| state.idle[*it as usize] > 0);
        // Else the thread that wakes up would have to wait for the lock.
        drop(state);
        if let Some(pace) = pace {
            self.wake[pace as usize].notify_one();
        }
        Ok(())
    }

    /// Runs jobs of this pace until the pool is closed and none is left.
    fn work(&self, pace: Pace) {
        let mut state = self.lock();
        loop {
            let Some(taken) = state.turns.take(pace) else {
                if state.closed {
                    return;
                }
                state.idle[pace as usize] += 1;
                state = self.wake[pace as usize].wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle[pace as usize] -= 1;
                continue;
            };
            drop(state);
            let (job, lane, charge) = taken.into_parts();
            let began = (Instant::now(), ThreadTime::now());
            // What a job owes its caller goes with it; the thread stays.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the executor panicked");
            }
            let micros = |it: Duration| u64::try_from(it.as_micros()).unwrap_or(u64::MAX);
            let used = Used { wall: micros(began.0.elapsed()), cpu: micros(began.1.elapsed()) };
            state = self.lock();
            if state.closed {
                // The other threads may have gone already: what waits stays here.
                state.turns.free(lane, charge);
            } else if let Some(moved) = state.turns.done(lane, charge, used) {
                self.wake[moved as usize].notify_all();
            }
        }
    }
}

fn spawn(number: usize, pace: Pace, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let name = match pace {
        Pace::Quick => format!("plugin-{number}"),
        Pace::Slow => format!("slow-plugin-{number}"),
    };
    thread::Builder::new().name(name).spawn(move || shared.work(pace))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::turns::PLACES;
    use super::*;
    use crate::domain::ids::{DepartmentId, InboxId};

    const LANE: Lane = Lane::Evaluating(DepartmentId(1));

    #[tokio::test]
    async fn a_panic_ends_one_job_and_no_thread() {
        let executor = Executor::new(1).unwrap();
        let panicked = executor.run(LANE, || -> u8 { panic!("on purpose") }).await;
        assert_eq!(panicked, Err(ExecutorError::Panicked));
        assert_eq!(executor.run(LANE, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn more_jobs_than_places_wait_their_turn() {
        let executor = Executor::new(1).unwrap();
        let jobs = (0..PLACES * 3).map(|number| executor.run(LANE, move || number));
        let results = futures::future::join_all(jobs).await;
        assert_eq!(results.into_iter().collect::<Result<Vec<_>, _>>().unwrap().len(), PLACES * 3);
    }

    #[tokio::test]
    async fn dropping_finishes_what_is_queued() {
        let done = Arc::new(AtomicUsize::new(0));
        let executor = Executor::new(1).unwrap();
        for _ in 0..10 {
            let done = done.clone();
            let job = executor.run(LANE, move || done.fetch_add(1, Ordering::SeqCst));
            // Polled once, so that it is queued; then the caller goes away.
            assert!(futures::FutureExt::now_or_never(job).is_none_or(|result| result.is_ok()));
        }
        drop(executor);
        assert_eq!(done.load(Ordering::SeqCst), 10);
    }

    #[tokio::test]
    async fn job_whose_caller_has_gone_is_dropped_when_its_turn_comes() {
        let ran = Arc::new(AtomicUsize::new(0));
        let executor = Executor::new(1).unwrap();
        let (go_on, blocked) = mpsc::channel::<()>();
        executor.start(LANE, move || blocked.recv().unwrap()).await.unwrap();
        let counter = ran.clone();
        let job = executor.run_while_asked(LANE, move || counter.fetch_add(1, Ordering::SeqCst));
        // Polled once, so that it is queued; then the caller goes away.
        assert!(futures::FutureExt::now_or_never(job).is_none());
        assert_eq!(Arc::strong_count(&ran), 2, "the job waits with what it holds");
        go_on.send(()).unwrap();
        assert_eq!(executor.run_while_asked(LANE, || 7).await, Ok(7));
        assert_eq!((ran.load(Ordering::SeqCst), Arc::strong_count(&ran)), (0, 1));
    }

    #[tokio::test]
    async fn whoever_is_slow_occupies_no_thread_of_the_quick() {
        let executor = Executor::new(1).unwrap();
        let slow = Lane::Receiving(DepartmentId(1), InboxId(1));
        make_slow(&executor, slow).await;
        let (go_on, blocked) = mpsc::channel::<()>();
        executor.start(slow, move || blocked.recv().unwrap()).await.unwrap();
        // It ends only after this one, on the pool's other thread.
        assert_eq!(executor.run(Lane::Receiving(DepartmentId(2), InboxId(2)), || 7).await, Ok(7));
        go_on.send(()).unwrap();
    }

    #[tokio::test]
    async fn a_lane_that_is_too_long_is_not_joined() {
        let executor = Executor::new(1).unwrap();
        make_slow(&executor, LANE).await;
        let (go_on, blocked) = mpsc::channel::<()>();
        executor.start(LANE, move || blocked.recv().unwrap_or(())).await.unwrap();
        let mut refused = None;
        for _ in 0..PLACES {
            if let Err(error) = executor.start(LANE, || {}).await {
                refused = Some(error);
                break;
            }
        }
        assert_eq!(refused, Some(ExecutorError::Busy));
        // Others are not concerned.
        assert_eq!(executor.run(Lane::Trying(None), || 7).await, Ok(7));
        drop(go_on);
    }

    /// Keeps a processor busy for long enough that the lane is slow, and too long after 500 more.
    async fn make_slow(executor: &Executor, lane: Lane) {
        let spin = || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(350) {
                std::hint::spin_loop();
            }
        };
        executor.run(lane, spin).await.unwrap();
        // A job is charged after it has answered, and before another begins.
        executor.run(lane, || ()).await.unwrap();
    }
}
