//! Atom (RFC 4287), and Atom 0.3 as far as it is still sent.

use crate::date;
use crate::feed::{Entry, Feed, File, Person, Words, filled};
use crate::xml::{Element, Space};

/// Reads the root `feed`, or an `entry` that stands alone (section 2).
pub fn read(root: &Element<'_>) -> Feed {
    let reader = Reader { space: root.space };
    if root.name == "entry" {
        return Feed { entries: vec![reader.entry(root)], ..Feed::default() };
    }
    Feed {
        id: root.text_of(root.space, "id"),
        title: reader.words(root, "title").map(crate::words::read),
        link: reader.link(root),
        language: language(root),
        author: reader.author(root),
        entries: root.children(root.space, "entry").map(|entry| reader.entry(entry)).collect(),
    }
}

/// Feeds that forgot their namespace are read in the one of their root.
struct Reader {
    space: Space,
}

impl Reader {
    fn entry(&self, entry: &Element<'_>) -> Entry {
        let moment =
            |names: [&str; 2]| names.iter().find_map(|name| date::parse(&entry.text_of(self.space, name)?));
        let source = entry.child(self.space, "source");
        Entry {
            id: entry.text_of(self.space, "id"),
            link: self.link(entry),
            title: self.words(entry, "title"),
            content: self.words(entry, "content").or_else(|| self.words(entry, "summary")),
            author: self.author(entry).or_else(|| self.author(source?)),
            published_ms: moment(["published", "issued"]).or_else(|| moment(["created", "created"])),
            updated_ms: moment(["updated", "modified"]),
            language: language(entry),
            in_reply_to: entry
                .children(Space::Thread, "in-reply-to")
                .filter_map(|answered| answered.attribute("ref").or(answered.attribute("href")))
                .filter_map(filled)
                .collect(),
            files: self.files(entry),
            categories: entry
                .children(self.space, "category")
                .filter_map(|category| filled(category.attribute("label").or(category.attribute("term"))?))
                .collect(),
        }
    }

    /// `alternate` is what a link is that says nothing (section 4.2.7.2).
    fn link(&self, of: &Element<'_>) -> Option<String> {
        let links = || of.children(self.space, "link");
        let relation = |link: &&Element<'_>| link.attribute("rel").unwrap_or("alternate") == "alternate";
        links()
            .filter(relation)
            .find_map(|link| filled(link.attribute("href")?))
            .or_else(|| links().find_map(|link| filled(link.text())))
    }

    fn files(&self, of: &Element<'_>) -> Vec<File> {
        of.children(self.space, "link")
            .filter(|link| link.attribute("rel") == Some("enclosure"))
            .filter_map(|link| {
                Some(File {
                    url: filled(link.attribute("href")?)?,
                    media_type: link.attribute("type").and_then(filled),
                    name: link.attribute("title").and_then(filled),
                })
            })
            .collect()
    }

    fn author(&self, of: &Element<'_>) -> Option<Person> {
        let author = of.child(self.space, "author")?;
        let uri = author.text_of(self.space, "uri");
        Person {
            name: author.text_of(self.space, "name"),
            email: author.text_of(self.space, "email"),
            uri: uri.or_else(|| author.text_of(self.space, "url")),
        }
        .known()
    }

    /// A text construct (section 3.1) or content (section 4.1.3.3).
    fn words(&self, of: &Element<'_>, name: &str) -> Option<Words> {
        let element = of.child(self.space, name)?;
        let escaped = element.attribute("mode") != Some("xml");
        match element.attribute("type").unwrap_or("text") {
            "xhtml" | "application/xhtml+xml" => Words::html(element.inner.to_owned()),
            "html" | "text/html" if escaped => Words::html(element.text().to_owned()),
            "html" | "text/html" => Words::html(element.inner.to_owned()),
            _ => Words::plain(element.text()),
        }
    }
}

fn language(of: &Element<'_>) -> Option<String> {
    of.attribute("xml:lang").and_then(filled)
}
