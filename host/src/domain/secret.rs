//! Secrets: what a channel and the company know and nobody else. Their values are not here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{DepartmentId, SecretId, SecretValueId};
use super::time::Timestamp;

/// The most secrets that an adapter may want.
pub const NEEDS_MAX: usize = 8;

/// The most values that a secret may have at once: the one before, the one now, and some to spare.
pub const ACTIVE_VALUES_MAX: usize = 4;

/// What a secret may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretUse {
    /// To check what was delivered.
    Verify,
    /// To answer a channel's challenges.
    Challenge,
    /// To stand in requests that go out.
    Send,
}

/// A secret that an adapter works with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretNeed {
    /// The adapter's name for it.
    pub name: String,
    /// What it is and where an admin finds it.
    pub purpose: String,
    /// What it is used for.
    pub uses: Vec<SecretUse>,
}

/// A stored secret, without its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// Its unique name.
    pub name: String,
    /// Whose inboxes may use it; absent for all of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// What it may be used for.
    pub uses: Vec<SecretUse>,
    /// Hosts that it may be sent to: names or addresses, optionally with a port.
    pub hosts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes, for `If-Match`.
    pub revision: i64,
}

impl Secret {
    /// Whether it may be used for this.
    pub fn is_for(&self, wanted: SecretUse) -> bool {
        self.uses.contains(&wanted)
    }
}

/// What is known of a value without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretValueFacts {
    /// Its id.
    pub id: SecretValueId,
    /// When it was set.
    pub created_at: Timestamp,
    /// Since when it counts no more; it was deleted then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}
