//! What an inbox that takes feeds can be told.

use schemars::JsonSchema;
use serde::Deserialize;
use switchboard_plugin_sdk::ItemKind;
use switchboard_plugin_sdk::signature::Signature;

/// Settings of an inbox that takes feeds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The kind of every item; by default `alert` for Google Alerts and `post` for anything else.
    pub kind: Option<ItemKind>,

    /// How deliveries are signed, with the secret `signing`: `{"scheme":"websub"}` for a hub. Without
    /// it nothing is checked.
    pub signature: Option<Signature>,
}
