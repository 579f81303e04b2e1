//! Touch points: what somebody said, on any channel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ConversationId, DeliveryId, IdentityId, InboxId, ItemId};
use super::time::Timestamp;

pub use self::beginning::{BEGINNING_TEXT_BYTES_MAX, ItemCut};

mod beginning;
pub mod copied;

/// What sort of touch point an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// A private message on a chat or social channel.
    DirectMessage,
    /// A public post that names the company.
    Mention,
    /// A comment below something published.
    Comment,
    /// A public post that does not name the company directly.
    Post,
    /// A rating or review.
    Review,
    /// An electronic mail.
    Email,
    /// A text message.
    Sms,
    /// A telephone call or its transcript.
    Call,
    /// A submitted web form.
    Form,
    /// A machine's notice, such as a search alert.
    Alert,
}

impl ItemKind {
    /// Whether the sender writes what an item of this kind replies to: a mail's header fields (RFC 5322,
    /// section 3.6.4) and a form's fields. Elsewhere the channel says it.
    pub fn names_its_parents_itself(self) -> bool {
        matches!(self, Self::Email | Self::Form)
    }
}

/// Who can read an item on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Anybody.
    Public,
    /// The sender and the company.
    Private,
}

/// Whose words an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Somebody outside wrote.
    Inbound,
    /// The company's own words.
    Outbound,
}

/// Why an item counts as written by a machine (RFC 3834 for mail).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Automatic {
    /// An automatic answer.
    Reply,
    /// A machine's own message.
    Notification,
    /// A report that something could not be delivered.
    Bounce,
    /// Sent to many.
    Bulk,
}

/// A named fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Attribute {
    /// Lower-case ASCII with dashes.
    pub key: String,
    /// The fact as text.
    pub value: String,
}

/// Somebody's presence on one channel, as the channel tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Author {
    /// The channel's own stable id of this person.
    pub external_id: String,
    /// The name shown with an `@`, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many follow this presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    /// Whether the channel vouches for the identity.
    #[serde(default)]
    pub verified: bool,
}

impl Author {
    /// Whether the presence stands for all who do not say who they are: then it proves nothing about two
    /// items that both have it. Adapters write nothing, or one of these words.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.external_id.trim(), "" | "unknown" | "anonymous")
    }
}

/// How a part of a delivery is encoded (RFC 2045, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransferEncoding {
    /// The bytes as they are.
    Identity,
    /// Base64.
    Base64,
    /// Quoted-printable.
    QuotedPrintable,
}

/// Where an attachment's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AttachmentSource {
    /// Elsewhere.
    Remote {
        /// Its URL.
        url: String,
    },
    /// In the delivery that brought the item.
    Part {
        /// Bytes from the start of the delivery's body.
        offset_bytes: u64,
        /// Bytes as they stand there, before decoding.
        length_bytes: u64,
        /// How to decode them.
        encoding: TransferEncoding,
    },
}

/// A file that came with an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// Its file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its media type (RFC 6838).
    pub media_type: String,
    /// Where its bytes are.
    pub source: AttachmentSource,
}

/// One touch point, as an adapter reports it and a policy reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The channel's id of it, unique within the inbox.
    pub external_id: String,
    /// Every id it answers or belongs to, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_reply_to: Vec<String>,
    /// What sort of touch point it is.
    pub kind: ItemKind,
    /// Who can read it.
    pub visibility: Visibility,
    /// Who wrote it.
    pub author: Author,
    /// Its title or subject line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the author wrote, as plain text.
    pub text: String,
    /// Quoted history and signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<String>,
    /// The original markup; never rendered without sanitising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// BCP 47 tag of the language, where the channel states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// Files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When it was written, by the channel's word.
    pub occurred_at: Timestamp,
    /// Set when a machine wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
    /// Further facts; each key at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// An item in the repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoredItem {
    /// Its id.
    pub id: ItemId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// The inbox it came in by, or goes out by.
    pub inbox: InboxId,
    /// Who wrote it; absent for the company's own words.
    pub identity: Option<IdentityId>,
    /// The delivery that brought it; absent for answers written here.
    pub delivery: Option<DeliveryId>,
    /// Whose words.
    pub direction: Direction,
    /// Counts edits, from 1.
    pub revision: i64,
    /// When it was taken in.
    pub received_at: Timestamp,
    /// When the channel reported its removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Since when nothing is kept of what it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// How much there is of what is shown in part; absent where all of it is shown. The whole is at
    /// `/v1/items/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<ItemCut>,
    /// Its latest revision.
    #[serde(flatten)]
    pub item: Item,
}
