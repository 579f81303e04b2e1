//! An event whose attributes stand in header fields.
//!
//! HTTP Protocol Binding 1.0.2, section 3.1 (binary content mode) and 3.1.3.2 (how header values are
//! encoded).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use switchboard_plugin_sdk::{Delivery, Rejection};

use crate::event::{Data, Event, check_version, required};
use crate::json::{malformed, shortened};

/// What every attribute's field name begins with.
const PREFIX: &str = "ce-";

/// Whether the delivery's header fields hold an event.
pub fn is_present(delivery: &Delivery) -> bool {
    delivery.headers.iter().any(|header| header.name == "ce-specversion" || header.name == "ce-id")
}

/// Refuses an event in header fields where a signature covers the body alone: whoever saw one delivery could
/// send its body again as another event.
pub fn refuse(delivery: &Delivery) -> Result<(), Rejection> {
    match delivery.headers.iter().find(|header| header.name.starts_with(PREFIX)) {
        None => Ok(()),
        Some(header) => Err(Rejection::Unauthentic(shortened(format!(
            "header field `{}`: it is not signed; send structured events (application/cloudevents+json), whose \
             attributes are in the body",
            header.name
        )))),
    }
}

/// Reads the event whose attributes are header fields and whose data is the body.
pub fn parse(delivery: &Delivery) -> Result<Event<'_>, Rejection> {
    let mut event = Event {
        data_type: delivery.header("content-type").map(Cow::Borrowed),
        data: match delivery.body.is_empty() {
            true => Data::Absent,
            false => Data::Bytes(Cow::Borrowed(&delivery.body)),
        },
        ..Event::default()
    };
    let (mut version, mut id, mut source, mut kind) = (None, None, None, None);
    for header in &delivery.headers {
        let Some(attribute) = header.name.strip_prefix(PREFIX) else {
            continue;
        };
        let value = decoded(&header.name, &header.value)?;
        match attribute {
            "specversion" => version = Some(value),
            "id" => id = Some(value),
            "source" => source = Some(value),
            "type" => kind = Some(value),
            "subject" => event.subject = Some(value),
            "time" => event.time = Some(value),
            _ => event.extensions.push((Cow::Borrowed(attribute), value)),
        }
    }
    check_version("header ce-specversion", version.as_deref())?;
    event.id = required("header", "ce-id", id)?;
    event.source = required("header", "ce-source", source)?;
    event.kind = required("header", "ce-type", kind)?;
    Ok(event)
}

/// Takes quotes away, then percent-encoding, in the order that the binding names.
fn decoded<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, Rejection> {
    let unquoted = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => Cow::Owned(unescaped(inner)),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    };
    if !unquoted.contains('%') {
        return Ok(unquoted);
    }
    percent_decode_str(&unquoted)
        .decode_utf8()
        .map(|text| Cow::Owned(text.into_owned()))
        .map_err(|error| malformed(&format!("header {name}"), error))
}

/// Takes the backslashes of a quoted string away (RFC 9110, section 5.6.4).
fn unescaped(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.extend(chars.next()),
            other => text.push(other),
        }
    }
    text
}
