//! What an inbox that takes feeds can be told.

use schemars::JsonSchema;
use serde::Deserialize;
use switchboard_plugin_sdk::ItemKind;

/// Settings of an inbox that takes feeds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The kind of every item; by default `alert` for Google Alerts and `post` for anything else.
    pub kind: Option<ItemKind>,
}
