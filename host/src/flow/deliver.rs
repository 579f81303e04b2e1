//! A reply goes out.
//!
//! The adapter says what to send, egress sends it, the adapter reads the answer: until it is done.
//! Sending exactly once does not exist: an answer that may or may not have arrived is parked for an
//! agent. So are one that was on its way when the host died, and one whose adapter fails once a request
//! has gone out. Only an adapter whose channel drops repetitions has it sent again, and says so by
//! `retry-after`.
//!
//! Here is what is due and when, and whose turn it is ([`turns`]); how one reply is sent stands in `exchange`.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use self::exchange::send;
use self::turns::SendTurns;
use super::driving::while_driving;
use super::liveness::SENDING;
use super::{Flow, FlowError};
use crate::crash::{self, Point};
use crate::domain::ids::{DepartmentId, InboxId, OutboxId};
use crate::domain::time::Timestamp;
use crate::store::{OutboxWork, SendEnd, StoreResult};

mod answer;
mod exchange;
mod fill;
mod turns;

/// How many replies one inbox takes at a time: fewer transactions than one for each, and few texts in memory.
const BATCH_MAX: usize = 16;
/// After so long an inbox gives its place back, and takes its turn again for the rest of its replies: a channel
/// that answers slowly keeps a place no longer than one of its replies takes.
const PLACE_TIME: Duration = Duration::from_secs(2);
/// How soon the outbox is looked at again while replies are on their way: a ring may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Sends every reply that is due, until none is or the host stops; how many were tried.
///
/// Those from one inbox go one after the other, so that they arrive in order; inboxes do not wait for
/// one another, because a channel may answer slowly or not at all.
pub async fn send_due(flow: &Flow, stop: &CancellationToken) -> Result<usize, FlowError> {
    // Nothing is on its way yet, so what has begun belongs to a host that died.
    park_unfinished(flow).await?;
    let mut sending = Sending::default();
    let mut under_way: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
    loop {
        flow.liveness.moved(SENDING);
        if sending.failure.is_none() && !stop.is_cancelled() {
            let looking = flow.store.due_inboxes(flow.now());
            let (due, ended) = while_driving(&mut under_way, looking).await;
            ended.into_iter().for_each(|it| sending.end(it));
            let begun = sending.begin(flow, due);
            under_way.extend(begun.into_iter().map(|it| send_from(flow, it, stop).boxed()));
        }
        tokio::select! {
            ended = under_way.next() => match ended {
                Some(ended) => sending.end(ended),
                None => return sending.failure.map_or(Ok(sending.tried), Err),
            },
            () = flow.wake.outbox.notified(), if !under_way.is_empty() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if !under_way.is_empty() => {}
        }
    }
}

/// An inbox that gave its place back, and how many of its replies were tried.
type Ended = (InboxId, Result<usize, FlowError>);

/// Whose turn it is, and what came of it so far.
#[derive(Default)]
struct Sending {
    turns: SendTurns,
    tried: usize,
    failure: Option<FlowError>,
}

impl Sending {
    /// The inboxes that get a place now.
    fn begin(&mut self, flow: &Flow, due: StoreResult<Vec<InboxId>>) -> Vec<InboxId> {
        match due {
            Ok(due) => self.turns.begin(with_owners(flow, due)),
            Err(error) => {
                self.failure = Some(error.into());
                Vec::new()
            }
        }
    }

    fn end(&mut self, (inbox, sent): Ended) {
        self.turns.end(inbox);
        match sent {
            Ok(tried) => self.tried += tried,
            Err(error) => self.failure = self.failure.take().or(Some(error)),
        }
    }
}

/// The inboxes with their departments, where this host knows them.
fn with_owners(flow: &Flow, inboxes: Vec<InboxId>) -> Vec<(InboxId, Option<DepartmentId>)> {
    let directory = flow.directory.load();
    let department = |inbox| directory.inbox(inbox).map(|it| it.department);
    inboxes.into_iter().map(|it| (it, department(it))).collect()
}

/// Sends what is due from an inbox for as long as it has its place; how many were tried.
async fn send_from(flow: &Flow, inbox: InboxId, stop: &CancellationToken) -> Ended {
    (inbox, send_some(flow, inbox, stop).await)
}

async fn send_some(flow: &Flow, inbox: InboxId, stop: &CancellationToken) -> Result<usize, FlowError> {
    let due = flow.store.claim_outbox(inbox, flow.now(), BATCH_MAX).await?;
    let claimed: Vec<OutboxId> = due.iter().map(|it| it.entry.id).collect();
    let sent = send_all(flow, due, stop).await;
    // Where one could not be recorded, the host stops, or the time is over, those behind it were not tried.
    let released = flow.store.release_outbox(&claimed).await.map_err(FlowError::from);
    let tried = sent?;
    released.map(|()| tried)
}

async fn send_all(flow: &Flow, due: Vec<OutboxWork>, stop: &CancellationToken) -> Result<usize, FlowError> {
    let (began, mut tried) = (Instant::now(), 0);
    for work in due {
        if stop.is_cancelled() || (tried > 0 && began.elapsed() > PLACE_TIME) {
            break;
        }
        // Before anything leaves the host: whoever finds this without an end knows that it may have.
        flow.store.begin_send(work.entry.id, flow.now()).await?;
        crash::point(Point::ReplyBegun);
        let end = AssertUnwindSafe(send(flow, &work)).catch_unwind().await.unwrap_or_else(|_| broken());
        crash::point(Point::ReplySent);
        flow.telemetry.reply(name_of(&end));
        flow.store.end_send(work.entry.id, &end, flow.now()).await?;
        tried += 1;
    }
    Ok(tried)
}

/// One reply on which the host itself fails costs the others nothing. It may have gone out.
fn broken() -> SendEnd {
    tracing::error!("the host failed while it sent a reply; people decide");
    SendEnd::Parked("the host failed while it was being sent".to_owned())
}

/// Leaves to an agent what a host that died, or could not write, was sending.
async fn park_unfinished(flow: &Flow) -> Result<(), FlowError> {
    let parked = flow.store.park_unfinished(flow.now()).await?;
    if parked > 0 {
        tracing::warn!(parked, "replies may or may not have been sent; people decide");
        (0..parked).for_each(|_| flow.telemetry.reply("parked"));
    }
    Ok(())
}

/// When the next reply is due.
pub async fn next_due(flow: &Flow) -> Result<Option<Timestamp>, FlowError> {
    Ok(flow.store.next_send().await?)
}

fn name_of(end: &SendEnd) -> &'static str {
    match end {
        SendEnd::Sent(_) => "sent",
        SendEnd::Again { .. } => "retried",
        SendEnd::Failed(_) => "failed",
        SendEnd::Parked(_) => "parked",
    }
}
