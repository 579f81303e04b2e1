//! A kept delivery is read once more.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::ingest::{Held, Kept, Received, read_and_store};
use super::{Flow, FlowError, access};
use crate::domain::activation::Activation;
use crate::domain::delivery::DeliveryOutcome;
use crate::domain::ids::DeliveryId;
use crate::domain::principal::{Principal, PrincipalKind};
use crate::domain::release::PluginKind;
use crate::store::{AuditEntry, IntakeOrigin, PageRequest};

/// How many kept deliveries are read again at once after an adapter was enabled.
const RETRY_PAGE: u32 = 64;

/// The deliveries that are being read again.
#[derive(Debug, Default)]
pub struct Retries(Mutex<HashSet<DeliveryId>>);

/// One of them, until this goes.
struct Retrying {
    retries: Arc<Retries>,
    delivery: DeliveryId,
}

impl Retries {
    /// Begins to read a delivery again; none if it is being read.
    fn begin(self: &Arc<Self>, delivery: DeliveryId) -> Option<Retrying> {
        self.under_way().insert(delivery).then(|| Retrying { retries: Arc::clone(self), delivery })
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<DeliveryId>> {
        // A panic cannot leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Retrying {
    fn drop(&mut self) {
        self.retries.under_way().remove(&self.delivery);
    }
}

/// Reads a kept delivery again with the adapter that is enabled now, once at a time. `held` is what it takes
/// while it is under way, its body among it.
pub async fn retry(
    flow: &Flow,
    principal: &Principal,
    id: DeliveryId,
    held: Held,
) -> Result<Received, FlowError> {
    access::delivery_head(flow, principal, id).await?;
    let retrying = flow.retries.begin(id).ok_or_else(|| {
        FlowError::Conflict(format!("delivery {id} is being read again; look at it in a moment"))
    })?;
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
    read_and_store(flow, kept, Arc::clone(inbox), raw, Box::new((held, retrying))).await
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
                // One after the other: together they take the memory of one.
                if let Err(error) = retry(flow, &Principal::system(), delivery.id, Box::new(())).await {
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
