//! A feed, whichever format it came in.

use memchr::memchr2;

/// What a feed says of itself, and its entries in the order they stand.
#[derive(Debug, Default)]
pub struct Feed {
    /// Its own stable id, where the format has one.
    pub id: Option<String>,
    /// Its title, as text.
    pub title: Option<String>,
    /// The page it belongs to.
    pub link: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Who writes where an entry does not say.
    pub author: Option<Person>,
    /// What it brings.
    pub entries: Vec<Entry>,
}

/// One post.
#[derive(Debug, Default)]
pub struct Entry {
    /// Its stable id.
    pub id: Option<String>,
    /// The page to read it at.
    pub link: Option<String>,
    /// Its title.
    pub title: Option<Words>,
    /// Its text, the fuller form first.
    pub content: Option<Words>,
    /// Who wrote it.
    pub author: Option<Person>,
    /// When it appeared, milliseconds since 1970.
    pub published_ms: Option<u64>,
    /// When it was changed.
    pub updated_ms: Option<u64>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// What it answers (RFC 4685).
    pub in_reply_to: Vec<String>,
    /// Files that belong to it.
    pub files: Vec<File>,
    /// What it is about.
    pub categories: Vec<String>,
}

/// Text as the format gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// As it is read.
    Plain(String),
    /// With markup.
    Html(String),
}

/// Somebody who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The display name.
    pub name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// The page.
    pub uri: Option<String>,
}

/// A file elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub url: String,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its title.
    pub name: Option<String>,
}

impl Words {
    /// The words, marked up or not; nothing where there is none.
    pub fn html(text: String) -> Option<Self> {
        match text.trim() {
            "" => None,
            // Most titles and many texts hold nothing that markup could change.
            bare if memchr2(b'<', b'&', bare.as_bytes()).is_none() => Some(Self::Plain(bare.to_owned())),
            _ => Some(Self::Html(text)),
        }
    }

    /// Plain words; nothing where there is none.
    pub fn plain(text: &str) -> Option<Self> {
        filled(text).map(Self::Plain)
    }
}

impl Person {
    /// The person, unless nothing is known.
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// The text without white space around it; nothing where nothing is left.
pub fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
