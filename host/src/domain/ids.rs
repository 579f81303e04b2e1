//! Identifiers: 63-bit numbers inside, prefixed text outside.
//!
//! A number grows with time, so that tables grow at their end and a list by id is a list by age.
//! Its text form names what it identifies (`cnv_…` is a conversation), so that one pasted into the
//! wrong place is refused instead of finding something else.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::visible_text::quote;

/// Digits of the text form: Crockford's base 32, lower case.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 63 bits in groups of five.
const TEXT_LENGTH: usize = 13;

/// The text is not an identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind: one starts with `{prefix}_` and has 13 more characters")]
pub struct InvalidId {
    /// What was given.
    pub text: String,
    /// What it should start with.
    pub prefix: &'static str,
}

/// A prefix of three letters, an underscore, the digits.
type Text = [u8; 4 + TEXT_LENGTH];

/// The text form. Ids are written by the dozen for each item, so this goes without a formatter.
const fn text_of(prefix: &str, number: i64) -> Text {
    let prefix = prefix.as_bytes();
    let mut text = [b'_'; 4 + TEXT_LENGTH];
    (text[0], text[1], text[2]) = (prefix[0], prefix[1], prefix[2]);
    let (mut rest, mut place) = (number, text.len());
    while place > 4 {
        place -= 1;
        text[place] = DIGITS[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

fn as_str(text: &Text) -> &str {
    // Prefix and digits are ASCII, so this never falls back.
    std::str::from_utf8(text).unwrap_or_default()
}

fn read_digits(text: &str) -> Option<i64> {
    if text.len() != TEXT_LENGTH {
        return None;
    }
    text.bytes().try_fold(0_i64, |number, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        number.checked_mul(32)?.checked_add(digit as i64)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// What the text form starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(as_str(&text_of($prefix, self.0)))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_digits)
                    .map(Self)
                    .ok_or_else(|| InvalidId { text: quote(text).into_owned(), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(as_str(&text_of($prefix, self.0)))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "_[0-9a-z]{13}$") })
            }
        }
    )*};
}

ids! {
    /// A department.
    DepartmentId "dep";
    /// A person who answers.
    AgentId "agt";
    /// A queue of a department.
    QueueId "que";
    /// An inbox.
    InboxId "inb";
    /// A person outside.
    ContactId "ctc";
    /// A person's presence on one channel.
    IdentityId "idn";
    /// A conversation.
    ConversationId "cnv";
    /// An item.
    ItemId "itm";
    /// A raw delivery.
    DeliveryId "dlv";
    /// Something that happened and wants judging.
    EventId "evt";
    /// A decision.
    DecisionId "dec";
    /// A remark on a conversation.
    NoteId "not";
    /// An answer on its way out.
    OutboxId "out";
    /// A published release of a plugin.
    ReleaseId "rel";
    /// A secret.
    SecretId "sec";
    /// One of a secret's values.
    SecretValueId "val";
    /// A key that signs releases.
    SigningKeyId "key";
    /// An enabled plugin.
    ActivationId "act";
    /// A state of the pipeline.
    GenerationId "gen";
    /// A token, without the secret.
    TokenId "tok";
    /// An entry of the audit log.
    AuditId "aud";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_as_the_same_id() {
        for number in [0, 1, 31, 32, 1_234_567_890_123, i64::MAX] {
            let id = ConversationId(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let item = ItemId(7).to_string();
        assert!(item.parse::<ConversationId>().is_err());
    }

    #[test]
    fn text_that_overflows_is_refused() {
        assert!("cnv_zzzzzzzzzzzzz".parse::<ConversationId>().is_err());
    }
}
