//! From a feed's entries to items.

use switchboard_plugin_sdk::{
    Attachment, AttachmentSource, Attribute, Author, Item, ItemKind, Visibility, content_id,
};
use url::Url;

use crate::feed::{Entry, Feed, File, Person, Words};
use crate::settings::Settings;
use crate::{google, words};

/// An address longer than this is an attack.
const URL_BYTES_MAX: usize = 4_000;

/// Categories beyond this are decoration.
const CATEGORIES_MAX: usize = 50;

/// What all entries of a feed share.
pub struct Shared {
    kind: ItemKind,
    id: Option<String>,
    title: Option<String>,
    base: Option<Url>,
    language: Option<String>,
    author: Option<Person>,
    received_at_ms: u64,
}

impl Shared {
    /// Takes over what the feed says of itself.
    pub fn of(feed: &Feed, settings: &Settings, received_at_ms: u64) -> Self {
        let usual = match google::is_alerts(feed) {
            true => ItemKind::Alert,
            false => ItemKind::Post,
        };
        Self {
            kind: settings.kind.unwrap_or(usual),
            id: feed.link.clone().or_else(|| feed.id.clone()),
            title: feed.title.clone(),
            base: feed.link.as_deref().and_then(|link| Url::parse(link).ok()),
            language: feed.language.clone(),
            author: feed.author.clone(),
            received_at_ms,
        }
    }

    /// When an entry was written.
    pub fn occurred_at_ms(&self, entry: &Entry) -> u64 {
        let stated = entry.published_ms.or(entry.updated_ms);
        stated.unwrap_or(self.received_at_ms)
    }

    /// The item that an entry is.
    pub fn item(&self, entry: Entry) -> Item {
        let occurred_at_ms = self.occurred_at_ms(&entry);
        let link = entry.link.as_deref().and_then(|link| self.absolute(link));
        let external_id = self.external_id(&entry, link.as_ref());
        let author = self.author(entry.author, link.as_ref());
        let html = match &entry.content {
            Some(Words::Html(markup)) => Some(markup.clone()),
            _ => None,
        };
        let subject = entry.title.and_then(words::line);
        let text = entry.content.map(words::read).unwrap_or_default();
        Item {
            external_id,
            in_reply_to: entry.in_reply_to.iter().map(|id| self.global(id)).collect(),
            kind: self.kind,
            visibility: Visibility::Public,
            author,
            // An entry of a title alone says that much.
            text: match text.trim() {
                "" => subject.clone().unwrap_or_default(),
                text => text.to_owned(),
            },
            subject,
            quoted: None,
            html,
            language: entry.language.or_else(|| self.language.clone()),
            permalink: link.map(String::from),
            attachments: entry.files.into_iter().filter_map(|file| self.attachment(file)).collect(),
            occurred_at_ms,
            automatic: None,
            attributes: self.attributes(&entry.categories),
        }
    }

    fn external_id(&self, entry: &Entry, link: Option<&Url>) -> String {
        match (&entry.id, link) {
            (Some(id), _) => self.global(id),
            (None, Some(link)) => link.to_string(),
            (None, None) => content_id(self.substance(entry).as_bytes()),
        }
    }

    /// What makes an entry without id and link the one it is.
    fn substance(&self, entry: &Entry) -> String {
        let words = |words: &Option<Words>| match words {
            Some(Words::Plain(text) | Words::Html(text)) => text.clone(),
            None => String::new(),
        };
        let feed = self.id.clone().unwrap_or_default();
        [feed, words(&entry.title), words(&entry.content)].join("\0")
    }

    /// Ids are URIs by most formats and so the same everywhere; what is none counts within its feed
    /// alone.
    fn global(&self, id: &str) -> String {
        match &self.id {
            Some(feed) if !id.contains(':') => format!("{feed} {id}"),
            _ => id.to_owned(),
        }
    }

    /// Who wrote: the entry's author, the feed's, the site that is linked to, the feed itself.
    fn author(&self, own: Option<Person>, link: Option<&Url>) -> Author {
        let person = own.or_else(|| self.author.clone()).unwrap_or_default();
        let site = || link.and_then(Url::host_str).map(str::to_owned);
        let name = match (person.name, self.kind) {
            (Some(name), _) => Some(name),
            (None, ItemKind::Alert) => site(),
            (None, _) => self.title.clone(),
        };
        let known = person.email.map(|email| email.to_lowercase()).or(person.uri);
        let external_id = known.or_else(|| name.clone()).or_else(site).or_else(|| self.id.clone());
        Author {
            external_id: external_id.unwrap_or_else(|| "unknown".to_owned()),
            handle: None,
            name,
            followers: None,
            verified: false,
        }
    }

    fn attachment(&self, file: File) -> Option<Attachment> {
        let media_type = file.media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        Some(Attachment {
            name: file.name,
            media_type,
            source: AttachmentSource::Remote(self.absolute(&file.url)?.into()),
        })
    }

    /// A page of the web, seen from the feed's own; nothing for other schemes, such as `javascript`.
    fn absolute(&self, link: &str) -> Option<Url> {
        if link.len() > URL_BYTES_MAX {
            return None;
        }
        let url = match &self.base {
            Some(base) => base.join(link),
            None => Url::parse(link),
        };
        let url = url.ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(google::unwrapped(&url).unwrap_or(url))
    }

    fn attributes(&self, categories: &[String]) -> Vec<Attribute> {
        let categories = &categories[..categories.len().min(CATEGORIES_MAX)];
        let facts = [
            ("feed-title", self.title.clone()),
            ("feed-link", self.base.as_ref().map(Url::to_string)),
            ("categories", (!categories.is_empty()).then(|| categories.join(", "))),
        ];
        facts
            .into_iter()
            .filter_map(|(key, value)| Some(Attribute { key: key.to_owned(), value: value? }))
            .collect()
    }
}
