//! Plugins as published: a component and what it says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{CaseField, EventKind};
use super::ids::{DepartmentId, ReleaseId};
use super::proposal::ProposalKind;
use super::secret::SecretNeed;
use super::signing::KnownSignature;
use super::time::Timestamp;
use super::visible_text::quote;

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Turns deliveries into items and replies into requests.
    ChannelAdapter,
    /// Proposes what should happen to a conversation.
    Policy,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Unique in the marketplace.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// What it is.
    pub kind: PluginKind,
    /// JSON Schema of its settings.
    pub settings_schema: Value,
    /// Events it is asked about.
    pub events: Vec<EventKind>,
    /// Kinds of proposal it may make.
    pub proposals: Vec<ProposalKind>,
    /// Parts of the case it reads.
    pub needs: Vec<CaseField>,
    /// Secrets it works with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretNeed>,
}

/// Where a release stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ReleaseState {
    /// Can be enabled.
    Published,
    /// Was taken back: what runs goes on, nothing enables it any more.
    Yanked {
        /// Why.
        reason: String,
        /// When.
        yanked_at: Timestamp,
    },
}

/// A published release. Its bytes never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// SHA-256 of the component, hexadecimal.
    pub digest: String,
    /// How many bytes the component has.
    pub component_bytes: i64,
    /// What it imports, such as `switchboard:plugin/log@0.2.0`.
    pub imports: Vec<String>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The department that publishes it; absent for those that come with Switchboard.
    pub owner: Option<DepartmentId>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: ReleaseState,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<KnownSignature>,
    /// When it was published.
    pub published_at: Timestamp,
}

/// The longest version, its build metadata included: it stands in addresses, decisions and generations.
pub const VERSION_CHARS_MAX: usize = 64;

impl Release {
    /// Whether this is what it is called by: its version, or its digest.
    pub fn is_called(&self, version: &str) -> bool {
        self.manifest.version == version || self.digest == version
    }

    /// Why it was taken back, if it was.
    pub fn yanked(&self) -> Option<&str> {
        match &self.state {
            ReleaseState::Published => None,
            ReleaseState::Yanked { reason, .. } => Some(reason),
        }
    }
}

/// Why a name is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: 2 to 63 of a-z, 0-9 and -, starting with a letter, not ending with -")]
pub struct InvalidName(String);

/// Checks a name: strict ASCII, so that look-alike letters cannot pass for another name.
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    let bytes = name.as_bytes();
    let right = (2..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    if right { Ok(()) } else { Err(InvalidName(quote(name).into_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_strict_ascii() {
        assert!(check_name("keyword-router").is_ok());
        for bad in ["", "a", "Upper", "-x", "x-", "1st", "a/b", "аdmin", "a b", "a\u{0}b"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
