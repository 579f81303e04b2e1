//! How much is kept beside a conversation's items: its labels and its facts.
//!
//! They are part of every case, every decision's receipt and every page of conversations, so they are bounded
//! in number and in size. What is there already stays, and may shrink.

use std::collections::{BTreeMap, BTreeSet};

/// Labels of one conversation (quota `conversation-labels`): more than a person reads, twice what one proposal adds.
pub const LABELS_MAX: usize = 64;

/// Facts of one conversation (quota `conversation-facts`): as many as a policy may propose for one case.
pub const FACTS_MAX: usize = 64;

/// Keys and values of a conversation's facts together (quota `conversation-fact-bytes`): the size to which a
/// case's facts are cut, so that a policy is shown all that there are.
pub const FACTS_BYTES_MAX: usize = 64 * 1024;

/// Which quota these labels exceed that would be set instead of `present` ones.
pub fn refused_labels(present: usize, wanted: &BTreeSet<String>) -> Option<String> {
    (wanted.len() > LABELS_MAX && wanted.len() > present).then(|| {
        format!("conversation-labels: a conversation has at most {LABELS_MAX} labels; remove some first")
    })
}

/// Which quota a conversation's facts exceed with this one.
pub fn refused_fact(present: &BTreeMap<String, String>, key: &str, value: &str) -> Option<String> {
    let before = present.get(key);
    if before.is_none() && present.len() >= FACTS_MAX {
        return Some(format!(
            "conversation-facts: a conversation has at most {FACTS_MAX} facts; use fewer keys"
        ));
    }
    let bytes_before: usize = present.iter().map(|(key, value)| key.len() + value.len()).sum();
    let bytes = bytes_before - before.map_or(0, |it| key.len() + it.len()) + key.len() + value.len();
    (bytes > FACTS_BYTES_MAX && bytes > bytes_before).then(|| {
        format!("conversation-fact-bytes: a conversation's facts have at most {FACTS_BYTES_MAX} bytes together; shorten some")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> BTreeSet<String> {
        (0..count).map(|it| it.to_string()).collect()
    }

    #[test]
    fn labels_beyond_the_quota_are_refused_and_removing_some_is_not() {
        assert_eq!(refused_labels(63, &labels(64)), None);
        assert!(refused_labels(64, &labels(65)).unwrap().starts_with("conversation-labels"));
        assert_eq!(refused_labels(100, &labels(99)), None, "it had more before there was a quota");
    }

    #[test]
    fn facts_beyond_a_quota_are_refused_and_changing_one_is_not() {
        let facts = |count: usize, bytes: usize| -> BTreeMap<_, _> {
            (0..count).map(|it| (format!("{it:04}"), "v".repeat(bytes))).collect()
        };
        assert_eq!(refused_fact(&facts(63, 1), "more", "v"), None);
        assert!(refused_fact(&facts(64, 1), "more", "v").unwrap().starts_with("conversation-facts"));
        assert_eq!(refused_fact(&facts(64, 1), "0000", "another"), None);
        let full = facts(16, 4_092);
        assert!(refused_fact(&full, "more", "").unwrap().starts_with("conversation-fact-bytes"));
        assert_eq!(refused_fact(&full, "0000", "shorter"), None);
    }
}
