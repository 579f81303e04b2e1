//! Whoever works without being waited for is watched: should one end by a panic, the host ends too, and
//! whoever started it starts it anew. Otherwise it would go on without somebody, and nobody would know.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Ends the host where a worker ended before it should. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    stop: CancellationToken,
    ended: Arc<OnceLock<String>>,
}

impl Watch {
    /// A watch that cancels this.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, ended: Arc::default() }
    }

    /// What ends the workers.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts a worker in a task that is tracked.
    pub fn spawn(
        &self,
        what: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        tracker: &TaskTracker,
    ) {
        let watch = self.clone();
        let work = tokio::spawn(work);
        tracker.spawn(async move {
            if let Err(error) = work.await {
                tracing::error!(%error, "{what} ended by a panic: the host ends");
                watch.ended.get_or_init(|| format!("{what} ended by a panic ({error})"));
                watch.stop.cancel();
            }
        });
    }

    /// Which worker ended by a panic first, if one did.
    pub fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_panics_ends_the_host_and_one_that_ends_does_not() {
        let (watch, tracker) = (Watch::new(CancellationToken::new()), TaskTracker::new());
        watch.spawn("resting", async {}, &tracker);
        tracker.close();
        tracker.wait().await;
        assert_eq!((watch.ended(), watch.stop().is_cancelled()), (None, false));
        watch.spawn("counting", async { panic!("a number is missing") }, &tracker);
        watch.stop().cancelled().await;
        tracker.wait().await;
        let why = watch.ended().unwrap_or_default();
        assert!(why.starts_with("counting ended by a panic"), "{why}");
    }
}
