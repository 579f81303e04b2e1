//! What the repository offers for routing and for timers.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::apply::TimerChanges;
use crate::domain::case::{Event, PastItem};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::decision::Decision;
use crate::domain::ids::{ConversationId, DepartmentId, ItemId};
use crate::domain::item::StoredItem;
use crate::domain::time::Timestamp;
use crate::domain::timer::OpenTimer;

/// Which costly parts of a case any policy of the pipeline reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaseNeeds {
    /// The earlier items.
    pub history: bool,
    /// How many other conversations the contact has open.
    pub contact: bool,
    /// Which timers the policies have.
    pub timers: bool,
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
    /// The policies' timers whose events are not judged yet, but for the claimed one; empty unless needed.
    pub open_timers: Vec<OpenTimer>,
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

/// What became of an event that is to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postponed {
    /// It waits until then; its claim has ended.
    Until(Timestamp),
    /// It has waited often enough: nothing has changed, and the claim still stands.
    OftenEnough,
    /// The claim does not stand any more, or the event is done.
    Stale,
}

/// Routing.
#[async_trait]
pub trait RouteStore: Send + Sync {
    /// The departments for whose inboxes events wait, claimed ones among them.
    async fn waiting_departments(&self) -> StoreResult<Vec<DepartmentId>>;
    /// Claims the oldest event of up to `max` conversations of a department's inboxes and loads their cases.
    async fn claim_cases(
        &self,
        department: DepartmentId,
        max: usize,
        needs: CaseNeeds,
    ) -> StoreResult<Vec<ClaimedCase>>;
    /// Carries out judged events, each in one transaction, several together as long as they are not much; answers in
    /// order.
    async fn commit_routed(&self, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>>;
    /// Gives claims back unjudged.
    async fn release_claims(&self, claims: &[Claim]) -> StoreResult<()>;
    /// Has claimed events wait, longer each time, and with them what happened later in their
    /// conversations; answers in order.
    async fn postpone(&self, claims: &[Claim], now: Timestamp) -> StoreResult<Vec<Postponed>>;
    /// Lets go on some of what has waited until `now`; how many.
    async fn end_waits(&self, now: Timestamp) -> StoreResult<usize>;
    /// How many events wait.
    async fn pending_events(&self) -> StoreResult<u64>;
    /// Turns timers that are due at `now` into events; how many. It takes up to `max` of them, as many of
    /// each department that has some; those that concern nobody any more go without an event.
    async fn fire_timers(&self, now: Timestamp, max: usize) -> StoreResult<usize>;
    /// Whether timers are due at `now`.
    async fn timers_are_due(&self, now: Timestamp) -> StoreResult<bool>;
    /// How many timers of policies wait, by the department whose inboxes have their conversations.
    async fn waiting_timers(&self) -> StoreResult<Vec<(DepartmentId, u64)>>;
    /// When the next timer is due, or the next wait over.
    async fn next_timer(&self) -> StoreResult<Option<Timestamp>>;
}
