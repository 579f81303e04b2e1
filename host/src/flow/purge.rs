//! Nothing is kept longer than its inbox says, nor longer than it is of use.
//!
//! In small transactions, so that nobody waits long for the writer. An erasure that was begun and is not at
//! its end, because whoever asked for it went away or the host died, goes on here too; and what was erased
//! and is still on the disk is wiped.

use std::sync::Arc;

use serde_json::json;

use super::liveness::PURGING;
use super::{Flow, FlowError, erase};
use crate::domain::erasure::Wiping;
use crate::domain::organisation::Inbox;
use crate::domain::principal::Principal;

/// How often to look. What is agreed on in days need not go to the minute.
pub const EVERY_MS: i64 = 3_600_000;

/// For how long the answer to a keyed request is kept, to be given again.
pub const ANSWERS_KEPT_MS: i64 = 24 * 3_600_000;

/// Deliveries emptied in one transaction.
const DELIVERIES_AT_ONCE: u32 = 256;

/// Conversations erased in one transaction: each may have many items.
const CONVERSATIONS_AT_ONCE: u32 = 16;

/// Purges and erases what is due, and wipes the disk; whether nothing is left on it that should not be.
pub async fn purge_due(flow: &Flow) -> Result<bool, FlowError> {
    let kept = keep_to_agreed(flow).await;
    loop {
        match wipe_some(flow).await? {
            Wiping::More => {}
            wiping => return kept.map(|()| wiping == Wiping::Done),
        }
    }
}

/// Purges and erases what is due. Where something fails, everything else is done all the same; the first
/// failure is the answer.
pub async fn keep_to_agreed(flow: &Flow) -> Result<(), FlowError> {
    let forget_before = flow.now().plus_ms(-ANSWERS_KEPT_MS);
    let mut first = flow.store.forget_requests(forget_before).await.map_err(FlowError::from);
    for inbox in flow.directory.load_full().inboxes() {
        for done in [
            purge_deliveries(flow, inbox).await,
            purge_unread(flow, inbox).await,
            erase_ended(flow, inbox).await,
        ] {
            if let Err(error) = &done {
                let cause: &dyn std::error::Error = error;
                tracing::error!(inbox = %inbox.id, error = cause, "an inbox still holds what it should not");
            }
            first = first.and(done);
        }
    }
    flow.wake.wipe.notify_one();
    first
}

/// Goes on with what is to be erased, and once that is done with wiping the disk; how far that is.
pub async fn wipe_some(flow: &Flow) -> Result<Wiping, FlowError> {
    let erased = erase::go_on(flow).await;
    if let Ok(true) = erased {
        return Ok(Wiping::More);
    }
    // An erasure that does not go on keeps nothing on the disk that is erased.
    match flow.store.wipe_some(flow.now()).await? {
        Wiping::More => Ok(Wiping::More),
        wiping => erased.map(|_| wiping),
    }
}

async fn purge_deliveries(flow: &Flow, inbox: &Arc<Inbox>) -> Result<(), FlowError> {
    let Some(before) = inbox.retention.deliveries_before(flow.now()) else { return Ok(()) };
    let detail = json!({ "deliveries_days": inbox.retention.deliveries_days });
    loop {
        flow.liveness.moved(PURGING);
        let audit = flow.audit(&Principal::system(), "inbox.purge", &inbox.id.to_string(), detail.clone());
        let page = flow.store.purge_deliveries(inbox.id, before, DELIVERIES_AT_ONCE, &audit).await?;
        flow.telemetry.purged(&inbox.name, page.purged);
        if !page.has_more {
            return Ok(());
        }
    }
}

/// What nobody could read is all there is of it, and still not kept for ever: anybody may send it.
async fn purge_unread(flow: &Flow, inbox: &Arc<Inbox>) -> Result<(), FlowError> {
    let before = inbox.retention.unread_before(flow.now());
    let (unread_days, unauthentic_days) = inbox.retention.days_unread();
    let detail = json!({ "unread_days": unread_days, "unauthentic_days": unauthentic_days });
    loop {
        flow.liveness.moved(PURGING);
        let audit =
            flow.audit(&Principal::system(), "inbox.purge-unread", &inbox.id.to_string(), detail.clone());
        let page = flow.store.purge_unread(inbox.id, &before, DELIVERIES_AT_ONCE, &audit).await?;
        flow.telemetry.purged(&inbox.name, page.purged);
        if !page.has_more {
            return Ok(());
        }
    }
}

async fn erase_ended(flow: &Flow, inbox: &Arc<Inbox>) -> Result<(), FlowError> {
    let Some(before) = inbox.retention.conversations_before(flow.now()) else { return Ok(()) };
    let detail = json!({ "conversations_days": inbox.retention.conversations_days });
    loop {
        flow.liveness.moved(PURGING);
        let audit =
            flow.audit(&Principal::system(), "inbox.erase-ended", &inbox.id.to_string(), detail.clone());
        let page = flow.store.erase_ended(inbox.id, before, CONVERSATIONS_AT_ONCE, &audit).await?;
        flow.telemetry.erased("retention", &page.erased);
        if !page.has_more {
            return Ok(());
        }
    }
}
