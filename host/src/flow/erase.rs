//! Everything about a person goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Flow, FlowError, access};
use crate::domain::erasure::{Erasure, ErasureReason};
use crate::domain::ids::ContactId;
use crate::domain::principal::Principal;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseContact {
    /// Why; kept in the audit log.
    pub reason: ErasureReason,
}

/// Erases a contact, and then the disk; asked for again, what was erased the first time.
///
/// Nobody can read it once this returns. `wiped_at` is absent while the disk still has to be wiped, because
/// somebody reads what was there before; [`purge`](super::purge) tries again.
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
    if let Err(error) = flow.store.finish_erasures(flow.now()).await {
        tracing::error!(contact = %id, %error, "the disk is still to be wiped after an erasure");
    }
    Ok(flow.store.erasure(id).await?.unwrap_or(erasure))
}
