//! Reading JSON, and saying where it went wrong.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Visitor};
use serde_json::value::RawValue;
use switchboard_plugin_sdk::Rejection;

/// The host refuses a delivery with more arrivals, so nothing beyond is worth reading.
const ELEMENTS_MAX: usize = 1_000;

/// Values from the delivery are quoted in errors; a person reads them, so they stay short.
const MESSAGE_BYTES_MAX: usize = 400;

/// Reads one JSON value. `place` names it in the error, and is empty for the whole body.
pub fn read<'a, T: Deserialize<'a>>(place: &str, json: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_slice(json).map_err(|_| explain::<T>(place, json))
}

/// Says what is wrong and where, from the body's point of view.
pub fn malformed(place: &str, what: impl fmt::Display) -> Rejection {
    let message = if place.is_empty() { what.to_string() } else { format!("{place}: {what}") };
    Rejection::Malformed(shortened(message))
}

/// Names the field below a place, as in `[2].data`.
pub fn below(place: &str, field: &str) -> String {
    match (place.is_empty(), field.starts_with('[')) {
        (true, _) => field.to_owned(),
        (false, true) => format!("{place}{field}"),
        (false, false) => format!("{place}.{field}"),
    }
}

/// Cuts a text that quotes foreign values.
pub fn shortened(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    message
}

/// The elements of an array, unread.
pub struct Elements<'a>(pub Vec<&'a RawValue>);

/// Reads once more with the path recorded: only what fails pays for knowing where.
fn explain<'a, T: Deserialize<'a>>(place: &str, json: &'a [u8]) -> Rejection {
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => {
            let path = error.path().to_string();
            // Where the value itself breaks off there is no path, or an unknown one.
            let place =
                if matches!(path.as_str(), "." | "?") { place.to_owned() } else { below(place, &path) };
            malformed(&place, error.into_inner())
        }
        Ok(_) => malformed(place, "something follows the JSON value"),
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == ELEMENTS_MAX {
                return Err(de::Error::custom(format_args!(
                    "more than {ELEMENTS_MAX} elements; send them in several requests"
                )));
            }
            elements.push(element);
        }
        Ok(Elements(elements))
    }
}
