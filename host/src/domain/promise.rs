//! The response clock of an inbox's promise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::organisation::FirstResponsePromise;
use super::time::Timestamp;

/// A promise that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// From an item's receipt to the first answer by a person.
    FirstResponse,
}

/// When a promise that began to count at `since` warns and breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The moment of the warning.
    pub warn_at: Timestamp,
    /// The moment it is broken.
    pub breach_at: Timestamp,
}

/// Runs the clock of a promise from `since`.
pub fn due(promise: FirstResponsePromise, since: Timestamp) -> Due {
    Due {
        warn_at: since.plus_ms(promise.within_ms - promise.warn_before_ms),
        breach_at: since.plus_ms(promise.within_ms),
    }
}
