//! Two conversations become one, and two again.
//!
//! Labels and facts of both are the survivor's. Where they would be over a quota, an agent's merge is refused,
//! and items merge nothing: an agent hears of it by a suggestion.
//!
//! An undo gives each conversation what is its own: what it had before the merge, and what came since by its
//! contact or replies to what is its own. What agents and policies changed since stays with the conversation
//! that they saw, the survivor.
//!
//! **Invariant:** the two texts of a merge and its undo are these rules; `store` only moves rows.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::conversation::limits::ConversationLimits;
use super::conversation::{Conversation, Status};
use super::ids::{ContactId, ItemId};
use super::item::Direction;
use super::quota::OverQuota;
use super::time::Timestamp;

/// Both conversations as they were before a merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeforeMerge {
    /// The one that went on.
    pub older: Conversation,
    /// The one that ended in it.
    pub younger: Conversation,
}

/// Gives the older conversation the younger's labels and facts, unless they are over a quota together.
pub fn join_marks(
    older: &mut Conversation,
    younger: &Conversation,
    limits: ConversationLimits<'_>,
) -> Result<(), OverQuota> {
    let mut joined = older.clone();
    unite_marks(&mut joined, younger);
    limits.check_labels(older.tags.len(), &joined.tags)?;
    limits.check_facts(&older.attributes, &joined.attributes)?;
    *older = joined;
    Ok(())
}

/// Of two facts of one key the older's stands.
fn unite_marks(older: &mut Conversation, younger: &Conversation) {
    older.tags.extend(younger.tags.iter().cloned());
    for (key, value) in &younger.attributes {
        older.attributes.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Joins the younger conversation into the older: the more urgent value stands, else the older's.
///
/// The caller has checked the quotas with [`join_marks`].
pub fn merge(older: &mut Conversation, younger: &mut Conversation, at: Timestamp) {
    unite_marks(older, younger);
    older.item_count += younger.item_count;
    older.priority = older.priority.max(younger.priority);
    older.deadline = earlier(older.deadline, younger.deadline);
    older.waiting_since = earlier(older.waiting_since, younger.waiting_since);
    older.place = older.place.or(younger.place);
    if older.subject.is_none() {
        older.subject.clone_from(&younger.subject);
    }
    if younger.status == Status::Open {
        older.status = Status::Open;
    }
    older.updated_at = at;
    younger.updated_at = at;
    younger.status = Status::Closed;
    younger.waiting_since = None;
    younger.deadline = None;
    younger.merged_into = Some(older.id);
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// An item that came into the survivor after the merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaterItem {
    /// The item.
    pub id: ItemId,
    /// Whose words.
    pub direction: Direction,
    /// Who wrote it, outside the company.
    pub contact: Option<ContactId>,
    /// The items here that it replies to, nearest first.
    pub replies_to: Vec<ItemId>,
}

/// Which of the items that came after a merge belong to the younger conversation, given those that it had.
///
/// `later` is in the order the items came. A writer with whom only one of the two is decides; else what the
/// item replies to; else it stays.
pub fn later_of_younger(
    before: &BeforeMerge,
    moved: &HashSet<ItemId>,
    later: &[LaterItem],
) -> HashSet<ItemId> {
    let [older, younger] = [before.older.contact, before.younger.contact];
    let mut own = moved.clone();
    let mut found = HashSet::new();
    for item in later {
        let goes = match item.contact {
            Some(writer) if older != younger && writer == younger => true,
            Some(writer) if older != younger && writer == older => false,
            _ => item.replies_to.first().is_some_and(|it| own.contains(it)),
        };
        if goes {
            own.insert(item.id);
            found.insert(item.id);
        }
    }
    found
}

/// What a conversation's own items say once it is alone again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnItems {
    /// How many there are.
    pub count: u32,
    /// The first since [`since`] that a person outside wrote and that came after everything the company said.
    pub unanswered: Option<Timestamp>,
    /// The first that the company said after the merge.
    pub answered: Option<Timestamp>,
}

/// From when on a conversation's items are looked at for one without a reply: since its customer waited
/// before the merge, else since the merge.
pub fn since(before: &Conversation, merged_at: Timestamp) -> Timestamp {
    before.waiting_since.unwrap_or(merged_at)
}

/// Takes a merge back from the survivor. `others` are conversations that stay merged into it.
pub fn restore_older(
    now: &mut Conversation,
    before: &BeforeMerge,
    others: &[Conversation],
    items: OwnItems,
    at: Timestamp,
) {
    let BeforeMerge { older, younger } = before;
    take_off_marks(now, before, others);
    if now.person_set.priority == older.person_set.priority && now.priority == younger.priority {
        now.priority = now.priority.min(older.priority);
    }
    if older.place.is_none() && now.place == younger.place && !now.person_set.destination {
        now.place = None;
    }
    if older.subject.is_none() && now.subject == younger.subject {
        now.subject = None;
    }
    now.item_count = items.count;
    now.updated_at = at;
    now.first_answered_at =
        now.first_answered_at.and_then(|_| earlier(older.first_answered_at, items.answered));
    if now.status == Status::Closed {
        return;
    }
    if now.waiting_since.is_some() || items.unanswered.is_some() {
        wait_from(now, older, items.unanswered);
    }
    now.status = match (now.waiting_since, now.status) {
        (Some(_), _) => Status::Open,
        (None, Status::Open) => older.status,
        (None, other) => other,
    };
}

/// Takes a merge back from the conversation that ended in it.
pub fn restore_younger(now: &mut Conversation, before: &BeforeMerge, items: OwnItems, at: Timestamp) {
    let younger = &before.younger;
    now.merged_into = None;
    now.item_count = items.count;
    now.updated_at = at;
    now.first_answered_at = earlier(younger.first_answered_at, items.answered);
    wait_from(now, younger, items.unanswered);
    now.promise_started_for = None;
    now.status = match (items.unanswered, younger.waiting_since) {
        (Some(_), _) => Status::Open,
        (None, Some(_)) => Status::Pending,
        (None, None) => younger.status,
    };
}

/// The customer waits since then; the clock of another wait is started by the next decision.
fn wait_from(now: &mut Conversation, before: &Conversation, since: Option<Timestamp>) {
    if now.waiting_since == since {
        return;
    }
    now.waiting_since = since;
    now.promise_started_for = None;
    now.escalation_level = 0;
    now.deadline = before.deadline.filter(|_| since.is_some() && since == before.waiting_since);
}

/// Labels and facts that only the younger brought go with it.
fn take_off_marks(now: &mut Conversation, before: &BeforeMerge, others: &[Conversation]) {
    let BeforeMerge { older, younger } = before;
    now.tags.retain(|tag| {
        !younger.tags.contains(tag)
            || older.tags.contains(tag)
            || others.iter().any(|it| it.tags.contains(tag))
    });
    now.attributes.retain(|key, value| {
        younger.attributes.get(key) != Some(value)
            || older.attributes.contains_key(key)
            || others.iter().any(|it| it.attributes.get(key) == Some(value))
    });
}

#[cfg(test)]
#[path = "merging/tests.rs"]
mod tests;
