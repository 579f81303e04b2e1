//! What the repository offers for personal data: erasing it, handing it out, keeping it no longer than
//! agreed.

use async_trait::async_trait;

use super::conversation::Note;
use super::error::StoreResult;
use super::page::{AuditEntry, Page, PageRequest};
use crate::domain::erasure::{Erased, Erasing, Erasure, Wiping};
use crate::domain::ids::{ContactId, ConversationId, DeliveryId, InboxId, ItemId};
use crate::domain::item::Item;
use crate::domain::time::Timestamp;

/// What an item said at one time.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Revision {
    /// Which one, from 1.
    pub revision: i64,
    /// What it said.
    pub item: Item,
}

/// Some deliveries whose bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgedPage {
    /// How many.
    pub purged: u64,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Some conversations that ended long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedPage {
    /// What went with them.
    pub erased: Erased,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Personal data. Nothing erased is ever handed out again; ids, times, states and counts stay.
#[async_trait]
pub trait PersonalDataStore: Send + Sync {
    /// Begins to erase everything about a contact, and records that; what was erased, if it was done before.
    /// Where it was begun before, nothing is recorded.
    async fn begin_erasure(&self, id: ContactId, audit: &AuditEntry) -> StoreResult<Option<Erasure>>;
    /// Erases some more of a contact whose erasure has begun, in a transaction that is short; what goes in it
    /// is gone since `now`. With the last of them the contact goes, and whatever came meanwhile.
    ///
    /// `Missing` when no erasure was begun. Whoever else does the same is in nobody's way.
    async fn erase_some(&self, id: ContactId, now: Timestamp) -> StoreResult<Erasing>;
    /// Whose erasures have begun and are not at their ends, the earliest first.
    async fn begun_erasures(&self) -> StoreResult<Vec<ContactId>>;
    /// Erases everything about a contact, as of the audit entry's time; what it was, if it was done
    /// before. The disk still holds it until [`finish_erasures`](Self::finish_erasures) says otherwise.
    async fn erase_contact(&self, id: ContactId, audit: &AuditEntry) -> StoreResult<Erasure> {
        if let Some(done) = self.begin_erasure(id, audit).await? {
            return Ok(done);
        }
        loop {
            if let Erasing::Ended(erasure) | Erasing::Over(erasure) = self.erase_some(id, audit.at).await? {
                return Ok(erasure);
            }
        }
    }
    /// Goes on making the disk hold nothing of what was erased, for some milliseconds; how far that is.
    async fn wipe_some(&self, now: Timestamp) -> StoreResult<Wiping>;
    /// Ends the erasures that have begun, and makes the disk hold nothing of what was erased; whether it is
    /// done. It is not while somebody still reads what the repository was before.
    async fn finish_erasures(&self, now: Timestamp) -> StoreResult<bool> {
        for contact in self.begun_erasures().await? {
            while self.erase_some(contact, now).await? == Erasing::More {}
        }
        loop {
            match self.wipe_some(now).await? {
                Wiping::More => {}
                Wiping::Done => return Ok(true),
                Wiping::Waiting | Wiping::TooLarge => return Ok(false),
            }
        }
    }
    /// What was erased with a contact, if it was.
    async fn erasure(&self, id: ContactId) -> StoreResult<Option<Erasure>>;
    /// Purges deliveries to the inbox that were taken in before that time, and of those that could be
    /// read since; at most `max`. Nothing is recorded where nothing is purged.
    async fn purge_deliveries(
        &self,
        inbox: InboxId,
        before: Timestamp,
        max: u32,
        audit: &AuditEntry,
    ) -> StoreResult<PurgedPage>;
    /// Erases what was said in the inbox's conversations that were closed, and not changed since, before
    /// that time; at most `max` of them. Whoever is left with none is erased too. Nothing is recorded
    /// where nothing is erased.
    async fn erase_ended(
        &self,
        inbox: InboxId,
        before: Timestamp,
        max: u32,
        audit: &AuditEntry,
    ) -> StoreResult<EndedPage>;
    /// The conversations that a contact has to do with, oldest first, each with whether it is with this
    /// contact, and not one with somebody else in which it wrote too.
    async fn conversations_about(&self, id: ContactId) -> StoreResult<Vec<(ConversationId, bool)>>;
    /// Of such a conversation's items those by the contact and the company's answers to it, oldest first,
    /// wherever a merge moved them.
    async fn items_about(
        &self,
        id: ContactId,
        conversation: ConversationId,
        page: PageRequest,
    ) -> StoreResult<Page<ItemId>>;
    /// Of such a conversation's remarks those about the contact, oldest first.
    async fn notes_about(&self, id: ContactId, conversation: ConversationId) -> StoreResult<Vec<Note>>;
    /// What an item said next after this revision (0 for the first); none after the latest.
    async fn revision_after(&self, item: ItemId, revision: i64) -> StoreResult<Option<Revision>>;
    /// Deliveries that brought an item, or told of it later, oldest first, each with how often.
    async fn deliveries_of(&self, item: ItemId) -> StoreResult<Vec<(DeliveryId, i64)>>;
    /// Keeps an audit entry of something that changed nothing.
    async fn record(&self, audit: &AuditEntry) -> StoreResult<()>;
}
