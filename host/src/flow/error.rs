//! Why a verb was not carried out, by what the caller does next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::quota::{OverQuota, ReachedLimit};
use crate::domain::visible_text::quote;
use crate::plugin::{ValidationError, WAITING_JOBS_MAX};
use crate::store::{NoTurn, StoreError};

/// One thing wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the value; empty for the whole document.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Why a verb was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// What was named is not there; the text says what is.
    #[error("{0}")]
    NotFound(String),
    /// It was here and is erased or purged; it does not come back.
    #[error("{0}")]
    Gone(String),
    /// It contradicts what is there; the text says what to do.
    #[error("{0}")]
    Conflict(String),
    /// What it is about is not ready yet: try again when it is.
    #[error("{detail}")]
    NotYet {
        /// In a sentence.
        detail: String,
        /// Where to see that it is ready, and what to do then.
        remedy: String,
    },
    /// It was changed meanwhile: load it again, then try again.
    #[error("{0} was changed meanwhile; load it again and repeat the change")]
    Stale(String),
    /// What was sent is wrong, at these places.
    #[error("{detail}")]
    Invalid {
        /// In a sentence.
        detail: String,
        /// Each place.
        errors: Vec<FieldError>,
    },
    /// Settings whose check against the plugin's schema takes too much time, memory or stack.
    #[error("{0}")]
    SettingsTooCostly(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// The caller did not show who it is.
    #[error("{0}")]
    Unauthenticated(String),
    /// More bytes than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// A component was not accepted.
    #[error("{found}")]
    Refused {
        /// The refusal's stable name.
        name: String,
        /// What was found.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// Too many requests; nothing was accepted.
    #[error("{detail}")]
    TooMany {
        /// In a sentence.
        detail: String,
        /// Milliseconds until the next one is taken.
        retry_after_ms: i64,
        /// The bound that they would exceed.
        limit: ReachedLimit,
        /// What to do.
        remedy: &'static str,
    },
    /// A pool that many share is full; nothing was accepted.
    #[error("{detail}")]
    PoolFull {
        /// In a sentence.
        detail: String,
        /// The pool.
        limit: ReachedLimit,
        /// What to do.
        remedy: String,
    },
    /// A department would have more than its quota; nothing was accepted.
    #[error("{0}")]
    OverQuota(OverQuota),
    /// Not now: nothing was accepted, try again later.
    #[error("{0}")]
    Unavailable(String),
    /// Others have their turns, or the caller's share is under way.
    #[error(transparent)]
    Busy(NoTurn),
    /// A request read for too long.
    #[error("it takes longer than a request may read: seconds for a list or a search")]
    TooCostly,
    /// The repository is damaged: nothing was accepted, and somebody has to look.
    #[error("the repository is damaged: {0}")]
    Damaged(String),
    /// A surprise.
    #[error("an unexpected failure")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The name of a refusal of settings that take too much to check.
pub const SETTINGS_TOO_COSTLY: &str = "settings-too-costly";

/// What to do about it.
pub const SETTINGS_TOO_COSTLY_REMEDY: &str = "give the plugin fewer or simpler settings, or have its author make the \
                                              schema of its settings simpler; GET /v1/plugins/NAME shows the schema";

impl FlowError {
    /// A single wrong value.
    pub fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let errors = vec![FieldError { pointer: pointer.to_owned(), message: message.clone() }];
        Self::Invalid { detail: message, errors }
    }

    /// Something of this kind and name is not there; `known` are the names that are.
    pub fn unknown<'a>(kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let name = quote(name);
        let known: Vec<_> = known.into_iter().take(50).map(quote).collect();
        let exists = match known.is_empty() {
            true => "there is none yet".to_owned(),
            false => format!("there is: {}", known.join(", ")),
        };
        Self::NotFound(format!("there is no {kind} `{name}`; {exists}"))
    }

    /// A surprise.
    pub fn failed(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(source))
    }
}

/// When a check of settings is worth asking for again that found too many others waiting: each takes
/// milliseconds, or the two seconds of processor time that it has at most.
const VALIDATION_AGAIN_MS: i64 = 1_000;

impl From<ValidationError> for FlowError {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::TooCostly(_) => Self::SettingsTooCostly(error.to_string()),
            ValidationError::TooMany(_) => Self::TooMany {
                detail: error.to_string(),
                retry_after_ms: VALIDATION_AGAIN_MS,
                limit: ReachedLimit::full("waiting-checks", WAITING_JOBS_MAX as u64, "checks of settings"),
                remedy: "send it again after the seconds in `retry-after`, fewer at once",
            },
            ValidationError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::Conflict(format!("{what} exists already; choose another name")),
            StoreError::LookAlike(what, other) => Self::Conflict(format!(
                "the name of the {what} is easily taken for {other}, which is another owner's; choose a name that looks \
                 different"
            )),
            StoreError::Missing(what) => Self::NotFound(format!("there is no {what}")),
            StoreError::Gone(what) => {
                Self::Gone(format!("{what} is erased: there is nothing to answer any more"))
            }
            StoreError::Stale(what) => Self::Stale(what),
            StoreError::OverQuota(over) => Self::OverQuota(over),
            why @ StoreError::InUse(_) => Self::Unavailable(why.to_string()),
            StoreError::Unavailable(why) => Self::Unavailable(format!("the repository cannot write: {why}")),
            StoreError::Busy(limit) => Self::Busy(limit),
            StoreError::TooCostly => Self::TooCostly,
            StoreError::TooMuch(why) => Self::TooLarge(why),
            StoreError::Damaged(why) => Self::Damaged(why),
            StoreError::Failed(source) => Self::Failed(source),
        }
    }
}
