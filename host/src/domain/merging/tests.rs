//! Merging and its undo, by table.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::conversation::PersonSet;
use crate::domain::ids::{ConversationId, IdentityId, InboxId};
use crate::domain::proposal::Priority;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn conversation(id: i64) -> Conversation {
    Conversation {
        id: ConversationId(id),
        inbox: InboxId(1),
        thread_key: id.to_string(),
        contact: ContactId(id),
        identity: IdentityId(id),
        subject: None,
        status: Status::Open,
        place: None,
        priority: Priority::Normal,
        tags: BTreeSet::new(),
        attributes: BTreeMap::new(),
        intent: None,
        listening: None,
        language: None,
        deadline: None,
        waiting_since: Some(at(id)),
        promise_started_for: Some(at(id)),
        first_answered_at: None,
        opened_at: at(id),
        updated_at: at(id),
        item_count: 1,
        reopened_count: 0,
        handed_over_count: 0,
        escalation_level: 0,
        person_set: PersonSet::default(),
        disposition: None,
        merged_into: None,
        erased_at: None,
        revision: 1,
    }
}

/// Two conversations, as they were and as they are merged.
fn merged(change: impl FnOnce(&mut BeforeMerge)) -> (BeforeMerge, Conversation, Conversation) {
    let mut before = BeforeMerge { older: conversation(1), younger: conversation(2) };
    change(&mut before);
    let (mut older, mut younger) = (before.older.clone(), before.younger.clone());
    merge(&mut older, &mut younger, at(10));
    (before, older, younger)
}

fn one_item(unanswered: Option<i64>) -> OwnItems {
    OwnItems { count: 1, unanswered: unanswered.map(at), answered: None }
}

/// But for the time of the undo and the clock, which the next decision starts.
fn is_as_before(now: &Conversation, before: &Conversation) {
    let clock = now.promise_started_for;
    let expected = Conversation { updated_at: now.updated_at, promise_started_for: clock, ..before.clone() };
    assert_eq!(*now, expected);
}

#[test]
fn undo_right_after_a_merge_gives_both_as_they_were() {
    let change = |it: &mut BeforeMerge| {
        it.older.tags.extend(["both".to_owned(), "own".to_owned()]);
        it.younger.tags.extend(["both".to_owned(), "late".to_owned()]);
        it.older.attributes.insert("a".into(), "1".into());
        it.younger.attributes.extend([("a".into(), "2".into()), ("b".into(), "3".into())]);
        it.younger.priority = Priority::Urgent;
        it.younger.subject = Some("subject".into());
        it.older.status = Status::Closed;
        it.older.waiting_since = None;
        it.older.promise_started_for = None;
    };
    let (before, mut older, mut younger) = merged(change);
    assert_eq!((older.priority, older.status), (Priority::Urgent, Status::Open));
    restore_older(&mut older, &before, &[], one_item(None), at(20));
    restore_younger(&mut younger, &before, one_item(Some(2)), at(20));
    is_as_before(&older, &before.older);
    is_as_before(&younger, &before.younger);
}

#[test]
fn what_another_merge_brought_too_stays_after_an_undo() {
    let (before, mut older, _) = merged(|it| it.younger.tags.extend(["late".to_owned()]));
    let mut other = conversation(3);
    other.tags.extend(["late".to_owned()]);
    restore_older(&mut older, &before, &[other], one_item(Some(1)), at(20));
    assert!(older.tags.contains("late"));
}

#[test]
fn each_customer_waits_since_the_own_unanswered_item() {
    let (before, mut older, mut younger) = merged(|_| {});
    assert_eq!(older.waiting_since, Some(at(1)));
    // The older's customer got a reply in between, which ended the wait in the survivor.
    older.waiting_since = None;
    older.status = Status::Pending;
    older.first_answered_at = Some(at(12));
    let answered = OwnItems { count: 2, unanswered: None, answered: Some(at(12)) };
    restore_older(&mut older, &before, &[], answered, at(20));
    restore_younger(&mut younger, &before, one_item(Some(2)), at(20));
    assert_eq!((older.status, older.waiting_since), (Status::Pending, None));
    assert_eq!(older.first_answered_at, Some(at(12)));
    assert_eq!((younger.status, younger.waiting_since), (Status::Open, Some(at(2))));
    assert_eq!((younger.first_answered_at, younger.promise_started_for), (None, None));
}

#[test]
fn what_people_decided_since_stays_with_the_survivor() {
    let (before, mut older, _) = merged(|it| it.younger.priority = Priority::Urgent);
    older.person_set.priority = true;
    older.priority = Priority::Urgent;
    older.status = Status::Closed;
    older.waiting_since = None;
    restore_older(&mut older, &before, &[], one_item(Some(1)), at(20));
    assert_eq!((older.priority, older.status, older.waiting_since), (Priority::Urgent, Status::Closed, None));
}

fn later(id: i64, contact: Option<i64>, replies_to: &[i64]) -> LaterItem {
    LaterItem {
        id: ItemId(id),
        direction: contact.map_or(Direction::Outbound, |_| Direction::Inbound),
        contact: contact.map(ContactId),
        replies_to: replies_to.iter().map(|it| ItemId(*it)).collect(),
    }
}

fn goes(before: &BeforeMerge, items: &[LaterItem]) -> Vec<i64> {
    let mut found: Vec<_> =
        later_of_younger(before, &[ItemId(100)].into(), items).into_iter().map(|it| it.0).collect();
    found.sort_unstable();
    found
}

#[test]
fn items_since_a_merge_go_with_their_writer() {
    let (before, ..) = merged(|_| {});
    let items = [later(201, Some(2), &[]), later(202, Some(1), &[100]), later(203, Some(3), &[100])];
    assert_eq!(goes(&before, &items), [201, 203]);
}

#[test]
fn replies_since_a_merge_go_with_what_they_answer() {
    let (before, ..) = merged(|_| {});
    let items =
        [later(201, None, &[100]), later(202, None, &[50]), later(203, None, &[201]), later(204, None, &[])];
    assert_eq!(goes(&before, &items), [201, 203]);
}

#[test]
fn items_of_one_contact_go_with_the_nearest_they_answer() {
    let (before, ..) = merged(|it| it.younger.contact = it.older.contact);
    let items = [later(201, Some(1), &[100]), later(202, Some(1), &[50, 100]), later(203, Some(1), &[])];
    assert_eq!(goes(&before, &items), [201]);
}
