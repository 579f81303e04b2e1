//! Quotas: how much of each shared thing one department may have.
//!
//! The company's own plugins and inboxes count to the company, which has quotas of its own. Each quota has a name,
//! a unit and a default; an admin of the whole company sets another value, of one department or of the company.
//!
//! **Invariant:** a quota is checked in the transaction that writes, so what is beyond it is refused as a whole.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::DepartmentId;

/// To whom something counts: a department, or the company.
pub type Owner = Option<DepartmentId>;

/// A department's share of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// Activations, disabled ones too.
    Activations,
    /// Activations whose next version waits to be prepared.
    WaitingPreparations,
    /// Releases whose component is kept.
    Releases,
    /// Bytes of the components of these releases.
    ReleaseBytes,
    /// Bytes of compiled plugins.
    ArtefactBytes,
    /// Labels of one conversation.
    ConversationLabels,
    /// Facts of one conversation.
    ConversationFacts,
    /// Bytes of one conversation's facts, keys and values together.
    ConversationFactBytes,
    /// Bytes of one decision as it is kept.
    DecisionBytes,
    /// Fuel that the owner's policies may use for one case together, in millions of units.
    CaseFuel,
    /// Timers of policies that wait in the conversations of the owner's inboxes.
    WaitingTimers,
    /// Inboxes.
    Inboxes,
    /// Queues, the two that each department begins with among them.
    Queues,
    /// Agents.
    Agents,
    /// Tokens that are not revoked.
    Tokens,
    /// Secrets.
    Secrets,
    /// Keys that sign releases.
    SigningKeys,
    /// Bytes of the settings of inboxes and activations.
    SettingBytes,
}

/// What a quota counts in, its values when none is set, and what to do when it is used up.
struct Terms {
    name: &'static str,
    unit: &'static str,
    department: u64,
    company: u64,
    relief: &'static str,
}

const MIB: u64 = 1024 * 1024;

impl Quota {
    /// Every quota there is.
    pub const ALL: [Quota; 18] = [
        Self::Activations,
        Self::WaitingPreparations,
        Self::Releases,
        Self::ReleaseBytes,
        Self::ArtefactBytes,
        Self::ConversationLabels,
        Self::ConversationFacts,
        Self::ConversationFactBytes,
        Self::DecisionBytes,
        Self::CaseFuel,
        Self::WaitingTimers,
        Self::Inboxes,
        Self::Queues,
        Self::Agents,
        Self::Tokens,
        Self::Secrets,
        Self::SigningKeys,
        Self::SettingBytes,
    ];

    /// The highest value that can be set: far beyond any machine, and exact in JSON.
    pub const VALUE_MAX: u64 = 1 << 50;

    /// Its name in requests, refusals and metrics.
    pub fn name(self) -> &'static str {
        self.terms().name
    }

    /// What it counts.
    pub fn unit(self) -> &'static str {
        self.terms().unit
    }

    /// Its value where none is set.
    pub fn default_of(self, owner: Owner) -> u64 {
        let Terms { department, company, .. } = self.terms();
        if owner.is_some() { department } else { company }
    }

    /// Whether it bounds what its owner has in all; the others bound each case, conversation or decision.
    pub fn is_of_what_is_kept(self) -> bool {
        !matches!(
            self,
            Self::ConversationLabels
                | Self::ConversationFacts
                | Self::ConversationFactBytes
                | Self::DecisionBytes
                | Self::CaseFuel
        )
    }

    /// How its owner makes room.
    pub fn relief(self) -> &'static str {
        self.terms().relief
    }

    #[rustfmt::skip]
    fn terms(self) -> Terms {
        let terms = |name, unit, department, company, relief| Terms { name, unit, department, company, relief };
        match self {
            // A pipeline asks each of them about every case: some dozens cost milliseconds.
            Self::Activations => terms("activations", "activations", 32, 128, "disable an activation that is not needed and delete it with DELETE /v1/activations/NAME"),
            // The compile child takes seconds for each.
            Self::WaitingPreparations => terms("waiting-preparations", "activations", 8, 32, "wait until some are prepared"),
            Self::Releases => terms("releases", "releases", 200, 1_000, "yank releases that no activation uses; their components go after a while"),
            // A hundred components of the size that JavaScript and Python make.
            Self::ReleaseBytes => terms("release-bytes", "bytes", 2_048 * MIB, 8_192 * MIB, "yank releases that no activation uses; their components go after a while"),
            Self::ArtefactBytes => terms("artefact-bytes", "bytes", 4_096 * MIB, 16_384 * MIB, "wait until compiled plugins that nothing uses are deleted, or use a smaller plugin"),
            Self::ConversationLabels => terms("conversation-labels", "labels", 64, 64, "take labels off the conversation"),
            Self::ConversationFacts => terms("conversation-facts", "facts", 64, 64, "take facts off the conversation"),
            Self::ConversationFactBytes => terms("conversation-fact-bytes", "bytes", 64 * 1024, 64 * 1024, "take facts off the conversation"),
            Self::DecisionBytes => terms("decision-bytes", "bytes", 256 * 1024, 256 * 1024, "have policies say less"),
            // Four policies at their own limit.
            Self::CaseFuel => terms("case-fuel", "million units of fuel", 200, 1_000, "enable fewer policies, or cheaper ones"),
            Self::WaitingTimers => terms("waiting-timers", "timers", 100_000, 1_000_000, "have policies set fewer timers"),
            // The directory is in memory, and read anew with each change of it.
            Self::Inboxes => terms("inboxes", "inboxes", 200, 2_000, "use an inbox that is there"),
            Self::Queues => terms("queues", "queues", 200, 2_000, "use a queue that is there"),
            Self::Agents => terms("agents", "agents", 5_000, 5_000, "use an agent that is there"),
            Self::Tokens => terms("tokens", "tokens", 500, 5_000, "revoke tokens that are not used"),
            Self::Secrets => terms("secrets", "secrets", 200, 2_000, "use a secret that is there"),
            Self::SigningKeys => terms("signing-keys", "keys", 50, 500, "use a key that is there"),
            Self::SettingBytes => terms("setting-bytes", "bytes", 8 * MIB, 64 * MIB, "give inboxes and activations shorter settings"),
        }
    }
}

/// The values that were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    set: HashMap<(Owner, Quota), u64>,
}

impl Quotas {
    /// These values, and the default for what is absent.
    pub fn new(set: impl IntoIterator<Item = (Owner, Quota, u64)>) -> Self {
        Self { set: set.into_iter().map(|(owner, quota, value)| ((owner, quota), value)).collect() }
    }

    /// Sets a value, or puts the default back.
    pub fn put(&mut self, owner: Owner, quota: Quota, value: Option<u64>) {
        match value {
            Some(value) => self.set.insert((owner, quota), value),
            None => self.set.remove(&(owner, quota)),
        };
    }

    /// How much this owner may have.
    pub fn value(&self, owner: Owner, quota: Quota) -> u64 {
        self.set.get(&(owner, quota)).copied().unwrap_or_else(|| quota.default_of(owner))
    }

    /// The limit to check a change against.
    pub fn limit(&self, owner: Owner, quota: Quota) -> QuotaLimit {
        QuotaLimit { owner, quota, most: self.value(owner, quota) }
    }
}

/// How much one owner may have of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimit {
    /// To whom it counts.
    pub owner: Owner,
    /// Of what.
    pub quota: Quota,
    /// How much.
    pub most: u64,
}

impl QuotaLimit {
    /// Refuses what would make it more than that, `used` being there already.
    pub fn check(self, used: u64, added: u64) -> Result<(), OverQuota> {
        match added > 0 && used.saturating_add(added) > self.most {
            true => Err(OverQuota { limit: self, used, added }),
            false => Ok(()),
        }
    }
}

/// A bound that is reached and is no department's quota: one caller's, or that of a pool which all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedLimit {
    /// Its name.
    pub name: &'static str,
    /// How much there is.
    pub value: u64,
    /// How much of it is used.
    pub used: u64,
    /// What it counts.
    pub unit: &'static str,
}

impl ReachedLimit {
    /// All of it is used.
    pub fn full(name: &'static str, value: u64, unit: &'static str) -> Self {
        Self { name, value, used: value, unit }
    }
}

/// More than a quota allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the quota `{}` is {} {}: {used} are used, and this adds {added}",
    limit.quota.name(), limit.most, limit.quota.unit()
)]
pub struct OverQuota {
    /// The quota.
    pub limit: QuotaLimit,
    /// How much was used before.
    pub used: u64,
    /// How much it would have been more.
    pub added: u64,
}

impl OverQuota {
    /// How to make room, and who can raise it.
    pub fn remedy(&self) -> String {
        format!(
            "{}, or have an admin of the whole company raise it with PATCH /v1/quotas",
            self.limit.quota.relief()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_have_the_names_that_json_gives_them() {
        for quota in Quota::ALL {
            assert_eq!(serde_json::to_value(quota).unwrap(), quota.name());
            assert!(quota.default_of(None) >= quota.default_of(Some(DepartmentId(1))), "{}", quota.name());
        }
    }

    #[test]
    fn set_quota_replaces_the_default_of_its_owner_alone() {
        let (one, other) = (Some(DepartmentId(1)), Some(DepartmentId(2)));
        let quotas = Quotas::new([(one, Quota::Activations, 3)]);
        assert_eq!(quotas.value(one, Quota::Activations), 3);
        assert_eq!(quotas.value(other, Quota::Activations), 32);
        assert_eq!(quotas.value(None, Quota::Activations), 128);
        let mut changed = quotas.clone();
        changed.put(one, Quota::Activations, None);
        changed.put(other, Quota::Activations, Some(4));
        assert_eq!(changed, Quotas::new([(other, Quota::Activations, 4)]));
    }

    #[test]
    fn over_quota_names_the_quota_its_value_and_the_use() {
        let limit = Quotas::default().limit(Some(DepartmentId(1)), Quota::Activations);
        assert_eq!(limit.check(31, 1), Ok(()));
        let refused = limit.check(32, 1).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the quota `activations` is 32 activations: 32 are used, and this adds 1"
        );
        assert!(refused.remedy().contains("PATCH /v1/quotas"));
    }

    #[test]
    fn what_adds_nothing_is_never_over_quota() {
        // A quota may be set below what is there: it stays, and nothing is added.
        let limit = QuotaLimit { owner: None, quota: Quota::Releases, most: 1 };
        assert_eq!(limit.check(5, 0), Ok(()));
        assert!(limit.check(5, 1).is_err());
    }
}
