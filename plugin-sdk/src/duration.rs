//! Lengths of time the way people write them in settings.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::types::DurationMs;

/// Days, hours, minutes and seconds, largest first, each at most once.
const PATTERN: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";

/// The units, largest first, with their milliseconds.
const UNITS: [(char, u64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

/// A hundred years: far beyond any promise, and a sum with any real time never overflows.
const MS_MAX: u64 = 36_525 * 86_400_000;

/// A length of time, written `90s`, `15m`, `2h30m` or `3d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    ms: DurationMs,
}

impl Duration {
    /// So many milliseconds, up to a hundred years.
    pub const fn from_ms(ms: DurationMs) -> Self {
        let ms = if ms > MS_MAX { MS_MAX } else { ms };
        Self { ms }
    }

    /// In milliseconds.
    pub const fn as_ms(self) -> DurationMs {
        self.ms
    }
}

/// Why a text is no length of time; says what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    text: String,
}

impl fmt::Display for DurationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a length of time such as `90s`, `15m`, `2h30m` or `3d`", self.text)
    }
}

impl std::error::Error for DurationError {}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        parse(text).ok_or_else(|| DurationError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut ms = 0_u64;
    for (unit, unit_ms) in UNITS {
        let Some((amount, after)) = rest.split_once(unit) else {
            continue;
        };
        // `parse` takes a sign, which has no meaning here.
        if !amount.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let amount_ms = amount.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        ms = ms.checked_add(amount_ms)?;
        rest = after;
    }
    let complete = rest.is_empty() && !text.is_empty() && ms <= MS_MAX;
    complete.then_some(Duration { ms })
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest_ms = self.ms;
        let mut silent = true;
        for (unit, unit_ms) in UNITS {
            let amount = rest_ms / unit_ms;
            rest_ms %= unit_ms;
            if amount > 0 {
                write!(formatter, "{amount}{unit}")?;
                silent = false;
            }
        }
        if silent {
            formatter.write_str("0s")?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time, written `90s`, `15m`, `2h30m` or `3d`.",
            "minLength": 2,
            "pattern": PATTERN,
            "examples": ["15m", "2h30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, ms) in [
            ("90s", 90_000),
            ("15m", 900_000),
            ("2h30m", 9_000_000),
            ("3d", 259_200_000),
            ("1d2h3m4s", 93_784_000),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_ms(), ms, "{text}");
        }
        assert_eq!(Duration::from_ms(9_000_000).to_string(), "2h30m");
        assert_eq!(Duration::from_ms(90_000).to_string(), "1m30s");
        assert_eq!(Duration::from_ms(1).to_string(), "0s");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "5", "m", "5 m", "-5m", "+5m", "5m2h", "5m5m", "1.5h", "5M", "99999999999999999d", "40000d"]
        {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_names_the_text_and_the_form() {
        let error = "soon".parse::<Duration>().unwrap_err().to_string();
        assert!(error.contains("`soon`") && error.contains("2h30m"), "{error}");
    }
}
