//! An XML document as a tree, in the namespaces that feeds use.
//!
//! Document types are passed over, so no entity is ever expanded but the five of XML.

use std::borrow::Cow;

use memchr::memchr;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use switchboard_plugin_sdk::Rejection;

/// No feed is deeper; the markup within entries is text.
const DEPTH_MAX: usize = 100;

/// No reference is longer.
const REFERENCE_BYTES_MAX: usize = 40;

/// Where an element's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// No namespace, or one of RSS.
    Plain,
    /// RFC 4287, and Atom 0.3.
    Atom,
    /// RDF, the root of RSS 1.0.
    Rdf,
    /// RSS content module.
    Content,
    /// Dublin Core.
    Dc,
    /// Threading (RFC 4685).
    Thread,
    /// Any other.
    Foreign,
}

/// An element with what it holds.
#[derive(Debug)]
pub struct Element<'a> {
    /// Where its name comes from.
    pub space: Space,
    /// Its name without prefix.
    pub name: &'a str,
    /// What stands between its tags, as written.
    pub inner: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    text: Cow<'a, str>,
    children: Vec<Element<'a>>,
}

/// Reads a document.
///
/// # Errors
/// Where it is not well-formed.
pub fn parse(document: &str) -> Result<Element<'_>, Rejection> {
    let mut reader = NsReader::from_str(document);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.expand_empty_elements = true;
    let mut open: Vec<(Element<'_>, usize)> = Vec::new();
    let mut skipped_bytes = 0;
    loop {
        let before = document.len() - reader.get_ref().len();
        let (namespace, event) = match reader.read_resolved_event() {
            Ok((namespace, event)) => (space(&namespace), event),
            Err(error) => {
                let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                return Err(broken(document, at.saturating_add(skipped_bytes), &error));
            }
        };
        match event {
            Event::Start(_) if open.len() == DEPTH_MAX => {
                let what = format!("elements nested deeper than {DEPTH_MAX}");
                return Err(broken(document, before, &what));
            }
            Event::Start(start) => {
                let mut element = opened(namespace, &start, document);
                let from = document.len() - reader.get_ref().len();
                if let Some(escaped) = escaped_text(document, from) {
                    element.text = Cow::Owned(unescaped(escaped));
                    *reader.get_mut() = &document.as_bytes()[from + escaped.len()..];
                    skipped_bytes += escaped.len();
                }
                open.push((element, from));
            }
            Event::End(_) => {
                let Some((mut element, from)) = open.pop() else {
                    return Err(broken(document, before, &"an end without a start"));
                };
                element.inner = document.get(from..before).unwrap_or_default();
                match open.last_mut() {
                    Some((parent, _)) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
            Event::Text(text) => append(&mut open, text.into_inner()),
            Event::CData(text) => append(&mut open, text.into_inner()),
            Event::GeneralRef(reference) => append(&mut open, resolved(&reference.into_inner())),
            Event::Eof => {
                let end = document.len();
                return Err(broken(document, end, &"the document ends within an element"));
            }
            _ => {}
        }
    }
}

impl<'a> Element<'a> {
    /// The first child of that name.
    pub fn child(&self, space: Space, name: &str) -> Option<&Element<'a>> {
        self.children.iter().find(|child| child.space == space && child.name == name)
    }

    /// All children of that name.
    pub fn children<'e>(&'e self, space: Space, name: &'e str) -> impl Iterator<Item = &'e Element<'a>> {
        self.children.iter().filter(move |child| child.space == space && child.name == name)
    }

    /// The text of the first child of that name that has some.
    pub fn text_of(&self, space: Space, name: &str) -> Option<String> {
        self.children(space, name).find_map(|child| crate::feed::filled(&child.text))
    }

    /// The element's own text, unescaped.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An attribute's value, unescaped, by its name as written.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(found, _)| *found == name)?;
        Some(value.trim())
    }
}

fn opened<'a>(space: Space, start: &BytesStart<'a>, document: &'a str) -> Element<'a> {
    Element {
        space,
        name: within(document, start.local_name().into_inner()),
        inner: "",
        attributes: start
            .attributes()
            .with_checks(false)
            .flatten()
            .map(|attribute| {
                let name = within(document, attribute.key.into_inner());
                let value = quick_xml::escape::unescape(&attribute.value)
                    .map_or_else(|_| attribute.value.to_string(), Cow::into_owned);
                (name, Cow::Owned(value))
            })
            .collect(),
        text: Cow::Borrowed(""),
        children: Vec::new(),
    }
}

/// The same words, borrowed from the document instead of from the event.
fn within<'a>(document: &'a str, name: &str) -> &'a str {
    let offset = (name.as_ptr() as usize).wrapping_sub(document.as_ptr() as usize);
    document.get(offset..offset.saturating_add(name.len())).unwrap_or_default()
}

fn append<'a>(open: &mut [(Element<'a>, usize)], text: Cow<'a, str>) {
    if let Some((element, _)) = open.last_mut() {
        if element.text.is_empty() {
            element.text = text;
        } else {
            element.text.to_mut().push_str(&text);
        }
    }
}

/// The text right behind a start tag, if there are references in it. The reader makes two events of
/// each, and escaped markup has one every few letters.
fn escaped_text(document: &str, from: usize) -> Option<&str> {
    let is_empty_element = document[..from].ends_with("/>");
    let behind = document.get(from..)?;
    let text = &behind[..memchr(b'<', behind.as_bytes())?];
    (!is_empty_element && text.contains('&')).then_some(text)
}

fn unescaped(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        unescaped.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference_name(rest) {
            Some(name) => {
                unescaped.push_str(&resolved(name));
                rest = &rest[name.len() + 2..];
            }
            None => {
                unescaped.push('&');
                rest = &rest[1..];
            }
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// The name of the reference that a text begins with, such as `&amp;`.
fn reference_name(text: &str) -> Option<&str> {
    let start = &text.as_bytes()[..text.len().min(REFERENCE_BYTES_MAX)];
    let end = memchr(b';', start)?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    (end > 1 && start[1..end].iter().all(is_name)).then(|| &text[1..end])
}

/// The five entities and characters by number; others stay as they are written, for the markup of the
/// text knows them.
fn resolved(name: &str) -> Cow<'static, str> {
    let entity = match name {
        "lt" => return Cow::Borrowed("<"),
        "gt" => return Cow::Borrowed(">"),
        "amp" => return Cow::Borrowed("&"),
        "quot" => return Cow::Borrowed("\""),
        "apos" => return Cow::Borrowed("'"),
        other => format!("&{other};"),
    };
    match quick_xml::escape::unescape(&entity) {
        Ok(text) => Cow::Owned(text.into_owned()),
        Err(_) => Cow::Owned(entity),
    }
}

fn space(namespace: &ResolveResult<'_>) -> Space {
    match namespace {
        ResolveResult::Unbound => Space::Plain,
        ResolveResult::Bound(namespace) => by_uri(namespace.into_inner()),
        // Feeds forget to declare what everybody knows.
        ResolveResult::Unknown(prefix) => by_prefix(prefix),
    }
}

fn by_uri(uri: &str) -> Space {
    match uri.trim_end_matches(['#', '/']) {
        "http://www.w3.org/2005/Atom" | "http://purl.org/atom/ns" => Space::Atom,
        "http://www.w3.org/1999/02/22-rdf-syntax-ns" => Space::Rdf,
        "http://purl.org/rss/1.0/modules/content" => Space::Content,
        "http://purl.org/dc/elements/1.1" | "http://purl.org/dc/terms" => Space::Dc,
        "http://purl.org/syndication/thread/1.0" => Space::Thread,
        "http://purl.org/rss/1.0"
        | "http://purl.org/net/rss1.1"
        | "http://my.netscape.com/rdf/simple/0.9"
        | "http://channel.netscape.com/rdf/simple/0.9"
        | "http://backend.userland.com/rss"
        | "http://backend.userland.com/rss2"
        | "http://blogs.law.harvard.edu/tech/rss" => Space::Plain,
        _ => Space::Foreign,
    }
}

fn by_prefix(prefix: &str) -> Space {
    match prefix {
        "atom" => Space::Atom,
        "rdf" => Space::Rdf,
        "content" => Space::Content,
        "dc" => Space::Dc,
        "thr" => Space::Thread,
        _ => Space::Foreign,
    }
}

fn broken(document: &str, offset: usize, what: &dyn std::fmt::Display) -> Rejection {
    let before = &document[..document.floor_char_boundary(offset)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let mut message = format!("line {line} column {column}: {what}");
    message.truncate(message.floor_char_boundary(300));
    Rejection::Malformed(message)
}
