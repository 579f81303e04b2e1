//! What the repository offers for taking in.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::{AuditEntry, Page, PageRequest};
use super::route::{CaseNeeds, ClaimedCase, Routed};
use crate::domain::arrival::Arrival;
use crate::domain::delivery::{Delivery, DeliveryHead, DeliveryOutcome, ImportKey, RawDelivery};
use crate::domain::ids::{ConversationId, DeliveryId, DepartmentId, InboxId, ItemId};
use crate::domain::organisation::Inbox;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntakeOrigin {
    /// It came just now.
    Fresh,
    /// It is a record of an import; its inbox keeps one of this key.
    Import(ImportKey),
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
    /// Whether the channel itself delivered it, or an admin imports it: it showed the inbox's token, or a
    /// signature that was checked. Of any other delivery only the items are believed, and as words from outside.
    pub is_authentic: bool,
    /// The bytes.
    pub raw: Arc<RawDelivery>,
    /// The adapter's release, `name@version`.
    pub adapter: Option<String>,
    /// What it held.
    pub content: IntakeContent,
    /// The record of who had it read, if somebody did.
    pub audit: Option<AuditEntry>,
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
    /// Edits, deletions and statuses of items that are not here, and all that the channel did not prove to be its
    /// own.
    pub unknown: u32,
}

/// Judges what a batch brings before it is written, so that an item and what was decided about it are
/// one transaction.
#[async_trait]
pub trait DoorJudge: Send + Sync {
    /// Which costly parts of a case any policy reads.
    fn needs(&self) -> CaseNeeds;
    /// Judges what it can soon enough; what it leaves out waits as an event. Fences are none, because
    /// nobody else can claim these cases.
    async fn judge(&self, cases: Vec<ClaimedCase>) -> Vec<Routed>;
    /// The batch is committed with these decisions; so many events wait.
    fn committed(&self, decided: &[Routed], waiting: usize);
}

/// Taking in.
#[async_trait]
pub trait IngestStore: Send + Sync {
    /// Stores a batch of read deliveries: deliveries, arrivals without repetitions, identities, contacts,
    /// conversations, an event for each item to be routed, and who had a delivery read. Each delivery is in one
    /// transaction, several are together as long as they are not much.
    ///
    /// Answers in order, one for each entry. When an entry cannot be stored, the others are; `Taken` is
    /// the answer to a record whose key its inbox has already.
    ///
    /// `judge`, if there is one, is asked about the first event of each conversation that nothing else
    /// waits for, while no transaction is open. Should the repository change meanwhile in what the
    /// batch was worked out from, the batch is worked out again and its events wait.
    async fn commit_intakes(
        &self,
        entries: &[IntakeEntry],
        judge: Option<&dyn DoorJudge>,
    ) -> StoreResult<Vec<StoreResult<IntakeCommitted>>>;
    /// A kept delivery with its bytes.
    async fn raw_delivery(&self, delivery: DeliveryId) -> StoreResult<Option<(Delivery, RawDelivery)>>;
    /// The same with an empty body in place of its own.
    async fn delivery_head(&self, delivery: DeliveryId) -> StoreResult<Option<(Delivery, RawDelivery)>>;
    /// Heads of deliveries to this inbox that no adapter could read so far, newest first.
    async fn unread_heads(
        &self,
        inbox: InboxId,
        page: PageRequest,
    ) -> StoreResult<Page<(DeliveryId, DeliveryHead)>>;
    /// Replaces the head of a kept delivery, unless its bytes are gone.
    async fn rewrite_head(&self, delivery: DeliveryId, head: &DeliveryHead) -> StoreResult<()>;
    /// The delivery that a record of an import was stored as, if it was.
    async fn imported(&self, inbox: InboxId, key: &ImportKey) -> StoreResult<Option<Delivery>>;
    /// Deliveries of one outcome (all when absent) of one inbox (all when absent), newest first.
    async fn deliveries(
        &self,
        inbox: Option<InboxId>,
        outcome: Option<DeliveryOutcome>,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<Delivery>>;
}
