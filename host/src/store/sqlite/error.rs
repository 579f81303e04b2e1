//! What a database error means to the caller.

use sqlx::error::{DatabaseError, ErrorKind};

use crate::domain::look_alike::is_confusable;
use crate::store::{StoreError, StoreResult};

/// Primary result codes (sqlite.org/rescode.html) after which nothing can be written for now: busy,
/// out of memory, read-only, input or output, full, cannot open.
const UNAVAILABLE: [i32; 6] = [5, 7, 8, 10, 13, 14];

/// Those of a file that is not what was written: corrupt, not a database.
const DAMAGED: [i32; 2] = [11, 26];

/// That of a statement that a request had no more time for: interrupted.
const INTERRUPTED: i32 = 9;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match meaning(database.as_ref()) {
                Some(meaning) => meaning,
                None => Self::Failed(Box::new(error)),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            _ => Self::Failed(Box::new(error)),
        }
    }
}

fn meaning(error: &dyn DatabaseError) -> Option<StoreError> {
    match error.kind() {
        ErrorKind::UniqueViolation => Some(StoreError::Taken(error.message().to_owned())),
        ErrorKind::ForeignKeyViolation => Some(StoreError::Missing("row that it refers to".to_owned())),
        _ => {
            // The low byte of an extended result code is the primary one.
            let code: i32 = error.code()?.parse().ok()?;
            let (primary, message) = (code & 0xff, error.message().to_owned());
            match DAMAGED.contains(&primary) {
                true => Some(StoreError::Damaged(message)),
                false if primary == INTERRUPTED => Some(StoreError::TooCostly),
                false => UNAVAILABLE.contains(&primary).then_some(StoreError::Unavailable(message)),
            }
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// A surprise, in words.
pub(super) fn surprise(what: impl Into<String>) -> StoreError {
    StoreError::Failed(what.into().into())
}

/// Checks that a statement changed as many rows as it should.
pub(super) fn expect_rows(what: &str, expected: usize, changed: u64) -> StoreResult<()> {
    if changed == expected as u64 {
        return Ok(());
    }
    Err(surprise(format!("{what}: {changed} rows changed instead of {expected}")))
}

/// Refuses a name that people take for one of these, which are others'.
pub(super) fn refuse_look_alike(kind: &str, name: &str, others: Vec<String>) -> StoreResult<()> {
    match others.into_iter().find(|it| is_confusable(it, name)) {
        Some(other) => Err(StoreError::LookAlike(format!("{kind} {name}"), other)),
        None => Ok(()),
    }
}

/// Says what is taken or missing in the caller's words.
pub(super) trait Explain<T> {
    /// Names what a broken unique constraint means.
    fn or_taken(self, what: impl FnOnce() -> String) -> StoreResult<T>;
    /// Names what a broken foreign key means.
    fn or_missing(self, what: impl FnOnce() -> String) -> StoreResult<T>;
}

impl<T> Explain<T> for StoreResult<T> {
    fn or_taken(self, what: impl FnOnce() -> String) -> StoreResult<T> {
        self.map_err(|error| match error {
            StoreError::Taken(_) => StoreError::Taken(what()),
            other => other,
        })
    }

    fn or_missing(self, what: impl FnOnce() -> String) -> StoreResult<T> {
        self.map_err(|error| match error {
            StoreError::Missing(_) => StoreError::Missing(what()),
            other => other,
        })
    }
}
