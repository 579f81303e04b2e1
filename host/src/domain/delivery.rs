//! Raw deliveries: the bytes a channel handed over, kept as they came.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{DeliveryId, InboxId};
use super::time::Timestamp;

/// A header field of a delivery; the name is lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The field's name.
    pub name: String,
    /// The field's value.
    pub value: String,
}

/// What somebody sent to an inbox's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawDelivery {
    /// Request method.
    pub method: String,
    /// The path below the inbox's address.
    pub path: String,
    /// The query without `?`.
    pub query: Option<String>,
    /// Header fields, without those that carry credentials.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What may show a secret of a delivery: its header fields and its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryHead {
    /// The query without `?`.
    pub query: Option<String>,
    /// Header fields, without those that carry credentials.
    pub headers: Vec<Header>,
}

impl RawDelivery {
    /// Its header fields and its query.
    pub fn head(&self) -> DeliveryHead {
        DeliveryHead { query: self.query.clone(), headers: self.headers.clone() }
    }
}

/// What makes a record of an import the one it is: the same record, imported into the same inbox again,
/// has the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportKey(pub String);

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// Its arrivals are in the repository.
    Accepted,
    /// No arrivals yet: the adapter could not read it, or failed.
    Unparsed,
}

/// A delivery in the repository, without its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Where it came in.
    pub inbox: InboxId,
    /// When it was received.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: DeliveryOutcome,
    /// Why it is unparsed: a failure's name, a colon, and what the adapter said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often an adapter tried to read it.
    pub attempts: i64,
    /// How many bytes its body has.
    pub body_bytes: i64,
    /// How many arrivals it brought.
    pub arrivals: i64,
    /// The adapter's release that read it last, `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Since when its bytes, header fields and query are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged_at: Option<Timestamp>,
}
