//! Runs a plugin natively, so that `cargo test` needs neither wasm nor a host.
//!
//! The harness is as strict as the host: it hands a policy only what it declared, and refuses what
//! was not declared or what breaks the contract. Make a [`case`] or a [`delivery`], change what
//! matters with [`With::with`], and run it.

mod adapter;
mod policy;
mod samples;
pub(crate) mod secrets;
mod verdict;

use schemars::JsonSchema;
use schemars::Schema;

pub use self::adapter::{AdapterUnderTest, adapter};
pub use self::policy::{PolicyUnderTest, policy};
pub use self::samples::{NOW_MS, With, case, contact, delivery, event, item, outbound, reply_received};
pub use self::verdict::Failure;
pub use crate::export::{adapter_manifest, policy_manifest};
pub use crate::log::Level;

use crate::settings;
use crate::types::SettingError;

/// Hands over what the plugin has logged on this thread since the last call.
pub fn logged() -> Vec<(Level, String)> {
    crate::log::take()
}

/// The JSON Schema that admins see for a settings type.
pub fn settings_schema<S: JsonSchema>() -> Schema {
    settings::schema::<S>()
}

/// Settings are a JSON object, so that they can grow without breaking those that exist.
fn demand_object_schema<S: JsonSchema>() -> Result<(), Vec<SettingError>> {
    let schema = settings::schema::<S>();
    if schema.get("type").and_then(|kind| kind.as_str()) == Some("object") {
        return Ok(());
    }
    let message = "the schema of the settings must be of type `object`: use a struct";
    Err(vec![SettingError::at("", message)])
}
