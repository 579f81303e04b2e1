//! What the repository offers for conversations that are one: merged by an agent, taken apart again, and
//! suggested.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::AuditEntry;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ConversationId, EventId, ItemId};
use crate::domain::threading::Unjoined;
use crate::domain::time::Timestamp;

/// A conversation that may belong to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// It.
    pub conversation: ConversationId,
    /// The item that refers from one to the other.
    pub item: ItemId,
    /// Whether that item is in the conversation that was asked about, and not in the other.
    pub is_from_here: bool,
    /// Why the two were not merged.
    pub why: Unjoined,
    /// Since when.
    pub at: Timestamp,
}

/// A merge that an agent wants.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeByHand {
    /// The conversation that ends in the other, and its revision as it was seen.
    pub ends: (ConversationId, i64),
    /// The one that goes on, and its revision as it was seen.
    pub into: (ConversationId, i64),
    /// Has the policies asked about the one that goes on.
    pub event: EventId,
    /// Who did it.
    pub audit: AuditEntry,
}

/// A merge that an agent takes back.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeUndo {
    /// The conversation that ended in another, and its revision as it was seen.
    pub ended: (ConversationId, i64),
    /// The other one, and its revision as it was seen.
    pub survivor: (ConversationId, i64),
    /// Have the policies asked about the survivor and the one that ended.
    pub events: [EventId; 2],
    /// Who did it.
    pub audit: AuditEntry,
}

/// Two conversations that were one.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeUndone {
    /// The one that ended in the other, open as before.
    pub ended: Conversation,
    /// The one that went on.
    pub survivor: Conversation,
}

/// Why conversations are not merged or taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    /// One of the two is merged into this one.
    #[error("{0} was merged into {1}; act on that one, or take that merge back first")]
    Merged(ConversationId, ConversationId),
    /// No merge of it is recorded.
    #[error("{0} was not merged into another conversation: there is nothing to take back")]
    NotMerged(ConversationId),
    /// The survivor ended in another one since: its merge goes first.
    #[error(
        "{0} was merged into {1} since: take that merge back first, with POST /v1/conversations/{0}/unmerge"
    )]
    MergedFurther(ConversationId, ConversationId),
    /// A contact of one of the two is being erased.
    #[error("a contact of these conversations is being erased; try again when that is done")]
    BeingErased,
    /// A contact was erased since the merge.
    #[error(
        "a contact of these conversations was erased since the merge, and with it what the undo needs: hand on or close the conversation instead"
    )]
    Erased,
    /// More rows than may move at once.
    #[error(
        "more than {0} rows would move (items, notes, replies, references, events, timers and labels): merge the shorter conversation into the longer one, or link them by a note"
    )]
    TooLong(u32),
    /// More items came since the merge than are looked at.
    #[error(
        "more than {0} items came since the merge, which are too many to be told apart: leave the conversations merged, and hand on single matters by a note"
    )]
    TooLate(u32),
    /// More rows would go back than may move at once.
    #[error(
        "more than {0} rows would go back (items, notes, replies, references and events, with what came since the merge), which are too many for one change: leave the conversations merged, and hand on single matters by a note"
    )]
    TooMuch(u32),
}

/// Merging and its undo.
#[async_trait]
pub trait MergeStore: Send + Sync {
    /// Merges a conversation into another, which is returned as it is now; `Stale` when either changed since it
    /// was seen. The caller has checked the quotas of labels and facts.
    async fn merge(&self, merge: &MergeByHand) -> StoreResult<Result<Conversation, MergeRefusal>>;
    /// Takes a merge back, an agent's or one of arriving items; `Stale` when either changed since it was seen.
    async fn undo_merge(&self, undo: &MergeUndo) -> StoreResult<Result<MergeUndone, MergeRefusal>>;
    /// The conversations that are merged into this one, the earliest first, 64 at most.
    async fn merged_into(&self, conversation: ConversationId) -> StoreResult<Vec<ConversationId>>;
    /// What may belong to a conversation, a bounded number. What was suggested of a conversation that is merged
    /// is its survivor's.
    async fn suggestions(&self, conversation: ConversationId) -> StoreResult<Vec<Suggestion>>;
    /// Takes a suggestion off both conversations; whether there was one.
    async fn dismiss_suggestion(
        &self,
        conversation: ConversationId,
        other: ConversationId,
        audit: &AuditEntry,
    ) -> StoreResult<bool>;
}
