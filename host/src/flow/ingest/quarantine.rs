//! What no adapter could read is kept, but an inbox has only so much room for it: whoever may deliver could
//! fill the disk otherwise.
//!
//! The commit loop asks here before it stores a batch. There is one such loop, so nobody else takes the room
//! meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use super::commit::ReadDelivery;
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::ids::InboxId;
use crate::domain::organisation::Inbox;
use crate::domain::principal::Principal;
use crate::domain::quota::ReachedLimit;
use crate::flow::FlowError;
use crate::store::{AuditEntry, IntakeOrigin, Store, StoreResult, unread_bytes};
use crate::telemetry::Telemetry;

/// Knows how much room there is.
pub struct Quarantine {
    /// Where it is kept.
    pub store: Arc<dyn Store>,
    /// Numbers for the audit log.
    pub ids: Arc<IdGenerator>,
    /// Times for the audit log.
    pub clock: Arc<dyn Clock>,
    /// Counts what goes.
    pub telemetry: Arc<Telemetry>,
}

impl Quarantine {
    /// Takes out of the batch what could not be read and finds no room, and refuses it.
    pub(super) async fn turn_away(&self, batch: &mut Vec<ReadDelivery>) {
        let wanted = wanted_by_inbox(batch);
        if wanted.is_empty() {
            return;
        }
        let mut rooms = HashMap::new();
        for (inbox, bytes) in wanted.into_values() {
            rooms.insert(inbox.id, self.room(&inbox, bytes).await);
        }
        let (kept, refused): (Vec<_>, Vec<_>) = std::mem::take(batch)
            .into_iter()
            .map(|read| (take_room(&read, &mut rooms), read))
            .partition(|(taken, _)| taken.is_ok());
        batch.extend(kept.into_iter().map(|(_, read)| read));
        for (taken, read) in refused {
            self.telemetry.delivery(&read.entry.inbox.name, "refused", 0);
            if let Err(error) = taken {
                read.refuse(error);
            }
        }
    }

    /// How much room the inbox has, once what is not believed made way.
    async fn room(&self, inbox: &Inbox, wanted: u64) -> StoreResult<u64> {
        let bytes_max = inbox.retention.unread_bytes_max();
        let wanted = wanted.min(bytes_max);
        loop {
            let audit = self.audit(inbox.id, bytes_max);
            let room = self.store.make_unread_room(inbox.id, wanted, bytes_max, &audit).await;
            let room = room.inspect_err(|error| {
                tracing::error!(inbox = %inbox.id, %error, "what room an inbox has for what is unread is not known");
            })?;
            self.telemetry.purged(&inbox.name, room.purged);
            if room.bytes >= wanted || room.purged == 0 {
                return Ok(room.bytes);
            }
        }
    }

    fn audit(&self, inbox: InboxId, bytes_max: u64) -> AuditEntry {
        let at = self.clock.now();
        AuditEntry {
            id: self.ids.next(at),
            at,
            principal: Principal::system(),
            action: "inbox.make-room".to_owned(),
            subject: inbox.to_string(),
            detail: json!({ "unread_bytes": bytes_max }),
        }
    }
}

/// How many bytes each inbox wants room for. What is larger than all its room makes nothing go.
fn wanted_by_inbox(batch: &[ReadDelivery]) -> HashMap<InboxId, (Arc<Inbox>, u64)> {
    let mut wanted = HashMap::new();
    for read in batch {
        let (inbox, bytes) = (&read.entry.inbox, wanted_by(read));
        if bytes > 0 {
            let (_, sum) = wanted.entry(inbox.id).or_insert_with(|| (Arc::clone(inbox), 0_u64));
            *sum += if bytes <= inbox.retention.unread_bytes_max() { bytes } else { 0 };
        }
    }
    wanted
}

/// What is read once more has its room already.
fn wanted_by(read: &ReadDelivery) -> u64 {
    match read.entry.origin {
        IntakeOrigin::Retry => 0,
        IntakeOrigin::Fresh | IntakeOrigin::Import(_) => unread_bytes(&read.entry),
    }
}

fn take_room(read: &ReadDelivery, rooms: &mut HashMap<InboxId, StoreResult<u64>>) -> Result<(), FlowError> {
    let (inbox, bytes) = (&read.entry.inbox, wanted_by(read));
    match rooms.get_mut(&inbox.id) {
        _ if bytes == 0 => Ok(()),
        Some(Ok(room)) if bytes <= *room => {
            *room -= bytes;
            Ok(())
        }
        Some(Err(error)) => Err(FlowError::Unavailable(format!("it could not be read, nor kept: {error}"))),
        _ => Err(no_room(inbox)),
    }
}

fn no_room(inbox: &Inbox) -> FlowError {
    let (name, bytes) = (&inbox.name, inbox.retention.unread_bytes_max());
    FlowError::PoolFull {
        detail: format!(
            "no adapter could read it, and inbox `{name}` keeps {bytes} bytes of such deliveries at most"
        ),
        limit: ReachedLimit::full("unread-bytes", bytes, "bytes"),
        remedy: format!(
            "have those that wait read (POST /v1/deliveries/{{id}}/retry, once the adapter can), or give it more room \
             (`retention.unread_bytes`, PATCH /v1/inboxes/{name}); then send it again"
        ),
    }
}
