//! Workers are watched: one that ends before the host stops, by a panic or without one, ends the host, and its
//! supervisor starts it anew. Otherwise it would go on without that worker, and look well.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::flow::liveness::Liveness;

/// Ends the host where a worker ended before it should. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watch {
    stop: CancellationToken,
    liveness: Arc<Liveness>,
}

impl Watch {
    /// A watch that cancels this.
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, liveness: Arc::default() }
    }

    /// What ends the workers.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// How the workers are.
    pub fn liveness(&self) -> &Arc<Liveness> {
        &self.liveness
    }

    /// Starts a worker in a task that is tracked.
    pub fn spawn(
        &self,
        worker: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        tracker: &TaskTracker,
    ) {
        let watch = self.clone();
        let work = tokio::spawn(work);
        tracker.spawn(async move {
            let how = match work.await {
                Ok(()) if watch.stop.is_cancelled() => return,
                Ok(()) => "ended by itself".to_owned(),
                Err(error) => format!("ended by a panic ({error})"),
            };
            // Ordered first, told afterwards.
            watch.liveness.end(worker, &how);
            watch.stop.cancel();
            tracing::error!("{worker} {how}: the host ends");
        });
    }

    /// Which worker ended first before it should, and how, if one did.
    pub fn ended(&self) -> Option<&str> {
        self.liveness.ended()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn watched(work: impl Future<Output = ()> + Send + 'static, stop: CancellationToken) -> Watch {
        let (watch, tracker) = (Watch::new(stop), TaskTracker::new());
        watch.spawn("counting", work, &tracker);
        tracker.close();
        tracker.wait().await;
        watch
    }

    #[tokio::test]
    async fn worker_that_ends_before_the_host_stops_ends_the_host() {
        let stop = CancellationToken::new();
        let watch = watched(stop.clone().cancelled_owned(), stop.child_token());
        stop.cancel();
        assert_eq!(watch.await.ended(), None, "it ended because the host stops");

        let watch = watched(async { panic!("a number is missing") }, CancellationToken::new()).await;
        let how = watch.ended().unwrap_or_default();
        assert!(how.starts_with("counting ended by a panic"), "{how}");
        assert!(watch.stop().is_cancelled());

        let watch = watched(async {}, CancellationToken::new()).await;
        assert_eq!(watch.ended(), Some("counting ended by itself"));
        assert!(watch.stop().is_cancelled());
        assert_eq!(watch.liveness().illness().as_deref(), Some("counting ended by itself"));
    }
}
