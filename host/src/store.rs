//! The repository: everything Switchboard remembers.
//!
//! Called by the flow; calls nobody but the domain's pure rules. What the story needs is a set of
//! small traits, one for each part of it; `sqlite` is the embedded implementation.
//!
//! **Invariant:** only this room knows `sqlx`.
//! **Invariant:** one method is one transaction; no transaction crosses the wall, and none is open
//! while a guest runs or a network answers.
//! **Invariant:** when a method that writes returns `Ok`, what it wrote survives a crash.
//! **Invariant:** the cost of a method on an item's path does not grow with the repository.

pub mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::apply::TimerChanges;
use crate::domain::arrival::Arrival;
use crate::domain::case::{Event, Occasion, PastItem};
use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::{Conversation, Status};
use crate::domain::decision::Decision;
use crate::domain::delivery::{Delivery, DeliveryOutcome, RawDelivery};
use crate::domain::generation::Generation;
use crate::domain::ids::{
    ActivationId, AgentId, AuditId, ContactId, ConversationId, DecisionId, DeliveryId, EventId, IdentityId,
    InboxId, ItemId, NoteId, OutboxId, QueueId,
};
use crate::domain::item::{Item, StoredItem};
use crate::domain::organisation::{Agent, Department, Directory, Inbox, Queue};
use crate::domain::outbox::OutboxEntry;
use crate::domain::principal::Principal;
use crate::domain::proposal::Priority;
use crate::domain::release::Release;
use crate::domain::time::Timestamp;

pub mod artefact_shelf;

pub use artefact_shelf::ArtefactShelf;

/// Why the repository did not do something, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name is taken; tell the user. Holds what is taken, such as `department billing`.
    #[error("{0} exists already")]
    Taken(String),
    /// A thing that was named is not there; tell the user. Holds what, such as `queue que_…`.
    #[error("there is no {0}")]
    Missing(String),
    /// It was changed meanwhile: load again and decide again.
    #[error("{0} was changed meanwhile")]
    Stale(String),
    /// There is no room left or the disk refuses: answer 503, try later.
    #[error("the repository cannot write: {0}")]
    Unavailable(String),
    /// A surprise: log it, answer 500.
    #[error("the repository failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What every method returns.
pub type StoreResult<T> = Result<T, StoreError>;

/// One entry of the audit log, written in the transaction of what it records. Ids only: no names,
/// no texts.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: Principal,
    /// What was done, such as `conversation.claim`.
    pub action: String,
    /// The id or name of what it was done to.
    pub subject: String,
    /// More ids.
    pub detail: Value,
}

/// A page of a list, newest first unless the method says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next page begins; absent at the end.
    pub next: Option<i64>,
}

/// Which page: entries after `after` (a value from [`Page::next`]), at most `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Where to begin.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u32,
}

/// Departments, agents, queues, inboxes.
#[async_trait]
pub trait OrganisationStore: Send + Sync {
    /// Everything that has a name.
    async fn directory(&self) -> StoreResult<Directory>;
    /// Adds a department together with its first queues.
    async fn add_department(
        &self,
        department: &Department,
        queues: &[Queue],
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// Adds an agent.
    async fn add_agent(&self, agent: &Agent, audit: &AuditEntry) -> StoreResult<()>;
    /// Adds a queue.
    async fn add_queue(&self, queue: &Queue, audit: &AuditEntry) -> StoreResult<()>;
    /// Adds an inbox.
    async fn add_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()>;
    /// Replaces an inbox whose revision is one less than the given one's.
    async fn change_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()>;
    /// The SHA-256 of the admin token, if one was made.
    async fn admin_token(&self) -> StoreResult<Option<String>>;
    /// Keeps the SHA-256 of the admin token.
    async fn set_admin_token(&self, sha256: &str, audit: &AuditEntry) -> StoreResult<()>;
}

/// What became of publishing a release.
#[derive(Clone, Debug, PartialEq)]
pub enum Published {
    /// It is new.
    New,
    /// The same bytes were published before, as this release.
    Before(Box<Release>),
    /// Other bytes were published under that name and version: these.
    OtherBytes(Box<Release>),
}

/// Releases, activations, generations, artefacts.
#[async_trait]
pub trait PluginStore: Send + Sync {
    /// Publishes a release with its component. Writes nothing unless the answer is `New`.
    async fn publish(
        &self,
        release: &Release,
        component: &[u8],
        audit: &AuditEntry,
    ) -> StoreResult<Published>;
    /// Releases whose name or summary contains `search` (all when empty), newest first.
    async fn releases(&self, search: &str, page: PageRequest) -> StoreResult<Page<Release>>;
    /// All versions of a plugin, newest first.
    async fn versions(&self, name: &str) -> StoreResult<Vec<Release>>;
    /// One release by digest.
    async fn release(&self, digest: &str) -> StoreResult<Option<Release>>;
    /// The bytes of a release's component.
    async fn component(&self, digest: &str) -> StoreResult<Option<Vec<u8>>>;
    /// Keeps an artefact; the same key again is no error.
    async fn put_artefact(&self, key: &str, bytes: &[u8]) -> StoreResult<()>;
    /// An artefact by key.
    async fn artefact(&self, key: &str) -> StoreResult<Option<Vec<u8>>>;
    /// Every activation, disabled ones too, in the pipeline's order.
    async fn activations(&self) -> StoreResult<Vec<Activation>>;
    /// Adds an activation and its first version.
    async fn add_activation(&self, activation: &Activation, audit: &AuditEntry) -> StoreResult<()>;
    /// Replaces an activation whose `updated_at` is still `seen`; a `revision` not known yet is
    /// kept as a version too.
    async fn change_activation(
        &self,
        activation: &Activation,
        seen: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// The versions of an activation, newest first.
    async fn activation_versions(&self, activation: ActivationId) -> StoreResult<Vec<ActivationVersion>>;
    /// Adds the generation after the latest; `Stale` unless its number is the latest plus one.
    async fn add_generation(&self, generation: &Generation) -> StoreResult<()>;
    /// The latest generation.
    async fn latest_generation(&self) -> StoreResult<Option<Generation>>;
    /// The generation of this number.
    async fn generation(&self, number: i64) -> StoreResult<Option<Generation>>;
    /// Generations, newest first; pages by number.
    async fn generations(&self, page: PageRequest) -> StoreResult<Page<Generation>>;
}

/// What to keep of a delivery.
#[derive(Clone, Debug)]
pub enum IntakeContent {
    /// What the adapter found.
    Arrivals(Vec<Arrival>),
    /// Nothing, and why.
    Unparsed {
        /// A failure's name, a colon, and what the adapter said.
        reason: String,
    },
}

/// Whether a delivery is new or read once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntakeOrigin {
    /// It came just now.
    Fresh,
    /// It is kept already, as unparsed.
    Retry,
}

/// A delivery that has been read, to be stored.
#[derive(Clone, Debug)]
pub struct IntakeEntry {
    /// The delivery's id.
    pub delivery: DeliveryId,
    /// New or kept already.
    pub origin: IntakeOrigin,
    /// Where it came in.
    pub inbox: Arc<Inbox>,
    /// The bytes.
    pub raw: Arc<RawDelivery>,
    /// The adapter's release, `name@version`.
    pub adapter: Option<String>,
    /// What it held.
    pub content: IntakeContent,
}

/// What became of a stored delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct IntakeCommitted {
    /// New items and echoes, and their conversations, in order.
    pub items: Vec<(ItemId, ConversationId)>,
    /// Items that were in the repository already.
    pub duplicates: u32,
    /// Edits, deletions and statuses that took effect.
    pub changes: u32,
    /// Edits, deletions and statuses of items that are not here.
    pub unknown: u32,
}

/// Taking in.
#[async_trait]
pub trait IngestStore: Send + Sync {
    /// Stores a batch of read deliveries in one transaction: deliveries, arrivals without
    /// repetitions, identities, contacts, conversations, and an event for each item to be routed.
    ///
    /// Answers in order, one for each entry. When an entry cannot be stored, the others are.
    async fn commit_intakes(&self, entries: &[IntakeEntry])
    -> StoreResult<Vec<StoreResult<IntakeCommitted>>>;
    /// A kept delivery with its bytes.
    async fn raw_delivery(&self, delivery: DeliveryId) -> StoreResult<Option<(Delivery, RawDelivery)>>;
    /// Deliveries of one outcome (all when absent) of one inbox (all when absent), newest first.
    async fn deliveries(
        &self,
        inbox: Option<InboxId>,
        outcome: Option<DeliveryOutcome>,
        page: PageRequest,
    ) -> StoreResult<Page<Delivery>>;
}

/// Which costly parts of a case any policy of the pipeline reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseNeeds {
    /// The earlier items.
    pub history: bool,
    /// How many other conversations the contact has open.
    pub contact: bool,
}

/// A claim on a conversation's next event.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The event.
    pub event: Event,
    /// The conversation; no other claim on it exists until this one is committed or released.
    pub conversation: ConversationId,
    /// The claim's number; a commit with an older one is refused.
    pub fence: i64,
}

/// An earlier item of a conversation, and where its text is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// The item.
    pub item: ItemId,
    /// Its revision.
    pub revision: i64,
    /// What a policy sees.
    pub view: PastItem,
}

/// A claimed event with everything needed to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedCase {
    /// The claim.
    pub claim: Claim,
    /// The conversation now.
    pub conversation: Conversation,
    /// The event's item, or the latest inbound one, or the latest one.
    pub item: StoredItem,
    /// The latest items before it, oldest first; empty unless needed.
    pub history: Vec<HistoryEntry>,
    /// The person.
    pub contact: Contact,
    /// How many other conversations with the person are open; 0 unless needed.
    pub other_open_conversations: u32,
}

/// A judged event, to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// The claim it was judged under.
    pub claim: Claim,
    /// The conversation's revision it was judged at.
    pub seen_revision: i64,
    /// The conversation afterwards; the store counts its revision up.
    pub conversation: Conversation,
    /// Timers that change.
    pub timers: TimerChanges,
    /// The decision, with the remarks to keep.
    pub decision: Decision,
}

/// What became of a judged event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteCommit {
    /// It is stored; the event is done.
    Committed,
    /// The conversation changed meanwhile: nothing is stored, the event waits to be claimed again.
    Stale,
}

/// Routing.
#[async_trait]
pub trait RouteStore: Send + Sync {
    /// Claims the oldest event of up to `max` conversations and loads their cases.
    async fn claim_cases(&self, max: usize, needs: CaseNeeds) -> StoreResult<Vec<ClaimedCase>>;
    /// Carries out judged events in one transaction; answers in order.
    async fn commit_routed(&self, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>>;
    /// Gives claims back unjudged.
    async fn release_claims(&self, claims: &[Claim]) -> StoreResult<()>;
    /// How many events wait.
    async fn pending_events(&self) -> StoreResult<u64>;
    /// Turns up to `max` timers that are due at `now` into events; how many.
    async fn fire_timers(&self, now: Timestamp, max: usize) -> StoreResult<usize>;
    /// When the next timer is due.
    async fn next_timer(&self) -> StoreResult<Option<Timestamp>>;
}

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
    /// A conversation's items, oldest first.
    async fn items(&self, conversation: ConversationId, page: PageRequest) -> StoreResult<Page<StoredItem>>;
    /// One item.
    async fn item(&self, id: ItemId) -> StoreResult<Option<StoredItem>>;
    /// Items whose text, subject or author contains every word of `query` (in quotes: the phrase),
    /// newest first. Works by trigrams, so for languages without spaces too.
    async fn search(&self, query: &str, page: PageRequest) -> StoreResult<Page<SearchHit>>;
    /// A contact with its identities.
    async fn contact(&self, id: ContactId) -> StoreResult<Option<(Contact, Vec<Identity>)>>;
    /// Marks a contact as very important, or no longer.
    async fn set_vip(&self, id: ContactId, vip: bool, audit: &AuditEntry) -> StoreResult<()>;
    /// An identity.
    async fn identity(&self, id: IdentityId) -> StoreResult<Option<Identity>>;
    /// A conversation's remarks, oldest first.
    async fn notes(&self, conversation: ConversationId) -> StoreResult<Vec<Note>>;
    /// Decisions of a conversation (of all when absent), newest first.
    async fn decisions(
        &self,
        conversation: Option<ConversationId>,
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
}

/// An answer to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxWork {
    /// The entry.
    pub entry: OutboxEntry,
    /// What it says.
    pub reply: StoredItem,
    /// Who gets it.
    pub recipient: Identity,
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
    /// Answers that are due at `now`; each is handed out once until its end is recorded.
    async fn claim_outbox(&self, now: Timestamp, max: usize) -> StoreResult<Vec<OutboxWork>>;
    /// Records how an attempt ended.
    async fn end_send(&self, entry: OutboxId, end: &SendEnd, now: Timestamp) -> StoreResult<()>;
    /// When the next answer is due.
    async fn next_send(&self) -> StoreResult<Option<Timestamp>>;
    /// A conversation's answers, oldest first.
    async fn outbox(&self, conversation: ConversationId) -> StoreResult<Vec<OutboxEntry>>;
}

/// The whole repository.
pub trait Store:
    OrganisationStore + PluginStore + IngestStore + RouteStore + ConversationStore + OutboxStore + 'static
{
}

impl<T> Store for T where
    T: OrganisationStore + PluginStore + IngestStore + RouteStore + ConversationStore + OutboxStore + 'static
{
}
