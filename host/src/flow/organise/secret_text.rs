//! A secret's value as an admin writes it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::flow::FlowError;
use crate::vault::SecretValue;

/// A shorter one can be guessed, and would be found by chance in what is nothing to hide.
const BYTES_MIN: usize = 8;
const BYTES_MAX: usize = 4_096;

/// A text that is never printed, and wiped when it goes.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

/// What it says of anything else does not quote it: that may be the secret, without its quotes.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from) {
            Ok(Value::String(text)) => Ok(Self(Zeroizing::new(text))),
            _ => Err(D::Error::custom("it is not a JSON string; write it in quotes")),
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true, "format": "password" })
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The characters are the value.
    #[default]
    Text,
    /// Base64 (RFC 4648, section 4), as after `whsec_` of Standard Webhooks.
    Base64,
    /// Hexadecimal, as public keys are often written.
    Hex,
}

/// The value that is meant, or what is wrong with it; the text itself is in no message.
pub(super) fn read(text: &SecretText, encoding: Encoding, is_sent: bool) -> Result<SecretValue, FlowError> {
    if let Some(prefix) = ["whsec_", "whpk_"].into_iter().find(|prefix| text.0.trim().starts_with(prefix)) {
        return Err(wrong(&format!(
            "`{prefix}` only says what follows: leave it out and say `\"encoding\": \"base64\"`; where the \
             channel signs with the whole text, write that in hexadecimal"
        )));
    }
    let bytes = match encoding {
        Encoding::Text => text.0.as_bytes().to_vec(),
        Encoding::Base64 => STANDARD.decode(text.0.trim()).map_err(|_| wrong("it is not base64"))?,
        Encoding::Hex => unhex(text.0.trim()).ok_or_else(|| wrong("it is not hexadecimal"))?,
    };
    let value = SecretValue::new(bytes);
    if !(BYTES_MIN..=BYTES_MAX).contains(&value.len()) {
        let message = format!("a secret has {BYTES_MIN} to {BYTES_MAX} bytes, not {}", value.len());
        return Err(FlowError::invalid("/value", message));
    }
    if is_sent && !value.is_visible_ascii() {
        return Err(wrong("what is sent must be visible ASCII characters, without spaces"));
    }
    Ok(value)
}

fn wrong(what: &str) -> FlowError {
    FlowError::invalid("/value", what)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|it| it.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    let digits = Zeroizing::new(digits?);
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(of: &str) -> SecretText {
        SecretText(Zeroizing::new(of.to_owned()))
    }

    #[test]
    fn a_value_is_read_as_it_is_written() {
        for (written, encoding) in [
            ("eightbytes", Encoding::Text),
            ("ZWlnaHRieXRlcw==", Encoding::Base64),
            ("65696768746279746573", Encoding::Hex),
        ] {
            let value = read(&text(written), encoding, true).unwrap();
            assert_eq!(value.len(), 10, "{encoding:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        for (written, encoding, is_sent) in [
            ("canary", Encoding::Text, false),
            ("canary-canary", Encoding::Base64, false),
            ("canary-canary", Encoding::Hex, false),
            ("616", Encoding::Hex, false),
            ("canary canary", Encoding::Text, true),
            ("whsec_Y2FuYXJ5Y2FuYXJ5", Encoding::Text, false),
            ("whsec_canarycanary", Encoding::Base64, false),
            ("whpk_canarycanary", Encoding::Hex, false),
        ] {
            let error = read(&text(written), encoding, is_sent).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        assert!(!format!("{:?}", text("canary")).contains("canary"));
        let hint = read(&text("whsec_Y2FuYXJ5Y2FuYXJ5"), Encoding::Base64, false).unwrap_err().to_string();
        assert!(hint.contains("base64") && hint.contains("leave it out"), "{hint}");
    }

    #[test]
    fn what_is_no_text_is_refused_without_being_quoted() {
        for json in [
            "12345678",
            "1234.5678",
            "true",
            "null",
            "[\"12345678\"]",
            "{\"12345678\":1}",
            "123456781234567812345678",
        ] {
            let error = serde_json::from_str::<SecretText>(json).unwrap_err().to_string();
            assert!(error.contains("JSON string") && !error.contains("1234"), "{error}");
        }
        assert_eq!(*serde_json::from_str::<SecretText>("\"12345678\"").unwrap().0, "12345678");
    }
}
