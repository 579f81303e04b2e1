//! Enabled plugins: a release with settings, at a place in the pipeline.

use std::collections::{BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::breaker::TooMuch;
use super::breaker::scopes::Extent;
use super::case::{Event, EventKind, Occasion};
use super::decision::FailureRecord;
use super::failure_policy::FailurePolicy;
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

impl AppliesTo {
    /// The same with each name once: it is looked through with every item, and kept with every generation.
    pub fn without_repetitions(mut self) -> Self {
        let Self { inboxes, departments, channels, events } = &mut self;
        for names in [inboxes, departments, channels] {
            let mut seen = HashSet::new();
            names.retain(|it| seen.insert(it.clone()));
        }
        let mut seen = HashSet::new();
        events.retain(|it| seen.insert(*it));
        self
    }
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

/// A version of an activation failed too often and is asked no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspension {
    /// Which version.
    pub revision: i64,
    /// Since when.
    pub at: Timestamp,
    /// What was too much.
    #[serde(flatten)]
    pub too_much: TooMuch,
    /// The last failure.
    pub failure: FailureRecord,
    /// The earlier version that is put back, as a new one; absent when there is no good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_back: Option<i64>,
}

/// How many suspended versions an activation remembers, to put none of them back.
const SUSPENDED_REVISIONS_MAX: usize = 64;

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
    /// What is done when it fails.
    #[serde(default)]
    pub on_failure: FailurePolicy,
    /// Whether it can be asked.
    pub preparation: Preparation,
    /// Counts versions of release and settings together, from 1; rolling back makes a new one too.
    pub revision: i64,
    /// The version to follow, while it is being prepared or after that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextVersion>,
    /// The last version that failed too often. While that is the present one, it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Versions that failed too often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspended_revisions: Vec<i64>,
    /// When it was first enabled.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Whether a name is in a list of a scope; an empty list means: all.
fn named(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|it| it == name)
}

impl Activation {
    /// Where it stands in the pipeline.
    pub fn order(&self) -> (Phase, i32, ActivationId) {
        (self.phase, self.rank, self.id)
    }

    /// Whether it stands in the pipeline: switched on, ready, and not suspended in favour of a version that is
    /// being prepared. One that is suspended without is called on trial from time to time.
    pub fn is_asked(&self) -> bool {
        let gives_way = self.is_suspended() && self.is_next_preparing();
        self.mode != Mode::Disabled && self.preparation == Preparation::Ready && !gives_way
    }

    /// Whether a version that is to follow is still being prepared.
    pub fn is_next_preparing(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.preparation == Preparation::Preparing)
    }

    /// Whether it waits to be prepared: the version that is to follow, or else the present one.
    pub fn is_preparing(&self) -> bool {
        let waits = self.next.as_ref().map_or(&self.preparation, |next| &next.preparation);
        *waits == Preparation::Preparing
    }

    /// Whether its present version failed too often.
    pub fn is_suspended(&self) -> bool {
        self.suspension.as_ref().is_some_and(|it| it.revision == self.revision)
    }

    /// Suspends its present version.
    pub fn suspend(&mut self, suspension: Suspension) {
        let excess = (self.suspended_revisions.len() + 1).saturating_sub(SUSPENDED_REVISIONS_MAX);
        self.suspended_revisions.drain(..excess);
        self.suspended_revisions.push(suspension.revision);
        self.suspension = Some(suspension);
    }

    /// Ends the suspension of its present version, which works again.
    pub fn resume(&mut self) {
        let revision = self.revision;
        self.suspended_revisions.retain(|it| *it != revision);
        self.suspension = None;
    }

    /// The last version before the present one that is not known to be bad; `versions` are all there
    /// are, newest first.
    pub fn last_good<'a>(&self, versions: &'a [ActivationVersion]) -> Option<&'a ActivationVersion> {
        let is_bad = |it: &ActivationVersion| {
            it.revision == self.revision || self.suspended_revisions.contains(&it.revision)
        };
        let same = |one: &ActivationVersion, other: &ActivationVersion| {
            one.digest == other.digest && one.settings == other.settings
        };
        versions
            .iter()
            .filter(|it| it.revision < self.revision)
            .find(|candidate| !versions.iter().filter(|it| is_bad(it)).any(|bad| same(bad, candidate)))
    }

    /// Whether its scope covers this event of a conversation in this inbox.
    pub fn covers(&self, event: &Event, inbox: &Inbox, directory: &Directory) -> bool {
        let events = &self.applies_to.events;
        self.covers_inbox(inbox, directory)
            && (events.is_empty() || events.contains(&event.occasion.kind()))
            && self.owns_timer_of(event)
    }

    /// How many inboxes its scope covers, and how many of these are the department's. Costs as much as there are
    /// departments with their channels, or inboxes in its list; not as there are inboxes.
    pub fn extent(&self, directory: &Directory, department: DepartmentId) -> Extent {
        let scope = &self.applies_to;
        let mut covered: HashMap<DepartmentId, usize> = HashMap::new();
        if scope.inboxes.is_empty() {
            covered.extend(directory.inbox_counts(|department, channel| {
                named(&scope.departments, &department.name) && named(&scope.channels, channel)
            }));
            covered.retain(|_, inboxes| *inboxes > 0);
        } else {
            let names: BTreeSet<_> = scope.inboxes.iter().collect();
            let inboxes = names.into_iter().filter_map(|it| directory.inbox_named(it));
            for inbox in inboxes.filter(|it| self.covers_inbox(it, directory)) {
                *covered.entry(inbox.department).or_default() += 1;
            }
        }
        let of_department = covered.get(&department).copied().unwrap_or_default();
        Extent { inboxes: covered.values().sum(), departments: covered.len(), of_department }
    }

    /// Whether its scope covers conversations in this inbox.
    pub fn covers_inbox(&self, inbox: &Inbox, directory: &Directory) -> bool {
        let scope = &self.applies_to;
        let department = directory.department(inbox.department).map_or("", |it| it.name.as_str());
        named(&scope.inboxes, &inbox.name)
            && named(&scope.departments, department)
            && named(&scope.channels, &inbox.channel)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::{InboxId, QueueId};

    fn version(revision: i64, settings: i64) -> ActivationVersion {
        ActivationVersion {
            activation: ActivationId(1),
            revision,
            release: ReleaseId(1),
            version: "1.0.0".into(),
            digest: "d".into(),
            settings: json!(settings),
            created_at: Timestamp::from_ms(revision),
        }
    }

    fn activation(revision: i64, suspended_revisions: &[i64]) -> Activation {
        serde_json::from_value(json!({
            "id": ActivationId(1), "name": "a", "kind": "policy", "plugin": "p", "version": "1.0.0",
            "release": ReleaseId(1), "digest": "d", "settings": {}, "owner": null,
            "applies_to": {}, "reach": "anywhere", "phase": "route", "rank": 0, "mode": "active",
            "preparation": { "state": "ready" }, "revision": revision,
            "suspended_revisions": suspended_revisions, "created_at": 0, "updated_at": 0,
        }))
        .unwrap()
    }

    /// Settings of versions, oldest first, and which of them are known to be bad.
    fn put_back(settings: &[i64], bad: &[i64]) -> Option<i64> {
        let mut versions: Vec<_> = (1..).zip(settings).map(|(revision, it)| version(revision, *it)).collect();
        versions.reverse();
        activation(settings.len() as i64, bad).last_good(&versions).map(|it| it.revision)
    }

    #[test]
    fn scope_names_everything_once() {
        let twice = |names: &[&str]| names.iter().chain(names).map(|it| (*it).to_owned()).collect();
        let scope =
            AppliesTo { inboxes: twice(&["b", "a"]), channels: twice(&["c"]), ..AppliesTo::default() };
        let once = scope.without_repetitions();
        assert_eq!(
            (once.inboxes, once.channels),
            (vec!["b".to_owned(), "a".to_owned()], vec!["c".to_owned()])
        );
    }

    #[test]
    fn the_version_before_the_bad_one_is_the_last_good_one() {
        assert_eq!(put_back(&[1, 2, 3], &[3]), Some(2));
        assert_eq!(put_back(&[1], &[1]), None);
    }

    #[test]
    fn a_version_like_a_bad_one_is_not_put_back() {
        // The third is the first again, put back; it fails too.
        assert_eq!(put_back(&[1, 2, 1], &[2, 3]), None);
        assert_eq!(put_back(&[7, 1, 2, 1], &[3, 4]), Some(1));
    }

    /// Inboxes of two departments, `one` and `two`, named by department and channel.
    fn directory() -> Directory {
        let department = |id: i64, name: &str| {
            serde_json::from_value(
                json!({ "id": DepartmentId(id), "name": name, "title": "", "created_at": 0 }),
            )
            .unwrap()
        };
        let mut directory = Directory::new(
            vec![department(1, "one"), department(2, "two")],
            Vec::new(),
            Vec::new(),
            Vec::new(),
        );
        for (id, department, channel, revision) in
            [(1, 1, "chat", 1), (2, 1, "mail", 1), (3, 2, "mail", 1), (4, 2, "chat", 1), (4, 2, "mail", 2)]
        {
            directory.put_inbox(inbox(id, DepartmentId(department), channel, revision));
        }
        directory
    }

    fn inbox(id: i64, department: DepartmentId, channel: &str, revision: i64) -> Inbox {
        serde_json::from_value(json!({
            "id": InboxId(id), "name": format!("inbox-{id}"), "title": "",
            "department": department, "adapter": channel, "channel": channel, "settings": {},
            "operator_queue": QueueId(1), "junk_queue": QueueId(2), "promise": null,
            "access": { "kind": "closed" }, "reply_hosts": [], "allowance": {}, "secrets": {}, "created_at": 0, "revision": revision,
        }))
        .unwrap()
    }

    #[test]
    fn extent_counts_the_inboxes_that_are_covered() {
        let directory = directory();
        for applies_to in [
            json!({}),
            json!({ "channels": ["mail"] }),
            json!({ "channels": ["chat"] }),
            json!({ "departments": ["two"] }),
            json!({ "departments": ["two"], "channels": ["chat"] }),
            json!({ "inboxes": ["inbox-1", "inbox-1", "inbox-3", "nowhere"] }),
            json!({ "inboxes": ["inbox-1", "inbox-4"], "channels": ["mail"] }),
        ] {
            let mut activation = activation(1, &[]);
            activation.applies_to = serde_json::from_value(applies_to.clone()).unwrap();
            let covered =
                directory.inboxes().into_iter().filter(|it| activation.covers_inbox(it, &directory));
            let mut departments: Vec<_> = covered.map(|it| it.department).collect();
            let inboxes = departments.len();
            let of_department = departments.iter().filter(|it| **it == DepartmentId(1)).count();
            departments.dedup();
            let expected = Extent { inboxes, departments: departments.len(), of_department };
            assert_eq!(activation.extent(&directory, DepartmentId(1)), expected, "{applies_to}");
        }
        assert_eq!(directory.inboxes_of_adapter("mail"), 3);
        assert_eq!(directory.inboxes_of_adapter("chat"), 1, "a later revision takes an earlier one's place");
    }

    #[test]
    fn only_the_present_version_suspends() {
        let mut activation = activation(2, &[]);
        let failure = FailureRecord { name: "trap".into(), detail: String::new() };
        let too_much = TooMuch::InARow { failures: 5 };
        let at = Timestamp::from_ms(0);
        activation.suspend(Suspension { revision: 2, at, too_much, failure, put_back: Some(1) });
        assert!(activation.is_suspended() && activation.is_asked(), "it is called on trial");
        activation.revision = 3;
        assert!(!activation.is_suspended() && activation.is_asked());
        activation.revision = 2;
        activation.resume();
        assert!(!activation.is_suspended() && activation.suspended_revisions.is_empty());
    }
}
