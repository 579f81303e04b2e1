//! What the repository offers to people: conversations, items, search, decisions.

use async_trait::async_trait;

use super::audit_chain::AuditVerification;
use super::error::StoreResult;
use super::page::{AuditEntry, Page, PageRequest};
use crate::domain::case::Occasion;
use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::{Conversation, Status};
use crate::domain::decision::Decision;
use crate::domain::ids::{
    AgentId, ContactId, ConversationId, DecisionId, DepartmentId, EventId, IdentityId, InboxId, ItemId,
    NoteId, QueueId,
};
use crate::domain::item::{Item, StoredItem};
use crate::domain::outbox::OutboxEntry;
use crate::domain::proposal::Priority;
use crate::domain::time::Timestamp;

/// A remark on a conversation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Who made it: an activation's or agent's name, or `switchboard`.
    pub by: String,
    /// The remark.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// An answer written by a person.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReply {
    /// The item it becomes; its external id is the outbox id until the channel gives one.
    pub item_id: ItemId,
    /// What it says.
    pub item: Item,
    /// The item it answers, whose author gets it; whom the conversation is with when absent.
    pub answers: Option<ItemId>,
    /// Its way out.
    pub outbox: OutboxEntry,
}

/// What a person does to a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonChange {
    /// The conversation afterwards; the store counts its revision up.
    pub conversation: Conversation,
    /// The revision the person saw.
    pub seen_revision: i64,
    /// A remark to keep.
    pub note: Option<Note>,
    /// An answer to send.
    pub reply: Option<NewReply>,
    /// Ends the timers that run until an answer.
    pub ends_waiting: bool,
    /// An event for the policies.
    pub event: Option<(EventId, Occasion)>,
    /// Who did it.
    pub audit: AuditEntry,
}

/// Which conversations to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConversationFilter {
    /// That this department has to do with: in one of its queues, or come in through one of its inboxes.
    pub department: Option<DepartmentId>,
    /// In this queue.
    pub queue: Option<QueueId>,
    /// In this inbox.
    pub inbox: Option<InboxId>,
    /// With this status.
    pub status: Option<Status>,
    /// Assigned to this agent.
    pub assignee: Option<AgentId>,
    /// With this label.
    pub tag: Option<String>,
    /// With this person.
    pub contact: Option<ContactId>,
}

/// A queue's load.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct QueueLoad {
    /// The queue.
    pub queue: QueueId,
    /// The priority.
    pub priority: Priority,
    /// How many conversations are open in it.
    pub open: u64,
    /// Since when the longest waits.
    pub oldest_waiting_since: Option<Timestamp>,
}

/// A hit of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchHit {
    /// The item.
    pub item: StoredItem,
}

/// How many of each thing the repository holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Counts {
    /// Deliveries kept.
    pub deliveries: u64,
    /// Of these, unparsed.
    pub unparsed: u64,
    /// Items.
    pub items: u64,
    /// Conversations, merged ones not counted.
    pub conversations: u64,
    /// Decisions.
    pub decisions: u64,
}

/// What people see and do.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// A conversation.
    async fn conversation(&self, id: ConversationId) -> StoreResult<Option<Conversation>>;
    /// Conversations, newest first; with a queue in the filter, in the order to be answered
    /// (priority, deadline, age), where paging goes by offset.
    async fn conversations(
        &self,
        filter: &ConversationFilter,
        page: PageRequest,
    ) -> StoreResult<Page<Conversation>>;
    /// A conversation's items, oldest first, as lists show them: long ones in part.
    async fn items(&self, conversation: ConversationId, page: PageRequest) -> StoreResult<Page<StoredItem>>;
    /// The latest item that a customer wrote and that is not erased, as lists show it.
    async fn latest_inbound(&self, conversation: ConversationId) -> StoreResult<Option<StoredItem>>;
    /// One item as lists show it.
    async fn item_listed(&self, id: ItemId) -> StoreResult<Option<StoredItem>>;
    /// One item as a whole.
    async fn item(&self, id: ItemId) -> StoreResult<Option<StoredItem>>;
    /// Items whose text, subject or author contains every word of `query` (in quotes: the phrase),
    /// newest first, as lists show them. Works by trigrams, so for languages without spaces too. With a department, only
    /// items of conversations that it has to do with.
    async fn search(
        &self,
        query: &str,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<SearchHit>>;
    /// A contact with its identities.
    async fn contact(&self, id: ContactId) -> StoreResult<Option<(Contact, Vec<Identity>)>>;
    /// Whether a conversation with this contact is one that the department has to do with.
    async fn knows_contact(&self, department: DepartmentId, contact: ContactId) -> StoreResult<bool>;
    /// Marks a contact as very important, or no longer.
    async fn set_vip(&self, id: ContactId, vip: bool, audit: &AuditEntry) -> StoreResult<()>;
    /// An identity.
    async fn identity(&self, id: IdentityId) -> StoreResult<Option<Identity>>;
    /// A conversation's notes, newest first.
    async fn notes_page(&self, conversation: ConversationId, page: PageRequest) -> StoreResult<Page<Note>>;
    /// All of a conversation's notes, oldest first: for exports.
    async fn notes(&self, conversation: ConversationId) -> StoreResult<Vec<Note>>;
    /// Decisions of a conversation (of all when absent), newest first; with a department, only of
    /// conversations that it has to do with.
    async fn decisions(
        &self,
        conversation: Option<ConversationId>,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<Decision>>;
    /// One decision.
    async fn decision(&self, id: DecisionId) -> StoreResult<Option<Decision>>;
    /// Carries out what a person does; `Stale` when the conversation changed since it was seen.
    async fn change_conversation(&self, change: &PersonChange) -> StoreResult<Conversation>;
    /// Every queue's load, by queue and priority.
    async fn queue_loads(&self) -> StoreResult<Vec<QueueLoad>>;
    /// How much there is.
    async fn counts(&self) -> StoreResult<Counts>;
    /// The audit log, newest first.
    async fn audit(&self, page: PageRequest) -> StoreResult<Page<AuditEntry>>;
    /// Whether the audit log is what was written.
    async fn verify_audit(&self) -> StoreResult<AuditVerification>;
}
