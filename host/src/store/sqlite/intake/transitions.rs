//! What an item does to its conversation.

use crate::domain::case::Occasion;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::item::Item;
use crate::domain::time::Timestamp;

/// Somebody outside wrote; says what the policies are asked for.
///
/// What a machine wrote makes nobody wait and opens nothing again: two machines would otherwise
/// keep a conversation alive between them.
pub(super) fn take_inbound(conversation: &mut Conversation, item: &Item, at: Timestamp) -> Occasion {
    take_any(conversation, item, at);
    if item.automatic.is_some() {
        return Occasion::ItemReceived;
    }
    let before = std::mem::replace(&mut conversation.status, Status::Open);
    if before != Status::Closed {
        conversation.waiting_since.get_or_insert(at);
        return Occasion::ItemReceived;
    }
    conversation.waiting_since = Some(at);
    conversation.reopened_count += 1;
    conversation.first_answered_at = None;
    conversation.escalation_level = 0;
    conversation.deadline = None;
    Occasion::ConversationReopened
}

/// The company wrote, on the channel itself: the customer has an answer.
pub(super) fn take_echo(conversation: &mut Conversation, item: &Item, at: Timestamp) {
    take_any(conversation, item, at);
    conversation.waiting_since = None;
    conversation.deadline = None;
    conversation.first_answered_at.get_or_insert(at);
    conversation.escalation_level = 0;
    if conversation.status == Status::Open {
        conversation.status = Status::Pending;
    }
}

/// The company began the conversation: nobody waits and nothing was answered.
pub(super) fn begin_with_echo(conversation: &mut Conversation, item: &Item, at: Timestamp) {
    take_any(conversation, item, at);
    conversation.status = Status::Pending;
}

fn take_any(conversation: &mut Conversation, item: &Item, at: Timestamp) {
    conversation.item_count += 1;
    conversation.updated_at = at;
    if conversation.subject.is_none() {
        conversation.subject.clone_from(&item.subject);
    }
}

/// Joins the younger conversation into the older: what is more urgent stands, what the older has
/// stands.
pub(super) fn merge(older: &mut Conversation, younger: &mut Conversation, at: Timestamp) {
    older.tags.extend(younger.tags.iter().cloned());
    for (key, value) in &younger.attributes {
        older.attributes.entry(key.clone()).or_insert_with(|| value.clone());
    }
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
