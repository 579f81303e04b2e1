//! Enabled plugins: a release with settings, at a place in the pipeline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{Event, EventKind, Occasion};
use super::ids::{ActivationId, DepartmentId, ReleaseId};
use super::organisation::{Directory, Inbox};
use super::release::PluginKind;
use super::time::Timestamp;

/// The four phases of the pipeline, in order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What is it? Spam ends here.
    Qualify,
    /// Whose is it?
    #[default]
    Route,
    /// Has it waited too long?
    Escalate,
    /// What could be answered?
    Respond,
}

/// Whether an activation counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Asked and recorded, never applied.
    #[default]
    Shadow,
    /// Applied.
    Active,
    /// Not asked.
    Disabled,
}

/// Whether an activation can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Preparation {
    /// It is being compiled and configured.
    Preparing,
    /// It can.
    Ready,
    /// It cannot, and why.
    Failed {
        /// The name of the failure, such as `configure-refused`.
        failure: String,
        /// What went wrong, for people.
        reason: String,
    },
}

/// Which cases an activation sees. An empty list means: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AppliesTo {
    /// Names of inboxes.
    pub inboxes: Vec<String>,
    /// Names of departments that own the inbox.
    pub departments: Vec<String>,
    /// Channels.
    pub channels: Vec<String>,
    /// Events, out of those the plugin wants.
    pub events: Vec<EventKind>,
}

/// Where an activation may send conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// To any department.
    #[default]
    Anywhere,
    /// To its owner's own queues.
    OwnDepartment,
}

/// A version that is to follow the present one. The present one works until this one is ready, and
/// goes on working when this one fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextVersion {
    /// Its number.
    pub revision: i64,
    /// The release.
    pub release: ReleaseId,
    /// The release's version.
    pub version: String,
    /// SHA-256 of the release, hexadecimal.
    pub digest: String,
    /// The settings.
    pub settings: Value,
    /// Whether it can take over.
    pub preparation: Preparation,
}

/// An enabled plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Activation {
    /// Its id.
    pub id: ActivationId,
    /// Its unique name, by which decisions call it.
    pub name: String,
    /// Adapter or policy.
    pub kind: PluginKind,
    /// The plugin's name.
    pub plugin: String,
    /// The release's version.
    pub version: String,
    /// The release.
    pub release: ReleaseId,
    /// SHA-256 of the release, hexadecimal.
    pub digest: String,
    /// The policy's settings; an adapter has its inboxes' settings instead.
    pub settings: Value,
    /// The department whose rule it is; absent for the company's.
    pub owner: Option<DepartmentId>,
    /// Which cases it sees.
    pub applies_to: AppliesTo,
    /// Where it may send conversations.
    pub reach: Reach,
    /// Its phase.
    pub phase: Phase,
    /// Its place within the phase: lower first, then by age.
    pub rank: i32,
    /// Whether it counts.
    pub mode: Mode,
    /// Whether it can be asked.
    pub preparation: Preparation,
    /// Counts versions of release and settings together, from 1; rolling back makes a new one too.
    pub revision: i64,
    /// The version to follow, while it is being prepared or after that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextVersion>,
    /// When it was first enabled.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Activation {
    /// Where it stands in the pipeline.
    pub fn order(&self) -> (Phase, i32, ActivationId) {
        (self.phase, self.rank, self.id)
    }

    /// Whether its scope covers this event of a conversation in this inbox.
    pub fn covers(&self, event: &Event, inbox: &Inbox, directory: &Directory) -> bool {
        let scope = &self.applies_to;
        let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|it| it == name);
        let department = directory.department(inbox.department).map_or("", |it| it.name.as_str());
        named(&scope.inboxes, &inbox.name)
            && named(&scope.departments, department)
            && named(&scope.channels, &inbox.channel)
            && (scope.events.is_empty() || scope.events.contains(&event.occasion.kind()))
            && self.owns_timer_of(event)
    }

    /// A timer is the business of the activation that set it alone.
    fn owns_timer_of(&self, event: &Event) -> bool {
        match &event.occasion {
            Occasion::TimerDue { activation: Some(setter), .. } => *setter == self.id,
            _ => true,
        }
    }
}

/// An earlier or present version of an activation: what rolling back goes back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActivationVersion {
    /// The activation.
    pub activation: ActivationId,
    /// The version's number.
    pub revision: i64,
    /// The plugin's release.
    pub release: ReleaseId,
    /// The release's version.
    pub version: String,
    /// SHA-256 of the release, hexadecimal.
    pub digest: String,
    /// The settings.
    pub settings: Value,
    /// When it was made.
    pub created_at: Timestamp,
}
