//! What a caller may see: everything, or what its department has to do with.
//!
//! | what | a confined caller sees |
//! |---|---|
//! | departments, agents, queues | all: they are the company's directory |
//! | releases in the marketplace | all |
//! | inboxes, deliveries, activations, tokens | its department's own |
//! | conversations with all that is in them | those in its department's queues, and those that came in through its department's inboxes |
//! | contacts | whom such a conversation is with |
//!
//! **Invariant:** what a caller may not see is answered like what does not exist, names included.

use std::sync::Arc;

use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::Conversation;
use crate::domain::decision::Decision;
use crate::domain::delivery::{Delivery, RawDelivery};
use crate::domain::ids::{ContactId, ConversationId, DecisionId, DeliveryId, DepartmentId, ItemId};
use crate::domain::item::StoredItem;
use crate::domain::organisation::{Directory, Inbox};
use crate::domain::principal::Principal;
use crate::flow::{Flow, FlowError};

/// A conversation that the caller may see.
pub async fn conversation(
    flow: &Flow,
    principal: &Principal,
    id: ConversationId,
) -> Result<Conversation, FlowError> {
    let found = flow.store.conversation(id).await?;
    let seen = found.filter(|it| sees(&flow.directory.load(), principal, it));
    seen.ok_or_else(|| FlowError::NotFound(format!("there is no conversation {id}")))
}

/// An item that the caller may see, as lists show it.
pub async fn item_listed(flow: &Flow, principal: &Principal, id: ItemId) -> Result<StoredItem, FlowError> {
    let listed = flow.store.item_listed(id).await?;
    let unknown = || FlowError::NotFound(format!("there is no item {id}"));
    let listed = listed.ok_or_else(unknown)?;
    match sees_conversation(flow, principal, listed.conversation).await? {
        true => Ok(listed),
        false => Err(unknown()),
    }
}

/// An item that the caller may see, as a whole.
pub async fn item(flow: &Flow, principal: &Principal, id: ItemId) -> Result<StoredItem, FlowError> {
    // The whole is read only for who may see it.
    item_listed(flow, principal, id).await?;
    let found = flow.store.item(id).await?;
    found.ok_or_else(|| FlowError::NotFound(format!("there is no item {id}")))
}

/// A decision that the caller may see.
pub async fn decision(flow: &Flow, principal: &Principal, id: DecisionId) -> Result<Decision, FlowError> {
    let found = flow.store.decision(id).await?;
    let unknown = || FlowError::NotFound(format!("there is no decision {id}"));
    let decision = found.ok_or_else(unknown)?;
    match sees_conversation(flow, principal, decision.conversation).await? {
        true => Ok(decision),
        false => Err(unknown()),
    }
}

async fn sees_conversation(
    flow: &Flow,
    principal: &Principal,
    id: ConversationId,
) -> Result<bool, FlowError> {
    match conversation(flow, principal, id).await {
        Ok(_) => Ok(true),
        Err(FlowError::NotFound(_)) => Ok(principal.department.is_none()),
        Err(error) => Err(error),
    }
}

/// A contact that the caller may see.
pub async fn contact(
    flow: &Flow,
    principal: &Principal,
    id: ContactId,
) -> Result<(Contact, Vec<Identity>), FlowError> {
    let is_known = match principal.department {
        Some(department) => flow.store.knows_contact(department, id).await?,
        None => true,
    };
    let found = if is_known { flow.store.contact(id).await? } else { None };
    found.ok_or_else(|| FlowError::NotFound(format!("there is no contact {id}")))
}

/// A delivery that the caller may see.
pub async fn delivery(
    flow: &Flow,
    principal: &Principal,
    id: DeliveryId,
) -> Result<(Delivery, RawDelivery), FlowError> {
    // Its body is read only for who may see it.
    let (delivery, _) = delivery_head(flow, principal, id).await?;
    let found = flow.store.raw_delivery(delivery.id).await?;
    found.ok_or_else(|| FlowError::NotFound(format!("there is no delivery {id}")))
}

/// The same with an empty body in place of its own.
pub async fn delivery_head(
    flow: &Flow,
    principal: &Principal,
    id: DeliveryId,
) -> Result<(Delivery, RawDelivery), FlowError> {
    let directory = flow.directory.load_full();
    let is_seen = |it: &(Delivery, RawDelivery)| {
        principal.department.is_none()
            || directory.inbox(it.0.inbox).is_some_and(|inbox| principal.covers(inbox.department))
    };
    let found = flow.store.delivery_head(id).await?;
    found.filter(is_seen).ok_or_else(|| FlowError::NotFound(format!("there is no delivery {id}")))
}

/// The inbox of this name, if the caller may see it.
pub fn inbox<'a>(
    directory: &'a Directory,
    principal: &Principal,
    name: &str,
) -> Result<&'a Arc<Inbox>, FlowError> {
    let found = directory.inbox_named(name).filter(|it| principal.covers(it.department));
    found.ok_or_else(|| {
        let seen = inboxes(directory, principal);
        FlowError::unknown("inbox", name, seen.iter().map(|it| it.name.as_str()))
    })
}

/// The inboxes that the caller may see, by name.
pub fn inboxes<'a>(directory: &'a Directory, principal: &Principal) -> Vec<&'a Arc<Inbox>> {
    directory.inboxes().into_iter().filter(|it| principal.covers(it.department)).collect()
}

/// Whether the caller's department has to do with a conversation.
pub fn sees(directory: &Directory, principal: &Principal, conversation: &Conversation) -> bool {
    let is_there = conversation.place.is_some_and(|place| principal.covers(place.department));
    is_there || owner(directory, conversation).is_some_and(|it| principal.covers(it))
}

/// Refuses whoever may see a conversation that is another department's to deal with now.
pub fn check_turn(
    directory: &Directory,
    principal: &Principal,
    conversation: &Conversation,
) -> Result<(), FlowError> {
    let holder = match conversation.place {
        Some(place) => Some(place.department),
        None => owner(directory, conversation),
    };
    match holder {
        Some(holder) if !principal.covers(holder) => {
            let name = directory.department(holder).map_or("another department", |it| it.name.as_str());
            Err(FlowError::Forbidden(format!(
                "the conversation is with {name} now; leave a note, or ask them to hand it over"
            )))
        }
        _ => Ok(()),
    }
}

/// The department whose inbox it came in through.
fn owner(directory: &Directory, conversation: &Conversation) -> Option<DepartmentId> {
    directory.inbox(conversation.inbox).map(|it| it.department)
}
