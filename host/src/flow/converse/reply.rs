use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Actor, PLANS_MAX, Plan, change, check_text, load};
use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::{ConversationId, ItemId, OutboxId};
use crate::domain::item::{Author, Direction, Item, StoredItem};
use crate::domain::outbox::{OutboxEntry, OutboxState};
use crate::domain::threading::REFERENCES_MAX;
use crate::flow::{Flow, FlowError};
use crate::store::NewReply;

/// The longest answer, in characters.
pub const REPLY_CHARS_MAX: usize = 50_000;

/// An answer to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// What it says.
    pub text: String,
    /// The item it answers; the customer's latest when absent.
    pub item: Option<ItemId>,
}

/// Answers the customer: the answer becomes an item and goes on its way out.
pub async fn reply(flow: &Flow, act: &Act, reply: &Reply) -> Result<(Conversation, ItemId), FlowError> {
    check_text("/text", &reply.text, REPLY_CHARS_MAX)?;
    let mut plans = 0;
    loop {
        plans += 1;
        match reply_to_what_is_there(flow, act, reply).await {
            Err(FlowError::Stale(_)) if act.revision.is_none() && plans < PLANS_MAX => continue,
            done => return done,
        }
    }
}

/// Answers the conversation as it is now, and nothing if it changes before the answer is written: what is
/// answered may be erased then, and must not be taken along.
async fn reply_to_what_is_there(
    flow: &Flow,
    act: &Act,
    reply: &Reply,
) -> Result<(Conversation, ItemId), FlowError> {
    let conversation = load(flow, act).await?;
    let answered = answered(flow, conversation.id, reply.item).await?;
    let seen = Act { revision: Some(conversation.revision), ..act.clone() };
    let item = flow.id::<ItemId>();
    let outbox = flow.id::<OutboxId>();
    let changed = change(flow, &seen, "conversation.reply", |plan| {
        plan.refuse_closed()?;
        plan.change.audit.detail = json!({ "item": item, "outbox": outbox, "answers": answered.id });
        plan.change.reply = Some(written(plan, &answered, &reply.text, item, outbox));
        plan.end_waiting();
        let now = plan.now;
        let conversation = plan.conversation();
        conversation.first_answered_at.get_or_insert(now);
        conversation.status = Status::Pending;
        conversation.item_count += 1;
        Ok(())
    })
    .await?;
    flow.wake.outbox.notify_one();
    Ok((changed, item))
}

fn written(
    plan: &Plan<'_>,
    answered: &StoredItem,
    text: &str,
    item_id: ItemId,
    outbox: OutboxId,
) -> NewReply {
    let conversation = &plan.change.conversation;
    let of = &answered.item;
    let references = std::iter::once(&of.external_id).chain(&of.in_reply_to);
    let item = Item {
        external_id: outbox.to_string(),
        in_reply_to: references.take(REFERENCES_MAX).cloned().collect(),
        kind: of.kind,
        visibility: of.visibility,
        author: author(plan.actor),
        subject: of.subject.clone().or_else(|| conversation.subject.clone()),
        text: text.to_owned(),
        quoted: None,
        html: None,
        language: conversation.language.clone(),
        permalink: None,
        attachments: Vec::new(),
        occurred_at: plan.now,
        automatic: None,
        attributes: Vec::new(),
    };
    let outbox = OutboxEntry {
        id: outbox,
        conversation: conversation.id,
        item: item_id,
        inbox: conversation.inbox,
        state: OutboxState::Queued,
        attempts: 0,
        next_attempt_at: plan.now,
        last_error: None,
        created_at: plan.now,
    };
    NewReply { item_id, item, answers: Some(answered.id), outbox }
}

fn author(actor: &Actor) -> Author {
    Author {
        external_id: actor.name(),
        name: actor.agent.as_ref().map(|agent| agent.title.clone()),
        ..Author::default()
    }
}

/// The item to answer: one that a customer wrote in this conversation. Its beginning does: an answer takes its
/// references and its subject along, not its text.
async fn answered(
    flow: &Flow,
    conversation: ConversationId,
    wanted: Option<ItemId>,
) -> Result<StoredItem, FlowError> {
    let Some(id) = wanted else {
        let latest = flow.store.latest_inbound(conversation).await?;
        return latest.ok_or_else(|| FlowError::Conflict("nobody has written yet whom to answer".to_owned()));
    };
    let found = flow.store.item_listed(id).await?;
    let found = found
        .filter(|it| it.conversation == conversation && it.direction == Direction::Inbound)
        .ok_or_else(|| {
            FlowError::invalid("/item", format!("{id} is no item that a customer wrote in this conversation"))
        })?;
    match found.erased_at {
        None => Ok(found),
        Some(_) => Err(FlowError::Gone(format!("{id} is erased: there is nothing to answer any more"))),
    }
}
