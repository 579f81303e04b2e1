//! Markup as a sequence of tags and text.

/// No element that matters here has a longer name.
const NAME_BYTES_MAX: usize = 10;

/// Elements whose content is not for reading.
const UNREADABLE: [&str; 6] = ["script", "style", "title", "template", "svg", "textarea"];

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

/// An element's name in lower case; empty for one that is too long to matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
}

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn of(written: &str) -> Self {
        let mut bytes = [0; NAME_BYTES_MAX];
        let length = if written.len() > NAME_BYTES_MAX { 0 } else { written.len() };
        bytes[..length].copy_from_slice(&written.as_bytes()[..length]);
        bytes.make_ascii_lowercase();
        Self { bytes, length }
    }
}

/// Takes markup apart.
pub fn tokens(html: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || next(&mut rest))
}

fn next<'a>(rest: &mut &'a str) -> Option<Token<'a>> {
    loop {
        if rest.is_empty() {
            return None;
        }
        let Some(start) = rest.find('<') else {
            return Some(Token::Text(std::mem::take(rest)));
        };
        if start > 0 {
            let (text, tag) = rest.split_at(start);
            *rest = tag;
            return Some(Token::Text(text));
        }
        match after(rest) {
            After::Tag(token, behind) => {
                *rest = behind;
                if let Token::Open(name) = token
                    && UNREADABLE.contains(&name.as_str())
                {
                    *rest = behind_end_of(name.as_str(), behind);
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
    if let Some(comment) = markup.strip_prefix("<!--") {
        return After::Nothing(behind(comment, "-->"));
    }
    if markup.starts_with("<!") || markup.starts_with("<?") {
        return After::Nothing(behind(markup, ">"));
    }
    let (is_end, named) = match markup.strip_prefix("</") {
        Some(named) => (true, named),
        None => (false, &markup[1..]),
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

/// Behind the `>` that ends a tag, which may also stand within quotes. Quotes that never end are none.
fn behind_tag(attributes: &str) -> &str {
    let mut quote = None;
    for (at, byte) in attributes.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &attributes[at + 1..],
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
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
