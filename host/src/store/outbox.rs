//! What the repository offers for sending replies.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::contact::Identity;
use crate::domain::ids::{ConversationId, InboxId, OutboxId};
use crate::domain::item::StoredItem;
use crate::domain::outbox::OutboxEntry;
use crate::domain::time::Timestamp;

/// An answer to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxWork {
    /// The entry.
    pub entry: OutboxEntry,
    /// What it says.
    pub reply: StoredItem,
    /// Who gets it, as was written down with it; absent when the person is erased since.
    pub recipient: Option<Identity>,
    /// The item it answers, if it is in the repository.
    pub answers: Option<StoredItem>,
    /// External ids of the conversation's items, oldest first, at most 50.
    pub references: Vec<String>,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq)]
pub enum SendEnd {
    /// It went out, under this external id if the channel gives one.
    Sent(Option<String>),
    /// Try again then.
    Again {
        /// When.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// Never; a note on the conversation says why.
    Failed(String),
    /// An agent decides; a note on the conversation says why.
    Parked(String),
}

/// Answers on their way out.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// The inboxes from which replies are due at `now`, claimed ones among them.
    async fn due_inboxes(&self, now: Timestamp) -> StoreResult<Vec<InboxId>>;
    /// Replies from an inbox that are due at `now`; each is handed out once until its end is recorded.
    async fn claim_outbox(&self, inbox: InboxId, now: Timestamp, max: usize) -> StoreResult<Vec<OutboxWork>>;
    /// Records that an attempt begins: should its end never be recorded, nobody knows whether it went out.
    async fn begin_send(&self, entry: OutboxId, now: Timestamp) -> StoreResult<()>;
    /// Records how an attempt ended.
    async fn end_send(&self, entry: OutboxId, end: &SendEnd, now: Timestamp) -> StoreResult<()>;
    /// Hands back what was claimed and is not being sent.
    async fn release_outbox(&self, entries: &[OutboxId]) -> StoreResult<()>;
    /// Parks answers whose attempt began and whose end was never recorded, because the host died in between
    /// or the disk was full; how many.
    async fn park_unfinished(&self, now: Timestamp) -> StoreResult<usize>;
    /// When the next answer is due.
    async fn next_send(&self) -> StoreResult<Option<Timestamp>>;
    /// A conversation's answers, oldest first.
    async fn outbox(&self, conversation: ConversationId) -> StoreResult<Vec<OutboxEntry>>;
}
