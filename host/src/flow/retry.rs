//! A kept delivery is read once more.

use std::sync::Arc;

use serde_json::Value;

use super::ingest::{Kept, Received, read_and_store};
use super::{Flow, FlowError, access};
use crate::domain::activation::Activation;
use crate::domain::delivery::DeliveryOutcome;
use crate::domain::ids::DeliveryId;
use crate::domain::principal::{Principal, PrincipalKind};
use crate::domain::release::PluginKind;
use crate::store::{AuditEntry, IntakeOrigin, PageRequest};

/// How many kept deliveries are read again at once after an adapter was enabled.
const RETRY_PAGE: u32 = 64;

/// Reads a kept delivery again with the adapter that is enabled now.
pub async fn retry(flow: &Flow, principal: &Principal, id: DeliveryId) -> Result<Received, FlowError> {
    let (delivery, raw) = access::delivery(flow, principal, id).await?;
    if delivery.purged_at.is_some() {
        return Err(FlowError::Gone(format!(
            "the bytes of delivery {id} are gone; there is nothing to read"
        )));
    }
    if delivery.outcome == DeliveryOutcome::Accepted {
        return Err(FlowError::Conflict(format!("delivery {id} was read already; nothing is left to retry")));
    }
    let directory = flow.directory.load_full();
    let Some(inbox) = directory.inbox(delivery.inbox) else {
        return Err(FlowError::NotFound(format!("the inbox {} of delivery {id} is gone", delivery.inbox)));
    };
    let kept = Kept { delivery: id, origin: IntakeOrigin::Retry, audit: audit(flow, principal, id) };
    read_and_store(flow, kept, Arc::clone(inbox), raw, Box::new(())).await
}

/// What somebody had read is recorded. What the host reads by itself follows from an activation, which
/// is recorded.
fn audit(flow: &Flow, principal: &Principal, id: DeliveryId) -> Option<AuditEntry> {
    let by_somebody = principal.kind != PrincipalKind::System;
    by_somebody.then(|| flow.audit(principal, "delivery.retry", &id.to_string(), Value::Null))
}

/// Reads again what no release could read so far, now that an adapter's release is at work. A host that stops
/// finishes the delivery that is being read and begins no other: they stay unparsed, for a retry by hand.
pub(super) async fn after_enabling(flow: &Flow, activation: &Activation) -> Result<(), FlowError> {
    if activation.kind != PluginKind::ChannelAdapter {
        return Ok(());
    }
    let directory = flow.directory.load_full();
    for inbox in directory.inboxes().into_iter().filter(|it| it.adapter == activation.plugin) {
        let unparsed = Some(DeliveryOutcome::Unparsed);
        let mut page = PageRequest { after: None, limit: RETRY_PAGE };
        loop {
            let found = flow.store.deliveries(Some(inbox.id), unparsed, None, page).await?;
            for delivery in found.entries.iter().filter(|it| it.purged_at.is_none()) {
                if flow.stop.is_cancelled() {
                    return Ok(());
                }
                if let Err(error) = retry(flow, &Principal::system(), delivery.id).await {
                    tracing::warn!(delivery = %delivery.id, %error, "a kept delivery could not be read again");
                }
            }
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}
