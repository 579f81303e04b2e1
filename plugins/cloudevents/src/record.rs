//! The record that a plain item, or the data of an event, is written as.
//!
//! Its fields are those of the contract's `item`, in snake case, and those that changes and statuses
//! need. Unknown fields are left out: events are written for others too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use switchboard_plugin_sdk::{Attachment, AttachmentSource, Attribute, Author, Item, ItemKind, Visibility};

use crate::scalar::{Id, Ids, Moment};
use crate::words::{Machine, Progress};
use crate::writer::Writer;

/// The media type of bytes that nobody described (RFC 2046, section 4.5.1).
const UNKNOWN_MEDIA_TYPE: &str = "application/octet-stream";

/// What a sender may say. Everything is optional here; what is needed depends on what happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Set in a CloudEvent, never in a record: tells the two apart.
    pub specversion: Option<IgnoredAny>,
    /// The channel's id.
    pub id: Option<Id>,
    /// What sort of touch point it is.
    pub kind: Option<ItemKind>,
    /// Who can read it.
    pub visibility: Option<Visibility>,
    /// Who wrote it.
    pub author: Option<Writer>,
    /// Its title.
    pub subject: Option<String>,
    /// What was written.
    pub text: Option<String>,
    /// Quoted history.
    pub quoted: Option<String>,
    /// The markup.
    pub html: Option<String>,
    /// What it answers, nearest first.
    pub in_reply_to: Option<Ids>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Where to look at it.
    pub permalink: Option<String>,
    /// When it happened.
    pub occurred_at: Option<Moment>,
    /// Set when a machine wrote it.
    pub automatic: Option<Machine>,
    /// Files that lie elsewhere.
    pub attachments: Option<Vec<File>>,
    /// Further facts.
    pub attributes: Option<BTreeMap<String, Id>>,
    /// How far an answer came.
    pub state: Option<Progress>,
    /// The channel's explanation of a state.
    pub detail: Option<String>,
}

/// A file that lies elsewhere.
#[derive(Debug, Deserialize)]
pub struct File {
    name: Option<String>,
    media_type: Option<String>,
    url: String,
}

/// What an item has where its record says nothing.
pub struct Unsaid {
    /// The item's id within the inbox.
    pub external_id: String,
    /// The sort.
    pub kind: ItemKind,
    /// Who can read it.
    pub visibility: Visibility,
    /// Who wrote it.
    pub author: Author,
    /// When.
    pub occurred_at_ms: u64,
}

impl Record {
    /// Whether there is anything for a person to read.
    pub fn says_something(&self) -> bool {
        self.text.is_some() || self.attachments.as_ref().is_some_and(|files| !files.is_empty())
    }

    /// The item this record describes, with `unsaid` where it says nothing. Ids in the record are
    /// expected to be the inbox's already.
    pub fn into_item(self, unsaid: Unsaid) -> Item {
        Item {
            external_id: unsaid.external_id,
            in_reply_to: self.in_reply_to.map(|ids| ids.0).unwrap_or_default(),
            kind: self.kind.unwrap_or(unsaid.kind),
            visibility: self.visibility.unwrap_or(unsaid.visibility),
            author: unsaid.author,
            subject: said(self.subject),
            text: self.text.unwrap_or_default(),
            quoted: said(self.quoted),
            html: said(self.html),
            language: said(self.language),
            permalink: said(self.permalink),
            attachments: attachments(self.attachments.unwrap_or_default()),
            occurred_at_ms: unsaid.occurred_at_ms,
            automatic: self.automatic.map(Into::into),
            attributes: attributes(self.attributes.unwrap_or_default()),
        }
    }
}

/// An absent fact is an absent option, never an empty string.
pub fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn attachments(files: Vec<File>) -> Vec<Attachment> {
    let attachment = |file: File| Attachment {
        name: said(file.name),
        media_type: said(file.media_type).unwrap_or_else(|| UNKNOWN_MEDIA_TYPE.to_owned()),
        source: AttachmentSource::Remote(file.url),
    };
    files.into_iter().map(attachment).collect()
}

fn attributes(values: BTreeMap<String, Id>) -> Vec<Attribute> {
    let attribute = |(key, value): (String, Id)| Attribute { key, value: value.0 };
    values.into_iter().map(attribute).collect()
}
