//! What an admin sets.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use switchboard_plugin_sdk::{Destination, Duration, Priority, SettingError};

/// A conversation has nine levels; the contract's number.
const LEVELS_MAX: usize = 9;

/// What happens while nobody answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "escalate-on-silence")]
pub struct Settings {
    /// The levels, lowest first: the first entry is level 1. At most nine.
    #[schemars(title = "Levels", length(max = 9))]
    pub levels: Vec<Level>,
}

impl Default for Settings {
    fn default() -> Self {
        let stay = |when, priority| Level { when, to: None, priority: Some(priority), reason: None };
        Self {
            levels: vec![
                stay(When::PromiseWarning, Priority::High),
                stay(When::PromiseBreached, Priority::Urgent),
            ],
        }
    }
}

/// One level of escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// When it is reached.
    pub when: When,
    /// Who takes over; absent to leave the conversation where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Destination>,
    /// At least this priority from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// What the people there are told; absent for a plain sentence with the time waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub reason: Option<String>,
}

/// When a level is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The customer has waited for this long.
    After(Duration),
    /// A promise of the inbox is about to be broken.
    PromiseWarning,
    /// A promise of the inbox was broken.
    PromiseBreached,
}

const WARNING: &str = "promise-warning";
const BREACHED: &str = "promise-breached";

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match text.as_ref() {
            WARNING => Ok(Self::PromiseWarning),
            BREACHED => Ok(Self::PromiseBreached),
            other => other
                .parse()
                .map(Self::After)
                .map_err(|error| D::Error::custom(format!("{error}, nor `{WARNING}`, nor `{BREACHED}`"))),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::After(duration) => duration.serialize(serializer),
            Self::PromiseWarning => serializer.serialize_str(WARNING),
            Self::PromiseBreached => serializer.serialize_str(BREACHED),
        }
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "When",
            "description": "When a level is reached: a time the customer has waited, or a promise \
                            of the inbox.",
            "anyOf": [
                generator.subschema_for::<Duration>(),
                { "const": WARNING, "description": "A promise is about to be broken." },
                { "const": BREACHED, "description": "A promise was broken." },
            ],
        })
    }
}

impl Settings {
    /// What is wrong beyond the schema.
    pub fn check(&self) -> Vec<SettingError> {
        let mut errors = Vec::new();
        if self.levels.len() > LEVELS_MAX {
            let message = format!("a conversation has at most {LEVELS_MAX} levels");
            errors.push(SettingError::at("/levels", message));
        }
        let mut latest: Option<Duration> = None;
        for (index, level) in self.levels.iter().enumerate() {
            let When::After(after) = level.when else {
                continue;
            };
            if after.as_ms() == 0 || latest.is_some_and(|latest| after <= latest) {
                let pointer = format!("/levels/{index}/when");
                let message = "each level waits longer than the one before, and longer than nothing";
                errors.push(SettingError::at(pointer, message));
            }
            latest = Some(after);
        }
        errors
    }
}
