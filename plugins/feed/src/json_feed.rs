//! JSON Feed 1.0 and 1.1 (jsonfeed.org).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;
use switchboard_plugin_sdk::Rejection;

use crate::date;
use crate::feed::{Entry, Feed, File, Person, Words, filled};

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Top {
    title: Option<String>,
    home_page_url: Option<String>,
    feed_url: Option<String>,
    language: Option<String>,
    author: Option<Writer>,
    authors: Option<Vec<Writer>>,
    items: Option<Vec<Post>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Post {
    id: Option<Id>,
    url: Option<String>,
    external_url: Option<String>,
    title: Option<String>,
    content_html: Option<String>,
    content_text: Option<String>,
    summary: Option<String>,
    date_published: Option<String>,
    date_modified: Option<String>,
    author: Option<Writer>,
    authors: Option<Vec<Writer>>,
    language: Option<String>,
    tags: Option<Vec<String>>,
    attachments: Option<Vec<Attached>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Writer {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Attached {
    url: String,
    mime_type: Option<String>,
    title: Option<String>,
}

/// A string; publishers also send numbers, which the specification asks readers to take.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(Number),
    Other(IgnoredAny),
}

/// Reads a feed.
///
/// # Errors
/// Broken JSON, with its place; JSON that is no feed.
pub fn read(json: &str) -> Result<Feed, Rejection> {
    let top: Top = serde_json::from_str(json).map_err(|error| malformed(&error.to_string()))?;
    let Some(posts) = top.items else {
        return Err(malformed("found JSON without `items`; expected a JSON Feed"));
    };
    Ok(Feed {
        id: top.feed_url,
        title: top.title.as_deref().and_then(filled),
        link: top.home_page_url.as_deref().and_then(filled),
        language: top.language.as_deref().and_then(filled),
        author: author(top.authors, top.author),
        entries: posts.into_iter().map(entry).collect(),
    })
}

fn entry(post: Post) -> Entry {
    let html = post.content_html.and_then(Words::html);
    let plain = |text: Option<String>| Words::plain(&text?);
    let link = [post.url, post.external_url];
    Entry {
        id: post.id.and_then(id),
        link: link.into_iter().flatten().find_map(|url| filled(&url)),
        title: plain(post.title),
        content: html.or_else(|| plain(post.content_text)).or_else(|| plain(post.summary)),
        author: author(post.authors, post.author),
        published_ms: post.date_published.as_deref().and_then(date::parse),
        updated_ms: post.date_modified.as_deref().and_then(date::parse),
        language: post.language.as_deref().and_then(filled),
        in_reply_to: Vec::new(),
        files: post.attachments.unwrap_or_default().into_iter().map(file).collect(),
        categories: post.tags.unwrap_or_default(),
    }
}

fn id(id: Id) -> Option<String> {
    match id {
        Id::Text(text) => filled(&text),
        Id::Number(number) => Some(number.to_string()),
        Id::Other(_) => None,
    }
}

/// 1.1 has several authors, 1.0 had one; the first stands for the post.
fn author(several: Option<Vec<Writer>>, one: Option<Writer>) -> Option<Person> {
    let writer = several.into_iter().flatten().next().or(one)?;
    Person {
        name: writer.name.as_deref().and_then(filled),
        email: None,
        uri: writer.url.as_deref().and_then(filled),
    }
    .known()
}

fn file(attached: Attached) -> File {
    File { url: attached.url, media_type: attached.mime_type, name: attached.title }
}

fn malformed(what: &str) -> Rejection {
    let mut message = what.to_owned();
    message.truncate(message.floor_char_boundary(300));
    Rejection::Malformed(message)
}
