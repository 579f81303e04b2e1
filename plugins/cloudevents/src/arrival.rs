//! What an event or a plain record means for the inbox.

use std::borrow::Cow;

use switchboard_plugin_sdk::{
    Arrival, Attribute, Deletion, DeliveryStatus, Edit, Item, Rejection, content_id,
};

use crate::data;
use crate::event::Event;
use crate::json::{below, malformed, shortened};
use crate::record::{Record, Unsaid, said};
use crate::scalar::{Id, Moment};
use crate::settings::{Meaning, Settings};
use crate::writer::known_by_id;

/// The types that this adapter defines begin with this.
const OWN_TYPES: &str = "org.switchboard.";

/// What the delivery and the inbox say about everything in it.
pub struct Context<'a> {
    /// The inbox's settings.
    pub settings: &'a Settings,
    /// When the delivery was received.
    pub received_at_ms: u64,
}

/// What a plain record brings. `json` is the text it was read from.
pub fn of_record(
    place: &str,
    record: Record,
    json: &[u8],
    context: &Context<'_>,
) -> Result<Arrival, Rejection> {
    if !record.says_something() {
        return Err(malformed(&below(place, "text"), "missing"));
    }
    let mut record = record;
    let Some(author) = record.author.take() else {
        return Err(malformed(&below(place, "author"), "missing"));
    };
    let unsaid = Unsaid {
        external_id: match record.id.take() {
            Some(Id(id)) => id,
            None => content_id(json),
        },
        kind: context.settings.kind,
        visibility: context.settings.visibility,
        author: author.0,
        occurred_at_ms: at(&record, context.received_at_ms),
    };
    Ok(Arrival::Item(record.into_item(unsaid)))
}

/// What an event brings; nothing where the settings say that its type does not matter.
pub fn of_event(place: &str, event: &Event<'_>, context: &Context<'_>) -> Result<Option<Arrival>, Rejection> {
    let meaning = meaning(place, event, context.settings)?;
    if meaning == Meaning::Ignore {
        return Ok(None);
    }
    let at_ms = match &event.time {
        Some(time) => moment(&below(place, "time"), time)?.ms,
        None => context.received_at_ms,
    };
    let record = data::record(place, event)?;
    let data = below(place, "data");
    let arrival = match meaning {
        Meaning::Item => Arrival::Item(item(&data, event, record, at_ms, context)?),
        Meaning::Echo => Arrival::Echo(item(&data, event, record, at_ms, context)?),
        Meaning::Edit => Arrival::Edit(edit(&data, event, record, at_ms)?),
        Meaning::Deletion => Arrival::Deletion(Deletion {
            external_id: target(&data, event, record.id.as_ref())?,
            deleted_at_ms: at(&record, at_ms),
        }),
        Meaning::Status => Arrival::Status(status(&data, event, record, at_ms)?),
        Meaning::Ignore => return Ok(None),
    };
    Ok(Some(arrival))
}

fn meaning(place: &str, event: &Event<'_>, settings: &Settings) -> Result<Meaning, Rejection> {
    if let Some(meaning) = settings.event_types.get(&*event.kind) {
        return Ok(*meaning);
    }
    match event.kind.strip_prefix(OWN_TYPES) {
        None | Some("item") => Ok(Meaning::Item),
        Some("echo") => Ok(Meaning::Echo),
        Some("edit") => Ok(Meaning::Edit),
        Some("deletion") => Ok(Meaning::Deletion),
        Some("status") => Ok(Meaning::Status),
        Some(_) => Err(Rejection::Unsupported(shortened(format!(
            "{}: `{}`; the types known are {OWN_TYPES}item, .echo, .edit, .deletion and .status",
            below(place, "type"),
            event.kind
        )))),
    }
}

fn item(
    place: &str,
    event: &Event<'_>,
    mut record: Record,
    at_ms: u64,
    context: &Context<'_>,
) -> Result<Item, Rejection> {
    if !record.says_something() {
        return Err(Rejection::Unsupported(shortened(format!(
            "{}: missing in an event of type `{}`; list the type in the inbox's `event_types`",
            below(place, "text"),
            event.kind
        ))));
    }
    let own_id = record.id.take();
    for answered in record.in_reply_to.iter_mut().flat_map(|ids| &mut ids.0) {
        *answered = global(event, answered);
    }
    let unsaid = Unsaid {
        external_id: global(event, own_id.as_ref().map_or(&event.id, |id| id.0.as_str())),
        kind: context.settings.kind,
        visibility: context.settings.visibility,
        author: match record.author.take() {
            Some(author) => author.0,
            // Who stands behind an event that names nobody: its source.
            None => known_by_id(event.source.clone().into_owned()),
        },
        occurred_at_ms: at(&record, at_ms),
    };
    let mut item = record.into_item(unsaid);
    describe(&mut item.attributes, event);
    Ok(item)
}

fn edit(place: &str, event: &Event<'_>, record: Record, at_ms: u64) -> Result<Edit, Rejection> {
    Ok(Edit {
        external_id: target(place, event, record.id.as_ref())?,
        edited_at_ms: at(&record, at_ms),
        text: record.text,
        subject: said(record.subject),
        html: said(record.html),
    })
}

fn status(place: &str, event: &Event<'_>, record: Record, at_ms: u64) -> Result<DeliveryStatus, Rejection> {
    let Some(state) = record.state else {
        let what = "missing; one of delivered, read, failed";
        return Err(malformed(&below(place, "state"), what));
    };
    Ok(DeliveryStatus {
        external_id: target(place, event, record.id.as_ref())?,
        state: state.into(),
        at_ms: at(&record, at_ms),
        detail: said(record.detail),
    })
}

/// The item that a change speaks of.
fn target(place: &str, event: &Event<'_>, id: Option<&Id>) -> Result<String, Rejection> {
    match id {
        Some(id) => Ok(global(event, &id.0)),
        None => Err(malformed(&below(place, "id"), "missing: which item it is about")),
    }
}

/// An id is unique within its source only (CloudEvents 1.0.2, section 3.1.1). No URI reference holds
/// a space, so an id with one is global already.
fn global(event: &Event<'_>, id: &str) -> String {
    match id.contains(' ') {
        true => id.to_owned(),
        false => format!("{} {id}", event.source),
    }
}

/// Keeps what the event says of itself; policies route by it.
fn describe(attributes: &mut Vec<Attribute>, event: &Event<'_>) {
    attributes.retain(|attribute| !attribute.key.starts_with("ce-"));
    let mut add = |name: &str, value: &Cow<'_, str>| {
        attributes.push(Attribute { key: format!("ce-{name}"), value: value.clone().into_owned() });
    };
    add("id", &event.id);
    add("source", &event.source);
    add("type", &event.kind);
    if let Some(subject) = &event.subject {
        add("subject", subject);
    }
    for (name, value) in &event.extensions {
        add(name, value);
    }
}

fn at(record: &Record, otherwise_ms: u64) -> u64 {
    record.occurred_at.map_or(otherwise_ms, |moment| moment.ms)
}

fn moment(place: &str, text: &str) -> Result<Moment, Rejection> {
    text.parse().map_err(|error: String| malformed(place, error))
}
