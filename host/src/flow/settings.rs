//! What holds for the whole installation changes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Flow, FlowError};
use crate::domain::installation::InstallationSettings;
use crate::domain::principal::Principal;
use crate::store::StoreError;

/// How often a change is worked out again because somebody else made one meanwhile. Admins change settings
/// by hand: more than one at once is rare, and so many are none.
const ATTEMPTS_MAX: usize = 8;

/// What to change; absent fields stay as they are.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsChange {
    /// Whether a release must be signed by a registered key to be published or enabled.
    pub require_signatures: Option<bool>,
}

impl SettingsChange {
    /// The settings with this change.
    fn of(self, settings: InstallationSettings) -> InstallationSettings {
        InstallationSettings {
            require_signatures: self.require_signatures.unwrap_or(settings.require_signatures),
        }
    }
}

/// Changes what it names and nothing else, whoever changes something else at the same time.
pub async fn change(
    flow: &Flow,
    principal: &Principal,
    change: &SettingsChange,
) -> Result<InstallationSettings, FlowError> {
    for _ in 1..ATTEMPTS_MAX {
        match change_once(flow, principal, *change).await {
            Err(StoreError::Stale(_)) => {}
            done => return Ok(done?),
        }
    }
    Ok(change_once(flow, principal, *change).await?)
}

async fn change_once(
    flow: &Flow,
    principal: &Principal,
    change: SettingsChange,
) -> Result<InstallationSettings, StoreError> {
    let seen = flow.store.settings().await?;
    let settings = change.of(seen);
    let entry = flow.audit(principal, "settings.change", "settings", json!(settings));
    flow.store.change_settings(&seen, &settings, &entry).await?;
    Ok(settings)
}
