//! People outside, and their presences on the channels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ContactId, IdentityId};
use super::item::Author;
use super::time::Timestamp;

/// A person outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// The person's name.
    pub name: Option<String>,
    /// Whether the company marked the person as very important.
    pub vip: bool,
    /// When the person was first met.
    pub created_at: Timestamp,
    /// Since when nothing about the person is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

/// A person's presence on one channel. Replies go to an identity, never "to the contact".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// Whose it is.
    pub contact: ContactId,
    /// The channel it is on; unique together with the author's external id.
    pub channel: String,
    /// What the channel tells of it.
    #[serde(flatten)]
    pub author: Author,
}
