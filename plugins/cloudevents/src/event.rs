//! A CloudEvent, whichever way it came, and its JSON form.
//!
//! CloudEvents 1.0.2, section 3 (context attributes), and JSON Event Format 1.0.2, section 2
//! (attributes) and 3 (`data`, `data_base64`).

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};
use serde_json::value::RawValue;
use switchboard_plugin_sdk::Rejection;

use crate::json::{below, malformed, read, shortened};

/// The only version of the specification that is read.
pub const SPEC_VERSION: &str = "1.0";

/// One event.
#[derive(Debug, Default)]
pub struct Event<'a> {
    /// Unique within the source.
    pub id: Cow<'a, str>,
    /// Where it happened.
    pub source: Cow<'a, str>,
    /// What happened.
    pub kind: Cow<'a, str>,
    /// What it is about, within the source.
    pub subject: Option<Cow<'a, str>>,
    /// When it happened, as written.
    pub time: Option<Cow<'a, str>>,
    /// Media type of the data.
    pub data_type: Option<Cow<'a, str>>,
    /// Further attributes.
    pub extensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What the event carries.
    pub data: Data<'a>,
}

/// What an event carries.
#[derive(Debug, Default)]
pub enum Data<'a> {
    /// Nothing.
    #[default]
    Absent,
    /// A JSON value within a JSON event.
    Json(&'a RawValue),
    /// Bytes of the event's media type.
    Bytes(Cow<'a, [u8]>),
}

/// A string that is borrowed where the JSON holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A context attribute's value as text: string, boolean or number (section 3.1 of the specification).
struct Scalar<'a>(Option<Cow<'a, str>>);

/// What a JSON event holds, before it is checked.
#[derive(Default)]
struct Members<'a> {
    spec_version: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
    data_base64: Option<Cow<'a, str>>,
    event: Event<'a>,
}

/// Reads one event in its JSON form. `place` names it in errors.
pub fn parse<'a>(place: &str, json: &'a [u8]) -> Result<Event<'a>, Rejection> {
    let members: Members<'a> = read(place, json)?;
    check_version(place, members.spec_version.as_deref())?;
    Ok(Event {
        id: required(place, "id", members.id)?,
        source: required(place, "source", members.source)?,
        kind: required(place, "type", members.kind)?,
        data: data(place, members.data, members.data_base64)?,
        ..members.event
    })
}

/// Refuses versions whose rules are not known here.
pub fn check_version(place: &str, version: Option<&str>) -> Result<(), Rejection> {
    match version {
        Some(SPEC_VERSION) => Ok(()),
        Some(other) => Err(Rejection::Unsupported(shortened(format!(
            "CloudEvents version {other}; this adapter reads {SPEC_VERSION}"
        )))),
        None => Err(malformed(&below(place, "specversion"), "missing")),
    }
}

/// An attribute that every event must have, and not empty (section 3.1).
pub fn required<'a>(place: &str, name: &str, value: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, Rejection> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| malformed(&below(place, name), "missing or empty"))
}

fn data<'a>(
    place: &str,
    json: Option<&'a RawValue>,
    base64: Option<Cow<'a, str>>,
) -> Result<Data<'a>, Rejection> {
    match (json, base64) {
        (None, None) => Ok(Data::Absent),
        (Some(json), None) => Ok(Data::Json(json)),
        (None, Some(text)) => STANDARD
            .decode(text.as_bytes())
            .map(|bytes| Data::Bytes(Cow::Owned(bytes)))
            .map_err(|error| malformed(&below(place, "data_base64"), error)),
        (Some(_), Some(_)) => Err(malformed(place, "both `data` and `data_base64` are given")),
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a CloudEvent as a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "specversion" => members.spec_version = text(&mut map)?,
                "id" => members.id = text(&mut map)?,
                "source" => members.source = text(&mut map)?,
                "type" => members.kind = text(&mut map)?,
                "subject" => members.event.subject = text(&mut map)?,
                "time" => members.event.time = text(&mut map)?,
                "datacontenttype" => members.event.data_type = text(&mut map)?,
                "data" => members.data = map.next_value()?,
                "data_base64" => members.data_base64 = text(&mut map)?,
                _ => {
                    let Scalar(value) = map.next_value()?;
                    members.event.extensions.extend(value.map(|value| (key, value)));
                }
            }
        }
        Ok(members)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(map.next_value::<Option<Text<'de>>>()?.map(|text| text.0))
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a boolean or a number")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar(None))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.to_string().into())))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.to_string().into())))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.to_string().into())))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.to_string().into())))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar(Some(value.to_owned().into())))
    }
}
