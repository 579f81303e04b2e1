//! Listening, until the host is asked to stop.

use std::io;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::router::router;
use crate::flow::Flow;

/// How long requests under way may take to end: longer than the slowest body may take to arrive.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(75);

/// Serves until `stop` is cancelled, then finishes what is under way.
pub async fn serve(listener: TcpListener, flow: Flow, stop: CancellationToken) -> io::Result<()> {
    let router = router(flow, stop.clone());
    let drained = stop.clone();
    // An answer is one small write: waiting to fill a packet would only make it late.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(drained.cancelled_owned());
    tokio::select! {
        served = serving => served,
        () = overdue(stop) => {
            tracing::warn!("some requests did not end in time; they are cut off");
            Ok(())
        }
    }
}

async fn overdue(stop: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN_TIMEOUT).await;
}
