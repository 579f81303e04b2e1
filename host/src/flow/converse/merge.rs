use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Actor, PLANS_MAX, load};
use crate::domain::conversation::Conversation;
use crate::domain::conversation::limits::ConversationLimits;
use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::merging;
use crate::domain::principal::Principal;
use crate::domain::threading::Unjoined;
use crate::domain::time::Timestamp;
use crate::flow::{Flow, FlowError, access};
use crate::store::{MergeByHand, StoreError, Suggestion};

/// A conversation that may belong to another, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeSuggestion {
    /// The other conversation.
    pub conversation: ConversationId,
    /// The item that refers from one to the other.
    pub item: ItemId,
    /// Why it may belong here, and why it was not merged.
    pub because: String,
    /// Since when.
    pub at: Timestamp,
}

/// Merges the conversation into another one, which goes on.
///
/// Both have to be in one inbox: a reply goes out by the inbox of its conversation.
pub async fn merge(flow: &Flow, act: &Act, into: ConversationId) -> Result<Conversation, FlowError> {
    let mut plans = 0;
    loop {
        plans += 1;
        let merge = planned(flow, act, into).await?;
        match flow.store.merge(&merge).await {
            Err(StoreError::Stale(_)) if act.revision.is_none() && plans < PLANS_MAX => continue,
            Err(error) => return Err(error.into()),
            Ok(Err(refusal)) => return Err(FlowError::Conflict(refusal.to_string())),
            Ok(Ok(survivor)) => {
                flow.wake.router.notify_one();
                return Ok(survivor);
            }
        }
    }
}

async fn planned(flow: &Flow, act: &Act, into: ConversationId) -> Result<MergeByHand, FlowError> {
    let ends = load(flow, act).await?;
    if into == ends.id {
        return Err(FlowError::invalid(
            "/into",
            "a conversation is not merged into itself: name another one",
        ));
    }
    let other = Act { conversation: into, revision: None, ..act.clone() };
    let survivor = load(flow, &other).await?;
    let actor = Actor::of(flow, act)?;
    for conversation in [&ends, &survivor] {
        access::check_turn(&flow.directory.load(), &act.principal, conversation)?;
    }
    if ends.inbox != survivor.inbox {
        return Err(FlowError::Conflict(
            "the conversations are in different inboxes, and a reply goes out by its conversation's own: \
             link them by a note"
                .to_owned(),
        ));
    }
    check_quotas(flow, &survivor, &ends)?;
    let detail = json!({ "into": into, "revision": ends.revision, "into_revision": survivor.revision });
    let audit = flow.audit(&actor.principal, "conversation.merge", &ends.id.to_string(), detail);
    Ok(MergeByHand {
        ends: (ends.id, ends.revision),
        into: (survivor.id, survivor.revision),
        event: flow.id(),
        audit,
    })
}

/// Labels and facts of both become the survivor's. Both revisions are checked when the merge is written, so that
/// this still holds then.
fn check_quotas(flow: &Flow, survivor: &Conversation, ends: &Conversation) -> Result<(), FlowError> {
    let directory = flow.directory.load();
    let Some(inbox) = directory.inbox(survivor.inbox) else { return Ok(()) };
    let limits = ConversationLimits { quotas: directory.quotas(), department: inbox.department };
    merging::join_marks(&mut survivor.clone(), ends, limits).map_err(FlowError::OverQuota)
}

/// What may belong to a conversation, as far as the caller may see it.
pub async fn suggestions(
    flow: &Flow,
    principal: &Principal,
    id: ConversationId,
) -> Result<Vec<MergeSuggestion>, FlowError> {
    let mut seen = Vec::new();
    for suggestion in flow.store.suggestions(id).await? {
        match access::conversation(flow, principal, suggestion.conversation).await {
            Ok(_) => {}
            Err(FlowError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        }
        seen.push(MergeSuggestion {
            conversation: suggestion.conversation,
            item: suggestion.item,
            because: because(&suggestion),
            at: suggestion.at,
        });
    }
    Ok(seen)
}

fn because(suggestion: &Suggestion) -> String {
    let (refers, part) = match suggestion.is_from_here {
        true => ("an item here refers to it", "in it"),
        false => ("an item there refers to this one", "in this one"),
    };
    match suggestion.why {
        Unjoined::Unproven => format!("{refers}, from a sender who has no known part {part}"),
        Unjoined::Apart => format!("{refers}, and an agent said that the two are two"),
        Unjoined::TooLong => format!("{refers}, and more would move than is merged without an agent"),
        Unjoined::OverQuota => format!("{refers}, and the labels or facts of both together are over a quota"),
    }
}

/// Takes a suggestion off both conversations.
pub async fn dismiss_suggestion(
    flow: &Flow,
    act: &Act,
    other: ConversationId,
) -> Result<Conversation, FlowError> {
    let conversation = load(flow, act).await?;
    let actor = Actor::of(flow, act)?;
    access::check_turn(&flow.directory.load(), &act.principal, &conversation)?;
    let subject = conversation.id.to_string();
    let detail = json!({ "other": other });
    let audit = flow.audit(&actor.principal, "conversation.dismiss-suggestion", &subject, detail);
    match flow.store.dismiss_suggestion(conversation.id, other, &audit).await? {
        true => Ok(conversation),
        false => Err(FlowError::Conflict(format!(
            "nothing suggests that {other} belongs to {subject}; GET /v1/conversations/{subject} lists what does"
        ))),
    }
}
