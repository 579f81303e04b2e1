//! The words of a mail, out of its parts.

use std::borrow::Cow;

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use crate::clean;
use crate::flowed::{TrailingSpace, unflow};

/// What a mail says.
pub struct Body {
    /// As plain text.
    pub text: String,
    /// As markup, where the mail has some.
    pub html: Option<String>,
}

/// Markup beyond this is not turned into text, which bounds the cost of a call; it is kept whole. Where
/// there is nothing but tags, it burns about 200 units of fuel a byte, and every call has 200 million.
const MARKUP_BYTES_MAX: usize = 768 * 1024;

/// Takes the plain text where there is some, else what the markup reads as.
pub fn of(message: &Message<'_>) -> Body {
    let html = joined(message.html_bodies().filter_map(markup));
    let mut text = joined(message.text_bodies().filter_map(plain));
    if text.trim().is_empty() && !html.is_empty() {
        text = markup_text(&html);
    }
    Body { text, html: (!html.is_empty()).then_some(html) }
}

fn plain(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Text(text) => Some(unflowed(part, clean::lines(text))),
        PartType::Html(markup) => Some(markup_text(&clean::lines(markup))),
        _ => None,
    }
}

fn markup(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Html(markup) => Some(clean::lines(markup).into_owned()),
        _ => None,
    }
}

fn markup_text(html: &str) -> String {
    switchboard_plugin_markup::to_text(&html[..html.floor_char_boundary(MARKUP_BYTES_MAX)])
}

fn unflowed(part: &MessagePart<'_>, text: Cow<'_, str>) -> String {
    let parameter = |name: &str, value: &str| {
        part.content_type()
            .and_then(|media| media.attribute(name))
            .is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    if !parameter("format", "flowed") {
        return text.into_owned();
    }
    let space = match parameter("delsp", "yes") {
        true => TrailingSpace::Artefact,
        false => TrailingSpace::Text,
    };
    unflow(&text, space)
}

/// Puts parts below one another; mail with several is rare.
fn joined(mut parts: impl Iterator<Item = String>) -> String {
    let mut whole = parts.next().unwrap_or_default();
    for part in parts {
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(&part);
    }
    whole
}
