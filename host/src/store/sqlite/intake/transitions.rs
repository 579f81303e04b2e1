//! What an item does to its conversation.

use crate::domain::case::Occasion;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::item::Item;
use crate::domain::item::copied::copy;
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
    // One that an earlier version kept whole is cut as well.
    let subject = conversation.subject.as_deref().or(item.subject.as_deref());
    conversation.subject = subject.map(copy);
}
