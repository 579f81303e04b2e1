//! A reply goes out.
//!
//! The adapter says what to send, egress sends it, the adapter reads the answer: until it is done.
//! Sending exactly once does not exist: an answer that may or may not have arrived is parked for an
//! agent. So are one that was on its way when the host died, and one whose adapter fails once a request
//! has gone out. Only an adapter whose channel drops repetitions has it sent again, and says so by
//! `retry-after`.
//!
//! Here is what is due and when; how one reply is sent stands in `exchange`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use self::exchange::send;
use super::liveness::SENDING;
use super::{Flow, FlowError};
use crate::crash::{self, Point};
use crate::domain::ids::{InboxId, OutboxId};
use crate::domain::time::Timestamp;
use crate::store::{OutboxWork, SendEnd};

mod answer;
mod exchange;
mod fill;

/// How many replies one look at the outbox takes.
const BATCH_MAX: usize = 16;
/// From so many inboxes replies are sent at once.
const INBOXES_MAX: usize = 16;
/// How soon the outbox is looked at again while replies are on their way: a ring may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Sends every reply that is due, until none is or the host stops; how many were tried.
///
/// Those from one inbox go one after the other, so that they arrive in order; inboxes do not wait for
/// one another, because a channel may answer slowly or not at all.
pub async fn send_due(flow: &Flow, stop: &CancellationToken) -> Result<usize, FlowError> {
    // Nothing is on its way yet, so what has begun belongs to a host that died.
    park_unfinished(flow).await?;
    let mut under_way = FuturesUnordered::new();
    let (mut busy, mut tried, mut failure) = (Vec::new(), 0, None);
    loop {
        flow.liveness.moved(SENDING);
        if busy.len() < INBOXES_MAX && failure.is_none() && !stop.is_cancelled() {
            match flow.store.claim_outbox(flow.now(), BATCH_MAX, &busy).await {
                Ok(due) => {
                    let may_be_more = due.len() == BATCH_MAX;
                    tried += due.len();
                    for (inbox, due) in by_inbox(due) {
                        busy.push(inbox);
                        under_way.push(send_from(flow, inbox, due, stop));
                    }
                    if may_be_more {
                        continue;
                    }
                }
                Err(error) => failure = Some(error.into()),
            }
        }
        tokio::select! {
            sent = under_way.next() => match sent {
                Some((inbox, sent)) => {
                    busy.retain(|it| *it != inbox);
                    failure = failure.or(sent.err());
                }
                None => return failure.map_or(Ok(tried), Err),
            },
            () = flow.wake.outbox.notified(), if !under_way.is_empty() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if !under_way.is_empty() => {}
        }
    }
}

/// In the order in which they are due.
fn by_inbox(due: Vec<OutboxWork>) -> Vec<(InboxId, Vec<OutboxWork>)> {
    let mut found: Vec<(InboxId, Vec<OutboxWork>)> = Vec::new();
    for work in due {
        match found.iter_mut().find(|(inbox, _)| *inbox == work.entry.inbox) {
            Some((_, theirs)) => theirs.push(work),
            None => found.push((work.entry.inbox, vec![work])),
        }
    }
    found
}

async fn send_from(
    flow: &Flow,
    inbox: InboxId,
    due: Vec<OutboxWork>,
    stop: &CancellationToken,
) -> (InboxId, Result<(), FlowError>) {
    let claimed: Vec<OutboxId> = due.iter().map(|it| it.entry.id).collect();
    let sent = send_all(flow, due, stop).await;
    // Where one could not be recorded, or the host stops, those behind it were not tried.
    let released = flow.store.release_outbox(&claimed).await.map_err(FlowError::from);
    (inbox, sent.and(released))
}

async fn send_all(flow: &Flow, due: Vec<OutboxWork>, stop: &CancellationToken) -> Result<(), FlowError> {
    for work in due {
        if stop.is_cancelled() {
            break;
        }
        // Before anything leaves the host: whoever finds this without an end knows that it may have.
        flow.store.begin_send(work.entry.id, flow.now()).await?;
        crash::point(Point::ReplyBegun);
        let end = AssertUnwindSafe(send(flow, &work)).catch_unwind().await.unwrap_or_else(|_| broken());
        crash::point(Point::ReplySent);
        flow.telemetry.reply(name_of(&end));
        flow.store.end_send(work.entry.id, &end, flow.now()).await?;
    }
    Ok(())
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
