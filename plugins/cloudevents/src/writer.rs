//! Who wrote an item.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use switchboard_plugin_sdk::Author;

use crate::record::said;
use crate::scalar::Id;

/// Somebody, by id alone or with what is known.
#[derive(Debug)]
pub struct Writer(pub Author);

#[derive(Deserialize)]
struct Presence {
    id: Id,
    handle: Option<String>,
    name: Option<String>,
    followers: Option<u64>,
    verified: Option<bool>,
}

/// Somebody of whom the id alone is known.
pub fn known_by_id(id: String) -> Author {
    Author { external_id: id, handle: None, name: None, followers: None, verified: false }
}

impl<'de> Deserialize<'de> for Writer {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WriterVisitor)
    }
}

struct WriterVisitor;

impl<'de> Visitor<'de> for WriterVisitor {
    type Value = Writer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an author's id, or an object with an `id`")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<Self::Value, E> {
        match id.is_empty() {
            true => Err(E::invalid_value(de::Unexpected::Str(id), &self)),
            false => Ok(Writer(known_by_id(id.to_owned()))),
        }
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Self::Value, E> {
        Ok(Writer(known_by_id(id.to_string())))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let presence = Presence::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Writer(Author {
            external_id: presence.id.0,
            handle: said(presence.handle).map(without_at),
            name: said(presence.name),
            followers: presence.followers,
            verified: presence.verified.unwrap_or_default(),
        }))
    }
}

/// Handles are kept without the `@` they are shown with.
fn without_at(handle: String) -> String {
    match handle.strip_prefix('@') {
        Some(bare) => bare.to_owned(),
        None => handle,
    }
}
