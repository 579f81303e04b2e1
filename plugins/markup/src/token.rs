//! Markup as a sequence of tags and text.

use memchr::{memchr, memchr3};

/// No element that matters here has a longer name.
const NAME_BYTES_MAX: usize = 10;

/// Elements whose content is not for reading.
const UNREADABLE: [(Name, &str); 6] = {
    const fn named(name: &str) -> (Name, &str) {
        (Name::of(name), name)
    }
    [named("script"), named("style"), named("svg"), named("template"), named("textarea"), named("title")]
};

/// One piece of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Between tags, entities as they are written.
    Text(&'a str),
    /// A start tag.
    Open(Name),
    /// An end tag.
    Close(Name),
}

/// An element's name in lower case, as a number: markup is full of names, and numbers are compared at
/// once. Zero for one that is too long to matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(u128);

impl Name {
    /// The name of an element.
    pub const fn of(written: &str) -> Self {
        let bytes = written.as_bytes();
        if bytes.len() > NAME_BYTES_MAX {
            return Self(0);
        }
        let mut name = 0;
        let mut at = 0;
        while at < bytes.len() {
            name = name << 8 | bytes[at].to_ascii_lowercase() as u128;
            at += 1;
        }
        Self(name)
    }
}

/// Takes markup apart.
pub fn tokens(html: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || next(&mut rest))
}

fn next<'a>(rest: &mut &'a str) -> Option<Token<'a>> {
    loop {
        if *rest.as_bytes().first()? != b'<' {
            let start = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
            let (text, tag) = rest.split_at(start);
            *rest = tag;
            return Some(Token::Text(text));
        }
        match after(rest) {
            After::Tag(token, behind) => {
                *rest = behind;
                if let Token::Open(name) = token
                    && let Some((_, unreadable)) = UNREADABLE.iter().find(|(it, _)| *it == name)
                {
                    *rest = behind_end_of(unreadable, behind);
                    continue;
                }
                return Some(token);
            }
            After::Nothing(behind) => *rest = behind,
            After::Text => {
                let (text, behind) = rest.split_at(1);
                *rest = behind;
                return Some(Token::Text(text));
            }
        }
    }
}

/// What a `<` begins, and what is behind it.
enum After<'a> {
    Tag(Token<'a>, &'a str),
    Nothing(&'a str),
    Text,
}

fn after(markup: &str) -> After<'_> {
    let (is_end, named) = match markup.as_bytes().get(1) {
        Some(b'!' | b'?') => return After::Nothing(behind_declaration(markup)),
        Some(b'/') => (true, &markup[2..]),
        _ => (false, &markup[1..]),
    };
    if !named.starts_with(|char: char| char.is_ascii_alphabetic()) {
        return After::Text;
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    let length = named.bytes().take_while(|byte| is_name(*byte)).count();
    let name = Name::of(&named[..length]);
    let behind = behind_tag(&named[length..]);
    match is_end {
        true => After::Tag(Token::Close(name), behind),
        false => After::Tag(Token::Open(name), behind),
    }
}

fn behind_declaration(markup: &str) -> &str {
    match markup.strip_prefix("<!--") {
        Some(comment) => behind(comment, "-->"),
        None => behind(markup, ">"),
    }
}

/// Behind the `>` that ends a tag, which may also stand within quotes. Quotes that never end are none.
fn behind_tag(attributes: &str) -> &str {
    // Most tags have no attributes.
    if let Some(behind) = attributes.strip_prefix('>') {
        return behind;
    }
    let mut rest = attributes;
    while let Some(at) = memchr3(b'>', b'"', b'\'', rest.as_bytes()) {
        let quote = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if quote == b'>' {
            return rest;
        }
        let Some(end) = memchr(quote, rest.as_bytes()) else {
            break;
        };
        rest = &rest[end + 1..];
    }
    behind(attributes, ">")
}

/// Behind the end tag of that name; the end of the markup where it is missing.
fn behind_end_of<'a>(name: &str, content: &'a str) -> &'a str {
    let mut rest = content;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let found = rest.as_bytes().get(..name.len()).unwrap_or_default();
        if found.eq_ignore_ascii_case(name.as_bytes()) {
            return behind(rest, ">");
        }
    }
    ""
}

fn behind<'a>(markup: &'a str, end: &str) -> &'a str {
    markup.find(end).map_or("", |at| &markup[at + end.len()..])
}
