//! A suspension: for whom, why, and until when.

use schemars::JsonSchema;
use serde::Serialize;

use super::{CallEnd, TRIAL_MS};
use crate::domain::breaker::TooMuch;
use crate::domain::ids::{DepartmentId, IdentityId, InboxId, ItemId};
use crate::domain::time::Timestamp;

/// Who is affected by a suspension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "scope", content = "id")]
pub enum Scope {
    /// One sender's items.
    Sender(IdentityId),
    /// One inbox.
    Inbox(InboxId),
    /// One department's inboxes.
    Department(DepartmentId),
    /// Everything.
    Company,
}

impl Scope {
    /// Its name in metrics and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sender(_) => "sender",
            Self::Inbox(_) => "inbox",
            Self::Department(_) => "department",
            Self::Company => "company",
        }
    }
}

/// A suspension for one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScopedSuspension {
    /// Who is affected.
    #[serde(flatten)]
    pub scope: Scope,
    /// What was too much.
    #[serde(flatten)]
    pub too_much: TooMuch,
    /// The name of the last failure.
    pub failure: String,
    /// The item of the last failure; absent where that is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The inbox of the last failure; absent where that is not known any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<InboxId>,
    /// Its department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// Since when.
    pub since: Timestamp,
    /// When the next call is made on trial.
    pub retry_at: Timestamp,
    /// How long it waits for that, in milliseconds; twice as long after each trial that fails.
    pub wait_ms: i64,
}

impl ScopedSuspension {
    pub(super) fn of(end: &CallEnd<'_>, scope: Scope, too_much: TooMuch, failure: &str) -> Self {
        Self {
            scope,
            too_much,
            failure: failure.to_owned(),
            item: Some(end.origin.item),
            inbox: Some(end.origin.inbox),
            department: Some(end.origin.department),
            since: end.at,
            retry_at: end.at.plus_ms(TRIAL_MS),
            wait_ms: TRIAL_MS,
        }
    }
}
