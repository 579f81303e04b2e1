//! What the repository offers for deliveries that no adapter could read: they are kept, but not all of
//! them and not for ever.

use async_trait::async_trait;

use super::error::StoreResult;
use super::ingest::{IntakeContent, IntakeEntry};
use super::page::AuditEntry;
use super::personal::PurgedPage;
use crate::domain::ids::InboxId;
use crate::domain::retention::UnreadBefore;

/// What a row takes besides the texts and bytes in it, generously.
const ROW_BYTES: u64 = 256;

/// What an inbox has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadRoom {
    /// Bytes.
    pub bytes: u64,
    /// How many deliveries were purged for it.
    pub purged: u64,
}

/// Deliveries that no adapter could read. What is purged keeps its place and says so.
#[async_trait]
pub trait UnreadStore: Send + Sync {
    /// Purges unread deliveries to the inbox that were taken in before these times; at most `max`. Nothing
    /// is recorded where nothing is purged.
    async fn purge_unread(
        &self,
        inbox: InboxId,
        before: &UnreadBefore,
        max: u32,
        audit: &AuditEntry,
    ) -> StoreResult<PurgedPage>;
    /// Looks whether the inbox has room for so many bytes more, below `bytes_max`; where it has not, purges
    /// some of the oldest deliveries that are not believed. Call it again until there is room enough, or
    /// nothing more is purged.
    async fn make_unread_room(
        &self,
        inbox: InboxId,
        wanted: u64,
        bytes_max: u64,
        audit: &AuditEntry,
    ) -> StoreResult<UnreadRoom>;
}

/// How much of an inbox's room an entry would take that could not be read; none where it was.
pub fn unread_bytes(entry: &IntakeEntry) -> u64 {
    let IntakeContent::Unparsed { reason } = &entry.content else { return 0 };
    let raw = &entry.raw;
    // As they are stored. Texts alone: writing them does not fail.
    let headers = serde_json::to_vec(&raw.headers).unwrap_or_default().len();
    let query = raw.query.as_deref().unwrap_or_default().len();
    ROW_BYTES + (raw.body.len() + raw.path.len() + query + headers + reason.len()) as u64
}
