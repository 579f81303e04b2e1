//! How much is kept beside a conversation's items: its labels and its facts.
//!
//! They are part of every case, every decision's receipt and every page of conversations, so they are bounded
//! in number and in size, by quotas of the inbox's department. What is there already stays, and may shrink.

use std::collections::{BTreeMap, BTreeSet};

use super::Conversation;
use crate::domain::ids::DepartmentId;
use crate::domain::quota::{OverQuota, Quota, Quotas};

/// The quotas of one department's conversations.
#[derive(Clone, Copy, Debug)]
pub struct ConversationLimits<'a> {
    /// All that are set.
    pub quotas: &'a Quotas,
    /// The department of the conversation's inbox.
    pub department: DepartmentId,
}

impl ConversationLimits<'_> {
    /// Refuses labels that would be too many instead of those that are present.
    pub fn check_labels(self, present: usize, wanted: &BTreeSet<String>) -> Result<(), OverQuota> {
        self.check(Quota::ConversationLabels, present, wanted.len())
    }

    /// Refuses a fact with which the facts would be too many or too large.
    pub fn check_fact(
        self,
        present: &BTreeMap<String, String>,
        key: &str,
        value: &str,
    ) -> Result<(), OverQuota> {
        let before = present.get(key);
        let count = present.len() + usize::from(before.is_none());
        self.check(Quota::ConversationFacts, present.len(), count)?;
        let bytes = bytes_of(present);
        let replaced = before.map_or(0, |it| key.len() + it.len());
        self.check(Quota::ConversationFactBytes, bytes, bytes - replaced + key.len() + value.len())
    }

    /// Refuses facts that would be too many or too large instead of those that are present.
    pub fn check_facts(
        self,
        present: &BTreeMap<String, String>,
        wanted: &BTreeMap<String, String>,
    ) -> Result<(), OverQuota> {
        self.check(Quota::ConversationFacts, present.len(), wanted.len())?;
        self.check(Quota::ConversationFactBytes, bytes_of(present), bytes_of(wanted))
    }

    fn check(self, quota: Quota, present: usize, wanted: usize) -> Result<(), OverQuota> {
        let added = wanted.saturating_sub(present);
        self.quotas.limit(Some(self.department), quota).check(present as u64, added as u64)
    }
}

fn bytes_of(facts: &BTreeMap<String, String>) -> usize {
    facts.iter().map(|(key, value)| key.len() + value.len()).sum()
}

impl Conversation {
    /// Its facts with these set.
    pub fn attributes_with<'a>(
        &self,
        set: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> BTreeMap<String, String> {
        let mut facts = self.attributes.clone();
        facts.extend(set.map(|(key, value)| (key.clone(), value.clone())));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> BTreeSet<String> {
        (0..count).map(|it| it.to_string()).collect()
    }

    fn limits(quotas: &Quotas) -> ConversationLimits<'_> {
        ConversationLimits { quotas, department: DepartmentId(1) }
    }

    fn refused(result: Result<(), OverQuota>) -> Option<Quota> {
        result.err().map(|it| it.limit.quota)
    }

    #[test]
    fn labels_beyond_the_quota_are_refused_and_removing_some_is_not() {
        let quotas = Quotas::default();
        let limits = limits(&quotas);
        assert_eq!(refused(limits.check_labels(63, &labels(64))), None);
        assert_eq!(refused(limits.check_labels(64, &labels(65))), Some(Quota::ConversationLabels));
        assert_eq!(refused(limits.check_labels(100, &labels(99))), None, "they were there before the quota");
    }

    #[test]
    fn facts_beyond_a_quota_are_refused_and_changing_one_is_not() {
        let quotas = Quotas::default();
        let check = |facts: &BTreeMap<String, String>, key: &str, value: &str| {
            refused(limits(&quotas).check_fact(facts, key, value))
        };
        let facts = |count: usize, bytes: usize| -> BTreeMap<_, _> {
            (0..count).map(|it| (format!("{it:04}"), "v".repeat(bytes))).collect()
        };
        assert_eq!(check(&facts(63, 1), "more", "v"), None);
        assert_eq!(check(&facts(64, 1), "more", "v"), Some(Quota::ConversationFacts));
        assert_eq!(check(&facts(64, 1), "0000", "another"), None);
        let full = facts(16, 4_092);
        assert_eq!(check(&full, "more", ""), Some(Quota::ConversationFactBytes));
        assert_eq!(check(&full, "0000", "shorter"), None);
    }

    #[test]
    fn facts_of_two_conversations_together_are_refused_beyond_a_quota() {
        let quotas = Quotas::default();
        let facts = |from: usize, to: usize, bytes: usize| -> BTreeMap<_, _> {
            (from..to).map(|it| (format!("{it:04}"), "v".repeat(bytes))).collect()
        };
        let check = |present: &BTreeMap<_, _>, wanted: &BTreeMap<_, _>| {
            refused(limits(&quotas).check_facts(present, wanted))
        };
        assert_eq!(check(&facts(0, 40, 1), &facts(0, 64, 1)), None);
        assert_eq!(check(&facts(0, 40, 1), &facts(0, 65, 1)), Some(Quota::ConversationFacts));
        assert_eq!(check(&facts(0, 8, 4_092), &facts(0, 17, 4_092)), Some(Quota::ConversationFactBytes));
        assert_eq!(check(&facts(0, 100, 1), &facts(0, 100, 1)), None, "they were there before the quota");
    }
}
