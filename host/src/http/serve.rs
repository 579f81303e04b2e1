//! Listening, until the host is asked to stop.
//!
//! The connections' own loop instead of axum's: whoever connects gets a bounded number of places, a
//! bounded time for a request's head, and no more than a bounded head. (A body's time is the router's
//! business.) HTTP/1.1 alone, RFC 9112: what stands in front of a host speaks the rest.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::patient::Patient;
use super::peers::{PeerLimit, Peers, Seat};
use super::permission::MetricsFor;
use super::router::router_for;
use crate::flow::Flow;

mod patient;

/// How long requests under way may take to end, unless the host is told otherwise: longer than the slowest
/// body may take to arrive.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a request's head may take to arrive, and how long a connection may be kept without one.
/// Longer than the pauses between the deliveries of a channel that sends often.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an answer may lie there without the other side taking anything of it.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a request's head: eight times what the chattiest channels send. (hyper itself takes a
/// hundred header fields at most.)
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Connections at once, where the system gives a file for each; who comes later waits to be accepted. Each
/// costs some kilobytes.
pub const CONNECTIONS_MAX: usize = 4_096;

/// How long to wait when the system cannot accept anybody (no file is left, say): it would say so again
/// at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How callers are let in, and for how long.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How long work is still taken after the host was asked to stop.
    pub grace: Duration,
    /// How long requests under way may take from then on, before their connections are closed.
    pub drain: Duration,
    /// How many connections there may be at once.
    pub connections_max: usize,
    /// How many connections one caller may have.
    pub per_peer: PeerLimit,
    /// Who may read what is measured.
    pub metrics: MetricsFor,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            grace: Duration::ZERO,
            drain: DRAIN_TIMEOUT,
            connections_max: CONNECTIONS_MAX,
            per_peer: PeerLimit::default(),
            metrics: MetricsFor::default(),
        }
    }
}

/// How many connections there may be, of all and of one caller.
struct Places {
    all: Arc<Semaphore>,
    peers: Arc<Peers>,
}

/// A place for one connection, until this goes.
struct Place {
    _one_of_all: OwnedSemaphorePermit,
    _one_of_the_callers: Seat,
}

/// Serves until `stop` is cancelled, then finishes what is under way; what is not finished in time is cut
/// off. No connection is left when this returns.
///
/// From then on `/readyz` says that the host wants no more work, and for `grace` it is still taken:
/// whoever spreads work over several hosts has that long to see it and go elsewhere.
pub async fn serve(listener: TcpListener, flow: Flow, stop: CancellationToken, options: ServeOptions) {
    let ServeOptions { grace, drain, connections_max, per_peer, metrics } = options;
    let closing_time = {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        }
    };
    let router = router_for(metrics, flow, stop);
    let listening = Listening { listener, places: Places::new(connections_max, per_peer), router };
    listening.serve_until(closing_time, drain).await;
}

impl Places {
    fn new(connections_max: usize, per_peer: PeerLimit) -> Self {
        Self { all: Arc::new(Semaphore::new(connections_max)), peers: Peers::new(per_peer) }
    }
}

/// What is let in, and to what.
struct Listening {
    listener: TcpListener,
    places: Places,
    router: Router,
}

impl Listening {
    /// Lets connections in until `closing_time`, then gives those that are left so long to end.
    async fn serve_until(self, closing_time: impl Future<Output = ()>, drain: Duration) {
        let Self { listener, places, router } = self;
        let (closing, cut, connections) =
            (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let mut closing_time = pin!(closing_time);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut closing_time => break,
                accepted = accept(&listener, &places) => accepted,
            };
            if let Some((stream, place)) = accepted {
                let conversing = converse(stream, router.clone(), closing.clone(), place);
                connections.spawn(cut.clone().run_until_cancelled_owned(conversing));
            }
        }
        // Nothing is let in any more, not even to wait.
        drop(listener);
        closing.cancel();
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(
            connections = connections.len(),
            "some requests did not end in time; they are cut off"
        );
        // Their tasks end where they wait, and their sockets are closed with them.
        cut.cancel();
        connections.wait().await;
    }
}

/// The next connection, once there is a place for it. Whoever has too many already is closed at once, and
/// nobody waits for that.
async fn accept(listener: &TcpListener, places: &Places) -> Option<(TcpStream, Place)> {
    // The semaphore is never closed.
    let one_of_all = Arc::clone(&places.all).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            let Some(seat) = places.peers.seat(address.ip()) else {
                tracing::debug!("a caller has as many connections as one may; the next is closed");
                return None;
            };
            Some((stream, Place { _one_of_all: one_of_all, _one_of_the_callers: seat }))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Answers one connection's requests.
async fn converse(stream: TcpStream, router: Router, closing: CancellationToken, _place: Place) {
    // An answer is one small write: waiting to fill a packet would only make it late.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES_MAX)
        // Head and body of an answer are small: copying them together is cheaper than two pieces.
        .writev(false)
        .serve_connection(
            TokioIo::new(Patient::new(stream, UNREAD_TIMEOUT)),
            TowerToHyperService::new(router),
        );
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side's doing: it went away, or was too slow, or does not speak HTTP.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
#[path = "serve/tests.rs"]
mod tests;
