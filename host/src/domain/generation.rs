//! States of the pipeline, one after the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::{AppliesTo, Mode, Phase, Reach};
use super::failure_policy::FailurePolicy;
use super::ids::{ActivationId, GenerationId};
use super::release::PluginKind;
use super::time::Timestamp;

/// An activation as it stood in one generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationEntry {
    /// The activation.
    pub activation: ActivationId,
    /// Its name.
    pub name: String,
    /// Adapter or policy.
    pub kind: PluginKind,
    /// The plugin and its version, `name@version`.
    pub release: String,
    /// SHA-256 of the release, hexadecimal.
    pub digest: String,
    /// The activation's version of release and settings.
    pub revision: i64,
    /// SHA-256 of the settings as canonical JSON, hexadecimal.
    pub settings_digest: String,
    /// Which cases it sees.
    pub applies_to: AppliesTo,
    /// Where it may send conversations.
    pub reach: Reach,
    /// Its phase.
    pub phase: Phase,
    /// Its place within the phase.
    pub rank: i32,
    /// Whether it counts.
    pub mode: Mode,
    /// What is done when it fails.
    #[serde(default)]
    pub on_failure: FailurePolicy,
}

/// A state of the pipeline. Every decision names the one it was made under.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// Its number, from 1.
    pub number: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// What changed, in words.
    pub cause: String,
    /// The activations that were ready, in the pipeline's order.
    pub entries: Vec<GenerationEntry>,
}

/// How two generations differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerationDifference {
    /// The earlier one's number.
    pub from: i64,
    /// The later one's number.
    pub to: i64,
    /// Only in the later one.
    pub added: Vec<GenerationEntry>,
    /// Only in the earlier one.
    pub removed: Vec<GenerationEntry>,
    /// In both, but not alike.
    pub changed: Vec<EntryChange>,
}

/// An activation before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryChange {
    /// In the earlier generation.
    pub before: GenerationEntry,
    /// In the later one.
    pub after: GenerationEntry,
}

/// Compares two generations.
pub fn difference(from: &Generation, to: &Generation) -> GenerationDifference {
    let find = |entries: &[GenerationEntry], wanted: &GenerationEntry| {
        entries.iter().find(|it| it.activation == wanted.activation).cloned()
    };
    let only_in = |these: &[GenerationEntry], those: &[GenerationEntry]| {
        these.iter().filter(|it| find(those, it).is_none()).cloned().collect()
    };
    let changed = from.entries.iter().filter_map(|before| {
        let after = find(&to.entries, before)?;
        (after != *before).then(|| EntryChange { before: before.clone(), after })
    });
    GenerationDifference {
        from: from.number,
        to: to.number,
        added: only_in(&to.entries, &from.entries),
        removed: only_in(&from.entries, &to.entries),
        changed: changed.collect(),
    }
}
