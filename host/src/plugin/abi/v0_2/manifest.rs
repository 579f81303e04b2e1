//! A manifest, from the guest's words to the domain's.

use super::plugin_world::exports::switchboard::plugin::plugin as abi;
use crate::domain::release::Manifest;
use crate::domain::secret::{SecretNeed, SecretUse};
use crate::plugin::settings::{ERRORS_MAX, SettingError};

/// A manifest whose schema is still text: whether that is JSON is for the upload's check to say.
pub(crate) fn raise_manifest(told: abi::Manifest) -> (Manifest, String) {
    let manifest = Manifest {
        name: told.name,
        version: told.version,
        summary: told.summary,
        kind: told.kind.into(),
        settings_schema: serde_json::Value::Null,
        events: told.events.into_iter().map(Into::into).collect(),
        proposals: told.proposals.into_iter().map(Into::into).collect(),
        needs: told.needs.into_iter().map(Into::into).collect(),
        secrets: told.secrets.into_iter().map(raise_secret).collect(),
    };
    (manifest, told.settings_schema)
}

fn raise_secret(told: abi::SecretNeed) -> SecretNeed {
    let all = [
        (abi::SecretUse::VERIFY, SecretUse::Verify),
        (abi::SecretUse::CHALLENGE, SecretUse::Challenge),
        (abi::SecretUse::SEND, SecretUse::Send),
    ];
    let uses = all.into_iter().filter(|(flag, _)| told.uses.contains(*flag)).map(|(_, one)| one);
    SecretNeed { name: told.name, purpose: told.purpose, uses: uses.collect() }
}

/// What a plugin says against its settings; at most as many errors as help somebody.
pub(crate) fn raise_setting_errors(told: Vec<abi::SettingError>) -> Vec<SettingError> {
    told.iter().take(ERRORS_MAX).map(|error| SettingError::new(&error.pointer, &error.message)).collect()
}
