//! What an inbox that takes events can be told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use switchboard_plugin_sdk::signature::Signature;
use switchboard_plugin_sdk::{ItemKind, Visibility};

/// Settings of an inbox that takes CloudEvents and plain JSON items.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Absolute `http` or `https` URL that replies are posted to. Without it nothing can be
    /// answered through this inbox.
    pub reply_url: Option<String>,

    /// Whether replies carry the secret `reply-token`, as `Authorization: Bearer`.
    pub reply_token: bool,

    /// How deliveries are signed, with the secret `signing`. Without it nothing is checked.
    pub signature: Option<Signature>,

    /// The `source` of the events that carry replies; by default `switchboard/` and the inbox's
    /// name.
    pub reply_source: Option<String>,

    /// The kind of items that name none.
    pub kind: ItemKind,

    /// The visibility of items that name none.
    pub visibility: Visibility,

    /// What events of other systems mean, by their exact `type`. Types that are not listed are
    /// items.
    pub event_types: BTreeMap<String, Meaning>,
}

/// What an event says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Somebody wrote something.
    Item,
    /// The company wrote something, outside Switchboard.
    Echo,
    /// An item was changed.
    Edit,
    /// An item was removed.
    Deletion,
    /// News of an answer that was sent.
    Status,
    /// Nothing that matters here.
    Ignore,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reply_url: None,
            reply_token: false,
            signature: None,
            reply_source: None,
            kind: ItemKind::DirectMessage,
            visibility: Visibility::Private,
            event_types: BTreeMap::new(),
        }
    }
}
