//! Everything about a person goes.
//!
//! In steps, between which everybody else has the repository. Whoever asked takes them; should it go away, or
//! the host die, whoever wipes the disk goes on with them.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::{Flow, FlowError, access, purge};
use crate::domain::erasure::{Erased, Erasing, Erasure, ErasureReason, Wiping};
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
/// Nobody can read it once this returns with `erased_at`. That is absent where the erasure has begun and one of its
/// steps failed; `wiped_at`, while the disk still has to be wiped, because that takes long or a reader still
/// reads what was there before. The host goes on with both by itself.
pub async fn erase(
    flow: &Flow,
    principal: &Principal,
    id: ContactId,
    asked: EraseContact,
) -> Result<Erasure, FlowError> {
    access::contact(flow, principal, id).await?;
    if let Some(done) = flow.store.erasure(id).await?.filter(|it| it.wiped_at.is_some()) {
        return Ok(done);
    }
    let audit = flow.audit(principal, "contact.erase", &id.to_string(), json!({ "reason": asked.reason }));
    let _bell = Bell(&flow.wake.wipe);
    let known = flow.store.begin_erasure(id, &audit).await?;
    let erasure = match known {
        Some(known) => known,
        // It has begun, and is answered so.
        None => finish(flow, id).await.unwrap_or_else(|error| {
            tracing::error!(contact = %id, %error, "an erasure that has begun does not go on");
            Erasure { contact: id, erased_at: None, wiped_at: None, erased: Erased::default() }
        }),
    };
    if erasure.erased_at.is_none() {
        return Ok(erasure);
    }
    // It is erased all the same; what is left is tried again.
    if let Err(error) = wipe_for(PATIENCE, flow).await {
        tracing::error!(contact = %id, %error, "the disk is still to be wiped after an erasure");
    }
    match flow.store.erasure(id).await {
        Ok(now) => Ok(now.unwrap_or(erasure)),
        Err(error) => {
            tracing::warn!(contact = %id, %error, "how far an erasure is could not be read again");
            Ok(erasure)
        }
    }
}

/// Rings when it goes, however that comes about: what is left to do is done without it.
struct Bell<'a>(&'a Notify);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Takes an erasure to its end.
async fn finish(flow: &Flow, id: ContactId) -> Result<Erasure, FlowError> {
    loop {
        if let Erasing::Ended(erasure) | Erasing::Over(erasure) = step(flow, id).await? {
            return Ok(erasure);
        }
    }
}

async fn step(flow: &Flow, id: ContactId) -> Result<Erasing, FlowError> {
    let erasing = flow.store.erase_some(id, flow.now()).await?;
    if let Erasing::Ended(erasure) = &erasing {
        flow.telemetry.erased("asked", &erasure.erased);
    }
    Ok(erasing)
}

/// Takes a step of an erasure that has begun, the earliest first; whether there was one to take. One that
/// fails keeps none of the others back.
pub(super) async fn go_on(flow: &Flow) -> Result<bool, FlowError> {
    let mut failed = None;
    for id in flow.store.begun_erasures().await? {
        match step(flow, id).await {
            Ok(_) => return Ok(true),
            Err(error) => {
                tracing::error!(contact = %id, %error, "an erasure that has begun does not go on");
                failed = failed.or(Some(error));
            }
        }
    }
    failed.map_or(Ok(false), Err)
}

/// Wipes the disk, but not for longer than this.
async fn wipe_for(patience: Duration, flow: &Flow) -> Result<(), FlowError> {
    let began = Instant::now();
    while purge::wipe_some(flow).await? == Wiping::More && began.elapsed() < patience {}
    Ok(())
}
