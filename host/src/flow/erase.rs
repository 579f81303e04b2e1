//! Everything about a person goes.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Flow, FlowError, access, purge};
use crate::domain::erasure::{Erasure, ErasureReason, Wiping};
use crate::domain::ids::ContactId;
use crate::domain::principal::Principal;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseContact {
    /// Why; kept in the audit log.
    pub reason: ErasureReason,
}

/// How long whoever asked waits for the disk: a file of a gigabyte or so is wiped by then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Erases a contact, and then the disk; asked for again, what was erased the first time.
///
/// Nobody can read it once this returns. `wiped_at` is absent while the disk still has to be wiped, because
/// that takes long or somebody reads what was there before; the host goes on with it by itself.
pub async fn erase(
    flow: &Flow,
    principal: &Principal,
    id: ContactId,
    asked: EraseContact,
) -> Result<Erasure, FlowError> {
    access::contact(flow, principal, id).await?;
    let known = flow.store.erasure(id).await?;
    if let Some(done) = known.as_ref().filter(|it| it.wiped_at.is_some()) {
        return Ok(done.clone());
    }
    let audit = flow.audit(principal, "contact.erase", &id.to_string(), json!({ "reason": asked.reason }));
    let erasure = flow.store.erase_contact(id, &audit).await?;
    if known.is_none() {
        flow.telemetry.erased("asked", &erasure.erased);
    }
    // It is erased all the same; what is left is tried again.
    if let Err(error) = wipe_for(PATIENCE, flow).await {
        tracing::error!(contact = %id, %error, "the disk is still to be wiped after an erasure");
    }
    flow.wake.wipe.notify_one();
    Ok(flow.store.erasure(id).await?.unwrap_or(erasure))
}

/// Wipes the disk, but not for longer than this.
async fn wipe_for(patience: Duration, flow: &Flow) -> Result<(), FlowError> {
    let began = Instant::now();
    while purge::wipe_some(flow).await? == Wiping::More && began.elapsed() < patience {}
    Ok(())
}
