//! The parts of a case that hold text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use switchboard_plugin_sdk::Case;

/// A part of a case that holds text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The title or subject line.
    Subject,
    /// What the author wrote.
    Text,
    /// Quoted history and signature.
    Quoted,
    /// The author's handle, without `@`.
    AuthorHandle,
    /// The author's display name.
    AuthorName,
    /// The channel's id of the author; for mail the address.
    AuthorId,
    /// A further fact of the item, or else of the conversation, by its key.
    Attribute(String),
}

const ATTRIBUTES: &str = "attributes.";

impl Field {
    /// The text of this field, where the case has it.
    pub fn of<'c>(&self, case: &'c Case) -> Option<&'c str> {
        let item = &case.item;
        match self {
            Self::Subject => item.subject.as_deref(),
            Self::Text => Some(&item.text),
            Self::Quoted => item.quoted.as_deref(),
            Self::AuthorHandle => item.author.handle.as_deref(),
            Self::AuthorName => item.author.name.as_deref(),
            Self::AuthorId => Some(&item.author.external_id),
            Self::Attribute(key) => item.attribute(key).or_else(|| {
                let mut facts = case.conversation.attributes.iter();
                let fact = facts.find(|fact| fact.key == *key)?;
                Some(&fact.value)
            }),
        }
    }
}

/// There is no such field; says which there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    text: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is none of the fields subject, text, quoted, author.handle, author.name, \
             author.id, attributes.<key>",
            self.text
        )
    }
}

impl std::error::Error for FieldError {}

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        match text {
            "subject" => Ok(Self::Subject),
            "text" => Ok(Self::Text),
            "quoted" => Ok(Self::Quoted),
            "author.handle" => Ok(Self::AuthorHandle),
            "author.name" => Ok(Self::AuthorName),
            "author.id" => Ok(Self::AuthorId),
            _ => match text.strip_prefix(ATTRIBUTES) {
                Some(key) if !key.is_empty() => Ok(Self::Attribute(key.to_owned())),
                _ => Err(FieldError { text: text.to_owned() }),
            },
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => formatter.write_str("subject"),
            Self::Text => formatter.write_str("text"),
            Self::Quoted => formatter.write_str("quoted"),
            Self::AuthorHandle => formatter.write_str("author.handle"),
            Self::AuthorName => formatter.write_str("author.name"),
            Self::AuthorId => formatter.write_str("author.id"),
            Self::Attribute(key) => write!(formatter, "{ATTRIBUTES}{key}"),
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Field {
    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`subject`, `text`, `quoted`, `author.handle`, `author.name`, \
                            `author.id`, or `attributes.` with the key of a further fact.",
            "pattern": "^(subject|text|quoted|author\\.(handle|name|id)|attributes\\..+)$",
        })
    }
}
