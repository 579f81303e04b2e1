//! The beginning of a long item: what lists show of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Attachment, AttachmentSource, Item, StoredItem};

/// An item of as many bytes is shown as a whole: nearly all are shorter.
const WHOLE_BYTES_MAX: usize = 16 * 1024;

/// What is shown of a text: some screens of it, and one letter more than a case's history shows, so that policies
/// are shown the same of a beginning as of the whole.
pub const BEGINNING_TEXT_BYTES_MAX: usize = 8 * 1024 + 4;

/// What is shown of markup: a screen of it.
const HTML_BYTES_MAX: usize = 4 * 1024;

/// What is shown of a subject or an address: what mail programs show, several times over.
const LINE_BYTES_MAX: usize = 1024;

/// What is shown of each list: references (sixty-four of the usual length, which answers take along),
/// attachments, further facts.
const LIST_BYTES_MAX: usize = 8 * 1024;

/// How many bytes there are of what is shown in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemCut {
    /// Of all that it says.
    pub bytes: usize,
    /// Of the text.
    pub text_bytes: usize,
    /// Of the markup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html_bytes: Option<usize>,
    /// Of quoted history and signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted_bytes: Option<usize>,
}

impl Item {
    /// The bytes of all that it says.
    pub fn bytes(&self) -> usize {
        let optional = [&self.subject, &self.quoted, &self.html, &self.language, &self.permalink];
        let author = &self.author;
        let named = [&author.handle, &author.name];
        let texts = self.external_id.len() + self.text.len() + author.external_id.len();
        let optional = optional.into_iter().chain(named).flatten().map(String::len).sum::<usize>();
        let references = self.in_reply_to.iter().map(String::len).sum::<usize>();
        let attributes = self.attributes.iter().map(|it| it.key.len() + it.value.len()).sum::<usize>();
        texts
            + optional
            + references
            + attributes
            + self.attachments.iter().map(attachment_bytes).sum::<usize>()
    }

    /// Its beginning, if it is too long to be shown as a whole in a list.
    pub fn beginning(&self) -> Option<(Self, ItemCut)> {
        let bytes = self.bytes();
        if bytes <= WHOLE_BYTES_MAX {
            return None;
        }
        let cut = ItemCut {
            bytes,
            text_bytes: self.text.len(),
            html_bytes: self.html.as_ref().map(String::len),
            quoted_bytes: self.quoted.as_ref().map(String::len),
        };
        let mut author = self.author.clone();
        author.external_id = start(&author.external_id, LINE_BYTES_MAX);
        author.handle = author.handle.map(|it| start(&it, LINE_BYTES_MAX));
        author.name = author.name.map(|it| start(&it, LINE_BYTES_MAX));
        let beginning = Self {
            external_id: start(&self.external_id, LINE_BYTES_MAX),
            in_reply_to: fitting(&self.in_reply_to, String::len),
            kind: self.kind,
            visibility: self.visibility,
            author,
            subject: self.subject.as_ref().map(|it| start(it, LINE_BYTES_MAX)),
            text: start(&self.text, BEGINNING_TEXT_BYTES_MAX),
            quoted: self.quoted.as_ref().map(|it| start(it, LINE_BYTES_MAX)),
            html: self.html.as_ref().map(|it| start(it, HTML_BYTES_MAX)),
            // A part of these would be another language, or lead elsewhere.
            language: self.language.clone().filter(|it| it.len() <= LINE_BYTES_MAX),
            permalink: self.permalink.clone().filter(|it| it.len() <= LINE_BYTES_MAX),
            attachments: fitting(&self.attachments, attachment_bytes),
            occurred_at: self.occurred_at,
            automatic: self.automatic,
            attributes: fitting(&self.attributes, |it| it.key.len() + it.value.len()),
        };
        Some((beginning, cut))
    }
}

impl StoredItem {
    /// The same as lists show it.
    pub fn shown_in_lists(self) -> Self {
        match self.item.beginning() {
            Some((item, cut)) => Self { item, cut: Some(cut), ..self },
            None => self,
        }
    }
}

fn attachment_bytes(it: &Attachment) -> usize {
    let source = match &it.source {
        AttachmentSource::Remote { url } => url.len(),
        AttachmentSource::Part { .. } => 64,
    };
    it.name.as_ref().map_or(0, String::len) + it.media_type.len() + source
}

/// The first bytes of a text, to the end of a character.
fn start(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

/// The first entries of a list.
fn fitting<T: Clone>(entries: &[T], bytes: impl Fn(&T) -> usize) -> Vec<T> {
    let mut left = LIST_BYTES_MAX;
    let fits = |it: &&T| {
        let rest = left.checked_sub(bytes(it));
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    entries.iter().take_while(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Attribute, Author, ItemKind, Visibility};
    use super::*;
    use crate::domain::time::Timestamp;

    fn item(text: String) -> Item {
        Item {
            external_id: "m1".to_owned(),
            in_reply_to: Vec::new(),
            kind: ItemKind::Email,
            visibility: Visibility::Private,
            author: Author::default(),
            subject: None,
            text,
            quoted: None,
            html: None,
            language: None,
            permalink: None,
            attachments: Vec::new(),
            occurred_at: Timestamp::from_ms(0),
            automatic: None,
            attributes: Vec::new(),
        }
    }

    #[test]
    fn an_ordinary_item_is_shown_as_a_whole() {
        assert_eq!(item("a".repeat(WHOLE_BYTES_MAX - 2)).beginning(), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_its_length_is_told() {
        let (shown, cut) = item("é日".repeat(10_000)).beginning().unwrap();
        assert!(
            "é日".repeat(10_000).starts_with(&shown.text) && shown.text.len() > BEGINNING_TEXT_BYTES_MAX - 4
        );
        let bytes = 50_000 + "m1".len();
        assert_eq!(cut, ItemCut { bytes, text_bytes: 50_000, html_bytes: None, quoted_bytes: None });
    }

    #[test]
    fn whatever_is_long_in_an_item_its_beginning_is_short() {
        let long = || "x".repeat(1024 * 1024);
        let mut everything = item(long());
        everything.external_id = long();
        everything.in_reply_to = vec![long(); 3];
        everything.author =
            Author { external_id: long(), handle: Some(long()), name: Some(long()), ..Author::default() };
        (everything.subject, everything.quoted, everything.html) = (Some(long()), Some(long()), Some(long()));
        (everything.language, everything.permalink) = (Some(long()), Some(long()));
        everything.attributes = vec![Attribute { key: "k".to_owned(), value: "v".repeat(100) }; 1_000];
        let remote = AttachmentSource::Remote { url: "u".repeat(100) };
        everything.attachments =
            vec![Attachment { name: None, media_type: "text/plain".to_owned(), source: remote }; 1_000];
        let (shown, _) = everything.beginning().unwrap();
        assert!(shown.bytes() < 3 * WHOLE_BYTES_MAX, "{}", shown.bytes());
        assert!(!shown.attributes.is_empty() && !shown.attachments.is_empty());
    }
}
