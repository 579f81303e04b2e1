//! RSS 0.9x and 2.0 (RSS Advisory Board, 2.0.11), and RSS 1.0 with its Dublin Core and content modules.

use crate::date;
use crate::feed::{Entry, Feed, File, Person, Words, filled};
use crate::xml::{Element, Space};

/// Reads the root `rss` or `RDF`. Items stand within the channel, in RSS 0.90 and 1.0 beside it.
pub fn read(root: &Element<'_>) -> Feed {
    let channel = root.child(Space::Plain, "channel").unwrap_or(root);
    let beside = root.children(Space::Plain, "item");
    let within = channel.children(Space::Plain, "item");
    let items: Vec<&Element<'_>> =
        if std::ptr::eq(root, channel) { beside.collect() } else { within.chain(beside).collect() };
    let language = channel.text_of(Space::Plain, "language");
    Feed {
        id: None,
        title: words(channel, "title").map(crate::words::read),
        link: channel.text_of(Space::Plain, "link"),
        language: language.or_else(|| channel.text_of(Space::Dc, "language")),
        author: channel
            .text_of(Space::Plain, "managingEditor")
            .map(|editor| person(&editor))
            .or_else(|| channel.text_of(Space::Dc, "creator").map(|name| person(&name))),
        entries: items.into_iter().map(entry).collect(),
    }
}

fn entry(item: &Element<'_>) -> Entry {
    let guid = item.child(Space::Plain, "guid");
    let id = guid.and_then(|guid| filled(guid.text()));
    let published = item.text_of(Space::Plain, "pubDate");
    let author = item.text_of(Space::Plain, "author");
    Entry {
        link: item.text_of(Space::Plain, "link").or_else(|| id.clone().filter(|_| is_permalink(guid))),
        id: id.or_else(|| item.attribute("rdf:about").and_then(filled)),
        title: words(item, "title"),
        content: item
            .text_of(Space::Content, "encoded")
            .and_then(Words::html)
            .or_else(|| words(item, "description")),
        author: author.or_else(|| item.text_of(Space::Dc, "creator")).map(|author| person(&author)),
        published_ms: published
            .or_else(|| item.text_of(Space::Dc, "date"))
            .and_then(|text| date::parse(&text)),
        updated_ms: item.text_of(Space::Atom, "updated").and_then(|text| date::parse(&text)),
        language: item.text_of(Space::Dc, "language"),
        in_reply_to: item
            .children(Space::Thread, "in-reply-to")
            .filter_map(|answered| filled(answered.attribute("ref")?))
            .collect(),
        files: files(item),
        categories: item
            .children(Space::Plain, "category")
            .chain(item.children(Space::Dc, "subject"))
            .filter_map(|category| filled(category.text()))
            .collect(),
    }
}

/// A `guid` is a link unless it says that it is none, or does not look like one.
fn is_permalink(guid: Option<&Element<'_>>) -> bool {
    guid.is_some_and(|guid| {
        guid.attribute("isPermaLink") != Some("false") && guid.text().trim().starts_with("http")
    })
}

/// RSS does not say whether text holds markup, so all of it may.
fn words(of: &Element<'_>, name: &str) -> Option<Words> {
    Words::html(of.text_of(Space::Plain, name)?)
}

fn files(item: &Element<'_>) -> Vec<File> {
    item.children(Space::Plain, "enclosure")
        .filter_map(|enclosure| {
            Some(File {
                url: filled(enclosure.attribute("url")?)?,
                media_type: enclosure.attribute("type").and_then(filled),
                name: None,
            })
        })
        .collect()
}

/// `ada@example.org (Ada Example)`, `Ada Example <ada@example.org>`, or a name.
fn person(text: &str) -> Person {
    let parts = |open: char, close: char| {
        let (before, rest) = text.split_once(open)?;
        let (inside, _) = rest.split_once(close)?;
        Some((filled(before), filled(inside)))
    };
    if let Some((email, name)) = parts('(', ')').filter(|(email, _)| is_address(email.as_deref())) {
        return Person { name, email, uri: None };
    }
    if let Some((name, email)) = parts('<', '>').filter(|(_, email)| is_address(email.as_deref())) {
        return Person { name, email, uri: None };
    }
    let text = filled(text);
    match is_address(text.as_deref()) {
        true => Person { name: None, email: text, uri: None },
        false => Person { name: text, email: None, uri: None },
    }
}

fn is_address(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.contains('@') && !text.contains(' '))
}
