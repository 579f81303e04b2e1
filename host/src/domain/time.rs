//! Points in time and lengths of time, in milliseconds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is an RFC 3339 string; a whole number of milliseconds is read too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last moment that is within the year 9999, and so within RFC 3339, in nearly every zone.
    pub const MAX: Timestamp = Timestamp(253_402_207_200_000);

    /// The moment `ms` milliseconds after the epoch, held within the years 1970 to 9999.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(0, Self::MAX.0))
    }

    /// Milliseconds since the epoch.
    pub fn as_ms(self) -> i64 {
        self.0
    }

    /// The moment `ms` later, held within range.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// How many milliseconds lie between `earlier` and this moment; negative if it is later.
    pub fn ms_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(as_str(&text_of(*self)))
    }
}

/// `1970-01-01T00:00:00.000Z`
type Text = [u8; 24];

/// The text form, RFC 3339 in UTC with milliseconds. Moments are written by the dozen for each item, so
/// this goes without a formatter.
fn text_of(moment: Timestamp) -> Text {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    // The range is kept by `from_ms`, so this never falls back.
    let at = jiff::Timestamp::from_millisecond(moment.0).unwrap_or_default();
    let at = jiff::tz::Offset::UTC.to_datetime(at);
    let parts = [
        (0..4, i32::from(at.year())),
        (5..7, at.month().into()),
        (8..10, at.day().into()),
        (11..13, at.hour().into()),
        (14..16, at.minute().into()),
        (17..19, at.second().into()),
        (20..23, at.millisecond().into()),
    ];
    for (place, number) in parts {
        let mut rest = number;
        for digit in text[place].iter_mut().rev() {
            // One digit, so it fits.
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    text
}

fn as_str(text: &Text) -> &str {
    // Digits and punctuation are ASCII, so this never falls back.
    std::str::from_utf8(text).unwrap_or_default()
}

/// The text is neither RFC 3339 nor a whole number of milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-01-31T09:30:00Z, nor milliseconds since 1970")]
pub struct InvalidTimestamp(pub String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ms) = text.parse::<i64>() {
            return Ok(Self::from_ms(ms));
        }
        text.parse::<jiff::Timestamp>()
            .map(|at| Self::from_ms(at.as_millisecond()))
            .map_err(|_| InvalidTimestamp(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(as_str(&text_of(*self)))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<'a> {
            Ms(i64),
            #[serde(borrow)]
            Text(Cow<'a, str>),
        }
        match Form::deserialize(deserializer)? {
            Form::Ms(ms) => Ok(Self::from_ms(ms)),
            Form::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A moment as RFC 3339 text; milliseconds since 1970 are read too.",
            "type": ["string", "integer"],
            "format": "date-time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds() {
        assert_eq!(Timestamp::from_ms(1_500).to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000Z");
        for ms in (0..Timestamp::MAX.0).step_by(695_847_453_423) {
            let expected = format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap());
            assert_eq!(Timestamp::from_ms(ms).to_string(), expected);
        }
    }

    #[test]
    fn both_forms_are_read() {
        let text: Timestamp = serde_json::from_str("\"1970-01-01T00:00:01.5Z\"").unwrap();
        let number: Timestamp = serde_json::from_str("1500").unwrap();
        assert_eq!(text, number);
    }

    #[test]
    fn absurd_moments_are_held_within_range() {
        assert_eq!(Timestamp::from_ms(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.plus_ms(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string().parse(), Ok(Timestamp::MAX));
        assert_eq!(Timestamp::from_ms(-5).as_ms(), 0);
    }
}
