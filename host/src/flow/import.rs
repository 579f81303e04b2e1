//! A record of a file comes in, as a delivery to its inbox.

use std::sync::Arc;

use serde_json::Value;

use super::ingest::{Kept, Received, read_and_store};
use super::{Flow, FlowError, access, retry};
use crate::domain::delivery::{DeliveryOutcome, ImportKey, RawDelivery};
use crate::domain::ids::{DeliveryId, InboxId};
use crate::domain::organisation::Inbox;
use crate::domain::principal::{Principal, PrincipalKind};
use crate::plugin::digest::digest;
use crate::store::IntakeOrigin;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was read, for the first time or once more.
    Received(Received),
    /// An earlier import took it in; nothing was done.
    Before(DeliveryId),
}

/// Takes a record into the inbox of this name, closed or guarded by a token as it may be: history is
/// imported before an inbox is opened to the world.
///
/// A record that is here already is not taken in again. One that could not be read then is tried once
/// more: its adapter may be able to by now.
pub async fn import(
    flow: &Flow,
    principal: &Principal,
    inbox_name: &str,
    raw: RawDelivery,
) -> Result<Imported, FlowError> {
    admit(principal)?;
    let inbox = inbox_to_import_into(flow, principal, inbox_name)?;
    let key = key_of(&raw);
    if let Some(known) = import_again(flow, principal, inbox.id, &key).await? {
        return Ok(known);
    }
    let kept = Kept { delivery: flow.id(), origin: IntakeOrigin::Import(key.clone()), audit: None };
    match read_and_store(flow, kept, Arc::clone(&inbox), raw, Box::new(())).await {
        // The same record, further up in the file, was stored while this one was read.
        Err(taken @ FlowError::Conflict(_)) => {
            import_again(flow, principal, inbox.id, &key).await?.ok_or(taken)
        }
        received => received.map(Imported::Received),
    }
}

/// Begins an import into the inbox of this name: it is in the audit log before the first record is taken
/// in. One entry tells of all its records, which are deliveries of their own and say when they came.
///
/// # Errors
/// What is missing.
pub async fn begin(flow: &Flow, principal: &Principal, inbox_name: &str) -> Result<(), FlowError> {
    admit(principal)?;
    let inbox = inbox_to_import_into(flow, principal, inbox_name)?;
    let entry = flow.audit(principal, "inbox.import", &inbox.id.to_string(), Value::Null);
    Ok(flow.store.record(&entry).await?)
}

/// Whoever runs the installation may deliver to any inbox; a department's admin, to the department's.
fn admit(principal: &Principal) -> Result<(), FlowError> {
    match principal.kind {
        PrincipalKind::Admin | PrincipalKind::System => Ok(()),
        _ => Err(FlowError::Forbidden("only an admin imports".to_owned())),
    }
}

/// The inbox, if its adapter can read: without one, all of history would be kept unread.
fn inbox_to_import_into(flow: &Flow, principal: &Principal, name: &str) -> Result<Arc<Inbox>, FlowError> {
    let directory = flow.directory.load();
    let inbox = access::inbox(&directory, principal, name)?;
    if flow.pipeline.load().adapter(&inbox.adapter).is_none() {
        return Err(FlowError::Conflict(format!(
            "the adapter `{}` of inbox `{name}` is not ready; look at GET /v1/activations of the running host",
            inbox.adapter
        )));
    }
    Ok(Arc::clone(inbox))
}

/// The record's own bytes, and as what they are read: whatever file they come in, and whenever.
fn key_of(raw: &RawDelivery) -> ImportKey {
    let media_type = raw.headers.iter().find(|header| header.name == "content-type");
    let media_type = media_type.map_or("", |header| header.value.as_str());
    ImportKey(digest(&[media_type.as_bytes(), b"\0", &raw.body].concat()))
}

async fn import_again(
    flow: &Flow,
    principal: &Principal,
    inbox: InboxId,
    key: &ImportKey,
) -> Result<Option<Imported>, FlowError> {
    let Some(known) = flow.store.imported(inbox, key).await? else {
        return Ok(None);
    };
    Ok(Some(match known.outcome {
        DeliveryOutcome::Accepted => Imported::Before(known.id),
        DeliveryOutcome::Unparsed => {
            Imported::Received(retry::retry(flow, principal, known.id, Box::new(())).await?)
        }
    }))
}
