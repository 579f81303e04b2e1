//! A bounded pool of OS threads for guest calls.
//!
//! Guests compute without ever waiting, so they must not run on the async runtime's workers; and a
//! pool of its own gives back-pressure: who finds the queue full waits, asynchronously.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::{Semaphore, oneshot};

/// Jobs that may wait per thread. Who finds no place is woken once more to take one, which costs more
/// than the place; so there are as many as a busy host has callers.
const QUEUED_PER_THREAD: usize = 512;

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
}

/// The pool. Dropping it finishes what is queued and waits for the threads.
pub struct Executor {
    jobs: Option<Sender<Job>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

impl Executor {
    /// A pool of that many threads, at least one.
    pub fn new(threads: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let capacity = threads * QUEUED_PER_THREAD;
        let (sender, receiver) = bounded(capacity);
        let threads =
            (0..threads).map(|number| spawn(number, receiver.clone())).collect::<io::Result<_>>()?;
        Ok(Self { jobs: Some(sender), room: Arc::new(Semaphore::new(capacity)), threads })
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Runs `job` on one of the threads, after waiting for room in the queue, and waits for its result.
    ///
    /// A caller that goes away cancels nothing: the job runs all the same.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let (answer, answered) = oneshot::channel();
        self.start(move || {
            let result = catch_unwind(AssertUnwindSafe(job)).map_err(|_| ExecutorError::Panicked);
            // Nobody may be waiting any more.
            let _ = answer.send(result);
        })
        .await?;
        answered.await.unwrap_or(Err(ExecutorError::Closed))
    }

    /// Has `job` run on one of the threads, after waiting for room in the queue; it tells its result
    /// itself.
    pub async fn start(&self, job: impl FnOnce() + Send + 'static) -> Result<(), ExecutorError> {
        let place = self.room.clone().acquire_owned().await.map_err(|_| ExecutorError::Closed)?;
        let job: Job = Box::new(move || {
            drop(place);
            job();
        });
        let jobs = self.jobs.as_ref().ok_or(ExecutorError::Closed)?;
        // The semaphore counts the queue's places, so this never blocks.
        jobs.try_send(job).map_err(|_| ExecutorError::Closed)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Threads end when the queue is empty and has no sender.
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn spawn(number: usize, jobs: Receiver<Job>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("plugin-{number}")).spawn(move || {
        for job in jobs {
            // What a job owes its caller goes with it; the thread stays.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the executor panicked");
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_job_and_no_thread() {
        let executor = Executor::new(1).unwrap();
        let panicked = executor.run(|| -> u8 { panic!("on purpose") }).await;
        assert_eq!(panicked, Err(ExecutorError::Panicked));
        assert_eq!(executor.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn more_jobs_than_places_wait_their_turn() {
        let executor = Executor::new(1).unwrap();
        let jobs = (0..QUEUED_PER_THREAD * 3).map(|number| executor.run(move || number));
        let results = futures::future::join_all(jobs).await;
        assert_eq!(results.into_iter().collect::<Result<Vec<_>, _>>().unwrap().len(), QUEUED_PER_THREAD * 3);
    }

    #[tokio::test]
    async fn dropping_finishes_what_is_queued() {
        let done = Arc::new(AtomicUsize::new(0));
        let executor = Executor::new(1).unwrap();
        for _ in 0..10 {
            let done = done.clone();
            let job = executor.run(move || done.fetch_add(1, Ordering::SeqCst));
            // Polled once, so that it is queued; then the caller goes away.
            assert!(futures::FutureExt::now_or_never(job).is_none_or(|result| result.is_ok()));
        }
        drop(executor);
        assert_eq!(done.load(Ordering::SeqCst), 10);
    }
}
