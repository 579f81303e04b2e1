//! What an adapter finds in a delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::item::Item;
use super::time::Timestamp;

/// The most arrivals that one delivery may bring; a larger one is refused whole and kept.
pub const ARRIVALS_MAX: usize = 1_000;

/// The longest id that a channel gives to an item or a person. Message-IDs have a line's length, links that feeds
/// call their entries by two thousand characters; ids are looked up and stand in every index.
pub const EXTERNAL_ID_BYTES_MAX: usize = 4 * 1024;

/// An item was changed on its channel; absent parts stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    /// The item's external id.
    pub external_id: String,
    /// The new text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The new subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The new markup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// When it was changed.
    pub edited_at: Timestamp,
}

/// When the parts of an item were changed that stand. The parts that came with the item are older than every
/// edit of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditTimes {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<Timestamp>,
}

impl EditTimes {
    /// Changes the parts of the item for which the edit is the latest; whether there is any. Of edits of one
    /// time the one stands that came later.
    pub fn apply(&mut self, edit: &Edit, item: &mut Item) -> bool {
        let at = edit.edited_at;
        let stands = |before: &mut Option<Timestamp>, is_given: bool| {
            let stands = is_given && before.is_none_or(|it| it <= at);
            if stands {
                *before = Some(at);
            }
            stands
        };
        let (mut changes, is_empty) =
            (false, edit.text.is_none() && edit.subject.is_none() && edit.html.is_none());
        if stands(&mut self.text, edit.text.is_some()) {
            item.text = edit.text.clone().unwrap_or_default();
            changes = true;
        }
        if stands(&mut self.subject, edit.subject.is_some()) {
            item.subject.clone_from(&edit.subject);
            changes = true;
        }
        if stands(&mut self.html, edit.html.is_some()) {
            item.html.clone_from(&edit.html);
            changes = true;
        }
        // One that gives nothing says that something changed that is not told: attachments, for example.
        changes || is_empty
    }
}

/// An item was removed on its channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// The item's external id.
    pub external_id: String,
    /// When it was removed.
    pub deleted_at: Timestamp,
}

/// How far one of our answers came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// The channel delivered it.
    Delivered,
    /// The customer read it.
    Read,
    /// It will never be delivered.
    Failed,
}

/// News of an answer that was sent earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryStatus {
    /// The external id the answer was sent under.
    pub external_id: String,
    /// How far it came.
    pub state: DeliveryState,
    /// The channel's explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When that happened.
    pub at: Timestamp,
}

impl DeliveryStatus {
    /// What orders states: when they were reached, and of one time how far.
    pub fn reached(&self) -> (Timestamp, DeliveryState) {
        (self.at, self.state)
    }
}

/// One thing a delivery brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "arrival")]
pub enum Arrival {
    /// Somebody's new item.
    Item(Item),
    /// The company's own words, seen on the channel.
    Echo(Item),
    /// A change of an item.
    Edit(Edit),
    /// A removal of an item.
    Deletion(Deletion),
    /// News of an answer of ours.
    Status(DeliveryStatus),
}

impl Arrival {
    /// The same, having happened no later than it came: a channel whose clock is ahead would else keep what it
    /// tells later from standing.
    pub fn happened_by(mut self, came_at: Timestamp) -> Self {
        match &mut self {
            Self::Edit(edit) => edit.edited_at = edit.edited_at.min(came_at),
            Self::Status(status) => status.at = status.at.min(came_at),
            Self::Item(_) | Self::Echo(_) | Self::Deletion(_) => {}
        }
        self
    }

    /// The bytes of all that it says.
    pub fn bytes(&self) -> usize {
        let said = match self {
            Self::Item(item) | Self::Echo(item) => return item.bytes(),
            Self::Edit(edit) => [&edit.text, &edit.subject, &edit.html],
            Self::Deletion(_) => [&None; 3],
            Self::Status(status) => [&status.detail, &None, &None],
        };
        self.external_id().len() + said.into_iter().flatten().map(String::len).sum::<usize>()
    }

    /// The channel's id of the item that it is or is about.
    pub fn external_id(&self) -> &str {
        match self {
            Self::Item(item) | Self::Echo(item) => &item.external_id,
            Self::Edit(edit) => &edit.external_id,
            Self::Deletion(deletion) => &deletion.external_id,
            Self::Status(status) => &status.external_id,
        }
    }
}

impl Arrival {
    /// Refuses an id that is too long to be kept, and leaves references out that are: nothing has such an id.
    pub fn bound_ids(&mut self) -> Result<(), IdTooLong> {
        let check = |what, id: &str| match id.len() {
            bytes if bytes > EXTERNAL_ID_BYTES_MAX => Err(IdTooLong { what, bytes }),
            _ => Ok(()),
        };
        check("item's", self.external_id())?;
        if let Self::Item(item) | Self::Echo(item) = self {
            check("author's", &item.author.external_id)?;
            item.in_reply_to.retain(|id| id.len() <= EXTERNAL_ID_BYTES_MAX);
        }
        Ok(())
    }
}

/// An id is too long to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {what} id has {bytes} bytes, the most is {EXTERNAL_ID_BYTES_MAX}")]
pub struct IdTooLong {
    /// Whose id.
    what: &'static str,
    /// How long it is.
    bytes: usize,
}

/// The answer that a channel expects to its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a delivery held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// In the order they happened.
    pub arrivals: Vec<Arrival>,
    /// The answer, where the channel expects a particular one.
    pub response: Option<Response>,
}

/// Why a delivery yields nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It does not come from whom it should.
    #[error("unauthentic: {0}")]
    Unauthentic(String),
    /// The bytes do not follow the format.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A format or feature that the adapter does not know.
    #[error("unsupported: {0}")]
    Unsupported(String),
}
