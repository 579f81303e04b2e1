//! From an event's data to a record.

use std::borrow::Cow;

use switchboard_plugin_sdk::Rejection;

use crate::event::{Data, Event};
use crate::json::{below, malformed, read, shortened};
use crate::media::{self, Media};
use crate::record::Record;

/// Reads what an event carries; an event without data is an empty record.
pub fn record(place: &str, event: &Event<'_>) -> Result<Record, Rejection> {
    let media = event.data_type.as_deref().map(media::of).transpose()?;
    let place = below(place, "data");
    match &event.data {
        Data::Absent => Ok(Record::default()),
        // A JSON string is the payload itself where the media type is not JSON, and a text
        // where it is (JSON Event Format, section 3.1.1).
        Data::Json(json) if json.get().starts_with('"') => Ok(text(read(&place, json.get().as_bytes())?)),
        Data::Json(json) => read(&place, json.get().as_bytes()),
        Data::Bytes(bytes) => match media {
            Some(Media::Json) | None => read(&place, bytes),
            Some(Media::Text) => utf8(&place, bytes).map(|content| text(content.into_owned())),
            Some(_) => Err(Rejection::Unsupported(shortened(format!(
                "{place}: media type {}; JSON and text are read",
                event.data_type.as_deref().unwrap_or_default()
            )))),
        },
    }
}

fn text(content: String) -> Record {
    Record { text: Some(content), ..Record::default() }
}

fn utf8<'a>(place: &str, bytes: &'a [u8]) -> Result<Cow<'a, str>, Rejection> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| malformed(place, error))
}
