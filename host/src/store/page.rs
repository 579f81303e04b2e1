//! Pages of lists, and entries of the audit log.

use serde_json::Value;

use crate::domain::ids::AuditId;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;

/// One entry of the audit log, written in the transaction of what it records. Ids only: no names,
/// no texts.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: Principal,
    /// What was done, such as `conversation.claim`.
    pub action: String,
    /// The id or name of what it was done to.
    pub subject: String,
    /// More ids.
    pub detail: Value,
}

/// A page of a list, newest first unless the method says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next page begins; absent at the end.
    pub next: Option<i64>,
}

/// Which page: entries after `after` (a value from [`Page::next`]), at most `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Where to begin.
    pub after: Option<i64>,
    /// How many at most.
    pub limit: u32,
}
