//! What holds for the installation as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The installation's settings, changed by admins of the whole company.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InstallationSettings {
    /// Whether a release must be signed by a registered key to be published or enabled. Those that come
    /// with Switchboard are part of the program and need none.
    pub require_signatures: bool,
}
