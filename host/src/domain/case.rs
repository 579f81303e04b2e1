//! What a policy is asked, and what it sees.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conversation::{PersonSet, Status};
use super::ids::{ActivationId, ContactId, ConversationId, EventId};
use super::item::{Attribute, Direction, Item, ItemKind};
use super::promise::Metric;
use super::proposal::{Destination, Listening, Priority, Proposal};
use super::time::Timestamp;

pub mod shown;

/// How many earlier items of the conversation a case holds at most.
pub const HISTORY_MAX: usize = 10;

/// How many policy decisions may cause one another; the next event of the chain parks the
/// conversation with the operator.
pub const DEPTH_MAX: u8 = 16;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Occasion {
    /// A new inbound item.
    ItemReceived,
    /// An item was edited on its channel.
    ItemEdited,
    /// An item arrived in a closed conversation.
    ConversationReopened,
    /// A promise will be broken soon.
    PromiseWarning {
        /// Which.
        metric: Metric,
    },
    /// A promise was broken.
    PromiseBreached {
        /// Which.
        metric: Metric,
    },
    /// A policy's timer is due. Only the activation that set it is asked.
    TimerDue {
        /// The activation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activation: Option<ActivationId>,
        /// The policy's name for the timer.
        key: String,
    },
    /// A person asked for the conversation to be routed again.
    AskedByHand,
}

/// The kinds of event, as a manifest declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each case is the occasion of the same name")]
pub enum EventKind {
    ItemReceived,
    ItemEdited,
    ConversationReopened,
    PromiseWarning,
    PromiseBreached,
    TimerDue,
    AskedByHand,
}

impl Occasion {
    /// Takes out every word of a policy's.
    pub fn forget_words(&mut self) {
        match self {
            Self::TimerDue { activation: _, key } => key.clear(),
            Self::ItemReceived
            | Self::ItemEdited
            | Self::ConversationReopened
            | Self::PromiseWarning { metric: _ }
            | Self::PromiseBreached { metric: _ }
            | Self::AskedByHand => {}
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::ItemReceived => EventKind::ItemReceived,
            Self::ItemEdited => EventKind::ItemEdited,
            Self::ConversationReopened => EventKind::ConversationReopened,
            Self::PromiseWarning { .. } => EventKind::PromiseWarning,
            Self::PromiseBreached { .. } => EventKind::PromiseBreached,
            Self::TimerDue { .. } => EventKind::TimerDue,
            Self::AskedByHand => EventKind::AskedByHand,
        }
    }
}

/// Why a policy is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What happened.
    #[serde(flatten)]
    pub occasion: Occasion,
    /// When.
    pub at: Timestamp,
    /// How many policy decisions caused one another up to here.
    #[serde(default)]
    pub depth: u8,
}

/// The conversation, as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConversationView {
    /// Its id.
    pub id: ConversationId,
    /// Where it stands.
    pub status: Status,
    /// How soon it matters.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Its labels, sorted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// Its named facts, sorted by key.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attributes: Vec<Attribute>,
    /// What the customer wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Which kind of listening it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listening: Option<Listening>,
    /// BCP 47 tag of its language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// By when it must be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Since when the customer waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// When it began.
    pub opened_at: Timestamp,
    /// How many items it has.
    pub item_count: u32,
    /// How often it was opened again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reopened_count: u32,
    /// How often people handed it to another queue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub handed_over_count: u32,
    /// The highest level it was escalated to while the customer waits.
    #[serde(default, skip_serializing_if = "is_default")]
    pub escalation_level: u8,
    /// What a person has set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub person_set: PersonSet,
}

impl ConversationView {
    /// Takes out every word that was said about a person.
    pub fn forget_words(&mut self) {
        let Self {
            id: _,
            status: _,
            priority: _,
            destination: _,
            tags,
            attributes,
            intent,
            listening: _,
            language,
            deadline: _,
            waiting_since: _,
            opened_at: _,
            item_count: _,
            reopened_count: _,
            handed_over_count: _,
            escalation_level: _,
            person_set: _,
        } = self;
        tags.clear();
        attributes.clear();
        (*intent, *language) = (None, None);
    }
}

/// Most of a view says what is usual; it is left out where it does.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A promise of the inbox, and its clock for this conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromiseView {
    /// What is measured.
    pub metric: Metric,
    /// How long it may take, in milliseconds.
    pub within_ms: i64,
    /// When it is due; absent when its clock does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// Where the item came in, as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InboxView {
    /// Its name.
    pub name: String,
    /// The channel's name.
    pub channel: String,
    /// The name of the department that owns it.
    pub department: String,
    /// What it promises.
    #[serde(default)]
    pub promises: Vec<PromiseView>,
}

/// An earlier item of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastItem {
    /// Whose words.
    pub direction: Direction,
    /// What sort.
    pub kind: ItemKind,
    /// Display name of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// The text.
    pub text: String,
    /// When it was written.
    pub occurred_at: Timestamp,
}

/// The person behind the author's presences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactView {
    /// Its id.
    pub id: ContactId,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the company marked the person as very important.
    #[serde(default)]
    pub vip: bool,
    /// How many other conversations with this person are open.
    #[serde(default)]
    pub other_open_conversations: u32,
}

/// A proposal that an earlier policy of the run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierProposal {
    /// The activation's name.
    pub by: String,
    /// What it proposed.
    #[serde(flatten)]
    pub proposal: Proposal,
}

/// Parts of a case that a policy must declare to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaseField {
    /// The conversation's latest items.
    History,
    /// The contact.
    Contact,
}

/// Everything a policy may know. It is [cut](Case::cut) before a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// The host's time of this run.
    pub now: Timestamp,
    /// The item in question.
    pub item: Item,
    /// Its conversation.
    pub conversation: ConversationView,
    /// Where it came in.
    pub inbox: InboxView,
    /// The latest items before this one, oldest first.
    #[serde(default)]
    pub history: Vec<PastItem>,
    /// The person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactView>,
    /// What earlier policies of this run proposed, in order.
    #[serde(default)]
    pub earlier: Vec<EarlierProposal>,
}
