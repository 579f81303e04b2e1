//! The shape of what is handed out.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::Conversation;
use crate::domain::decision::Decision;
use crate::domain::delivery::{Delivery, Header};
use crate::domain::item::StoredItem;
use crate::domain::outbox::OutboxEntry;
use crate::store::{AuditEntry, Note, Revision};

/// Everything about a contact.
///
/// Only the shape of what is handed out: it is never in memory as a whole.
#[derive(Serialize, JsonSchema)]
pub struct ContactExport {
    /// The person.
    pub contact: Contact,
    /// The person's presences.
    pub identities: Vec<Identity>,
    /// Conversations with the person, or in which the person wrote too.
    pub conversations: Vec<Conversation>,
    /// What the person said and what the company answered, oldest first within a conversation.
    pub items: Vec<ItemExport>,
    /// Remarks on conversations with the person.
    pub notes: Vec<Note>,
    /// How answers to the person went out.
    pub replies: Vec<OutboxEntry>,
    /// What was decided about the person's items, by whom and why.
    pub decisions: Vec<Decision>,
    /// Deliveries that told of these items.
    pub deliveries: Vec<DeliveryExport>,
    /// What the audit log says about the contact, its conversations and items.
    pub audit: Vec<AuditEntry>,
}

/// An item with all it ever said.
#[derive(Serialize, JsonSchema)]
pub struct ItemExport {
    /// The item, as it is now.
    #[serde(flatten)]
    pub item: StoredItem,
    /// What it said, from the first time to the latest.
    pub revisions: Vec<Revision>,
}

/// A delivery as it came.
#[derive(Serialize, JsonSchema)]
pub struct DeliveryExport {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Whether it told of others too; what it held is left out then.
    pub told_of_others: bool,
    /// The query without `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Header fields, without those that carried credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// The body, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}
