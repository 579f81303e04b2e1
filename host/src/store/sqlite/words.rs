//! Enumerations as the words the schema knows them by: the same as in JSON.

use serde::Serialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::error::surprise;
use crate::domain::conversation::Status;
use crate::domain::item::Direction;
use crate::domain::proposal::Priority;
use crate::store::StoreResult;

/// The word of a case without fields.
pub(super) fn word<T: Serialize>(value: &T) -> StoreResult<String> {
    let json = serde_json::to_string(value)?;
    Ok(json.trim_matches('"').to_owned())
}

/// The case of this word.
pub(super) fn case<T: DeserializeOwned>(word: &str) -> StoreResult<T> {
    let deserializer: StrDeserializer<'_, WordError> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|error| surprise(error.to_string()))
}

/// The word of a status; on the path of every item, so without a detour.
pub(super) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Pending => "pending",
        Status::Closed => "closed",
    }
}

/// The word of a direction.
pub(super) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

/// Priorities are kept as numbers, because queues are sorted by them.
pub(super) fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    }
}

/// The priority of this number.
pub(super) fn priority_of(number: i64) -> StoreResult<Priority> {
    match number {
        0 => Ok(Priority::Low),
        1 => Ok(Priority::Normal),
        2 => Ok(Priority::High),
        3 => Ok(Priority::Urgent),
        _ => Err(surprise(format!("{number} is no priority"))),
    }
}
