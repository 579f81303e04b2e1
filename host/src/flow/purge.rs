//! Nothing is kept longer than its inbox says.
//!
//! In small transactions, so that nobody waits long for the writer. What was erased and is still on the
//! disk, because somebody was reading or the host died, is wiped here too.

use std::sync::Arc;

use serde_json::json;

use super::{Flow, FlowError};
use crate::domain::organisation::Inbox;
use crate::domain::principal::Principal;

/// How often to look. What is agreed on in days need not go to the minute.
pub const EVERY_MS: i64 = 3_600_000;

/// Deliveries emptied in one transaction.
const DELIVERIES_AT_ONCE: u32 = 256;

/// Conversations erased in one transaction: each may have many items.
const CONVERSATIONS_AT_ONCE: u32 = 16;

/// Purges and erases what is due; whether nothing is left on the disk that should not be.
pub async fn purge_due(flow: &Flow) -> Result<bool, FlowError> {
    for inbox in flow.directory.load_full().inboxes() {
        purge_deliveries(flow, inbox).await?;
        erase_ended(flow, inbox).await?;
    }
    Ok(flow.store.finish_erasures(flow.now()).await?)
}

async fn purge_deliveries(flow: &Flow, inbox: &Arc<Inbox>) -> Result<(), FlowError> {
    let Some(before) = inbox.retention.deliveries_before(flow.now()) else { return Ok(()) };
    let detail = json!({ "deliveries_days": inbox.retention.deliveries_days });
    loop {
        let audit = flow.audit(&Principal::system(), "inbox.purge", &inbox.id.to_string(), detail.clone());
        let page = flow.store.purge_deliveries(inbox.id, before, DELIVERIES_AT_ONCE, &audit).await?;
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
        let audit =
            flow.audit(&Principal::system(), "inbox.erase-ended", &inbox.id.to_string(), detail.clone());
        let page = flow.store.erase_ended(inbox.id, before, CONVERSATIONS_AT_ONCE, &audit).await?;
        flow.telemetry.erased("retention", &page.erased);
        if !page.has_more {
            return Ok(());
        }
    }
}
